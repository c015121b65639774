"""Outlines: a polygon becomes the run lengths of the pixels inside, bit for bit as pycocotools draws it."""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError
from macaw.results.runs import from_bounds

# Shapes: P corners of a polygon, S steps along its edges, all in fifths of a pixel
_FINE = 5  # steps to a pixel, as in maskApi.c of the COCO API
_MOST = 1 << 24  # steps along one outline: around a picture of 12,000 by 9,000 pixels eighty times
_FAR = 1e8  # pixels from the corner of the picture; the COCO API keeps fifths of them in 32 bits


def outline_runs(polygon: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Run lengths (R,) int64, column-major, of the polygon (P, 2), x and y in pixels, in a picture of `size`.

    The boundary is walked in fifths of a pixel, and each pixel column is switched where it is crossed, so
    that an outline which crosses itself is filled by the even-odd rule (`rleFrPoly` of the COCO API).
    Raises InputError for an outline so long that drawing it would not end.
    """
    u, v = _walked(polygon)
    rows, columns = size
    turn = np.flatnonzero(u[1:] != u[:-1])
    here, before = u[turn + 1], u[turn]
    x = (np.where(here < before, here, here - 1) + 0.5) / _FINE - 0.5
    y = (np.minimum(v[turn + 1], v[turn]) + 0.5) / _FINE - 0.5
    inside = (np.floor(x) == x) & (x >= 0) & (x <= columns - 1)
    column = x[inside].astype(np.int64)
    row = np.ceil(np.clip(y[inside], 0, rows)).astype(np.int64)
    place, times = np.unique(column * rows + row, return_counts=True)
    return from_bounds(place[times % 2 == 1], rows * columns)


def _walked(polygon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The boundary as points (S,) and (S,), a fifth of a pixel apart along the longer axis of each edge."""
    if float(np.abs(polygon).max()) > _FAR:
        raise InputError(f"a polygon with a coordinate of {np.abs(polygon).max():.3g} px; correct it")
    corners = np.trunc(_FINE * polygon + 0.5)  # (P, 2); C's cast to int cuts towards zero
    nexts = np.roll(corners, -1, axis=0)
    far = np.abs(nexts - corners)
    if float(far.max(axis=1).sum()) > _MOST:
        raise InputError(
            f"a polygon is {far.max(axis=1).sum() / _FINE:,.0f} px around; correct its coordinates"
        )
    (x, y), (x_next, y_next), (wide, high) = (part.astype(np.int64).T for part in (corners, nexts, far))
    flat = wide >= high
    length = np.maximum(wide, high)
    back = np.where(flat, x > x_next, y > y_next)  # each edge is walked upwards: rounding is not symmetric
    x0, x1 = np.where(back, x_next, x), np.where(back, x, x_next)
    y0, y1 = np.where(back, y_next, y), np.where(back, y, y_next)
    slope = np.where(flat, y1 - y0, x1 - x0) / np.maximum(length, 1)
    edge = np.repeat(np.arange(len(length)), length + 1)  # (S,)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(length + 1) - length - 1, length + 1)
    step = np.where(back[edge], length[edge] - step, step)
    across = np.trunc(np.where(flat, y0, x0)[edge] + slope[edge] * step + 0.5).astype(np.int64)
    flat = flat[edge]
    return np.where(flat, step + x0[edge], across), np.where(flat, across, step + y0[edge])
