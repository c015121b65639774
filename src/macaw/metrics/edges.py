"""Boundary F1: how well the edges of a segmentation lie where the true ones do, class by class.

Csurka et al. 2013 (BMVC, "What is a good evaluation measure for semantic segmentation?"): an edge pixel is
right when one of the other's lies within 0.75 % of the picture's diagonal. IoU hardly sees a ragged edge of a
large thing; this does.

Shapes: H, W sides of a picture, C classes, n edge pixels
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 0.0075  # of the diagonal
_FAR = np.iinfo(np.int32).max // 4


def boundary_f1(truth: np.ndarray, answer: np.ndarray, classes: int, *, reach: float) -> np.ndarray:
    """F1 of the edges of each class, (C,) 0..1, for (H, W) class numbers; a number of C or more is no class.

    `reach` is in pixels. NaN for a class without an edge in either; 0 where only one of the two has edges.
    """
    scores = np.full(classes, np.nan)
    given, found = edge_pixels(truth, classes), edge_pixels(answer, classes)
    for label in np.union1d(truth[given], answer[found]).tolist():
        true, mine = given & (truth == label), found & (answer == label)
        if true.any() and mine.any():
            precision, recall = (
                near(one, other, reach).mean() for one, other in ((mine, true), (true, mine))
            )
            scores[label] = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        else:
            scores[label] = 0.0
    return scores


def edge_pixels(labels: np.ndarray, classes: int) -> np.ndarray:
    """(H, W) bool: pixels of a class that have one of another class above, below, left or right."""
    known = labels < classes
    edge = np.zeros(labels.shape, bool)
    for one, other in (
        ((slice(1, None),), (slice(None, -1),)),
        ((..., slice(1, None)), (..., slice(None, -1))),
    ):
        apart = (labels[one] != labels[other]) & known[one] & known[other]
        edge[one] |= apart
        edge[other] |= apart
    return edge


def near(edge: np.ndarray, other: np.ndarray, reach: float) -> np.ndarray:
    """Whether each pixel of `edge` (H, W) has one of `other` at most `reach` away: (n,) bool, row by row.

    The distance along each row is known once for all; a pixel then looks at the rows above and below it.
    """
    rows, columns = np.nonzero(edge)
    along = _row_distance(other)  # (H, W)
    found = np.zeros(len(rows), bool)
    for down in range(-int(reach), int(reach) + 1):
        place = rows + down
        inside = (place >= 0) & (place < len(edge))
        width = int((reach * reach - down * down) ** 0.5 + 1e-9)
        found[inside] |= along[place[inside], columns[inside]] <= width
    return found


def _row_distance(mask: np.ndarray) -> np.ndarray:
    """How far the next pixel of `mask` in the same row is, (H, W) int32; far where the row has none."""
    column = np.arange(mask.shape[1], dtype=np.int32)
    before = np.maximum.accumulate(np.where(mask, column, -_FAR), axis=1)
    after = np.minimum.accumulate(np.where(mask, column, _FAR)[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(np.minimum(column - before, after - column))
