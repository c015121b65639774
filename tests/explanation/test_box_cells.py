"""Cells against the grids of the head that made them, and what has no grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from macaw.errors import ModelError
from macaw.explanation.box_cells import cells_of
from macaw.heads.box_assign import grid_of


@pytest.mark.parametrize("side", [64, 96, 100, 320, 416, 640])
@pytest.mark.parametrize("strides", [(8, 16, 32), (4, 8, 16), (16, 32), (8,), (4, 8, 16, 32, 64)])
def test_number_and_side_tell_what_the_head_made(side: int, strides: tuple[int, ...]):
    maps = [torch.zeros(1, 1, math.ceil(side / stride), math.ceil(side / stride)) for stride in strides]
    made = grid_of(maps, strides)
    cells = cells_of(len(made.centres), side)
    assert [level.stride for level in cells.levels] == list(strides)
    assert (cells.centres == made.centres.numpy()).all()
    assert (cells.strides == made.strides.numpy()).all()
    values = np.arange(len(made.centres))
    for part, level in zip(cells.split(values), maps, strict=True):
        assert part.shape == level.shape[2:]
    assert (np.concatenate([part.ravel() for part in cells.split(values)]) == values).all()


@pytest.mark.parametrize("count", [0, 1, 300, 3548, 3550])
def test_what_answers_otherwise_is_refused(count: int):
    with pytest.raises(ModelError, match=r"no grids over 416 x 416 pixels; only a detector that"):
        cells_of(count, 416)
