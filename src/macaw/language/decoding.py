"""Decoding: tokens from probabilities: sampling with every setting, greedy, batches, constrained choice.

Free functions over a LanguageModel, without a global: chance is a numpy Generator made of (seed, item), of
which each token takes one number. So a seed gives the same text again, and an item of a batch does not depend
on the others. Every function that gives steps gives each as soon as it is drawn, and goes on when asked for
the next.

Shapes: V vocabulary, T tokens, N continuations
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.language.batching import next_many
from macaw.language.protocol import LanguageModel, known
from macaw.language.settings import GREEDY, PLAIN, Settings
from macaw.language.steps import Choice, Ends, Step
from macaw.language.warpers import only, warp

LIMIT = 256  # tokens, where nothing else is said
BATCH = 16  # texts at once: beyond it arithmetic costs more than reading the weights
Allowed = Callable[
    [tuple[int, ...]], "np.ndarray | None"
]  # tokens made so far -> ids that may follow; None: all


def sample(
    model: LanguageModel,
    ids: np.ndarray,
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    item: int = 0,
    limit: int = LIMIT,
    allowed: Allowed | None = None,
) -> Iterator[Step]:
    """The tokens after `ids` (T,), one by one, until the document ends or `limit` of them are made.

    `ids` may be empty: a document starts. `allowed` says, given the tokens made so far, which may come next.
    Raises InputError for ids of another vocabulary, a limit below 1, and where nothing allowed can come.
    """
    return _walk(
        model, Text(known(model, ids), chance(seed, item), settings=settings, limit=limit, allowed=allowed)
    )


def _walk(model: LanguageModel, text: Text) -> Iterator[Step]:
    logp, state = model.next(text.ids)
    while True:
        step = text.step(logp, model.vocabulary.end)
        yield step
        if step.ends:
            return
        logp, state = model.next(text.last, state)


def sample_many(
    model: LanguageModel,
    prompts: Iterable[np.ndarray],
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    limit: int = LIMIT,
    batch: int = BATCH,
    ended: Container[int] = (),
) -> Iterator[tuple[int, Step]]:
    """A continuation of each prompt, in turns: its place, and its next step, until all have ended.

    Item i is what `sample` gives with that seed and item i, whatever the other prompts are; `in_turns` says
    how exactly, and what `batch` and `ended` are. Prompts are asked for when there is room. Raises InputError
    as `sample` does.
    """
    _one_or_more(limit, "the limit", "tokens")
    every = (
        Text(known(model, ids), chance(seed, item), settings=settings, limit=limit)
        for item, ids in enumerate(prompts)
    )
    return in_turns(model, every, batch=batch, ended=ended)


def in_turns(
    model: LanguageModel, texts: Iterable[Text], *, batch: int = BATCH, ended: Container[int] = ()
) -> Iterator[tuple[int, Step]]:
    """Of each text its place, and its next step, until all have ended.

    `batch` of them run at once, and a model that can (`macaw.language.batching`) reads its weights once for a
    token of each; where one ends, the next begins. Of equal prompts in a row the first alone is read. A text
    whose place comes into `ended` goes no further.

    A batch may change the last bits of a probability. A token is another one for it only where its random
    number falls as near to the edge between two tokens: about one in a million. Raises InputError for a batch
    below 1.
    """
    _one_or_more(batch, "the batch", "texts")
    return _turns(model, _begun(model, texts), batch, ended)


def _turns(
    model: LanguageModel, begun: Iterator[_Running], batch: int, ended: Container[int]
) -> Iterator[tuple[int, Step]]:
    """Of each text its next token, then one pass of the model for all that go on."""
    running = list(islice(begun, batch))
    while running:
        going = []
        for item, text, logp, state in running:
            if item in ended:
                continue
            step = text.step(logp, model.vocabulary.end)
            yield item, step
            if not step.ends:
                going.append((item, text, state))
        going = [one for one in going if one[0] not in ended]
        running = []
        if going:
            items, some, states = zip(*going, strict=True)
            rows, after = next_many(model, [text.last for text in some], states)
            running = [_Running(*one) for one in zip(items, some, rows, after, strict=True)]
        running += islice(begun, batch - len(running))


def _begun(model: LanguageModel, texts: Iterable[Text]) -> Iterator[_Running]:
    """Texts whose prompts have been read."""
    ids, logp, state = None, np.empty(0), None
    for item, text in enumerate(texts):
        if ids is None or not np.array_equal(ids, text.ids):
            ids, (logp, state) = text.ids, model.next(text.ids)
        yield _Running(item, text, logp, state)


class _Running(NamedTuple):
    """A text between two tokens."""

    item: int
    text: Text
    logp: np.ndarray  # (V,) what the model says of its next token
    state: Any


class Text:
    """One text on its way: what it has, and how its next token is drawn.

    Raises InputError for a limit below 1.
    """

    def __init__(
        self,
        ids: np.ndarray,
        random: np.random.Generator,
        *,
        settings: Settings = PLAIN,
        limit: int = LIMIT,
        allowed: Allowed | None = None,
    ) -> None:
        _one_or_more(limit, "the limit", "tokens")
        self.ids, self._random, self._settings = ids, random, settings
        self._limit, self._allowed, self._looks_back = limit, allowed, settings.looks_back
        self._made: list[int] = []

    @property
    def last(self) -> np.ndarray:
        """(1,) the token that the model has not been fed yet."""
        return np.array(self._made[-1:], np.int32)

    def step(self, logp: np.ndarray, end: int | None) -> Step:
        """The next token, drawn from what the model says (V,); `end` is the token behind a document."""
        open_to = self._allowed(tuple(self._made)) if self._allowed else None
        seen = np.concatenate((self.ids, np.array(self._made, np.int32))) if self._looks_back else self.ids
        warped = warp(logp if open_to is None else only(logp, open_to), self._settings, seen)
        token = draw(warped, self._random)
        self._made.append(token)
        ends: Ends = "end" if token == end else "limit" if len(self._made) == self._limit else ""
        return Step(token, logp, warped, ends)


def _one_or_more(value: int, what: str, unit: str) -> None:
    if value < 1:
        raise InputError(f"{what} is {value} {unit}; it must be 1 or more")


def greedy(model: LanguageModel, ids: np.ndarray, *, limit: int = LIMIT) -> np.ndarray:
    """(T,) int32: the likeliest token, again and again, with the document's end where it ends."""
    return np.array([step.token for step in sample(model, ids, settings=GREEDY, limit=limit)], np.int32)


