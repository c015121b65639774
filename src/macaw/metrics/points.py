"""Scores of key points: how far they lie from the truth, in parts of a length that is always named.

A normalised mean error says nothing without its normaliser: the same answers are 4 % of the distance between
the eyes and 1.5 % of the face's diagonal. Shapes: N pictures of one object, K points, R resamples
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from macaw.errors import InputError
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws, wilson_interval
from macaw.results.measures import Interval
from macaw.results.point_scores import PointError, PointScores

FAILURES = (0.08, 0.10)  # of the normaliser: a picture whose error is above has failed
SHARES = (0.05, 0.10, 0.20)  # of the normaliser: PCK counts the points that lie within


@dataclass(frozen=True, eq=False)
class Normaliser:
    """The length that divides each picture's errors. Raises InputError for one that is not above 0."""

    name: str  # printed with every number
    lengths: np.ndarray  # (N,) pixels

    def __post_init__(self) -> None:
        lengths = np.asarray(self.lengths, np.float64)
        object.__setattr__(self, "lengths", lengths)
        if lengths.ndim != 1:
            raise InputError(f"{self.name}: lengths has shape {lengths.shape}; give one for each picture")
        wrong = ~(np.isfinite(lengths) & (lengths > 0))
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"the {self.name} of picture {row} is {lengths[row]:g} px; it divides errors, so it must be "
                f"above 0 ({int(wrong.sum()):,} of {len(lengths):,} pictures)"
            )


def between(truth: np.ndarray, ends: tuple[int, int], *, name: str = "inter-ocular") -> Normaliser:
    """The distance of two true points (N, K, 2 or 3) of each picture; of eye corners it is inter-ocular."""
    truth = np.asarray(truth, np.float64)
    if truth.ndim != 3 or len(ends) != 2 or not all(0 <= end < truth.shape[1] for end in ends):
        raise InputError(f"{name}: points of shape {truth.shape} and ends {ends}; name two of the K points")
    first, second = (truth[:, end] for end in ends)
    known = (first[:, 2] > 0) & (second[:, 2] > 0) if truth.shape[2] > 2 else np.ones(len(truth), bool)
    if not known.all():
        row = int((~known).argmax())
        raise InputError(f"{name}: picture {row} has no label for both points {ends}; choose another length")
    return Normaliser(name, np.hypot(*(first - second)[:, :2].T))


def box_diagonal(xyxy: np.ndarray) -> Normaliser:
    """The diagonal of each picture's box (N, 4)."""
    return Normaliser("box diagonal", np.hypot(*_box_sides(xyxy)))


def box_side(xyxy: np.ndarray) -> Normaliser:
    """The side of the square of as many pixels as each picture's box (N, 4): sqrt(width height)."""
    wide, high = _box_sides(xyxy)
    return Normaliser("box side", np.sqrt(np.maximum(wide * high, 0)))


def score_points(
    found: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    *,
    normaliser: Normaliser,
    seconds: float = 0.0,
    seed: int = 0,
) -> PointScores:
    """The errors of `found` (N, K, 2 or more) against `truth` (N, K, 2 or 3) x, y, v; v 0 is not labelled.

    NME is the mean over pictures of the mean over their labelled points. Shares of pictures carry Wilson's
    interval, all else the bootstrap's over pictures. Raises InputError for shapes that do not fit and for
    numbers that are not finite.
    """
    names = tuple(names)
    found, truth = _checked(found, truth, names, normaliser)
    labelled = truth[:, :, 2] > 0 if truth.shape[2] > 2 else np.ones(truth.shape[:2], bool)
    gaps = np.hypot(*np.moveaxis(found[:, :, :2] - truth[:, :, :2], 2, 0)) / normaliser.lengths[:, None]
    gaps = np.where(labelled, gaps, 0)  # (N, K)
    numbers = labelled.sum(axis=1)
    errors = np.divide(gaps.sum(axis=1), numbers, out=np.full(len(gaps), np.nan), where=numbers > 0)
    known = numbers > 0
    metrics = _metrics(errors[known], gaps[known], labelled[known], normaliser.name, seed=seed)
    notes = [f"errors are in parts of the {normaliser.name}"]
    if bare := int((~known).sum()):
        notes.append(f"{bare:,} of {len(known):,} pictures have no labelled point and count for nothing")
    return PointScores(
        names=names,
        count=len(found),
        normaliser=normaliser.name,
        metrics={name: one for name, one in metrics.items() if one is not None},
        missing=tuple(name for name, one in metrics.items() if one is None),
        per_point=tuple(_per_point(names, gaps, labelled)),
        errors=errors,
        notes=(*notes, "intervals are the bootstrap's over pictures, Wilson's for shares of pictures"),
        seconds=seconds,
    )


