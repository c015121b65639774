"""Scores of maps: what hiding and showing pixels in a map's order does, the pointing game, rank correlation.

A map that only looks right proves nothing: these put its order of the pixels to the test. Higher values of a
map mean more evidence; only their order counts.

Shapes: S side of a prepared picture, P pixels of it (S * S), K points of a curve, N pictures
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import MaskCurve, Trial

Score = Callable[[np.ndarray], np.ndarray]  # prepared pictures (N, 3, S, S) -> probability of the class (N,)

STEPS = 32  # points of a curve beyond the first: more change its area by less than its noise
# Of a picture's side: what is left of it then are its colours, not its things. Blurred, not grey, since grey
# patches are things of their own to a network (Petsiuk et al. 2018 insert into a blurred picture too).
BLUR = 1 / 8


def deletion_curve(heat: np.ndarray, picture: np.ndarray, score: Score, *, steps: int = STEPS) -> MaskCurve:
    """The probability while `heat` (S, S) hides more and more of `picture` (3, S, S), its hottest first.

    Petsiuk et al. 2018 (RISE, arXiv 1806.07421), section 4.2; hidden pixels are those of the blurred picture.
    The lower the area, the better the map. Raises InputError for a map of another size.
    """
    return _curve(heat, picture, _blurred(picture), score, steps)


def insertion_curve(heat: np.ndarray, picture: np.ndarray, score: Score, *, steps: int = STEPS) -> MaskCurve:
    """The probability while `heat` shows more and more of the picture over its blur, the hottest first.

    As `deletion_curve`, the other way round: the higher the area, the better the map.
    """
    return _curve(heat, _blurred(picture), picture, score, steps)


def trial(heat: np.ndarray, picture: np.ndarray, score: Score, *, steps: int = STEPS) -> Trial:
    """Both curves of a map."""
    return Trial(
        deletion_curve(heat, picture, score, steps=steps), insertion_curve(heat, picture, score, steps=steps)
    )


def pointing_hit(heat: np.ndarray, box: np.ndarray) -> bool:
    """Whether the hottest point of `heat` (S, S) lies in `box` (left, top, right, bottom; pixels, inclusive).

    The pointing game of Zhang et al. 2016 (arXiv 1608.00507), section 4.2, without a margin around the box.
    Several hottest points point at their middle, so that a map of one value guesses the centre.
    """
    y, x = np.argwhere(heat == heat.max()).mean(axis=0)
    left, top, right, bottom = (float(side) for side in box)
    return bool(left <= x <= right and top <= y <= bottom)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays of one shape, -1..1; equal values share their mean rank.

    Spearman 1904 (doi 10.2307/1412159). 0 when one of them has a single value: it orders nothing.
    """
    first, second = _ranks(one), _ranks(other)
    spread = float(first.std() * second.std())
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spread if spread else 0.0


def centre_map(side: int) -> np.ndarray:
    """(S, S) the map that knows nothing of the picture: 1 at the centre, down to 0 in the corners."""
    place = np.abs(np.arange(side) - (side - 1) / 2)
    far = np.hypot(place[:, None], place)
    return np.asarray(1 - far / far.max())


def blur(pictures: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of the last two axes, (..., S, S), by `sigma` pixels; edges keep their brightness."""
    weights = _blur_weights(pictures.shape[-1], float(sigma))
    return np.asarray(weights @ pictures @ weights.T, pictures.dtype)


@lru_cache(maxsize=8)
def _blur_weights(side: int, sigma: float) -> np.ndarray:
    """(S, S) float32: row i holds what each pixel gives to pixel i; every row sums to 1, edges too."""
    place = np.arange(side)
    bell = np.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2)
    return np.asarray(bell / bell.sum(axis=1, keepdims=True), np.float32)


def _blurred(picture: np.ndarray) -> np.ndarray:
    return blur(picture, BLUR * picture.shape[-1])


def _curve(heat: np.ndarray, before: np.ndarray, after: np.ndarray, score: Score, steps: int) -> MaskCurve:
    """The score while the pixels of `before` give way to those of `after`, in the order of `heat`."""
    if heat.shape != before.shape[1:]:
        raise InputError(f"a map of shape {heat.shape} for a picture of {before.shape[1:]}; scale it first")
    if steps < 1:
        raise InputError(f"a curve of {steps} steps; give 1 or more")
    counts = np.rint(np.linspace(0, heat.size, steps + 1)).astype(int)  # (K,) pixels changed
    probs = score(np.stack(list(_on_the_way(heat, before, after, counts))))
    return MaskCurve(counts / heat.size, np.asarray(probs, np.float64))


def _on_the_way(
    heat: np.ndarray, before: np.ndarray, after: np.ndarray, counts: np.ndarray
) -> Iterator[np.ndarray]:
    place = np.empty(heat.size, int)
    place[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size)  # (P,) rank of each pixel
    rank = place.reshape(heat.shape)
    for count in counts:
        yield np.where(rank < count, after, before)  # (3, S, S)


def _ranks(values: np.ndarray) -> np.ndarray:
    """(P,) ranks of the values, from 0; equal ones share their mean."""
    _, kind, counts = np.unique(np.asarray(values).ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts + 1) / 2)[kind])
