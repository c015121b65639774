"""Mask parity: how alike two ways of computing one segmenter answer, cell by cell, pixel by pixel, in mIoU.

Shapes: B pictures of a batch, N in all, C classes, h and w cells, H and W pixels of a picture, R resamples
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.metrics.intervals import bootstrap_interval
from macaw.metrics.parity import paired_change
from macaw.results.mask import NONE, Mask
from macaw.results.mask_parity import MaskParity
from macaw.results.parity_parts import Change


class Both(NamedTuple):
    """Some pictures answered before and after; of each pair the first is before."""

    raws: tuple[np.ndarray, np.ndarray]  # (B, C, h, w) logits
    masks: tuple[Sequence[Mask], Sequence[Mask]]  # (B,)
    truths: Sequence[np.ndarray] = ()  # (B,) each (H, W) of class numbers, 255 not labelled; or none


def compare_masks(
    batches: Iterable[Both], names: Sequence[str], *, between: tuple[str, str], pictures: str
) -> MaskParity:
    """What became of a segmenter's answers; with `truths` in the batches mIoU is measured too.

    `names` is the class table, `between` names the two ways, as "onnxruntime, float32"; `pictures` says what
    was looked at. Raises InputError when shapes differ, or when there is no picture.
    """
    apart: list[float] = []
    turned: list[float] = []
    counts: list[np.ndarray] = []  # (2, 3, C) each
    for both in batches:
        apart += differences(*both.raws).tolist()
        turned += [float((one.labels != other.labels).mean()) for one, other in zip(*both.masks, strict=True)]
        for truth, *pair in zip(both.truths, *both.masks, strict=False):
            counts.append(np.stack([_counts(truth, mask.labels, len(names)) for mask in pair]))
    if not apart:
        raise InputError("no picture to compare answers on; give one or more")
    shares = np.array(turned)
    return MaskParity(
        between=between,
        pictures=pictures,
        apart=np.array(apart),
        turned=shares,
        changed=bootstrap_interval(lambda weights: weights @ shares / len(shares), len(shares)),
        overlap=_overlap_change(np.stack(counts, axis=1).astype(np.float64)) if counts else None,
    )


def differences(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The largest difference of a class's probability in any cell, (B,) 0..1, of logits (B, C, h, w)."""
    if before.shape != after.shape or before.ndim != 4:
        raise InputError(f"outputs of shapes {before.shape} and {after.shape}; give (B, C, h, w) of both")
    old, new = (_softmax(raw.astype(np.float64)) for raw in (before, after))
    return np.asarray(np.abs(old - new).max(axis=(1, 2, 3)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _counts(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """Pixels of one picture that are right, of the truth, and of the answer, by class: (3, C)."""
    if truth.shape != answer.shape:
        raise InputError(f"a mask of {truth.shape} for an answer of {answer.shape}; they must have one size")
    known = truth != NONE
    right = known & (truth == answer)
    some = (truth[right], truth[known], answer[known])
    return np.stack([np.bincount(labels, minlength=NONE + 1)[:classes] for labels in some])


def _overlap_change(counts: np.ndarray) -> Change | None:
    """The mIoU before, after, and after less before, of counts (2, N, 3, C); None without a label."""
    number = counts.shape[1]

    def measured(weights: np.ndarray) -> np.ndarray:
        return np.stack(
            [_mean_overlap(weights @ some.reshape(number, -1)) for some in counts], axis=1
        )  # (R, 2)

    return paired_change(measured, number)


def _mean_overlap(sums: np.ndarray) -> np.ndarray:
    """The mIoU (R,) of right, truth and answer (R, 3 * C): the mean over classes that are in either."""
    right, truth, answer = np.split(sums, 3, axis=1)
    whole = truth + answer - right
    known = whole > 0
    ratio = np.divide(right, whole, out=np.zeros_like(right), where=known)
    present = known.sum(axis=1)
    none = np.full(len(sums), np.nan)
    return np.asarray(np.divide(ratio.sum(axis=1), present, out=none, where=present > 0))
