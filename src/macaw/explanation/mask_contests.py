"""Mask contests: which pairs of classes a segmenter cannot keep apart, and whether only along their border.

Shapes: C classes, H and W pixels of the picture
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from macaw.explanation.mask_maps import Maps
from macaw.results.mask_explanation_parts import Contest


def contests_of(maps: Maps, names: Sequence[str]) -> tuple[Contest, ...]:
    """Every pair of classes (C) that has a border or contested pixels, the largest contested area first."""
    many = len(names)
    where = maps.contested
    first, second = maps.best[where], maps.second[where]
    won = np.bincount(first.astype(np.int64) * many + second, minlength=many * many).reshape(many, many)
    borders = _borders(maps.best, many)
    area = np.triu(won + won.T, 1)
    pairs = np.argwhere((area > 0) | (borders > 0))
    order = sorted(pairs.tolist(), key=lambda pair: (-area[tuple(pair)], -borders[tuple(pair)], pair))
    return tuple(_contest(won, int(borders[one, other]), names, (one, other)) for one, other in order)


def _contest(won: np.ndarray, border: int, names: Sequence[str], pair: tuple[int, int]) -> Contest:
    """The pair, whoever wins more first."""
    one, other = pair if won[pair] >= won[pair[::-1]] else pair[::-1]
    return Contest(names[one], names[other], int(won[one, other]), int(won[other, one]), border)


def _borders(labels: np.ndarray, many: int) -> np.ndarray:
    """(C, C) int64, above the diagonal: edges between pixels that separate each pair of classes."""
    counts = np.zeros(many * many, np.int64)
    for one, other in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        differ = one != other
        low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
        counts += np.bincount(low.astype(np.int64) * many + high, minlength=many * many)
    return counts.reshape(many, many)
