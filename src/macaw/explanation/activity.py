"""Activity: what the channels of a front-end make of one picture, level by level.

Shapes: S side of the prepared picture, D channels and H, W positions of a level, K shown ones
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from macaw.results.insides import LevelView

SHOWN = 8  # channels of each level


def level_activity(module: Any, picture: np.ndarray) -> list[np.ndarray]:
    """What the front-end of the recogniser makes of `picture` (3, S, S): a (D, H, W) for each level."""
    with torch.no_grad():
        return [level[0].numpy() for level in module.frontend(torch.from_numpy(picture[None])).levels]


def level_views(levels: Sequence[np.ndarray], strides: Sequence[int]) -> tuple[LevelView, ...]:
    """The most active channels of each level, by their mean size over all positions, the largest first."""
    views = []
    for level, stride in zip(levels, strides, strict=True):
        order = np.argsort(-np.abs(level).mean(axis=(1, 2)), kind="stable")[:SHOWN]
        views.append(LevelView(stride, order, level[order], len(level)))
    return tuple(views)
