"""COCO's average precision and recall: of boxes, regions or key points, per class, with intervals.

The numbers are those of COCOeval (Lin et al. 2014, arXiv 1405.0312): precision at 101 recalls, at IoU or OKS
of 0.50 to 0.95, of objects small, medium and large. What is matched with what does not depend on how often a
picture counts, so a resample of the bootstrap only adds up anew, with pictures as weights.

Average precision takes the best precision from each recall on, which flatters it where objects are few. Of
made answers, whose truth 4,000 pictures gave, intervals of AP held it in 96 % of trials with 100 objects a
class, in 86 % with 50, in 70 % with 25 and in 36 % with 13; those of recall in 83 to 97 %. A note says so.

Shapes: P pictures, D answers, M answers near an object, T overlaps, A ranges of area, C classes, R resamples
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from macaw.metrics.box_tables import gather
from macaw.metrics.coco_match import FLOORS, LIMITS, POINT_LIMIT, Matches, match
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.metrics.operating import Operating, operate
from macaw.metrics.overlap import sigmas_of
from macaw.results.box_scores import BoxScores, ClassFound
from macaw.results.measures import Interval

if TYPE_CHECKING:
    from macaw.data.objects import Objects, Skeleton

RECALLS = np.linspace(0, 1, 101)
RESAMPLES = 200, 1000  # at least, and where that takes no time
BUDGET = 600_000_000  # numbers that all resamples may go through: about 1 s on one core
BLOCK = 4_000_000  # of them at once
FEW = 50  # objects of a class: with fewer, precision is flattered by more than its interval knows


class Column(NamedTuple):
    """One number of the summary, a mean over classes and thresholds."""

    name: str
    recall: bool  # of recall, else of precision
    floor: float | None  # one overlap, or None for the mean over all ten
    area: str
    limit: int  # answers of a picture and class


_MOST, _SIZES = LIMITS[-1], ("small", "medium", "large")
COLUMNS = (
    Column("AP", False, None, "all", _MOST),
    Column("AP50", False, 0.5, "all", _MOST),
    Column("AP75", False, 0.75, "all", _MOST),
    *(Column(f"AP {area}", False, None, area, _MOST) for area in _SIZES),
    *(Column(f"AR{limit}", True, None, "all", limit) for limit in LIMITS),
    *(Column(f"AR {area}", True, None, area, _MOST) for area in _SIZES),
)
POINT_COLUMNS = tuple(
    Column(f"{what}{name}", what == "AR", floor, area, POINT_LIMIT)
    for what in ("AP", "AR")
    for name, floor, area in (
        ("", None, "all"),
        ("50", 0.5, "all"),
        ("75", 0.75, "all"),
        (" medium", None, "medium"),
        (" large", None, "large"),
    )
)


def score_boxes(
    found: Sequence[Any],
    objects: Sequence[Objects],
    names: Sequence[str],
    *,
    kind: str = "boxes",
    skeleton: Skeleton | None = None,
    seconds: float = 0.0,
    seed: int = 0,
) -> BoxScores:
    """Everything there is to say about what a detector found, by COCO's rules.

    `found` holds one Boxes, Found or tuple (xyxy, labels, scores[, regions][, points]) a picture, `objects`
    what is annotated there. `kind` says what is compared: "boxes", "regions" (masks), or "points" by the
    sigmas of `skeleton`. Intervals are the bootstrap's over pictures. Raises InputError for what does not
    fit, UnknownName for another kind.
    """
    names = tuple(names)
    answers, truth = gather(found, objects, names, kind=kind)
    notes, sigmas = [], None
    if kind == "points":
        sigmas, words = sigmas_of(skeleton, max(truth.points.shape[1], answers.points.shape[1]))
        notes.append(f"OKS with {words}")
    matches = match(answers, truth, kind=kind, sigmas=sigmas)
    columns, resamples = POINT_COLUMNS if kind == "points" else COLUMNS, affordable(matches)
    values = summary(matches, columns, np.ones((1, truth.pictures)))[0]
    draws = bootstrap_draws(
        lambda weights: summary(matches, columns, weights), truth.pictures, seed=seed, resamples=resamples
    )
    notes.append(f"intervals are the bootstrap's over pictures, {resamples:,} resamples")
    counts = np.bincount(truth.labels[matches.counted[:, 0]])
    if counts.any() and (few := float(np.median(counts[counts > 0]))) < FEW:
        words = "which flatters AP by more than its interval shows"
        notes.append(f"half of the classes have {few:g} objects or fewer, {words}")
    metrics = {one.name: _interval(*pair) for one, *pair in zip(columns, values, draws.T, strict=True)}
    curves, point = class_curves(matches), operate(matches)
    return BoxScores(
        kind=kind,
        names=names,
        count=truth.pictures,
        metrics={name: one for name, one in metrics.items() if one is not None},
        missing=tuple(name for name, one in metrics.items() if one is None),
        per_class=tuple(_per_class(names, curves, point)),
        curve=_mean_curve(curves),
        threshold=point.threshold,
        confusion=point.confusion,
        notes=tuple(notes),
        seconds=seconds,
    )


def summary(matches: Matches, columns: Sequence[Column], weights: np.ndarray) -> np.ndarray:
    """The columns for weights (R, P) of pictures, (R, columns); NaN where no class has an object."""
    largest = int(np.bincount(matches.answers.labels, minlength=1).max())
    rows = max(1, BLOCK // max(1, largest))
    blocks = [weights[i : i + rows].T.astype(np.float64) for i in range(0, len(weights), rows)]
    return np.concatenate([_summary(matches, columns, np.ascontiguousarray(block)) for block in blocks])


def class_curves(matches: Matches) -> np.ndarray:
    """The precision of each class at 101 recalls, (C, T, 101), over all objects; NaN without an object.

    Their mean over the last axis is average precision.
    """
    curves = np.full((matches.truth.classes, len(FLOORS), len(RECALLS)), np.nan)
    for part in _parts(matches, np.ones((matches.truth.pictures, 1))):
        if part.totals[0, 0] > 0:
            curves[part.label] = 0
            for floor in range(len(FLOORS)):
                heights, steps = part.stairs(floor, 0)
                reached = np.repeat(heights[:, 0], steps[:, 0])
                curves[part.label, floor, : len(reached)] = reached
    return curves


def affordable(matches: Matches) -> int:
    """How many resamples: each goes through all answers a few times, through the near ones more often."""
    work = 6 * len(matches.answers) + 4 * matches.mates.size + 1
    return int(np.clip(BUDGET // work, *RESAMPLES))


@dataclass(frozen=True, eq=False)
class _Part:
    """One class: the weights of its objects and of its answers near one, and of all answers up to each."""

    label: int
    totals: np.ndarray  # (A, R) objects to be found
    weights: np.ndarray  # (M, R) of the answers near an object
    seen: np.ndarray  # (A, M, R) answers so far whose area is in the range
    within: np.ndarray  # (M, A) bool
    place: np.ndarray  # (M,)
    hit: np.ndarray  # (M, T, A) whether an object was taken
    right: np.ndarray  # (M, T, A) whether it was one that counts

    def stairs(self, floor: int, area: int) -> tuple[np.ndarray, np.ndarray]:
        """The best precision from each right answer on, (n, R), and how many of the 101 recalls it serves."""
        hit, right = self.hit[:, floor, area], self.right[:, floor, area]
        taken = np.cumsum(self.weights[hit] * self.within[hit, area, None], axis=0)  # (m, R)
        wrong = self.seen[area][right] - taken[right[hit]]  # (n, R) in the range, and nothing taken
        found = np.cumsum(self.weights[right], axis=0)
        precision = found / (wrong + found + np.spacing(1))  # as COCOeval guards against 0 / 0
        heights = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        recall = found / np.maximum(self.totals[area], 1)
        served = np.searchsorted(RECALLS, recall, side="right")  # recalls at or below that
        return heights, np.diff(served, axis=0, prepend=0)

    def precision(self) -> np.ndarray:
        """Average precision, (A, T, R); 0 where nothing right was found."""
        _, floors, areas = self.right.shape
        values = np.zeros((areas, floors, self.weights.shape[1]))
        for area in range(areas):
            for floor in np.flatnonzero(self.right[:, :, area].any(axis=0)):
                heights, steps = self.stairs(int(floor), area)
                values[area, floor] = (heights * steps).sum(axis=0) / len(RECALLS)
        return values

    def recall(self, area: int, limit: int) -> np.ndarray:
        """The share of objects that the first `limit` answers of each picture find, (T, R)."""
        right = self.right[:, :, area] & (self.place < limit)[:, None]  # (M, T)
        found = right.T.astype(np.float64) @ self.weights
        return np.asarray(found / np.maximum(self.totals[area], 1))


def _parts(matches: Matches, weights: np.ndarray) -> Iterator[_Part]:
    """Class by class those that have objects, with `weights` (P, R): how often each picture counts."""
    answers, truth = matches.answers, matches.truth
    for label in np.unique(truth.labels).tolist():
        things = np.flatnonzero(truth.labels == label)
        low, high = np.searchsorted(answers.labels, [label, label + 1])
        first, last = np.searchsorted(matches.rows, [low, high])
        rows, mates = matches.rows[first:last], matches.mates[first:last]
        end = rows[-1] + 1 if len(rows) else low  # what comes after the last near one changes nothing
        every, within = weights[answers.picture[low:end]], matches.within[low:end]  # (D, R), (D, A)
        near = rows - low
        counted = matches.counted[np.maximum(mates, 0), np.arange(len(matches.areas))]  # (M, T, A)
        yield _Part(
            label=label,
            totals=matches.counted[things].T.astype(np.float64) @ weights[truth.picture[things]],
            weights=every[near],
            seen=np.stack([_so_far(every, one)[near] for one in within.T]),
            within=within[near],
            place=matches.place[rows],
            hit=mates >= 0,
            right=(mates >= 0) & counted,
        )


def _so_far(weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Running sums over the chosen (D,) of weights (D, R)."""
    return (weights if chosen.all() else weights * chosen[:, None]).cumsum(axis=0)


