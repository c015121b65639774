"""Beam search: the likeliest continuation, nearly: at every length the few best beginnings are kept.

Of what it gives, the likeliest text of a language model is rarely its best (Holtzman et al. 2019, arXiv
1904.09751): stories want sampling, answers with one right wording want a beam.

Shapes: V vocabulary, T tokens, W width of the beam
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.language.batching import next_many
from macaw.language.decoding import LIMIT
from macaw.language.protocol import LanguageModel, known
from macaw.language.steps import Ends, Hypothesis


class _Open(NamedTuple):
    """A beginning that may go on."""

    ids: tuple[int, ...]
    score: float  # natural-log probability of them all
    logp: np.ndarray  # (V,) of what follows
    state: Any


def beam(
    model: LanguageModel, ids: np.ndarray, *, width: int = 4, limit: int = LIMIT, length: float = 1.0
) -> list[Hypothesis]:
    """The best `width` continuations of `ids` (T,) that end the document or have `limit` tokens, best first.

    They are ranked by log-probability over their number of tokens to the power of `length`: at 0 the
    likeliest text wins, at 1 the likeliest token by token, above it long ones. It stops when nothing that is
    still open could overtake. Equal to `transformers` with early_stopping="never". Raises InputError for a
    width or limit below 1.
    """
    if min(width, limit) < 1:
        raise InputError(f"the beam has width {width} and limit {limit}; both must be 1 or more")
    logp, state = model.next(known(model, ids))
    running = [_Open((), 0.0, logp, state)]
    done: list[Hypothesis] = []
    for size in range(1, limit + 1):
        found = _candidates(running, 2 * width)
        ends = [size == limit or one.ids[-1] == model.vocabulary.end for one, _ in found]
        ended = [
            _finish(one, length, model.vocabulary.end)
            for (one, _), so in zip(found[:width], ends, strict=False)
            if so
        ]
        done = sorted([*done, *ended], key=lambda one: -one.score)[:width]
        going = [pair for pair, so in zip(found, ends, strict=True) if not so][:width]
        if not going or (
            len(done) == width and not _may_overtake(going[0][0], done[-1], size, limit, length)
        ):
            break
        running = _stepped(model, going)
    return done


def _candidates(running: list[_Open], count: int) -> list[tuple[_Open, _Open]]:
    """The best `count` ways to go on by one token, best first, each with where it came from."""
    sums = np.stack([one.score + np.asarray(one.logp, np.float64) for one in running])  # (W, V)
    flat = sums.ravel()
    count = min(count, int(np.isfinite(flat).sum()))
    best = np.argpartition(-flat, count - 1)[:count] if count < flat.size else np.arange(flat.size)
    best = best[np.lexsort((best, -flat[best]))][:count]
    made = []
    for place in best.tolist():
        parent = running[place // sums.shape[1]]
        token = place % sums.shape[1]
        made.append((parent._replace(ids=(*parent.ids, token), score=float(flat[place])), parent))
    return made


def _stepped(model: LanguageModel, going: list[tuple[_Open, _Open]]) -> list[_Open]:
    """Beginnings with what follows them; each is its parent and one token."""
    last = [np.array(one.ids[-1:], np.int32) for one, _ in going]
    rows, states = next_many(model, last, [parent.state for _, parent in going])
    return [
        one._replace(logp=logp, state=state)
        for (one, _), logp, state in zip(going, rows, states, strict=True)
    ]


def _finish(one: _Open, length: float, end: int | None) -> Hypothesis:
    ends: Ends = "end" if one.ids[-1] == end else "limit"
    return Hypothesis(np.array(one.ids, np.int32), one.score, one.score / len(one.ids) ** length, ends)


def _may_overtake(one: _Open, worst: Hypothesis, size: int, limit: int, length: float) -> bool:
    """Whether the best open beginning could still beat the worst finished one: it only loses probability."""
    furthest = limit if length > 0 else size
    return bool(one.score / furthest**length > worst.score)
