"""Probabilities and targets, checked once for every metric: shapes, ranges, nothing missing."""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError
from macaw.results.labels import SUM_TOLERANCE

# Shapes: N examples, C classes


def check_pair(probs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`probs` as (N, C) float64 and `targets` as (N,) int64 class numbers or (N, C) bool (multi-label).

    Raises InputError, naming the row, for a wrong shape, NaN, a value outside 0..1, rows of a single-label
    set that do not sum to one, a class number outside 0..C-1, or no example at all.
    """
    probs = np.asarray(probs, np.float64)
    if probs.ndim != 2:
        raise InputError(f"probs has shape {probs.shape}; it must be (examples, classes)")
    if 0 in probs.shape:
        raise InputError(f"probs has shape {probs.shape}: nothing to score; give at least one example")
    inside = np.asarray(((probs >= 0) & (probs <= 1)).all(axis=1))  # false for NaN too
    _refuse(~inside, "probabilities must be numbers in 0..1", probs)
    targets = check_targets(targets, probs.shape)
    if targets.ndim == 1:
        off = np.asarray(np.abs(probs.sum(axis=1) - 1) > SUM_TOLERANCE)
        _refuse(off, "probabilities must sum to 1", probs)
    return probs, targets


def check_targets(targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """`targets` as (N,) int64 or (N, C) bool for scores of `shape` (N, C); InputError when they do not."""
    targets = np.asarray(targets)
    if targets.shape == shape:
        _refuse(((targets != 0) & (targets != 1)).any(axis=1), "targets must be 0 or 1", targets)
        return targets.astype(bool)
    if targets.shape != shape[:1]:
        raise InputError(
            f"targets has shape {targets.shape}; {shape[:1]} class numbers or {shape} of 0 and 1 fit"
        )
    if targets.dtype.kind not in "iu":
        raise InputError(f"targets has type {targets.dtype}; class numbers must be integers")
    wrong = (targets < 0) | (targets >= shape[1])
    _refuse(wrong, f"class numbers must lie in 0..{shape[1] - 1}", targets)
    return targets.astype(np.int64)


def _refuse(wrong: np.ndarray, rule: str, values: np.ndarray) -> None:
    """InputError about the first row where `wrong` (N,) is true."""
    if wrong.any():
        row = int(wrong.argmax())
        shown = np.array2string(np.asarray(values[row]), precision=4, threshold=6, edgeitems=3).replace(
            "\n", ""
        )
        raise InputError(
            f"example {row} has {shown}: {rule} ({int(wrong.sum())} of {len(wrong)} examples are wrong)"
        )
