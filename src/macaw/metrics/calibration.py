"""Whether probabilities mean what they say: calibration error, log loss, Brier score, and the temperature.

Every function takes (N, C) `probs` and `targets`, which are (N,) class numbers, or (N, C) zeros and ones when
each class is its own yes or no.
"""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError
from macaw.metrics.checks import check_pair, check_targets
from macaw.results.labels import probabilities
from macaw.results.measures import Calibration

# Shapes: N examples, C classes, B bins
BINS = 15  # as in Guo et al. 2017, table 1
# A probability of exactly 0 for the truth would cost infinitely much; scikit-learn stops at the same place
# for float32: one confident mistake costs at most 15.9 nats.
SMALLEST = float(np.finfo(np.float32).eps)
COOLEST, HOTTEST = 0.05, 20.0  # a temperature outside says that the logits are broken


def confidences(probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What was claimed, and whether it came true: probabilities (M,) and booleans (M,).

    One pair for each example, its best guess: M = N. Multi-label: one for each example and class, M = N C.
    """
    if targets.ndim == 2:
        return probs.ravel(), targets.ravel()
    return probs.max(axis=1), probs.argmax(axis=1) == targets


def calibration_curve(probs: np.ndarray, targets: np.ndarray, bins: int = BINS) -> Calibration:
    """Mean confidence, accuracy and count in equal bins: Guo et al. 2017 (arXiv 1706.04599), section 2.

    Bin b holds confidences in (b/bins, (b+1)/bins]; zero belongs to the first.
    """
    confidence, right = confidences(*check_pair(probs, targets))
    edges = bin_edges(bins)
    place = bin_of(confidence, edges)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0: an empty bin has no confidence and no accuracy
        means = np.bincount(place, confidence, bins) / counts
        accuracy = np.bincount(place, right, bins) / counts
    return Calibration(edges, means, accuracy, counts)


def expected_calibration_error(probs: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy, 0..1: equation 3 of Guo et al. 2017 (arXiv 1706.04599)."""
    return calibration_curve(probs, targets, bins).error


def bin_edges(bins: int) -> np.ndarray:
    """(bins + 1,) edges of equal bins over 0..1."""
    if bins < 1:
        raise InputError(f"{bins} bins; calibration needs at least 1")
    return np.linspace(0, 1, bins + 1)


def bin_of(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each confidence; bins are closed above."""
    return np.asarray(np.maximum(np.searchsorted(edges, confidence, side="left") - 1, 0))


def log_loss(probs: np.ndarray, targets: np.ndarray) -> float:
    """Mean negative log probability of the truth, in nats; over examples, or over all yes-or-no answers."""
    return float(log_losses(*check_pair(probs, targets)).mean())


def log_losses(probs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The log loss of each example, (N,) nats; the mean over classes for multi-label."""
    if targets.ndim == 2:
        truth = np.where(targets, probs, 1 - probs)  # (N, C)
    else:
        truth = np.take_along_axis(probs, targets[:, None], axis=1)  # (N, 1)
    return np.asarray(-np.log(np.clip(truth, SMALLEST, 1)).mean(axis=1))


def brier(probs: np.ndarray, targets: np.ndarray) -> float:
    """Brier 1950's score: squared distance of the probabilities from the truth, summed over classes, 0..2.

    For multi-label it is the mean over classes, 0..1.
    """
    probs, targets = check_pair(probs, targets)
    if targets.ndim == 2:
        return float(((probs - targets) ** 2).mean())
    truth = np.zeros_like(probs)
    np.put_along_axis(truth, targets[:, None], 1, axis=1)
    return float(((probs - truth) ** 2).sum(axis=1).mean())


def fit_temperature(logits: np.ndarray, targets: np.ndarray, *, multi: bool = False) -> float:
    """The T that makes softmax(logits / T), or its sigmoid, most probable on held-out examples; 0.05 to 20.

    Guo et al. 2017 (arXiv 1706.04599), section 4.2. The loss is convex in 1 / T, so Newton's method, kept
    inside a shrinking bracket, finds its only minimum. 1 when no temperature makes a difference (all logits
    equal).
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or 0 in logits.shape:
        raise InputError(f"logits has shape {logits.shape}; it must be (examples, classes), both above 0")
    if not np.isfinite(logits).all():
        raise InputError(f"{int((~np.isfinite(logits)).sum())} of {logits.size} logits are not finite")
    targets = check_targets(targets, logits.shape)
    if multi != (targets.ndim == 2):
        wanted = logits.shape if multi else logits.shape[:1]
        raise InputError(f"targets has shape {targets.shape}; with multi={multi} it must be {wanted}")
    if not multi:
        # Softmax sees differences only; this way equal logits become exact zeros.
        logits = logits - logits.max(axis=1, keepdims=True)
    low, high = 1 / HOTTEST, 1 / COOLEST
    if _loss_slopes(low, logits, targets)[0] > 0:
        return HOTTEST
    if _loss_slopes(high, logits, targets)[0] < 0:
        return COOLEST
    scale = 1.0  # 1 / T
    for _ in range(60):  # Newton needs about 8; bisection alone would need 35 for the same precision
        slope, bend = _loss_slopes(scale, logits, targets)
        low, high = (scale, high) if slope < 0 else (low, scale)
        step = scale - slope / bend if bend > 0 else (scale if slope == 0 else low)
        following = step if low < step < high or slope == 0 else (low + high) / 2
        if abs(following - scale) <= 1e-9 * scale:
            break
        scale = following
    return 1 / scale


def _loss_slopes(scale: float, logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """First and second derivative of the mean log loss by 1 / T, at 1 / T = scale."""
    multi = targets.ndim == 2
    probs = probabilities(scale * logits, multi=multi)  # (N, C)
    if multi:
        return float(((probs - targets) * logits).mean()), float((probs * (1 - probs) * logits**2).mean())
    truth = np.take_along_axis(logits, targets[:, None], axis=1)  # (N, 1)
    mean = (probs * logits).sum(axis=1, keepdims=True)
    return float((mean - truth).mean()), float((probs * (logits - mean) ** 2).sum(axis=1).mean())
