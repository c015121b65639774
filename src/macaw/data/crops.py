"""Crops: the part of a picture about one object, as a picture of its own, and the way back.

A model of key points looks at one object at a time. Its box and a margin are cut out by whole pixels: nothing
is scaled here, so the way back is a shift and exact; scaling is left to the letterbox, as of any picture.

Shapes: N boxes, H and W pixels of the picture, h and w of a crop
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from macaw.data.letterbox import GREY
from macaw.errors import InputError

# Times the sides of a box, as top-down models of poses are usually trained (Xiao et al. 2018, arXiv
# 1804.06208): boxes end at the skin, and the eye wants to see what lies beside an object.
MARGIN = 1.25


@dataclass(frozen=True)
class Crop:
    """A part of a picture, in whole pixels of it; it may reach beyond the picture, and is grey there."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.right - self.left, self.bottom - self.top

    def to_crop(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) or boxes (..., 4): picture -> crop, float64."""
        return np.asarray(np.asarray(xy, np.float64) - self._corner(xy))

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """The way back."""
        return np.asarray(np.asarray(xy, np.float64) + self._corner(xy))

    def sees(self, width: int, height: int) -> bool:
        """Whether a pixel of a picture of this size is in it."""
        return max(self.left, 0) < min(self.right, width) and max(self.top, 0) < min(self.bottom, height)

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (h, w, 3) uint8; a view where nothing lies beyond the picture."""
        height, width = picture.shape[:2]
        left, top = max(self.left, 0), max(self.top, 0)
        part = picture[top : max(top, self.bottom), left : max(left, self.right)]
        if part.shape[1::-1] == self.size:
            return part
        sheet = np.full((*self.size[::-1], 3), GREY, np.uint8)
        if self.sees(width, height):
            down, across = top - self.top, left - self.left
            sheet[down : down + part.shape[0], across : across + part.shape[1]] = part
        return sheet

    def _corner(self, xy: np.ndarray) -> np.ndarray:
        return np.tile(np.array([self.left, self.top], np.float64), np.shape(xy)[-1] // 2)


def crops_of(xyxy: Any, size: tuple[int, int], *, margin: float = MARGIN) -> list[Crop]:
    """A crop for each box (N, 4) of a picture of `size` (width, height): `margin` times its sides.

    Of a box only what lies in the picture counts, so that a crop is never much larger than the picture; one
    without extent gives a crop of a pixel or more. A box that is the whole picture is cut out as it is: such
    a picture was made for its one object. Raises InputError for boxes that are none.
    """
    return [_crop(box.tolist(), size, margin) for box in boxes_in(xyxy)]


def boxes_in(xyxy: Any) -> np.ndarray:
    """(N, 4) float64: what was given as boxes. Raises InputError for what are none."""
    boxes = np.asarray(xyxy, np.float64)
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes have shape {boxes.shape}; give (N, 4): left, top, right, bottom in pixels")
    wrong = ~(np.isfinite(boxes).all(axis=1) & (boxes[:, :2] <= boxes[:, 2:]).all(axis=1))
    if wrong.any():
        row = int(wrong.argmax())
        told = ", ".join(f"{value:g}" for value in boxes[row])
        raise InputError(f"box {row} is {told}; left, top, right, bottom must be numbers that rise")
    return boxes


def _crop(box: list[float], size: tuple[int, int], margin: float) -> Crop:
    left, top, right, bottom = box
    if left <= 0 and top <= 0 and right >= size[0] and bottom >= size[1]:
        return Crop(0, 0, *size)
    across, down = _line(left, right, size[0], margin), _line(top, bottom, size[1], margin)
    return Crop(across[0], down[0], across[1], down[1])


def _line(low: float, high: float, side: int, margin: float) -> tuple[int, int]:
    """The whole pixels about a stretch of one axis, at least one; of one beside the picture the next."""
    if high <= 0 or low >= side:
        return (-1, 0) if high <= 0 else (side, side + 1)
    low, high = max(low, 0.0), min(high, float(side))
    middle, half = (low + high) / 2, (high - low) / 2 * margin
    start = math.floor(middle - half)
    return start, max(start + 1, math.ceil(middle + half))
