"""Drafts: texts that are being written, of which no more is kept than the answer tells.

A step brings two rows over the whole vocabulary; many long texts at once would not bear to keep them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

from macaw.errors import InputError
from macaw.language.asked import Asked
from macaw.language.protocol import LanguageModel
from macaw.language.steps import Ends
from macaw.language.stream import Piece, stream, stream_many

# Shapes: N tokens


@dataclass(eq=False)
class Draft:
    """One text, and its tokens so far."""

    prompt: str  # as the model is given it
    item: int = 0
    source: str = ""
    tokens: list[int] = field(default_factory=list)  # N
    scores: list[float] = field(default_factory=list)  # N natural-log probabilities of the model
    pieces: list[str] = field(default_factory=list)  # N, what each adds
    ends: Ends = ""

    def add(self, piece: Piece) -> None:
        """One token more."""
        self.tokens.append(piece.step.token)
        self.scores.append(piece.step.score)
        self.pieces.append(piece.text)
        self.ends = piece.ends


def write(model: LanguageModel, prompt: str, asked: Asked, *, item: int = 0) -> Iterator[Piece]:
    """The pieces of one text. Raises what `stream` raises."""
    return stream(
        model,
        prompt,
        settings=asked.settings,
        seed=asked.seed,
        item=item,
        limit=asked.limit,
        stop=asked.stop,
    )


def write_many(model: LanguageModel, prompts: Iterable[tuple[str, str]], asked: Asked) -> Iterator[Draft]:
    """`asked.count` texts of each prompt, in order: some are written at once, and wait for those before them.

    `prompts` are pairs of a prompt and its source, read as there is room. What was begun before an InputError
    among them is written to its end.
    """
    drafts: dict[int, Draft] = {}
    problems: list[InputError] = []

    def begun() -> Iterator[str]:
        try:
            each = ((prompt, item, source) for prompt, source in prompts for item in range(asked.count))
            for number, (prompt, item, source) in enumerate(each):
                drafts[number] = Draft(prompt, item, source)
                yield prompt
        except InputError as problem:
            problems.append(problem)

    told = 0
    for place, piece in stream_many(
        model,
        begun(),
        settings=asked.settings,
        seed=asked.seed,
        items=cycle(range(asked.count)),
        limit=asked.limit,
        stop=asked.stop,
    ):
        drafts[place].add(piece)
        while told in drafts and drafts[told].ends:
            yield drafts.pop(told)
            told += 1
    if problems:
        raise problems[0]
