"""Scores of classifiers: error rates, precision and recall, confusion, average precision, all with intervals.

Every function takes (N, C) `probs` and `targets`, which are (N,) class numbers, or (N, C) zeros and ones when
each class is its own yes or no (multi-label). The answer of a single-label classifier is its most probable
class; classes of equal probability rank in the order of the class table, here as in `Labels.top`. Multi-label
answers are the classes of probability 0.5 or more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from macaw.errors import InputError
from macaw.metrics.calibration import (
    bin_of,
    brier,
    calibration_curve,
    confidences,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    log_losses,
)
from macaw.metrics.checks import check_pair
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws, wilson_interval
from macaw.results.measures import Interval
from macaw.results.scores import ClassScore, LabelScores

__all__ = [
    "average_precision",
    "balanced_error",
    "brier",
    "confusion_matrix",
    "expected_calibration_error",
    "fit_temperature",
    "log_loss",
    "mean_average_precision",
    "precision_recall_f1",
    "score_labels",
    "topk_error",
]

# Shapes: N examples, C classes, R resamples, P positives of a class
THRESHOLD = 0.5
RANKING_BUDGET = 400_000_000  # weights that resampled average precision may go through: about 1 s on one core


def score_labels(
    probs: np.ndarray,
    targets: np.ndarray,
    names: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 1000,
    seconds: float = 0.0,
) -> LabelScores:
    """Everything there is to say about a classifier's answers to labelled examples.

    Plain proportions carry Wilson's interval, everything else the bootstrap's over examples. Nothing depends
    on the order of the examples. `seconds` is how long the answers took, for the record. Raises InputError
    when shapes, ranges or the class table do not fit, or when there is no example.
    """
    probs, targets = check_pair(probs, targets)
    names = tuple(names)
    if len(names) != probs.shape[1]:
        raise InputError(
            f"{len(names)} names for probs of shape {probs.shape}; one name for each column is needed"
        )
    multi = targets.ndim == 2
    measure = _multi_metrics if multi else _single_metrics
    return LabelScores(
        names=names,
        count=len(probs),
        metrics=measure(probs, targets, seed=seed, resamples=resamples),
        per_class=_per_class(probs, targets, names),
        confusion=None if multi else confusion_matrix(probs, targets),
        calibration=calibration_curve(probs, targets),
        seconds=seconds,
    )


def topk_error(probs: np.ndarray, targets: np.ndarray, k: int = 1) -> float:
    """Share of examples whose class is not among the `k` most probable, 0..1; single-label."""
    if k < 1:
        raise InputError(f"k is {k}; it must be at least 1")
    return float((_ranks(*_single(probs, targets)) >= k).mean())


def balanced_error(probs: np.ndarray, targets: np.ndarray) -> float:
    """One minus the mean recall of the classes that have examples, 0..1; single-label."""
    return 1 - float(np.nanmean(precision_recall_f1(*_single(probs, targets))[1]))


def confusion_matrix(probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(C, C) int64 counts, rows the truth and columns the answer; single-label."""
    probs, targets = _single(probs, targets)
    classes = probs.shape[1]
    cells = targets * classes + probs.argmax(axis=1)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of every class, each (C,) in 0..1.

    NaN where the figure does not exist: all three of a class without examples, the precision of a class that
    was never the answer.
    """
    probs, targets = check_pair(probs, targets)
    answers, truth = _answers(probs, targets)
    hits, given, present = (x.sum(axis=0, dtype=float) for x in (answers & truth, answers, truth))
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 is the NaN we want
        precision, recall, f1 = hits / given, hits / present, 2 * hits / (given + present)
    for figure in (precision, recall, f1):
        figure[present == 0] = np.nan
    return precision, recall, f1


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Area under the precision-recall steps of one ranking, 0..1: the sum of (R_n - R_(n-1)) P_n.

    `scores` (N,) rank the examples, equal ones together; `relevant` (N,) says which are wanted. NaN when none
    is. Without interpolation, which flatters (Davis and Goadrich 2006, doi 10.1145/1143844.1143874); the
    definition of scikit-learn.
    """
    scores, relevant = np.asarray(scores), np.asarray(relevant, bool)
    if scores.shape != relevant.shape or scores.ndim != 1:
        raise InputError(f"scores of shape {scores.shape}, relevant of {relevant.shape}; both must be (N,)")
    weights = np.ones((len(scores), 1))
    return float(_average_precisions(weights, scores, relevant)[0])


