"""Pruning: which n-grams a smaller model can do without; their mass goes to the shorter contexts.

Whatever is removed, the probabilities after every context go on to add up to one, since `Tree` counts as
given away what was pruned. What is kept is closed: with an n-gram stay its context and the n-gram without its
first token.

Shapes: E entries of an order, P contexts
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from macaw.errors import InputError
from macaw.language.counts import Counted, Level, edges
from macaw.language.kneser_ney import Tree, estimate


def fewer(
    counted: Counted, tree: Tree, begin: int | None, *, prune: Sequence[int] = (), entries: int | None = None
) -> tuple[Tree, tuple[np.ndarray, ...]] | None:
    """The tree without what `rare` and `useful` leave out, and how often the rest occurs; None if all is."""
    keep = rare(counted.seen, prune or (0,))
    if entries is not None:
        worth = useful(counted, tree, begin, entries)
        keep = [a & b for a, b in zip(keep, worth, strict=True)]
    if all(one.all() for one in keep):
        return None
    return pruned(tree, keep), tuple(one[kept] for one, kept in zip(counted.seen, keep, strict=True))


def rare(seen: Sequence[np.ndarray], thresholds: Sequence[int]) -> list[np.ndarray]:
    """Of every order, (E,) which n-grams occur more often than its threshold; KenLM's `--prune`.

    The last threshold holds for all higher orders too. Raises InputError unless the first is 0 (no token is
    removed) and none is smaller than the one before.
    """
    given = [*thresholds, *[thresholds[-1]] * len(seen)][: len(seen)]
    if given[0] != 0 or any(a > b for a, b in pairwise(given)):
        raise InputError(f"thresholds {list(thresholds)} must start with 0 and never fall, as in 0, 0, 1, 2")
    return [
        counts > least if least else np.ones(len(counts), bool)
        for counts, least in zip(seen, given, strict=True)
    ]


def useful(counted: Counted, tree: Tree, begin: int | None, entries: int) -> list[np.ndarray]:
    """Of every order, (E,) whether it is among the `entries` n-grams that matter most; all tokens are.

    An n-gram matters by how much likelier the training text is with it than with the shorter context alone
    (the weighted difference of Seymore and Rosenfeld 1996, DOI 10.1109/ICSLP.1996.607084), one occurrence
    less since a text always likes its own, and as much as any that needs it. Of equals at the edge none is
    kept, so that there may be fewer.
    """
    logp, backoff = estimate(tree, counted.suffixes, begin)
    gains = [np.full(len(logp[0]), np.inf)]
    for n in range(1, len(logp)):
        without = backoff[n - 1][counted.levels[n].parents()] + logp[n - 1][counted.suffixes[n]]
        gains.append(np.maximum(counted.seen[n] - 1, 0) * np.maximum(logp[n] - without, 0))
    for n in range(len(gains) - 1, 1, -1):
        np.maximum.at(gains[n - 1], counted.levels[n].parents(), gains[n])
        np.maximum.at(gains[n - 1], counted.suffixes[n], gains[n])
    every = np.concatenate(gains)
    if entries >= len(every):
        return [np.ones(len(gain), bool) for gain in gains]
    edge = np.partition(every, -entries - 1)[-entries - 1] if entries > len(gains[0]) else np.finfo(float).max
    return [gain > edge for gain in gains]


def pruned(tree: Tree, keep: Sequence[np.ndarray]) -> Tree:
    """The tree of the entries that `keep`, (E,) of every order, marks."""
    levels, used, lost = [], [], []
    alive = np.ones(1, bool)  # of the contexts
    for level, kept, counts, gone in zip(tree.levels, keep, tree.used, tree.lost, strict=True):
        degrees, away = level.sums(kept.astype(np.int64)), level.sums(np.where(kept, 0, counts))
        levels.append(Level(level.words[kept], edges(degrees[alive])))
        used.append(counts[kept])
        lost.append((gone + away)[alive])
        alive = kept
    return Tree(tuple(levels), tuple(used), tuple(lost), tree.discounts)
