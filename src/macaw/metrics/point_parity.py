"""Point parity: how alike two ways of computing one model of key points answer, and what became of the error.

Shapes: N pictures of one object, K points
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.metrics.intervals import wilson_interval
from macaw.metrics.parity import paired_change
from macaw.metrics.points import box_side, score_points
from macaw.results.parity_parts import Change
from macaw.results.point_parity import PointParity
from macaw.results.points import Points

if TYPE_CHECKING:
    from macaw.data.objects import Objects

FAR = 0.02  # of the picture's longer side: a point that moved by more is elsewhere


def compare_points(
    before: Sequence[Points],
    after: Sequence[Points],
    *,
    between: tuple[str, str],
    pictures: str,
    objects: Sequence[Objects] | None = None,
) -> PointParity:
    """What became of the answers (N,) `before` in those `after`.

    `between` names the two ways, as "onnxruntime, float32"; `pictures` says what was looked at. With the
    `objects` (N,) annotated there, one in each picture, the errors are measured too. Raises InputError when
    they do not fit, or when there is no picture.
    """
    if len(before) != len(after) or not before:
        raise InputError(f"answers to {len(before)} and {len(after)} pictures; give both for one or more")
    apart = [np.abs(one.scores - other.scores).max() for one, other in zip(before, after, strict=True)]
    moved = [
        np.hypot(*(one.xy.astype(np.float64) - other.xy).T).max() / max(one.size)
        for one, other in zip(before, after, strict=True)
    ]
    changed = np.array(moved) >= FAR
    normaliser, errors = "", None
    if objects is not None:
        normaliser, errors = _error_change(before, after, objects)
    return PointParity(
        between=between,
        pictures=pictures,
        apart=np.array(apart, np.float64),
        moved=np.array(moved),
        far=FAR,
        changed=wilson_interval(int(changed.sum()), len(changed)),
        errors=errors,
        normaliser=normaliser,
    )


def _error_change(
    before: Sequence[Points], after: Sequence[Points], objects: Sequence[Objects]
) -> tuple[str, Change | None]:
    """The normaliser, and NME before, after, and after less before; None where no point is labelled."""
    known: list[Any] = [one.points for one in objects]
    truth = np.concatenate(known)  # (N, K, 3)
    normaliser = box_side(np.concatenate([one.xyxy for one in objects]))
    columns = []
    for some in (before, after):
        xy = np.stack([one.xy for one in some])  # (N, K, 2)
        columns.append(score_points(xy, truth, some[0].names, normaliser=normaliser).errors)
    errors = np.stack(columns, axis=1)  # (N, 2)
    errors = errors[~np.isnan(errors).any(axis=1)]
    if not len(errors):
        return normaliser.name, None
    return normaliser.name, paired_change(
        lambda weights: weights @ errors / weights.sum(axis=1, keepdims=True), len(errors)
    )
