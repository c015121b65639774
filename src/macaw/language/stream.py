"""Stream: text that is written while one reads it: a prompt, and piece by piece what the model adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from macaw.language.decoding import LIMIT, sample
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
    return _pieces(steps, Spelling(model.vocabulary, ids), Stops(stop))


def _pieces(steps: Iterator[Step], spelling: Spelling, stops: Stops) -> Iterator[Piece]:
    for step in steps:
        text = spelling.add(step.token)
        if step.ends:
            text += spelling.rest()
        text = stops.add(text)
        if stops.found:
            yield Piece(text, step, "stop")
            return
        yield Piece(text + stops.rest() if step.ends else text, step, step.ends)


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