def _summary(matches: Matches, columns: Sequence[Column], weights: np.ndarray) -> np.ndarray:
    total, number = np.zeros((2, weights.shape[1], len(columns)))
    for part in _parts(matches, weights):
        present, precision = part.totals > 0, part.precision()  # (A, R), (A, T, R)
        for i, (_, recall, floor, name, limit) in enumerate(columns):
            area = matches.areas.index(name)
            values = part.recall(area, limit) if recall else precision[area]  # (T, R)
            value = values.mean(axis=0) if floor is None else values[np.abs(FLOORS - floor).argmin()]
            total[:, i] += np.where(present[area], value, 0)
            number[:, i] += present[area]
    return np.asarray(np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0))


def _interval(value: float, draws: np.ndarray) -> Interval | None:
    """None where there is nothing to find; resamples that drew no such object are left out."""
    if np.isnan(value):
        return None
    known = draws[~np.isnan(draws)]
    return interval_of_draws(float(value), known if len(known) else np.array([value]))


def _per_class(names: Sequence[str], curves: np.ndarray, point: Operating) -> Iterator[ClassFound]:
    for i, name in enumerate(names):
        bare = np.isnan(curves[i, 0, 0])
        averages = curves[i].mean(axis=1)  # (T,)
        yield ClassFound(
            name=name,
            count=int(point.objects[i]),
            ap=None if bare else float(averages.mean()),
            ap50=None if bare else float(averages[0]),
            right=int(point.right[i]),
            wrong=int(point.wrong[i]),
        )


def _mean_curve(curves: np.ndarray) -> np.ndarray | None:
    """The mean over the classes that have objects, (T, 101); None without one."""
    known = ~np.isnan(curves[:, 0, 0])
    return curves[known].mean(axis=0) if known.any() else None
