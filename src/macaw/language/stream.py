"""Stream: text that is written while one reads it: a prompt, and piece by piece what the model adds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from macaw.language.decoding import LIMIT, Text, chance, in_turns, sample
from macaw.language.protocol import LanguageModel
from macaw.language.settings import PLAIN, Settings
from macaw.language.spelling import Spelling, Stops
from macaw.language.steps import Ends, Step


class Piece(NamedTuple):
    """What one token adds to the text."""

    text: str  # may be nothing: a part of a character, or of what may become a stop string, is held back
    step: Step  # the token, and what it was drawn from
    ends: Ends  # why nothing follows; "stop" where a stop string came, which is not part of the text


def stream(
    model: LanguageModel,
    prompt: str,
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    item: int = 0,
    limit: int = LIMIT,
    stop: Sequence[str] = (),
) -> Iterator[Piece]:
    """What the model adds to `prompt`, a piece for each token; together they are the text.

    It ends with the document, after `limit` tokens, or before the first of the strings of `stop`, which may
    lie across tokens. An empty prompt starts a document. Raises InputError as `sample` does, and for an empty
    stop.
    """
    ids = model.vocabulary.encode(prompt)
    steps = sample(model, ids, settings=settings, seed=seed, item=item, limit=limit)
    return _pieces(steps, _Cutter(model, ids, stop))


def _pieces(steps: Iterator[Step], cutter: _Cutter) -> Iterator[Piece]:
    for step in steps:
        piece = cutter.piece(step)
        yield piece
        if piece.ends:
            return


def stream_many(
    model: LanguageModel,
    prompts: Iterable[str],
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    items: Iterable[int] | None = None,
    limit: int = LIMIT,
    stop: Sequence[str] = (),
) -> Iterator[tuple[int, Piece]]:
    """What the model adds to each prompt, in turns: its place, and its next piece.

    Each is what `stream` gives with that seed and its item of `items`, by default its place; some run at
    once, as `macaw.language.decoding.in_turns` says. Prompts may be an iterator, which is read as there is
    room. Raises InputError as `stream` does, for a limit below 1 when the first piece is asked for.
    """
    Stops(stop)  # an empty one is refused now, not when the first text begins
    cutters: dict[int, _Cutter] = {}
    ended: set[int] = set()
    numbers = count() if items is None else items

    def texts() -> Iterator[Text]:
        for place, (item, prompt) in enumerate(zip(numbers, prompts, strict=False)):
            ids = model.vocabulary.encode(prompt)
            cutters[place] = _Cutter(model, ids, stop)
            yield Text(ids, chance(seed, item), settings=settings, limit=limit)

    return _pieces_of_many(in_turns(model, texts(), ended=ended), cutters, ended)


def _pieces_of_many(
    steps: Iterator[tuple[int, Step]], cutters: dict[int, _Cutter], ended: set[int]
) -> Iterator[tuple[int, Piece]]:
    for item, step in steps:
        piece = cutters[item].piece(step)
        if piece.ends:
            ended.add(item)
            del cutters[item]
        yield item, piece


class _Cutter:
    """Steps of one text as pieces."""

    def __init__(self, model: LanguageModel, ids: np.ndarray, stop: Sequence[str]) -> None:
        self._spelling, self._stops = Spelling(model.vocabulary, ids), Stops(stop)

    def piece(self, step: Step) -> Piece:
        """What the step makes readable, and whether the text ends with it."""
        text = self._spelling.add(step.token)
        if step.ends:
            text += self._spelling.rest()
        text = self._stops.add(text)
        if self._stops.found:
            return Piece(text, step, "stop")
        return Piece(text + self._stops.rest() if step.ends else text, step, step.ends)


def continue_text(
    model: LanguageModel,
    prompt: str,
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    item: int = 0,
    limit: int = LIMIT,
    stop: Sequence[str] = (),
) -> str:
    """All that `stream` gives, at once, without the prompt."""
    pieces = stream(model, prompt, settings=settings, seed=seed, item=item, limit=limit, stop=stop)
    return "".join(piece.text for piece in pieces)