def area_under(errors: np.ndarray, end: float) -> float:
    """The area under the cumulative curve of `errors` (N,) up to `end`, 0..1: 1 where all errors are 0.

    The share of pictures below e, averaged over e in 0..`end`, is the mean of 1 - error / end, none below 0.
    """
    return float(_spared(errors, end).mean())


def _spared(errors: np.ndarray, end: float) -> np.ndarray:
    return np.asarray(np.maximum(0, 1 - errors / end))


def _metrics(
    errors: np.ndarray, gaps: np.ndarray, labelled: np.ndarray, normaliser: str, *, seed: int
) -> dict[str, Interval | None]:
    """Of pictures with a label: their errors (n,), and of each point (n, K); None without a picture."""
    names = (f"NME, {normaliser}", *(f"area up to {100 * end:g} %" for end in FAILURES))
    names += tuple(f"PCK {100 * share:g} %" for share in SHARES)
    failed = {f"failures above {100 * end:g} %": end for end in FAILURES}
    if not len(errors):
        return dict.fromkeys((*names[:1], *failed, *names[1:]))
    spared = np.stack([errors, *(_spared(errors, end) for end in FAILURES)], axis=1)  # (n, 3)
    hits = np.stack([((gaps <= share) & labelled).sum(axis=1) for share in SHARES], axis=1)  # (n, 3)
    numbers = labelled.sum(axis=1)

    def statistics(weights: np.ndarray) -> np.ndarray:  # (R, n) -> (R, 6)
        weights = weights.astype(np.float64)
        means = weights @ spared / weights.sum(axis=1, keepdims=True)
        return np.hstack([means, weights @ hits / (weights @ numbers)[:, None]])

    values = statistics(np.ones((1, len(errors))))[0]
    draws = bootstrap_draws(statistics, len(errors), seed=seed).T
    measured: dict[str, Interval | None] = {}
    for i, (name, value) in enumerate(zip(names, values.tolist(), strict=True)):
        measured[name] = interval_of_draws(value, draws[i], bounds=(0.0, 1.0 if i else np.inf))
        if not i:  # beside the error stands how often it is too large
            measured |= {
                name: wilson_interval(int((errors > end).sum()), len(errors)) for name, end in failed.items()
            }
    return measured


def _per_point(names: Sequence[str], gaps: np.ndarray, labelled: np.ndarray) -> list[PointError]:
    counts = labelled.sum(axis=0)
    within = ((gaps <= SHARES[0]) & labelled).sum(axis=0)
    return [
        PointError(
            name,
            int(counts[i]),
            float(gaps[:, i].sum() / counts[i]) if counts[i] else None,
            float(within[i] / counts[i]) if counts[i] else None,
        )
        for i, name in enumerate(names)
    ]


def _checked(
    found: np.ndarray, truth: np.ndarray, names: tuple[str, ...], normaliser: Normaliser
) -> tuple[np.ndarray, np.ndarray]:
    found, truth = np.asarray(found, np.float64), np.asarray(truth, np.float64)
    for what, points, most in (("found", found, 99), ("truth", truth, 3)):
        if points.ndim != 3 or not 2 <= points.shape[2] <= most:
            raise InputError(f"{what} has shape {points.shape}; it must be (pictures, points, x y v)")
        if points.shape[1] != len(names):
            raise InputError(
                f"{what} has {points.shape[1]} points and there are {len(names)} names; give one each"
            )
    if len(found) != len(truth) or len(truth) != len(normaliser.lengths):
        raise InputError(
            f"{len(found):,} answers, {len(truth):,} truths and {len(normaliser.lengths):,} lengths of the "
            f"{normaliser.name}; each picture needs one of each"
        )
    if not len(found):
        raise InputError("no picture to score; give at least one")
    for what, points in (("answer", found[:, :, :2]), ("truth", truth)):
        wrong = ~np.isfinite(points).all(axis=(1, 2))
        if wrong.any():
            raise InputError(
                f"the {what} of picture {int(wrong.argmax())} holds points that are not numbers "
                f"({int(wrong.sum()):,} pictures); leave them out or mend them"
            )
    return found, truth


def _box_sides(xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    boxes = np.asarray(xyxy, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes of shape {boxes.shape}; give (pictures, 4): left, top, right, bottom")
    return boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
