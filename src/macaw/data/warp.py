"""Warp: a box of a picture drawn onto a sheet of another shape, as the top-down models of the Hub want it.

The arithmetic is that of ViTPose (Xu et al. 2022, arXiv 2204.12484) in the transformers library, step by step
and in its precisions, since their weights know such pictures: pixels are counted by their centres, the first
at 0, and the outer pixels of a sheet lie on the ends of the box ("unbiased data processing", Huang et al.
2020, arXiv 1911.07524). Places that go in and come out are macaw's, in which that centre is at 0.5.

Shapes: H and W pixels of the picture, h and w of the sheet
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MARGIN = 1.25  # times the sides of a box, unless a card says otherwise
_UNIT = 200.0  # pixels: what the original counts the sides of boxes in


@dataclass(frozen=True)
class Warp:
    """Where a part of a picture lies on its sheet."""

    middle: tuple[float, float]  # of the part, pixels of the picture
    extent: tuple[float, float]  # its width and height
    across: int  # width of the sheet, pixels
    down: int  # its height
    width: int  # of the picture, pixels
    height: int

    @classmethod
    def about(
        cls, box: np.ndarray, size: tuple[int, int], sheet: tuple[int, int], *, margin: float = MARGIN
    ) -> Warp:
        """About a box (4,) of a picture of `size` (width, height): `margin` times it, in the sheet's shape.

        `sheet` is (height, width). A box without extent is taken to be a pixel wide and high.
        """
        left, top, right, bottom = np.asarray(box, np.float64).tolist()
        wide, high = max(right - left, 1.0), max(bottom - top, 1.0)
        middle = np.array([left + (right - left) * 0.5, top + (bottom - top) * 0.5], np.float32)
        aspect = sheet[1] / sheet[0]
        if wide > aspect * high:
            high = wide / aspect
        elif wide < aspect * high:
            wide = high * aspect
        units = np.array([wide / _UNIT, high / _UNIT], np.float32) * margin
        extent = np.asarray(units, np.float32) * np.float32(_UNIT)
        across, down = (float(one) for one in extent)
        return cls((float(middle[0]), float(middle[1])), (across, down), sheet[1], sheet[0], *size)

    @property
    def sees(self) -> bool:
        """Whether any of the picture is on the sheet."""
        ends = zip(self.middle, self.extent, (self.width, self.height), strict=True)
        return all(at - reach / 2 < side - 1 and at + reach / 2 > 0 for at, reach, side in ends)

    def sheet(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (h, w, 3) uint8: bilinear, black where the picture does not reach."""
        (row, below, down), (column, beside, across) = (
            _line(count, side, *self._back(axis))
            for axis, count, side in ((1, self.down, self.height), (0, self.across, self.width))
        )
        out = np.zeros((self.down, self.across, 3), np.float64)
        for rows, share in ((row, 1 - down), (below, down)):
            for columns, part in ((column, 1 - across), (beside, across)):
                out += picture[rows][:, columns] * share[:, None, None] * part[:, None]
        out[np.isnan(out)] = 0
        return np.clip(out + 0.5, 0, 255).astype(np.uint8)

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) or boxes (..., 4): sheet -> picture, float64."""
        middle, extent, steps = self._tiled(xy)
        return np.asarray((np.asarray(xy, np.float64) - 0.5) * (extent / steps) + middle - extent * 0.5 + 0.5)

    def to_prepared(self, xy: np.ndarray) -> np.ndarray:
        """The way back."""
        middle, extent, steps = self._tiled(xy)
        return np.asarray((np.asarray(xy, np.float64) - 0.5 - middle + extent * 0.5) * (steps / extent) + 0.5)

    def _tiled(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pairs = np.shape(xy)[-1] // 2
        parts = (self.middle, self.extent, (self.across - 1.0, self.down - 1.0))
        middle, extent, steps = (np.tile(np.array(one, np.float64), pairs) for one in parts)
        return middle, extent, steps

    def _back(self, axis: int) -> tuple[float, float]:
        """Of one axis, 0 across and 1 down: factor and shift that bring a pixel of the sheet to the picture.

        The original writes the way there in single precision, and inverts that.
        """
        extent, middle = np.float32(self.extent[axis]), np.float32(self.middle[axis])
        ratio = np.float64((self.across, self.down)[axis] - 1.0) / extent
        shift = np.float32(ratio * (-0.5 * (middle * 2.0) + 0.5 * extent))
        there = np.array([[np.float32(ratio), shift], [0.0, 1.0]], np.float64)
        back = np.linalg.inv(there)
        return float(back[0, 0]), float(back[0, 1])


def _line(count: int, side: int, factor: float, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pixel of a sheet's side: the two of the picture between which it lies, and the later's share.

    The share is NaN where it lies beyond the picture's outer centres.
    """
    at = factor * np.arange(count) + shift
    inside = (at >= 0) & (at <= side - 1)
    low = np.floor(np.where(inside, at, 0)).astype(np.int64)
    return low, np.minimum(low + 1, side - 1), np.where(inside, at - low, np.nan)