def mean_average_precision(probs: np.ndarray, targets: np.ndarray) -> float:
    """The mean of `average_precision` over the classes that have examples, 0..1; multi-label."""
    probs, targets = check_pair(probs, targets)
    if targets.ndim != 2 or not targets.any():
        raise InputError("mean average precision needs (N, C) targets of 0 and 1, with at least one 1")
    return float(np.nanmean([average_precision(p, t) for p, t in zip(probs.T, targets.T, strict=True)]))


def _single(probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probs, targets = check_pair(probs, targets)
    if targets.ndim == 2:
        raise InputError(
            f"targets has shape {targets.shape}; this measure needs one class number per example"
        )
    return probs, targets


def _ranks(probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How many classes rank before the true one, (N,)."""
    truth = np.take_along_axis(probs, targets[:, None], axis=1)  # (N, 1)
    tied_before = (probs == truth) & (np.arange(probs.shape[1]) < targets[:, None])
    return np.asarray(((probs > truth) | tied_before).sum(axis=1))


def _answers(probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers and truth as (N, C) booleans."""
    if targets.ndim == 2:
        return probs >= THRESHOLD, targets
    classes = np.arange(probs.shape[1])
    return probs.argmax(axis=1)[:, None] == classes, targets[:, None] == classes


def _per_class(probs: np.ndarray, targets: np.ndarray, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    counts = targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=len(names))
    figures = zip(*precision_recall_f1(probs, targets), strict=True)
    return tuple(
        ClassScore(name, int(count), *(None if np.isnan(x) else float(x) for x in row))
        for name, count, row in zip(names, counts, figures, strict=True)
    )


def _single_metrics(
    probs: np.ndarray, targets: np.ndarray, *, seed: int, resamples: int
) -> dict[str, Interval]:
    confidence, right = confidences(probs, targets)
    losses, ranks = log_losses(probs, targets), _ranks(probs, targets)
    # One fixed order, by class first: draws then depend on the seed alone, and a class is one run of weights.
    order = np.lexsort((losses, confidence, right, targets))
    starts = np.flatnonzero(np.diff(targets[order], prepend=-1))
    curve = calibration_curve(probs, targets)
    gaps = np.zeros((len(probs), len(curve.counts)), np.float32)
    gaps[np.arange(len(probs)), bin_of(confidence, curve.edges)] = confidence - right
    gaps, right, losses = gaps[order], right[order].astype(np.float32), losses[order].astype(np.float32)

    def statistics(weights: np.ndarray) -> np.ndarray:  # (R, N) -> (R, 3)
        present = np.add.reduceat(weights, starts, axis=1)  # (R, classes that have examples)
        found = np.add.reduceat(weights * right, starts, axis=1)
        with np.errstate(invalid="ignore"):
            recall = np.nanmean(found / present, axis=1)  # a class missing from a resample has no recall
        calibration = np.abs(weights @ gaps).sum(axis=1) / len(right)
        return np.stack([1 - recall, weights @ losses / len(right), calibration], axis=1)

    draws = bootstrap_draws(statistics, len(probs), seed=seed, resamples=resamples).T
    metrics = {"top-1 error": wilson_interval(int((ranks >= 1).sum()), len(ranks))}
    if probs.shape[1] > 5:
        metrics["top-5 error"] = wilson_interval(int((ranks >= 5).sum()), len(ranks))
    metrics["balanced error"] = interval_of_draws(balanced_error(probs, targets), draws[0])
    metrics["log loss"] = interval_of_draws(
        log_loss(probs, targets), draws[1], bounds=(0, np.inf), unit="nats"
    )
    metrics["calibration error"] = interval_of_draws(curve.error, draws[2])
    return metrics


def _multi_metrics(
    probs: np.ndarray, targets: np.ndarray, *, seed: int, resamples: int
) -> dict[str, Interval]:
    rows = np.ascontiguousarray(np.hstack([probs, targets]))  # one fixed order: that of the rows' bytes
    order = np.argsort(rows.view(f"V{rows[0].nbytes}").ravel(), kind="stable")
    probs, targets = probs[order], targets[order]
    answers = probs >= THRESHOLD
    parts = [x.astype(np.float32) for x in (answers & targets, answers, targets)]

    def f1_statistics(weights: np.ndarray) -> np.ndarray:  # (R, N) -> (R, 2)
        hits, given, present = (weights @ part for part in parts)  # each (R, C)
        return np.stack(
            [_f1(*(x.sum(1) for x in (hits, given, present))), _macro_f1(hits, given, present)], 1
        )

    def ranking_statistic(weights: np.ndarray) -> np.ndarray:  # (R, N) -> (R,)
        return _mean_average_precisions(weights, probs, targets)

    values = f1_statistics(np.ones((1, len(probs))))[0]
    draws = bootstrap_draws(f1_statistics, len(probs), seed=seed, resamples=resamples).T
    affordable = max(200, RANKING_BUDGET // probs.size)
    ranking = bootstrap_draws(ranking_statistic, len(probs), seed=seed, resamples=min(resamples, affordable))
    wrong = int((answers != targets).any(axis=1).sum())
    return {
        "mean average precision": interval_of_draws(mean_average_precision(probs, targets), ranking),
        "micro F1": interval_of_draws(float(values[0]), draws[0]),
        "macro F1": interval_of_draws(float(values[1]), draws[1]),
        "exact match error": wilson_interval(wrong, len(probs)),
    }


def _f1(hits: np.ndarray, given: np.ndarray, present: np.ndarray) -> np.ndarray:
    return np.asarray(2 * hits / np.maximum(given + present, 1))


def _macro_f1(hits: np.ndarray, given: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have examples, (R, C) to (R,)."""
    exists = present > 0
    return np.asarray((_f1(hits, given, present) * exists).sum(axis=1) / np.maximum(exists.sum(axis=1), 1))


def _mean_average_precisions(weights: np.ndarray, probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean average precision of every resample, (R, N) weights to (R,)."""
    columns = np.ascontiguousarray(weights.T)
    total, exists = np.zeros(len(weights)), np.zeros(len(weights))
    for scores, relevant in zip(probs.T, targets.T, strict=True):
        if relevant.any():
            values = _average_precisions(columns, scores, relevant)
            total += np.nan_to_num(values)
            exists += ~np.isnan(values)
    return total / np.maximum(exists, 1)


def _average_precisions(weights: np.ndarray, scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Average precision of one class for each column of weights, (N, R) to (R,); NaN without a positive."""
    order = np.argsort(-scores, kind="stable")
    ranked, places = scores[order], np.flatnonzero(relevant[order])  # places: (P,) ranks of the positives
    if not len(places):
        return np.full(weights.shape[1], np.nan)
    # A positive counts with the precision at the last of the examples that share its score. Between two such
    # ranks weights are only summed, so one sum for each stretch is all that is kept.
    ends = len(ranked) - 1 - np.searchsorted(ranked[::-1], ranked[places], side="left")  # (P,) rising
    ends, stretch = np.unique(ends, return_inverse=True)
    starts = np.concatenate([[0], ends[:-1] + 1])
    seen = np.add.reduceat(weights[order[: ends[-1] + 1]], starts, axis=0).cumsum(axis=0)[stretch]  # (P, R)
    gained = weights[order[places]]
    last = np.searchsorted(stretch, stretch, side="right") - 1  # (P,) the last positive of the same score
    found = gained.cumsum(axis=0)[last]
    with np.errstate(invalid="ignore"):
        return np.asarray((gained * found / np.maximum(seen, 1)).sum(axis=0) / gained.sum(axis=0))
