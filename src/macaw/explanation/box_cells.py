"""Cells: where the cells of a detector's raw output lie, which their number and the picture's side tell.

So any engine and any exported file will do: the graph gives one list of cells, and says nothing of levels.

Shapes: A cells of a picture, S side of the prepared picture
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from macaw.errors import ModelError

_FINEST = (1, 2, 4, 8, 16, 32, 64)  # strides that a finest level may have; each next level doubles it
_MOST = 5  # levels


class Level(NamedTuple):
    """The cells of one level, which cover the prepared picture; the last ones may reach over its edge."""

    stride: int  # pixels from cell to cell
    rows: int
    columns: int


@dataclass(frozen=True, eq=False)
class Cells:
    """All cells of a picture in the order of the raw output: fine to coarse, rows before columns."""

    levels: tuple[Level, ...]

    @cached_property
    def centres(self) -> np.ndarray:
        """(A, 2) float64: x, y in pixels of the prepared picture."""
        grids = [
            np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
            for _, rows, columns in self.levels
        ]
        return np.asarray((np.concatenate(grids) + 0.5) * self.strides[:, None])

    @cached_property
    def strides(self) -> np.ndarray:
        """(A,) int64: the stride of each cell's level."""
        return np.concatenate([np.full(rows * columns, stride) for stride, rows, columns in self.levels])

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """A value for each cell (A,) -> a map (rows, columns) for each level."""
        ends = np.cumsum([rows * columns for _, rows, columns in self.levels])
        parts = np.split(values, ends[:-1])
        return [part.reshape(level[1:]) for part, level in zip(parts, self.levels, strict=True)]


def cells_of(count: int, side: int) -> Cells:
    """The levels that have `count` cells over a prepared picture of `side` pixels; there is one way at most.

    Raises ModelError where no levels whose strides double give this number.
    """
    for finest in _FINEST:
        levels: list[Level] = []
        for step in range(_MOST):
            stride = finest << step
            levels.append(Level(stride, -(-side // stride), -(-side // stride)))
            total = sum(rows * columns for _, rows, columns in levels)
            if total == count:
                return Cells(tuple(levels))
            if total > count:
                break
    raise ModelError(
        f"{count:,} cells are no grids over {side} x {side} pixels; only a detector that answers cell by "
        "cell, on levels whose strides double, can be explained"
    )
