"""Box parity: how alike two ways of computing one detector answer, cell by cell, box by box, and in AP.

Cells are compared as the graph gives them, boxes as a user sees them; on annotated pictures average precision
tells whether what changed was for the worse. Batches come and go, so a proof of any size fits.

Shapes: B pictures of a batch, N in all, A cells, C classes, n boxes of all pictures,
R resamples
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.metrics.box_tables import gather
from macaw.metrics.coco_ap import COLUMNS, affordable, summary
from macaw.metrics.coco_match import match
from macaw.metrics.intervals import wilson_interval
from macaw.metrics.matching import assign, near_pairs
from macaw.metrics.overlap import box_iou
from macaw.metrics.parity import paired_change
from macaw.results.box_parity import BoxParity, Kept
from macaw.results.boxes import Boxes
from macaw.results.parity_parts import Change

if TYPE_CHECKING:
    from macaw.data.objects import Objects

ALIKE = 0.9  # intersection over union from which two boxes of a class are the same answer


class Both(NamedTuple):
    """Some pictures answered before and after; of each pair the first is before."""

    raws: tuple[np.ndarray, np.ndarray]  # (B, A, 4 + C ...) as the graphs give it
    sure: tuple[Sequence[Boxes], Sequence[Boxes]]  # (B,) what a user sees
    unsure: tuple[Sequence[Boxes], Sequence[Boxes]] = ((), ())  # (B,) what counts for AP, or none


def compare_boxes(
    batches: Iterable[Both],
    names: Sequence[str],
    *,
    score: float,
    between: tuple[str, str],
    pictures: str,
    objects: Sequence[Objects] | None = None,
) -> BoxParity:
    """What became of a detector's answers.

    `names` is the class table, `score` the threshold of the answers, `between` names the two ways, as
    "onnxruntime, float32"; `pictures` says what was looked at. With the `objects` (N,) annotated there, AP is
    measured too, by the unsure boxes. An answer changed when it has another number of boxes, or one whose
    partner, the most alike of its class, overlaps it by an IoU below 0.9; regions, where there are any, count
    like boxes. Raises InputError when shapes differ, or when there is no picture.
    """
    apart: list[float] = []
    moved: list[float] = []
    kept: list[tuple[int, int, int]] = []  # of each picture: boxes before, after, of both
    unsure: tuple[list[Boxes], list[Boxes]] = [], []
    for both in batches:
        some, far = differences(*both.raws, len(names), score=score)
        apart += some.tolist()
        moved += far.tolist()
        kept += zip(
            *(map(len, one) for one in both.sure), alike(*both.sure, len(names)).tolist(), strict=True
        )
        for held, more in zip(unsure, both.unsure, strict=True):
            held.extend(more)
    if not apart:
        raise InputError("no picture to compare answers on; give one or more")
    counts = np.array(kept)  # (N, 3)
    changed = (counts != counts[:, :1]).any(axis=1)
    return BoxParity(
        between=between,
        pictures=pictures,
        apart=np.array(apart),
        moved=np.array(moved),
        score=score,
        changed=wilson_interval(int(changed.sum()), len(changed)),
        boxes=Kept(*counts.sum(axis=0).tolist()),
        precision=None if objects is None else precision_change(*unsure, objects, names),
    )


def differences(
    before: np.ndarray, after: np.ndarray, classes: int, *, score: float
) -> tuple[np.ndarray, np.ndarray]:
    """How far apart two raw outputs (B, A, 4 + C ...) of the same pictures are, two figures (B,) for each.

    The largest difference of a class score in any cell, 0..1, and the largest distance of an edge, in pixels
    of the prepared picture, among cells where either has `score`. Raises InputError when shapes differ.
    """
    if before.shape != after.shape or before.ndim != 3 or before.shape[2] < 4 + classes:
        raise InputError(
            f"outputs of shapes {before.shape} and {after.shape}; give (B, A, {4 + classes}) or more of both"
        )
    # As decoding does: half precision may lie a hair outside
    old, new = (raw[:, :, 4 : 4 + classes].clip(0, 1).astype(np.float64) for raw in (before, after))
    far = np.abs(before[:, :, :4].astype(np.float64) - after[:, :, :4]).max(axis=2)  # (B, A)
    sure = np.maximum(old, new).max(axis=2) >= score
    return np.abs(old - new).max(axis=(1, 2)), np.where(sure, far, 0).max(axis=1)


def alike(before: Sequence[Boxes], after: Sequence[Boxes], classes: int) -> np.ndarray:
    """How many boxes of each picture before have a partner after, (B,); the surest chooses first."""
    one, other = _rows(before, classes), _rows(after, classes)

    def overlap(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        values = box_iou(one.xyxy[mine], other.xyxy[theirs])
        if one.regions and other.regions:
            for place in np.flatnonzero(values >= ALIKE):
                pair = one.regions[mine[place]], other.regions[theirs[place]]
                values[place] = min(values[place], _region_iou(*pair))
        return values

    pairs = near_pairs(one.keys, other.keys, overlap, ALIKE)
    nobody = np.zeros(len(other.keys), bool)  # no crowd, and nothing to be ignored
    found = assign(pairs, one.keys, crowd=nobody, ignored=nobody[:, None], floors=np.array([ALIKE]))
    partnered = found.rows[found.mates[:, 0, 0] >= 0]
    return np.bincount(one.keys[partnered] // classes, minlength=len(before))


def precision_change(
    before: Sequence[Boxes],
    after: Sequence[Boxes],
    objects: Sequence[Objects],
    names: Sequence[str],
    *,
    seed: int = 0,
) -> Change | None:
    """COCO's AP before, after, and after less before, with bootstrap intervals over pictures.

    None where there is no object to be found. Raises InputError for what does not fit.
    """
    matches = [match(*gather(some, objects, names)) for some in (before, after)]

    def measured(weights: np.ndarray) -> np.ndarray:
        return np.stack([summary(one, COLUMNS[:1], weights)[:, 0] for one in matches], axis=1)  # (R, 2)

    resamples = min(map(affordable, matches))
    return paired_change(measured, len(objects), seed=seed, resamples=resamples)


class _Rows(NamedTuple):
    """Boxes of all pictures, those of one picture and class side by side, each group's surest first."""

    keys: np.ndarray  # (n,) rising: picture * C + class
    xyxy: np.ndarray  # (n, 4) float64
    regions: list[Any]  # (n,) or none


def _rows(answers: Sequence[Boxes], classes: int) -> _Rows:
    picture = np.repeat(np.arange(len(answers)), [len(one) for one in answers])
    keys = picture * classes + np.concatenate([one.labels for one in answers])
    order = np.argsort(keys, kind="stable")
    regions = [region for one in answers for region in one.regions]
    xyxy = np.concatenate([one.xyxy for one in answers]).astype(np.float64)
    return _Rows(keys[order], xyxy[order], [regions[row] for row in order] if regions else [])


def _region_iou(one: Any, other: Any) -> float:
    from macaw.data.regions import iou

    if not one.area and not other.area:
        return 1.0
    return float(iou([one], [other])[0, 0])
