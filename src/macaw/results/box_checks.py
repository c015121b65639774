"""What must hold of Boxes, checked once when they are made; the arrays become their own, and read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.checks import check_names, check_picture, own

if TYPE_CHECKING:
    from macaw.results.boxes import Boxes


def checked(boxes: Boxes) -> dict[str, Any]:
    """The fields of `boxes` as they will be kept.

    Raises InputError for shapes, ranges or an order that are wrong.
    """
    arrays = {
        "xyxy": own(boxes.xyxy, np.float32),
        "labels": own(boxes.labels, np.int64),
        "scores": own(boxes.scores, np.float32),
        "points": None if boxes.points is None else own(boxes.points, np.float32),
    }
    names, regions, size = tuple(boxes.names), tuple(boxes.regions), tuple(boxes.size)
    _check_shapes(arrays, len(regions))
    _check_values(names, arrays)
    if boxes.picture is not None:
        check_picture(boxes.picture)
        size = size if min(size) > 0 else boxes.picture.shape[1::-1]
    return {**arrays, "names": names, "regions": regions, "size": (int(size[0]), int(size[1]))}


def _check_shapes(arrays: dict[str, Any], regions: int) -> None:
    xyxy, labels, scores, points = arrays.values()
    count = len(scores) if scores.ndim == 1 else -1
    if xyxy.shape != (count, 4) or labels.shape != (count,):
        raise InputError(
            f"xyxy has shape {xyxy.shape}, labels {labels.shape}, scores {scores.shape}; "
            "N boxes need (N, 4), (N,) and (N,)"
        )
    if regions not in (0, count):
        raise InputError(f"{regions} regions for {count} boxes; give one for each, or none")
    if points is not None and (points.ndim != 3 or len(points) != count or points.shape[2] != 3):
        raise InputError(f"points have shape {points.shape}; {count} boxes need ({count}, K, 3)")


def _check_values(names: tuple[str, ...], arrays: dict[str, Any]) -> None:
    xyxy, labels, scores, points = arrays.values()
    check_names(names, "classes")
    if not ((labels >= 0) & (labels < len(names))).all():
        raise InputError(f"labels reach from {labels.min()} to {labels.max()}; the table has {len(names)}")
    if not (np.isfinite(xyxy).all() and (xyxy[:, :2] <= xyxy[:, 2:]).all()):
        bad = xyxy[~(np.isfinite(xyxy).all(axis=1) & (xyxy[:, :2] <= xyxy[:, 2:]).all(axis=1))][0]
        raise InputError(f"{bad.tolist()} is no box; it must be left, top, right, bottom, in this order")
    if not ((scores >= 0) & (scores <= 1)).all():  # false for NaN too
        raise InputError(f"scores lie between {scores.min():.4g} and {scores.max():.4g}; allowed is 0..1")
    if (scores[1:] > scores[:-1]).any():
        raise InputError("scores must fall from box to box; sort the boxes by score, best first")
    if points is not None and not np.isfinite(points).all():
        raise InputError("points are not finite")
