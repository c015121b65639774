"""Where the words of a box go: on its edge, inside the picture, beside the words that are there already.

Shapes: P places to try, T places that are taken
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from macaw.results.draw import Box


class Spot(NamedTuple):
    """A place for words, and how much of it other words cover, 0..1."""

    box: Box
    covered: float


class Chips:
    """The places taken so far, on a canvas of `width` x `height` pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.room = np.array([width, height], np.float64)
        self.taken = np.empty((0, 4))  # (T, 4) left, top, right, bottom

    def spot(self, size: tuple[float, float], xyxy: np.ndarray) -> Spot | None:
        """The best place for words of `size` (width, height) on the box `xyxy`; None where they do not fit.

        The first that is free, of: over the box, in it, under it; from the left to the right. Where none is,
        the one that the fewest words cover.
        """
        if (np.array(size) > self.room).any():
            return None
        corners = np.clip(_tries(size, xyxy), 0, self.room - size)  # (P, 2)
        covered = self._covered(corners, size)
        best = int(np.argmin(covered > 0) if (covered == 0).any() else np.argmin(covered))
        x, y = corners[best].tolist()
        return Spot(Box(x, y, *size), float(covered[best]))

    def take(self, box: Box) -> None:
        """Nothing else goes here."""
        taken = [[box.x, box.y, box.x + box.width, box.y + box.height]]
        self.taken = np.concatenate([self.taken, taken])

    def _covered(self, corners: np.ndarray, size: tuple[float, float]) -> np.ndarray:
        """The share (P,) of each place that is taken."""
        low, high = corners[:, None], corners[:, None] + size  # (P, 1, 2)
        shared = np.minimum(high, self.taken[:, 2:]) - np.maximum(low, self.taken[:, :2])  # (P, T, 2)
        pixels = np.clip(shared, 0, None).prod(axis=2).sum(axis=1)
        return np.asarray(np.minimum(1, pixels / (size[0] * size[1])))


def _tries(size: tuple[float, float], xyxy: np.ndarray) -> np.ndarray:
    """Upper left corners (P, 2) to try, the best first."""
    left, top, right, bottom = xyxy.tolist()
    width, height = size
    ends = [left, max(left, right - width)]
    along = np.arange(left + width / 2, right - width, width / 2).tolist()
    heights = [top - height, top, bottom, bottom - height]
    return np.array([(x, y) for some in (ends, along) for y in heights for x in some])
