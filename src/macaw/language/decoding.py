"""Decoding: tokens from probabilities: sampling with every setting, greedy, batches, constrained choice.

Free functions over a LanguageModel, without a global: chance is a numpy Generator made of (seed, item), of
which each token takes one number. So a seed gives the same text again, and an item of a batch does not depend
on the others. Every function that gives steps gives each as soon as it is drawn, and goes on when asked for
the next.

Shapes: V vocabulary, T tokens, N continuations
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.language.protocol import LanguageModel, known
from macaw.language.settings import GREEDY, PLAIN, Settings
from macaw.language.steps import Choice, Ends, Step
from macaw.language.warpers import only, warp

LIMIT = 256  # tokens, where nothing else is said
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
    if limit < 1:
        raise InputError(f"the limit is {limit} tokens; it must be 1 or more")
    return _walk(model, known(model, ids), settings, chance(seed, item), limit, allowed)


def _walk(
    model: LanguageModel,
    ids: np.ndarray,
    settings: Settings,
    random: np.random.Generator,
    limit: int,
    allowed: Allowed | None,
) -> Iterator[Step]:
    logp, state = model.next(ids)
    made: list[int] = []
    end, looks_back = model.vocabulary.end, settings.looks_back
    for count in range(1, limit + 1):
        open_to = allowed(tuple(made)) if allowed else None
        seen = np.concatenate((ids, np.array(made, np.int32))) if looks_back else ids
        warped = warp(logp if open_to is None else only(logp, open_to), settings, seen)
        token = draw(warped, random)
        ends: Ends = "end" if token == end else "limit" if count == limit else ""
        yield Step(token, logp, warped, ends)
        if ends:
            return
        made.append(token)
        logp, state = model.next(np.array([token], np.int32), state)


def sample_many(
    model: LanguageModel,
    prompts: Sequence[np.ndarray],
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    limit: int = LIMIT,
) -> Iterator[tuple[int, Step]]:
    """A continuation of each prompt, in turns: its place, and its next step, until all have ended.

    Item i is what `sample` gives with that seed and item i, whatever the other prompts are.
    """
    running = {
        item: sample(model, ids, settings=settings, seed=seed, item=item, limit=limit)
        for item, ids in enumerate(prompts)
    }
    while running:
        for item, steps in list(running.items()):
            step = next(steps)
            yield item, step
            if step.ends:
                del running[item]


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
