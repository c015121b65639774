"""Pascal VOC's average precision: one overlap of 0.5, difficult objects left out, each object found once.

Everingham et al. 2010 (doi 10.1007/s11263-009-0275-4), section 4.2: until 2009 precision is the mean at
eleven recalls, from 2010 on the area under the curve. They differ by some points, so a number says its rule.

Shapes: P pictures, D answers, N objects, M answers near an object, C classes, R resamples
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.metrics.box_tables import Answers, Truth, gather
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.metrics.matching import near_pairs
from macaw.metrics.overlap import box_iou
from macaw.results.measures import Interval

if TYPE_CHECKING:
    from macaw.data.objects import Objects

POINTS = {"11": "11 points", "all": "all points"}
# 0.3 is 3 / 10 here, as it is in a recall of 3 of 10; a running sum of 0.1 would miss it.
ELEVEN = np.arange(11) / 10
EDGES = {
    "half-open": 0.0,  # ours: right is where the pixel ends, so width is right - left
    "inclusive": 1.0,  # the development kit's: right is the last pixel, so width is right - left + 1
}
RESAMPLES, BLOCK = 200, 4_000_000  # and the weights of answers that are looked at at once


@dataclass(frozen=True)
class VocPrecision:
    """VOC's mean average precision; None, never 0, where there is no object to find."""

    name: str  # with the rule: "mAP50 of VOC, 11 points"
    mean: Interval | None  # over the classes that have objects, 0..1
    per_class: dict[str, float | None]  # by name, 0..1
    counts: dict[str, int]  # by name: objects that are not difficult


@dataclass(frozen=True, eq=False)
class _Verdicts:
    """Every answer, by class and the surest first, with what became of it."""

    answers: Answers
    truth: Truth
    right: np.ndarray  # (D,) bool: the first to take an object that counts
    ignored: np.ndarray  # (D,) bool: it took a difficult one


def voc_ap(
    found: Sequence[Any],
    objects: Sequence[Objects],
    names: Sequence[str],
    *,
    points: str = "all",
    floor: float = 0.5,
    edges: str = "half-open",
    seed: int = 0,
) -> VocPrecision:
    """Average precision by the rules of VOC, its mean with the bootstrap interval over pictures.

    `found` and `objects` are those of `score_boxes`. `points` is "11" (VOC 2007) or "all" (2010 and later),
    `floor` the least IoU. `edges` is "inclusive" for boxes in the coordinates of the development kit, whose
    right and bottom are the last pixels; macaw's readers give half-open ones, which need nothing added.
    Raises InputError and UnknownName.
    """
    for what, value, known in (("points", points, POINTS), ("edges", edges, EDGES)):
        if value not in known:
            close = did_you_mean(str(value), known)
            raise UnknownName(f"no {what} '{value}'; there are {', '.join(known)}.{close}")
    if not 0 < floor <= 1:
        raise InputError(f"an overlap of {floor}; it must lie above 0 and be at most 1, such as 0.5")
    verdicts = _judge(*_grown(*gather(found, objects, names), EDGES[edges]), floor)
    values = _average(verdicts, np.ones((1, len(found))), points)  # (1, C)
    rows = max(1, BLOCK // max(1, len(verdicts.answers)))

    def means(weights: np.ndarray) -> np.ndarray:  # (R, P) -> (R,)
        blocks = (weights[i : i + rows] for i in range(0, len(weights), rows))
        return np.concatenate([_mean(_average(verdicts, block, points)) for block in blocks])

    draws = bootstrap_draws(means, len(found), seed=seed, resamples=RESAMPLES)
    mean, known = float(_mean(values)[0]), draws[~np.isnan(draws)]
    counts = np.bincount(verdicts.truth.labels[~_hard(verdicts.truth)], minlength=len(names))
    return VocPrecision(
        name=f"mAP{100 * floor:g} of VOC, {POINTS[points]}",
        mean=None if np.isnan(mean) else interval_of_draws(mean, known if len(known) else np.array([mean])),
        per_class={name: None if np.isnan(x) else float(x) for name, x in zip(names, values[0], strict=True)},
        counts={name: int(count) for name, count in zip(names, counts, strict=True)},
    )


def _grown(answers: Answers, truth: Truth, more: float) -> tuple[Answers, Truth]:
    """Both with right and bottom moved by `more` pixels."""
    far = np.array([0, 0, more, more])
    return replace(answers, xyxy=answers.xyxy + far), replace(truth, xyxy=truth.xyxy + far)


def _hard(truth: Truth) -> np.ndarray:
    """(N,) bool: what need not be found; VOC has no crowds, so they count as difficult."""
    return np.asarray(truth.difficult | truth.crowd)


def _judge(answers: Answers, truth: Truth, floor: float) -> _Verdicts:
    """An answer takes the object that it overlaps most, the first of equal ones, taken before or not."""
    answers = answers.take(np.lexsort((-answers.scores, answers.labels)))
    keys = answers.labels * truth.pictures + answers.picture
    by = np.argsort(keys, kind="stable")
    pairs = near_pairs(
        keys[by],
        truth.labels * truth.pictures + truth.picture,
        lambda one, other: box_iou(answers.xyxy[by[one]], truth.xyxy[other]),
        floor,
    )
    order = np.lexsort((pairs.thing, -pairs.overlap, by[pairs.answer]))  # answers by class and score again
    rows, first = np.unique(by[pairs.answer][order], return_index=True)
    mates = pairs.thing[order][first]  # (M,)
    hard = _hard(truth)[mates]
    right, ignored = np.zeros((2, len(answers)), bool)
    ignored[rows] = hard
    _, earliest = np.unique(
        np.where(hard, -1, mates), return_index=True
    )  # rows rise, so the surest comes first
    right[rows[earliest]] = ~hard[earliest]
    return _Verdicts(answers, truth, right, ignored)


def _average(verdicts: _Verdicts, weights: np.ndarray, points: str) -> np.ndarray:
    """Average precision for weights (R, P) of the pictures, (R, C); NaN where a class has no object."""
    answers, truth = verdicts.answers, verdicts.truth
    weights = weights.astype(np.float64)
    values = np.full((len(weights), truth.classes), np.nan)
    easy = ~_hard(truth)
    for label in np.unique(truth.labels[easy]).tolist():
        total = weights[:, truth.picture[easy & (truth.labels == label)]].sum(axis=1)  # (R,)
        low, high = np.searchsorted(answers.labels, [label, label + 1])
        right = np.flatnonzero(verdicts.right[low:high])
        counted = weights[:, answers.picture[low:high]] * ~verdicts.ignored[low:high]  # (R, D)
        found = weights[:, answers.picture[low:high][right]].cumsum(axis=1)  # (R, n)
        given = counted.cumsum(axis=1)[:, right]
        precision = np.divide(found, given, out=np.zeros_like(found), where=given > 0)
        recall = found / np.maximum(total, 1)[:, None]
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        value = (best * _widths(recall, points)).sum(axis=1)
        values[:, label] = np.where(total > 0, value, np.nan)
    return values


def _widths(recall: np.ndarray, points: str) -> np.ndarray:
    """How much of the recalls each right answer serves, (R, n): a share of the axis, or of eleven points."""
    reached = recall if points == "all" else np.searchsorted(ELEVEN, recall, side="right") / len(ELEVEN)
    return np.diff(reached, axis=1, prepend=0)


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the classes that have objects, (R, C) to (R,)."""
    known = ~np.isnan(values)
    total, number = np.where(known, values, 0).sum(axis=1), known.sum(axis=1)
    return np.asarray(np.divide(total, number, out=np.full(len(values), np.nan), where=number > 0))
