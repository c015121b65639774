"""Non-maximum suppression: of boxes that overlap the best stays; greedy, exact, and without a clock in it.

The same boxes give the same answer on every machine, however slow: a limit in seconds, as detectors have had
it, makes their score depend on the processor. Boxes of equal score keep the order they came in.

Shapes: N boxes, K kept, T of one block
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from macaw.errors import InputError

BLOCK = 256  # boxes compared at a time: their overlaps with 300 kept ones stay in the processor's cache
ASIDE = -1  # of a box that was not looked at: beyond `candidates`, or ranked below the last one kept


class Trace(NamedTuple):
    """What suppression did with every box."""

    kept: np.ndarray  # (K,) int64 indices of those that stay, best first
    by: np.ndarray  # (N,) int64 the index of the box that removed each: its own if it stays, else ASIDE


def suppress(
    xyxy: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    iou: float = 0.6,
    limit: int = 300,
    per_class: bool = True,
    candidates: int = 1000,
) -> np.ndarray:
    """The indices (K,) of the boxes that stay, best first: each overlaps no better one by more than `iou`.

    `xyxy` (N, 4), `scores` (N,), `labels` (N,) whole numbers. Overlap is intersection over union, 0..1; it
    counts between boxes of one label, or between all where `per_class` is false. At most `limit` boxes stay,
    and only the best `candidates` of a label (or of all) are looked at. A box without area overlaps nothing.
    Raises InputError for what is not finite, and for shapes that do not fit.
    """
    return trace(xyxy, scores, labels, iou=iou, limit=limit, per_class=per_class, candidates=candidates).kept


def trace(
    xyxy: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    iou: float = 0.6,
    limit: int = 300,
    per_class: bool = True,
    candidates: int = 1000,
) -> Trace:
    """As `suppress`, and who removed whom: the best of the kept boxes that overlap a removed one."""
    boxes, scores, groups = _checked(xyxy, scores, labels, iou=iou, least=min(limit, candidates))
    if not per_class:
        groups = np.zeros_like(groups)
    order = np.argsort(-scores, kind="stable")
    order = order[_first_of_each(groups[order], candidates)]
    ranked = _Ranked(boxes[order].T.copy(), groups[order], iou)
    kept = ranked.run(limit)
    by = np.full(len(scores), ASIDE, np.int64)
    by[order] = np.where(ranked.by == ASIDE, ASIDE, order[ranked.by])
    return Trace(order[kept], by)


class _Ranked:
    """Boxes, best first, and for each the place of the one that removed it."""

    def __init__(self, sides: np.ndarray, groups: np.ndarray, iou: float) -> None:
        self.sides, self.groups, self.iou = sides, groups, iou  # sides: (4, N)
        left, top, right, bottom = sides
        self.area = np.clip(right - left, 0, None) * np.clip(bottom - top, 0, None)
        self.by = np.full(len(groups), ASIDE, np.int64)

    def run(self, limit: int) -> np.ndarray:
        """The places (K,) of those that stay."""
        kept = np.empty(0, np.int64)
        for start in range(0, len(self.by), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(self.by)))
            kept = np.concatenate([kept, self._among(self._against(kept, block))])
            if len(kept) >= limit:
                kept = kept[:limit]
                self.by[kept[-1] + 1 :] = ASIDE  # nobody needed to look at them
                break
        self.by[kept] = kept
        return kept

    def _against(self, kept: np.ndarray, block: np.ndarray) -> np.ndarray:
        """Those of the block that no box kept so far removes."""
        if not len(kept):
            return block
        over = self._over(block, kept)  # (T, K)
        gone = over.any(axis=1)
        self.by[block[gone]] = kept[over[gone].argmax(axis=1)]  # the first that is true, so the best of them
        return block[~gone]

    def _among(self, block: np.ndarray) -> np.ndarray:
        """Those of the block that stay: one after the other, best first, removes those behind it."""
        over = np.triu(self._over(block, block), 1)  # (T, T)
        stays = np.ones(len(block), bool)
        for place in np.flatnonzero(over.any(axis=1)):
            if stays[place]:
                gone = over[place] & stays
                self.by[block[gone]] = block[place]
                stays[gone] = False
        return block[stays]

    def _over(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Whether each of `some` overlaps each of `others` by more than `iou`, and is of their group."""
        a, b = self.sides[:, some, None], self.sides[:, None, others]
        width = np.minimum(a[2], b[2])
        width -= np.maximum(a[0], b[0])
        height = np.minimum(a[3], b[3])
        height -= np.maximum(a[1], b[1])
        shared = np.maximum(width, 0, out=width)
        shared *= np.maximum(height, 0, out=height)
        union = self.area[some, None] + self.area[others] - shared
        return np.asarray((shared > self.iou * union) & (self.groups[some, None] == self.groups[others]))


def _first_of_each(groups: np.ndarray, most: int) -> np.ndarray:
    """(N,) bool: whether an item is among the first `most` of its group."""
    by_group = np.argsort(groups, kind="stable")
    in_order = groups[by_group]
    place = np.arange(len(groups)) - np.searchsorted(in_order, in_order)
    first = np.empty(len(groups), bool)
    first[by_group] = place < most
    return first


def _checked(
    xyxy: np.ndarray, scores: np.ndarray, labels: np.ndarray, *, iou: float, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes, scores, labels = np.asarray(xyxy, np.float64), np.asarray(scores, np.float64), np.asarray(labels)
    count = scores.size
    if boxes.shape != (count, 4) or scores.ndim != 1 or labels.shape != (count,):
        raise InputError(
            f"{scores.shape} scores, {boxes.shape} boxes and {labels.shape} labels do not fit; "
            "give (N,), (N, 4) and (N,)"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        bad = int(np.argmin(np.isfinite(boxes).all(axis=1) & np.isfinite(scores)))
        raise InputError(f"box {bad} is not finite: {boxes[bad].tolist()}, score {scores[bad]}")
    if not 0 <= iou <= 1:
        raise InputError(f"iou is {iou}; it is a share, from 0 to 1")
    if least < 1:
        raise InputError(f"limit and candidates are numbers of boxes, 1 or more; got {least}")
    return boxes, scores, labels
