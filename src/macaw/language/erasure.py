"""Erasure: which past tokens an answer still depends on, found by leaving each of them out in turn.

It asks nothing of a model but its probabilities (Li et al. 2016, "Understanding Neural Networks through
Representation Erasure", arXiv 1612.08220), so it tells how far back a recurrent state, an n-gram or a
Transformer really looks. Leaving a token out moves those before it nearer, as it would in a shorter text.

Shapes: T tokens, V vocabulary, N of them tried
"""

from __future__ import annotations

import numpy as np

from macaw.language.protocol import LanguageModel, known
from macaw.results.erasure import Erasure

WINDOW = 16  # tokens that are tried, the last ones


def erasure(
    model: LanguageModel, ids: np.ndarray, *, target: int | None = None, window: int = WINDOW
) -> Erasure:
    """How much P(next) after `ids` (T,) changes without each of the last `window` tokens.

    `target` is the token whose probability is watched; else the likeliest one. Costs as many calls of the
    model as tokens are tried, each over what follows it. Raises InputError for ids of another vocabulary.
    """
    ids = known(model, ids)
    first = max(0, len(ids) - window)
    logp, state = model.next(ids[:first])
    without: list[np.ndarray] = []
    for t in range(first, len(ids)):
        after = ids[t + 1 :]
        without.append(model.next(after, state)[0] if len(after) else logp)
        logp, state = model.next(ids[t : t + 1], state)
    target = int(np.argmax(logp)) if target is None else target
    changes = np.array([divergence(logp, other) for other in without])
    drops = np.array([float(logp[target]) - float(other[target]) for other in without])
    names = tuple(model.vocabulary.names[token] for token in ids[first:])
    return Erasure(names, model.vocabulary.names[target], changes / np.log(2), drops / np.log(2))


def divergence(logp: np.ndarray, other: np.ndarray) -> float:
    """How far `other` is from `logp`, both (V,): the Kullback-Leibler divergence, in nats; 0 where equal."""
    places = np.isfinite(logp)
    logp, other = (np.asarray(one, np.float64)[places] for one in (logp, other))
    return max(0.0, float((np.exp(logp) * (logp - other)).sum()))
