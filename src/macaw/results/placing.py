"""Placing: how a picture lay on what the model saw, so that answers find back to it.

A `macaw.data.letterbox.Letter` is one; results do not read pictures, so they ask for no more than this.

Shapes: h and w cells of a grid of raw output, P places
"""

from __future__ import annotations

from math import ceil, floor
from typing import Protocol

import numpy as np

from macaw.errors import ModelError

_HAIR = 1e-6  # cells: what rounding may do to a place


class Placing(Protocol):
    """What decoding needs to know; the picture lies in the middle of what the model saw."""

    @property
    def width(self) -> int:
        """Of the picture, pixels."""
        ...

    @property
    def height(self) -> int:
        """Of the picture, pixels."""
        ...

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) or boxes (..., 4): prepared pixels -> picture pixels."""
        ...

    def to_prepared(self, xy: np.ndarray) -> np.ndarray:
        """The way back."""
        ...


class Grid:
    """The cells (h, w) of a raw output that covers the prepared picture evenly, read at places of a picture.

    Cells whose centre lies beside the picture are never read: what a model says of the bars means nothing.
    Raises ModelError when no stride makes the cells cover the prepared picture, unless the picture does.
    """

    def __init__(self, letter: Placing, cells: tuple[int, int]) -> None:
        self.letter, self.cells = letter, cells
        self.strides = _strides(letter, cells)

    def columns(self, places: np.ndarray) -> np.ndarray:
        """Bilinear weights (P, w) of the columns of cells at places (P,) along the picture's width."""
        return self._weights(places, 0)

    def rows(self, places: np.ndarray) -> np.ndarray:
        """Bilinear weights (P, h) of the rows of cells at places (P,) along the picture's height."""
        return self._weights(places, 1)

    def _weights(self, places: np.ndarray, axis: int) -> np.ndarray:
        low, high = self._along(np.array([0, (self.letter.width, self.letter.height)[axis]]), axis)
        first, last = ceil(low - 0.5 - _HAIR), floor(high - 0.5 + _HAIR)
        if first > last:  # so thin that it covers no centre: the cell that it lies in
            first = last = floor((low + high) / 2)
        return taps(self._along(places, axis), self.cells[1 - axis], first=first, last=last)

    def _along(self, places: np.ndarray, axis: int) -> np.ndarray:
        """Places along one side of the picture, in cells."""
        xy = np.zeros((len(places), 2))
        xy[:, axis] = places
        return np.asarray(self.letter.to_prepared(xy)[:, axis] / self.strides[axis])


def taps(places: np.ndarray, cells: int, *, first: int = 0, last: int | None = None) -> np.ndarray:
    """Bilinear weights (P, cells) float32 that read a line of cells at places (P,), in cells.

    The centre of cell k is at k + 0.5. Before the centre of `first`, and behind that of `last`, their values
    go on.
    """
    at = np.clip(places - 0.5, first, cells - 1 if last is None else last)
    low = np.floor(at).astype(np.int64)
    weights = np.zeros((len(places), cells), np.float32)
    lines = np.arange(len(places))
    weights[lines, low] = 1 - (at - low)
    weights[lines, np.minimum(low + 1, cells - 1)] += at - low
    return weights


def _strides(letter: Placing, cells: tuple[int, int]) -> tuple[float, float]:
    """Prepared pixels from cell to cell, across and down.

    A picture that fills the prepared square, stretched say, lies under all cells, whatever their size. Any
    other is centred: what lies left of it and what lies left of its right edge add up to the width of the
    prepared picture, or to one less.
    """
    corners = letter.to_prepared(np.array([[0, 0], [letter.width, letter.height]], np.float64))
    ends, side = corners.sum(axis=0), float(corners[1, 0])
    if np.abs(corners - [[0, 0], [side, side]]).max() < _HAIR:
        return side / cells[1], side / cells[0]
    fits = [
        {side // many for side in (round(end), round(end) + 1) if side % many == 0}
        for end, many in zip(ends.tolist(), cells[::-1], strict=True)
    ]
    if common := fits[0] & fits[1] - {0}:
        return min(common), min(common)
    raise ModelError(
        f"the model's output has {cells[0]} x {cells[1]} cells, which do not cover evenly a prepared picture "
        f"of about {ends[1]:.0f} x {ends[0]:.0f} pixels"
    )