def choose(
    model: LanguageModel, ids: np.ndarray, continuations: Sequence[np.ndarray], *, ended: bool = False
) -> Choice:
    """How likely each of the continuations, rows of ids, is after `ids` (T,): exact sums, by the chain rule.

    What they have in common at their beginning is computed once. `ended`: they must end the document too, so
    that one may be the beginning of another. Raises InputError where there is none.
    """
    rows = [list(known(model, one)) for one in continuations]
    if not rows:
        raise InputError("there is no continuation to choose from; give one or more")
    if ended:
        rows = [[*row, _end(model)] for row in rows]
    scores = np.zeros(len(rows))
    waiting: list[tuple[np.ndarray, Any, int, list[int]]] = [
        (*model.next(known(model, ids)), 0, [*range(len(rows))])
    ]
    while waiting:
        logp, state, depth, members = waiting.pop()
        for token, some in _by_token(rows, depth, members).items():
            scores[some] += logp[token]
            if longer := [one for one in some if len(rows[one]) > depth + 1]:
                waiting.append((*model.next(np.array([token], np.int32), state), depth + 1, longer))
    return Choice(scores)


def among(continuations: Iterable[np.ndarray], *, end: int | None = None) -> Allowed:
    """For `sample`: nothing but one of the continuations, and then the document's end.

    With None for `end`, what follows a finished one is free.
    """
    rows = [tuple(int(token) for token in one) for one in continuations]

    def allowed(made: tuple[int, ...]) -> np.ndarray | None:
        depth = len(made)
        follow = {row[depth] for row in rows if len(row) > depth and row[:depth] == made}
        finished = any(row == made[: len(row)] for row in rows)
        if finished and end is None:
            return None
        return np.array(sorted(follow | ({end} if finished and end is not None else set())), np.int32)

    return allowed


def draw(logp: np.ndarray, random: np.random.Generator) -> int:
    """One token of (V,) log-probabilities, by one uniform number: where that falls in the running sum."""
    places = np.flatnonzero(np.isfinite(logp))
    sums = np.cumsum(np.exp(logp[places]))
    return int(places[min(np.searchsorted(sums, random.random() * sums[-1], side="right"), len(places) - 1)])


def chance(seed: int, item: int = 0, *, made: int = 0) -> np.random.Generator:
    """The Generator of one item's tokens, once `made` of them are drawn."""
    random = np.random.default_rng((seed, item))
    random.random(made)
    return random


def _by_token(rows: list[list[int]], depth: int, members: list[int]) -> dict[int, list[int]]:
    """Which of `members` go on with which token at `depth`."""
    groups: dict[int, list[int]] = {}
    for one in members:
        if len(rows[one]) > depth:
            groups.setdefault(int(rows[one][depth]), []).append(one)
    return groups


def _end(model: LanguageModel) -> int:
    if model.vocabulary.end is None:
        raise InputError("this vocabulary has no end of a document; leave 'ended' out")
    return model.vocabulary.end
