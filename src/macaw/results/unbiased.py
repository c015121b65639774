"""Unbiased: the hottest place of a map of heat, between its cells, as the transformers library finds it.

The method is DARK (Zhang et al. 2020, arXiv 1910.06278) with the blur of the ViTPose processor. Answers are
to be those of the library, so its order of steps and its single precision are kept.

Shapes: B pictures, K points, h and w cells of a map
"""

from __future__ import annotations

import numpy as np

_BLUR, _REACH = 0.8, 5  # cells: standard deviation of the blur, and how far it looks
_FAINT, _HOT = 0.001, 50.0  # heat is held between, so that its logarithm is no cliff


def refined(heat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps (B, K, h, w) float32 -> places (B, K, 2) as x, y in cells, the first centre at 0; heat (B, K)."""
    batch, points, _, across = heat.shape
    flat = heat.reshape(batch, points, -1)
    row, column = np.divmod(flat.argmax(axis=2), across)
    warm = np.log(np.clip(_blurred(heat), np.float32(_FAINT), np.float32(_HOT)))
    step = _step(np.pad(warm, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge"), row + 1, column + 1)
    place = np.stack([column, row], axis=-1).astype(np.float32)
    best = flat.max(axis=2)
    return np.where(best[..., None] > 0, place - step, place).astype(np.float64), best


def _step(warm: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Newton's step (B, K, 2) from a cell to the top of the paraboloid about it."""
    picture, point = np.ogrid[: warm.shape[0], : warm.shape[1]]

    def at(down: int, across: int) -> np.ndarray:
        return np.asarray(warm[picture, point, row + down, column + across])

    here, half = at(0, 0), np.float32(0.5)
    slope = np.stack([half * (at(0, 1) - at(0, -1)), half * (at(1, 0) - at(-1, 0))], axis=-1)
    xx = at(0, 1) - 2 * here + at(0, -1)
    yy = at(1, 0) - 2 * here + at(-1, 0)
    xy = half * (at(1, 1) - at(0, 1) - at(1, 0) + here + here - at(0, -1) - at(-1, 0) + at(-1, -1))
    bend = np.stack([xx, xy, xy, yy], axis=-1).reshape(*xx.shape, 2, 2)
    bend = np.linalg.inv(bend + np.finfo(np.float32).eps * np.eye(2))
    return np.asarray(np.einsum("ijmn,ijn->ijm", bend, slope))


def _blurred(heat: np.ndarray) -> np.ndarray:
    """Maps, blurred down and then across; each time rounded to single precision."""
    places = np.arange(-_REACH, _REACH + 1)
    weights = np.exp(-0.5 / _BLUR**2 * places**2)
    weights /= weights.sum()
    for axis in (2, 3):
        ends = [(_REACH, _REACH) if axis == one else (0, 0) for one in range(4)]
        wide, side = np.pad(np.asarray(heat, np.float64), ends, mode="symmetric"), heat.shape[axis]
        total = np.take(wide, range(_REACH, _REACH + side), axis) * weights[_REACH]
        for shift in range(_REACH):  # from the ends inwards, as its sums run
            both = np.take(wide, range(shift, shift + side), axis)
            both = both + np.take(wide, range(2 * _REACH - shift, 2 * _REACH - shift + side), axis)
            total = total + both * weights[shift]
        heat = total.astype(np.float32)
    return heat
