"""Batches of scenes: pictures on their sheets with what is known of them, augmented together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from macaw.heads.scene import Scene
from macaw.training.loop import Draw
from macaw.training.scene_augment import SceneAugmentation, augment_scenes


@dataclass(frozen=True)
class SceneBatches:
    """The training pictures in memory, or memory-mapped, each with its scene."""

    pictures: np.ndarray  # (N, H, W, 3) uint8
    scenes: Sequence[Scene]  # (N,)
    flips: Sequence[int] | None = None  # for each key point, which it becomes in a mirror
    targets: Callable[[Sequence[Scene]], Any] = list  # what the head's loss takes, of the moved scenes

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, indices: np.ndarray, how: SceneAugmentation, draw: Draw) -> tuple[torch.Tensor, Any]:
        """The pictures at these places, moved, and the targets of what their scenes have become."""
        some, size = torch.from_numpy(self.pictures[indices]), (draw.size, draw.size)
        scenes = [self.scenes[index] for index in indices]
        told: dict[str, Any] = {"seed": draw.seed, "progress": draw.progress, "flips": self.flips}
        moved, scenes = augment_scenes(some, scenes, how, size=size, **told)
        return moved, self.targets(scenes)
