"""A completion as OpenAI's API tells it: part by part, each token with its log-probability and alternatives.

What evaluation harnesses ask for is `echo` with `logprobs`: how likely a given text is. There is one entry
for each token of the prompt, the first of which is null since nothing stands before it, and one for each that
was made, a document's end among them. The values are those of the model itself, whatever the settings, and
those of a prompt are the model's `score` to the last bit.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from macaw.language.decoding import sample
from macaw.language.protocol import LanguageModel, known
from macaw.language.settings import PLAIN, Settings
from macaw.language.spelling import UNREADABLE, Spelling, Stops
from macaw.language.vocabulary import Vocabulary

NEVER = -9999.0  # in place of minus infinity, which JSON lacks; as OpenAI writes it
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Entry(NamedTuple):
    """One token."""

    token: str
    logprob: float | None  # natural logarithm; None for the first of a prompt
    top: dict[str, float] | None  # the likeliest in its place, best first, and itself
    offset: int  # characters from the beginning of the prompt


class Part(NamedTuple):
    """What one step adds to a choice; one that adds nothing lets other texts have their turn."""

    number: int  # of the choice
    text: str = ""
    entries: tuple[Entry, ...] = ()
    finish: str = ""  # "stop" or "length" at its end
    read: int = 0  # tokens of its prompt, told once
    made: int = 0  # tokens


class Given(NamedTuple):
    """A prompt as its model reads it."""

    ids: np.ndarray  # (T,) int32 behind the start of the document
    started: bool  # whether the start was given too, as the first of its ids

    @property
    def size(self) -> int:
        """Tokens that were given."""
        return len(self.ids) + self.started


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    prompts: tuple[str | list[int], ...]
    settings: Settings = PLAIN
    seed: int = 0
    count: int = 1  # choices for each prompt
    limit: int = 16  # tokens of each; 0 makes none
    stop: tuple[str, ...] = ()
    shown: int | None = None  # alternatives of each token; None tells no log-probability
    echo: bool = False


def given(model: LanguageModel, prompt: str | list[int]) -> Given:
    """A prompt of text, or of ids; a document's start as the first of those is not fed twice.

    Raises InputError for half a character, and for an id that the vocabulary lacks.
    """
    vocabulary = model.vocabulary
    ids = known(model, vocabulary.encode(prompt) if isinstance(prompt, str) else np.array(prompt, np.int64))
    roles = {vocabulary.begin, vocabulary.end}
    started = not isinstance(prompt, str) and len(ids) > 0 and ids[0] == vocabulary.start in roles
    return Given(ids[1:] if started else ids, bool(started))


def parts(model: LanguageModel, plan: Plan) -> Iterator[Part]:
    """The parts of all choices, one choice after another. Raises InputError for a prompt that cannot be."""
    teller = Teller(model.vocabulary, plan.shown)
    for place, prompt in enumerate(plan.prompts):
        read, first = given(model, prompt), place * plan.count
        yield Part(first, read=read.size)
        pieces = _pieces(model.vocabulary, read.ids) if plan.echo or plan.shown is not None else []
        entries: list[Entry] = []
        if plan.echo and plan.shown is not None:
            for entry in _heard(model, read, pieces, teller):
                entries.append(entry)
                yield Part(first)
        text = "".join(pieces)
        for item in range(plan.count):
            if plan.echo:
                yield Part(first + item, text, tuple(entries))
            for part in _made(model, read.ids, plan, teller, item=item, offset=len(text)):
                yield part._replace(number=first + item)


class Teller:
    """How a token is told: its text, its value and those of the likeliest in its place."""

    def __init__(self, vocabulary: Vocabulary, shown: int | None) -> None:
        self.vocabulary, self.shown = vocabulary, shown
        self.text = cache(self._text)
        # Some kinds leave out the blank in front of the first word: so each is read behind another
        self._before = vocabulary.encode("a")
        self._beginning = vocabulary.decode(self._before)

    def entry(
        self, token: int, score: float | None, logp: np.ndarray | None, *, piece: str, offset: int
    ) -> Entry:
        """The entry of a token of natural-log probability `score`, one of `logp` (V,).

        `piece` is what it adds to the text, at `offset`; it begins with what could not be read before, where
        a character was begun and never completed.
        """
        text = self.text(token)
        offset += len(piece) - len(text) if piece.endswith(text) else 0
        if score is None:
            return Entry(text, None, None, offset)
        value = max(score, NEVER)
        likeliest = [] if logp is None or not self.shown else _likeliest(logp, self.shown)
        top = {one: value if one == token else float(logp[one]) for one in likeliest}  # type: ignore[index]
        every = {self.text(one): near for one, near in [*top.items(), (token, value)]}
        return Entry(text, value, dict(sorted(every.items(), key=lambda it: -it[1])), offset)

    def _text(self, token: int) -> str:
        """What a token stands for; the name of a role, and the bytes of what is a part of a character."""
        whole = self.vocabulary.decode([*self._before, token])
        own = whole.removeprefix(self._beginning)
        if own and UNREADABLE not in own:
            return own
        name = self.vocabulary.names[token]
        told, found = _BYTE.subn(lambda byte: f"\\x{byte[1].lower()}", name)
        return f"bytes:{told}" if found else name


def _heard(model: LanguageModel, read: Given, pieces: list[str], teller: Teller) -> Iterator[Entry]:
    """An entry for each token of a prompt; the alternatives are computed one place after another."""
    scores: list[float] = model.score(read.ids).tolist() if len(read.ids) else []
    offset = 0
    if read.started:
        yield teller.entry(model.vocabulary.start, None, None, piece="", offset=0)
    logp, state = model.next(read.ids[:0]) if teller.shown else (None, None)
    for place, (token, score) in enumerate(zip(read.ids.tolist(), scores, strict=True)):
        unknown = place == 0 and not read.started
        yield teller.entry(token, None if unknown else score, logp, piece=pieces[place], offset=offset)
        offset += len(pieces[place])
        if teller.shown and place + 1 < len(read.ids):
            logp, state = model.next(read.ids[place : place + 1], state)


def _made(
    model: LanguageModel, ids: np.ndarray, plan: Plan, teller: Teller, *, item: int, offset: int
) -> Iterator[Part]:
    """What is added to a prompt, a part for each token."""
    if not plan.limit:
        yield Part(0, finish="length")
        return
    spelling, stops = Spelling(model.vocabulary, ids), Stops(plan.stop)
    how: dict[str, Any] = {"settings": plan.settings, "seed": plan.seed, "limit": plan.limit}
    for step in sample(model, ids, item=item, **how):
        piece = spelling.add(step.token) + (spelling.rest() if step.ends else "")
        entries: tuple[Entry, ...] = ()
        if plan.shown is not None:
            entries = (teller.entry(step.token, step.score, step.logp, piece=piece, offset=offset),)
        offset += len(piece)
        text = stops.add(piece)
        if stops.found:
            yield Part(0, text, entries, "stop", made=1)
            return
        finish = {"": "", "end": "stop"}.get(step.ends, "length")
        yield Part(0, text + stops.rest() if finish else text, entries, finish, made=1)


def _pieces(vocabulary: Vocabulary, ids: np.ndarray) -> list[str]:
    """What each token adds to the text: nothing where a character is not complete yet."""
    spelling = Spelling(vocabulary, ids[:0])
    return [spelling.add(token) for token in ids.tolist()]


def _likeliest(logp: np.ndarray, count: int) -> list[int]:
    """The ids of the `count` likeliest of (V,) that can come at all, best first, of equals the lower."""
    count = min(count, len(logp))
    some = np.flatnonzero((logp >= np.partition(logp, -count)[-count]) & np.isfinite(logp))
    return [int(one) for one in some[np.argsort(-logp[some], kind="stable")][:count]]
