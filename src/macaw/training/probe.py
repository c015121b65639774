"""Probe: a linear classifier on frozen features, solved rather than trained, in numpy and in seconds.

Multinomial (or, for several labels, one binary) logistic regression with an L2 penalty is convex, so a solver
finds the answer that no learning rate has to be tuned for; only the penalty is chosen, by validation.

Shapes: N examples, D features, C labels
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from macaw.errors import InputError

DECAYS = (
    1.0,
    0.1,
    0.01,
    1e-3,
    1e-4,
    1e-5,
)  # penalties tried, strongest first: each starts at the last answer
_MEMORY = 12  # pairs that L-BFGS remembers
_ENOUGH = 1e-5  # a whole step that lowers the loss by less than this share of it ends the search

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear layer: logits are `features @ weight.T + bias`."""

    weight: np.ndarray  # (C, D) float32
    bias: np.ndarray  # (C,) float32

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, C) float32."""
        return np.asarray(features @ self.weight.T + self.bias, np.float32)


def fit_probe(
    features: np.ndarray,
    targets: np.ndarray,
    *,
    labels: int,
    decay: float = 1e-3,
    weights: Sequence[float] | None = None,
    steps: int = 200,
) -> Probe:
    """The probe of least mean log loss plus `decay` / 2 times its squared weights, on standardised features.

    `features` (N, D) float32; `targets` (N,) int64, or (N, C) zeros and ones for several labels; `weights`,
    one a label, as in `macaw.heads.label`. Raises InputError for shapes that do not fit.
    """
    return next(_path(features, targets, labels, (decay,), weights=weights, steps=steps))


def choose_probe(
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    *,
    labels: int,
    weights: Sequence[float] | None = None,
) -> tuple[Probe, float]:
    """The probe whose penalty, of DECAYS, gives the least log loss on `val`, and that penalty.

    `train` and `val` are features and targets as `fit_probe` takes them.
    """
    tried: list[tuple[float, float, Probe]] = []
    for decay, probe in zip(DECAYS, _path(*train, labels, DECAYS, weights=weights), strict=False):
        loss = float(_losses(probe.logits(val[0]), val[1])[0].mean())
        tried.append((loss, decay, probe))
        if loss > 1.05 * min(tried)[0]:  # the loss has one valley along the penalties: the rest is worse
            break
    _, decay, probe = min(tried, key=lambda one: one[0])
    return probe, decay


def _path(
    features: np.ndarray,
    targets: np.ndarray,
    labels: int,
    decays: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    steps: int = 200,
) -> Iterator[Probe]:
    """Probes of one set, penalty by penalty; standardising is done once and folded into each answer."""
    if features.ndim != 2 or len(features) != len(targets) or len(features) == 0:
        shapes = f"features of shape {features.shape}, targets of shape {targets.shape}"
        raise InputError(f"{shapes}; a probe needs (N, D) and (N,) or (N, C), N of 1 or more")
    mean, scale = features.mean(0), 1 / np.maximum(features.std(0), 1e-6)  # (D,)
    x = np.hstack([(features - mean) * scale, np.ones((len(features), 1))]).astype(np.float32)
    w = np.zeros((labels, x.shape[1]), np.float32)  # (C, D + 1): the last column is the bias
    share = _shares(targets, weights)
    for decay in decays:
        w = _minimise(_objective(x, targets, share, decay), w, steps=steps)
        weight = w[:, :-1] * scale
        yield Probe(weight.astype(np.float32), (w[:, -1] - weight @ mean).astype(np.float32))


def _objective(x: np.ndarray, targets: np.ndarray, share: np.ndarray, decay: float) -> Objective:
    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        losses, slopes = _losses(x @ w.T, targets)
        held = w.copy()
        held[:, -1] = 0  # the bias is free
        loss = float((losses * share).sum(dtype=np.float64)) + decay / 2 * float((held * held).sum())
        return loss, (slopes * share[:, None]).T @ x + decay * held

    return objective


def _shares(targets: np.ndarray, weights: Sequence[float] | None) -> np.ndarray:
    """(N,) float32 that sum to one: how much each example counts."""
    share = np.ones(len(targets), np.float32)
    if weights is not None and targets.ndim == 1:
        share = np.asarray(weights, np.float32)[targets]
    return np.asarray(share / share.sum(), np.float32)


def _losses(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The log loss of each example (N,), and its slope along the logits (N, C)."""
    if targets.ndim == 2:
        losses = np.logaddexp(0, logits) - targets * logits  # (N, C)
        return losses.mean(1), (1 / (1 + np.exp(-logits)) - targets) / logits.shape[1]
    logits = logits - logits.max(1, keepdims=True)
    slopes = np.exp(logits)
    total = slopes.sum(1, keepdims=True)
    slopes /= total
    rows = np.arange(len(targets))
    losses = np.log(total[:, 0]) - logits[rows, targets]
    slopes[rows, targets] -= 1
    return losses, slopes


def _minimise(objective: Objective, start: np.ndarray, *, steps: int) -> np.ndarray:
    """L-BFGS with backtracking: Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 3.1."""
    w, (loss, slope) = start, objective(start)
    pairs: list[tuple[np.ndarray, np.ndarray, float]] = []
    for _ in range(steps):
        step = -_inverse_times(slope, pairs)
        fall = float((slope * step).sum())
        if fall >= 0:
            break
        length = 1.0 if pairs else min(1.0, 1 / float(np.abs(slope).sum()))
        while True:
            new = w + length * step
            new_loss, new_slope = objective(new)
            if new_loss <= loss + 1e-4 * length * fall or length < 1e-6:
                break
            length /= 2
        moved, turned = new - w, new_slope - slope
        curvature = float((moved * turned).sum())
        if curvature > 1e-10:
            pairs = [*pairs[1 - _MEMORY :], (moved, turned, 1 / curvature)]
        gained, w, loss, slope = loss - new_loss, new, new_loss, new_slope
        if length == 1.0 and gained <= _ENOUGH * abs(loss):
            break
    return w


def _inverse_times(slope: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """The approximate inverse Hessian times the slope: the two loops of algorithm 7.4."""
    q, kept = slope.copy(), []
    for moved, turned, rho in reversed(pairs):
        alpha = rho * float((moved * q).sum())
        q -= alpha * turned
        kept.append(alpha)
    if pairs:
        moved, turned, rho = pairs[-1]
        q /= rho * float((turned * turned).sum())
    for (moved, turned, rho), alpha in zip(pairs, reversed(kept), strict=True):
        q += (alpha - rho * float((turned * q).sum())) * moved
    return q
