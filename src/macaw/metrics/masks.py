"""Scores of segmentation: IoU and its kin, and boundary F1, counted picture by picture as they come.

A picture leaves its counts behind and can be forgotten, so a data set of any size fits. Everything is over
all pixels of all pictures together, as the literature does, except boundary F1, a mean over pictures.

Shapes: P pictures, H, W sides of one, C classes, R resamples
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from macaw.errors import InputError
from macaw.metrics.edges import TOLERANCE, boundary_f1
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.results.mask_scores import ClassMask, MaskScores
from macaw.results.measures import Interval
from macaw.results.score_parts import ratio

NONE = 255  # of the truth: not labelled, so it does not count; of an answer: no class said
METRICS = ("mIoU", "pixel accuracy", "mean accuracy", "frequency-weighted IoU", "boundary F1")


class Confusion:
    """Counts of what was taken for what; `add` pictures, then ask for `scores`.

    `boundary` is the tolerance of boundary F1 in parts of the diagonal, or None to leave it out: it costs
    more than all else. Raises InputError for a table of no class, of more than 255, or of equal names.
    """

    def __init__(self, names: Sequence[str], *, boundary: float | None = TOLERANCE) -> None:
        if not 0 < len(names) <= NONE or len(set(names)) != len(names):
            raise InputError(f"a class table of {len(names)} names; give 1 to {NONE}, all different")
        if boundary is not None and not 0 < boundary < 1:
            raise InputError(
                f"a boundary tolerance of {boundary}; it is a share of the diagonal, such as 0.0075"
            )
        self.names, self.boundary = tuple(names), boundary
        classes = len(self.names)
        self.counts = np.zeros((classes, classes + 1), np.int64)  # rows truth, columns answer, no answer last
        self._pictures: list[np.ndarray] = []  # (3, C) each: right, truth and answer, pixels
        self._edges: list[np.ndarray] = []  # (C,) each

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, truth: np.ndarray, answer: np.ndarray) -> None:
        """Count one picture: class numbers (H, W) of both, 255 for no label and no answer.

        Raises InputError when shapes differ, or a number is no class.
        """
        classes = len(self.names)
        truth, answer = (self._checked(*pair) for pair in (("truth", truth), ("answer", answer)))
        if truth.shape != answer.shape:
            raise InputError(
                f"truth of shape {truth.shape} and an answer of {answer.shape}; scale the answer"
            )
        labelled = truth != NONE
        cells = truth[labelled].astype(np.int64) * (classes + 1) + np.minimum(answer[labelled], classes)
        table = np.bincount(cells, minlength=classes * (classes + 1)).reshape(classes, classes + 1)
        self.counts += table
        self._pictures.append(
            np.stack([np.diagonal(table), table.sum(axis=1), table[:, :classes].sum(axis=0)])
        )
        if self.boundary is not None:
            reach = self.boundary * float(np.hypot(*truth.shape))
            given = np.where(labelled, answer, NONE)  # edges against what is not labelled are nobody's
            self._edges.append(boundary_f1(truth, given, classes, reach=reach))

    def scores(self, *, seconds: float = 0.0, seed: int = 0, resamples: int = 1000) -> MaskScores:
        """The scores of all pictures so far, with bootstrap intervals over pictures.

        Raises InputError when there is no picture.
        """
        if not self._pictures:
            raise InputError("no picture was counted; add one before asking for scores")
        parts = np.stack(self._pictures).astype(np.float64)  # (P, 3, C)
        edges = np.stack(self._edges) if self._edges else np.full((len(parts), len(self.names)), np.nan)
        values = _statistics(np.ones((1, len(parts))), parts, edges)[0]
        draws = bootstrap_draws(
            lambda weights: _statistics(weights, parts, edges), len(parts), seed=seed, resamples=resamples
        )
        pairs = zip(METRICS if self._edges else METRICS[:-1], values, draws.T, strict=False)
        metrics = {name: _interval(value, column) for name, value, column in pairs}
        return MaskScores(
            names=self.names,
            count=len(parts),
            metrics={name: one for name, one in metrics.items() if one is not None},
            missing=tuple(name for name, one in metrics.items() if one is None),
            per_class=self._per_class(edges),
            confusion=self.counts[:, :-1].copy(),
            unanswered=self.counts[:, -1].copy(),
            notes=self._notes(parts),
            seconds=seconds,
        )

    def _checked(self, what: str, labels: np.ndarray) -> np.ndarray:
        labels = np.asarray(labels)
        if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size:
            raise InputError(
                f"{what} of picture {len(self)} has shape {labels.shape} and type {labels.dtype}; "
                "it must be (height, width) of whole numbers"
            )
        wrong = (labels != NONE) & ((labels < 0) | (labels >= len(self.names)))
        if wrong.any():
            raise InputError(
                f"{what} of picture {len(self)} holds {int(labels[wrong][0])} in {int(wrong.sum()):,} "
                f"pixels; the {len(self.names)} classes are 0..{len(self.names) - 1}, and {NONE} is none"
            )
        return labels.astype(np.uint8)

    def _per_class(self, edges: np.ndarray) -> tuple[ClassMask, ...]:
        right, given = np.diagonal(self.counts), self.counts.sum(axis=1)
        found, total = self.counts[:, :-1].sum(axis=0), max(1, int(self.counts.sum()))
        known = ~np.isnan(edges)
        sums, numbers = np.where(known, edges, 0).sum(axis=0), known.sum(axis=0)

        return tuple(
            ClassMask(
                name=name,
                pixels=int(given[i]),
                share=float(given[i] / total),
                iou=ratio(right[i], given[i] + found[i] - right[i]),
                recall=ratio(right[i], given[i]),
                precision=ratio(right[i], found[i]),
                boundary=ratio(sums[i], numbers[i]),
            )
            for i, name in enumerate(self.names)
        )

    def _notes(self, parts: np.ndarray) -> tuple[str, ...]:
        present = int((parts[:, 1:].sum(axis=(0, 1)) > 0).sum())
        notes = [f"in mIoU the mean is over the {present} classes that are in the labels or in the answers"]
        if self._edges:
            words = f"a pixel of an edge is right within {100 * (self.boundary or 0):.3g} % of the diagonal"
            notes.append(f"boundary F1: {words}; the mean over pictures, then over classes")
        if missed := int(self.counts[:, -1].sum()):
            notes.append(f"{missed:,} labelled pixels have no answer, which counts as a wrong one")
        return (*notes, "intervals are the bootstrap's over pictures")


def score_masks(
    truths: Iterable[np.ndarray],
    answers: Iterable[np.ndarray],
    names: Sequence[str],
    *,
    seconds: float = 0.0,
    seed: int = 0,
) -> MaskScores:
    """The scores of pictures that come in pairs; both may be generators. Raises InputError."""
    confusion = Confusion(names)
    try:
        for truth, answer in zip(truths, answers, strict=True):
            confusion.add(truth, answer)
    except ValueError as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(
            f"after {len(confusion)} pictures truths or answers ended before the other"
        ) from problem
    return confusion.scores(seconds=seconds, seed=seed)


def _statistics(weights: np.ndarray, parts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """METRICS for weights (R, P) of pictures, (R, 5); NaN where there is nothing to measure."""
    weights = weights.astype(np.float64)
    right, given, found = (weights @ parts[:, i] for i in range(3))  # (R, C)
    iou, accuracy = _ratio(right, given + found - right), _ratio(right, given)
    total = given.sum(axis=1)
    known = ~np.isnan(edges)
    boundary = _ratio(weights @ np.where(known, edges, 0), weights @ known)  # (R, C)
    weighted = np.where(given > 0, given * np.nan_to_num(iou), 0).sum(axis=1)
    columns = (_mean(iou), _ratio(right.sum(axis=1), total), _mean(accuracy), _ratio(weighted, total))
    return np.stack([*columns, _mean(boundary)], axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the classes that have a value, (R, C) to (R,)."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1))


def _interval(value: float, draws: np.ndarray) -> Interval | None:
    """None where there is nothing to measure; resamples without it are left out."""
    if np.isnan(value):
        return None
    known = draws[~np.isnan(draws)]
    return interval_of_draws(float(value), known if len(known) else np.array([value]))
