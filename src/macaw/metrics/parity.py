"""Parity: how alike two ways of computing one model answer, on the same pictures; the proof of an export.

Shapes: N pictures, C classes, R resamples
"""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError
from macaw.metrics.intervals import Statistic, bootstrap_draws, interval_of_draws, wilson_interval
from macaw.metrics.labels import THRESHOLD
from macaw.results.measures import Interval
from macaw.results.parity import SHOWN, Parity
from macaw.results.parity_parts import Change


def compare(
    before: np.ndarray,
    after: np.ndarray,
    *,
    between: tuple[str, str],
    pictures: str,
    targets: np.ndarray | None = None,
    multi: bool = False,
) -> Parity:
    """What became of the probabilities (N, C) `before` in those `after`.

    `between` names the two ways, as "onnxruntime, float32"; `pictures` says what was looked at. With the
    `targets` of labelled pictures, as in Examples, the errors of both and their difference are measured too.
    The answer is the most probable class; for `multi` it is every class of probability 0.5 or more. Raises
    InputError when shapes differ, or when there is no picture.
    """
    if before.shape != after.shape or before.ndim != 2 or len(before) == 0:
        raise InputError(f"probabilities of shapes {before.shape} and {after.shape}; give (N, C) of both")
    apart = np.abs(before.astype(np.float64) - after)  # (N, C)
    answers, others = _answers(before, multi=multi), _answers(after, multi=multi)
    errors = None
    if targets is not None:
        wrong, also = (_differ(some, _truth(targets)) for some in (answers, others))
        errors = (_share(wrong), _share(also), paired_difference(wrong, also))
    return Parity(
        between=between,
        pictures=pictures,
        apart=apart.max(axis=1),
        mean=float(apart.mean()),
        changed=_share(_differ(answers, others)),
        common=_common(before, after),
        errors=errors,
    )


def paired_difference(before: np.ndarray, after: np.ndarray) -> Interval:
    """The share of `after` less that of `before`, yes or no (N,) about the same examples, -1..1.

    Method 10 of Newcombe 1998 (Statistics in Medicine 17, 2635-2650): Wilson's intervals of both shares, made
    narrower by as much as the two agree. Good where few or none changed, unlike the bootstrap.
    """
    first, second = _share(after), _share(before)
    value = first.value - second.value
    both, neither = int((before & after).sum()), int((~before & ~after).sum())
    only, other = int((after & ~before).sum()), int((before & ~after).sum())
    bound = _agreement(both, only, other, neither)
    low = _joined(first.value - first.low, second.high - second.value, bound)
    high = _joined(second.value - second.low, first.high - first.value, bound)
    return Interval(value, value - low, value + high)


def paired_change(measured: Statistic, count: int, *, seed: int = 0, resamples: int = 1000) -> Change | None:
    """A score before, after, and after less before, with bootstrap intervals over `count` examples.

    `measured` takes weights (R, N) and gives both scores (R, 2), in 0..1, NaN where there is nothing to
    measure. Both see the same resamples, so the difference is known better than either. None where the
    examples as they are give nothing to measure; resamples of that kind are left out.
    """
    values = measured(np.ones((1, count), np.float32))[0]
    if np.isnan(values).any():
        return None
    draws = bootstrap_draws(measured, count, seed=seed, resamples=resamples)
    draws = draws[~np.isnan(draws).any(axis=1)]
    known = draws if len(draws) else values[None]
    before, after = (interval_of_draws(float(one), some) for one, some in zip(values, known.T, strict=True))
    gaps = known[:, 1] - known[:, 0]
    return before, after, interval_of_draws(float(values[1] - values[0]), gaps, bounds=(-1.0, 1.0))


def _joined(one: float, other: float, agreement: float) -> float:
    return float(max(0.0, one * one - 2 * agreement * one * other + other * other) ** 0.5)


def _agreement(both: int, only: int, other: int, neither: int) -> float:
    """Correlation of the fourfold table, its positive numerator corrected for continuity."""
    count = both + only + other + neither
    product = (both + only) * (other + neither) * (both + other) * (only + neither)
    if product == 0:
        return 0.0
    numerator = both * neither - only * other
    if numerator > 0:
        numerator = max(numerator - count // 2, 0)
    return float(numerator / product**0.5)


def _answers(probs: np.ndarray, *, multi: bool) -> np.ndarray:
    """(N, 1) the best class, or (N, C) yes and no when `multi`."""
    return probs >= THRESHOLD if multi else probs.argmax(axis=1)[:, None]


def _truth(targets: np.ndarray) -> np.ndarray:
    return targets > THRESHOLD if targets.ndim == 2 else targets[:, None]


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray((one != other).any(axis=1))


def _share(yes: np.ndarray) -> Interval:
    return wilson_interval(int(yes.sum()), len(yes))


def _common(before: np.ndarray, after: np.ndarray) -> float:
    """The share, 0..1, of the five most probable classes of `before` that are among those of `after`."""
    best, also = (np.argsort(-probs, axis=1, kind="stable")[:, :SHOWN] for probs in (before, after))
    return float((best[:, :, None] == also[:, None, :]).any(axis=2).mean())
