"""Seen: what followed a context in the training text, and what Kneser-Ney makes of it.

Shapes: K tokens of the context, C tokens seen after it, E entries of an order
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from macaw.language.kneser_ney import Tree


@dataclass(frozen=True)
class Seen:
    """What followed one context in the training text, and what the estimate makes of it."""

    context: np.ndarray  # (K,) the last K tokens
    words: np.ndarray  # (C,) what followed, rising
    times: np.ndarray | None  # (C,) how often; None where the model keeps no such counts
    used: np.ndarray  # (C,) what Kneser-Ney counts: the same for the longest context, else tokens in front
    shares: np.ndarray  # (C,) probabilities after discounting; with `gives` they add up to 1
    gives: float  # 0..1, left to the next shorter context
    weight: float  # 0..1, what the longer contexts have left for this one
    lost: int = 0  # what the counts that were pruned from this context add up to


def followers(
    tree: Tree,
    seen: tuple[np.ndarray, ...] | None,
    place: tuple[int, int],
    *,
    context: np.ndarray,
    weight: float,
) -> Seen:
    """What followed `context` (K,), which is the context `place[1]` of level `place[0]`."""
    n, at = place
    level, some = tree.levels[n], tree.levels[n].children(at)
    used, lost = tree.used[n][some].astype(np.int64), int(tree.lost[n][at])
    total, taken = int(used.sum()) + lost, tree.discounts[n][np.minimum(used, 3)]
    kept = used > 0  # of order 1 only: tokens of the vocabulary that the text never uses
    return Seen(
        context,
        level.words[some].astype(np.int32)[kept],
        None if seen is None else seen[n][some].astype(np.int64)[kept],
        used[kept],
        (used - taken)[kept] / max(total, 1),
        (float(taken.sum()) + lost) / total if total else 1.0,
        weight,
        lost,
    )
