"""Scene: what is known of one prepared picture, as tensors; what augmentation moves and losses compare with.

Shapes: N objects, K key points of each, H and W rows and columns of the prepared picture
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from macaw.errors import InputError
from macaw.heads.extents import Extents


@dataclass(frozen=True, eq=False)
class Scene:
    """Objects, or a class for every pixel, or both. Places are pixels of the prepared picture.

    Continuous and half-open: the pixel in column c covers c to c + 1. Raises InputError for shapes that do
    not belong together.
    """

    xyxy: torch.Tensor  # (N, 4) float32: left, top, right, bottom
    labels: torch.Tensor  # (N,) int64, into the class table
    crowd: torch.Tensor | None = None  # (N,) bool: a group, neither to be found nor to be held against
    masks: Extents | None = None  # (N,); nothing where nobody knows an object's
    points: torch.Tensor | None = None  # (N, K, 3) float32: x, y, v; v 0 not labelled, 1 hidden, 2 visible
    classes: torch.Tensor | None = None  # (H, W) uint8: a class for every pixel, 255 where none is known

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.xyxy.shape != (count, 4):
            raise InputError(f"xyxy has shape {tuple(self.xyxy.shape)} for {count} labels; give (N, 4)")
        for name in ("crowd", "masks", "points"):
            held = getattr(self, name)
            if held is not None and len(held) != count:
                raise InputError(f"{name} has {len(held)} entries for {count} labels; give one for each")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def crowds(self) -> torch.Tensor:
        """(N,) bool: which objects are groups; none where it is not said."""
        return torch.zeros(len(self), dtype=torch.bool) if self.crowd is None else self.crowd

    def pick(self, which: torch.Tensor) -> Scene:
        """The objects that `which` selects: (N,) bool, or indices."""
        picked = {
            name: None if (held := getattr(self, name)) is None else held[which]
            for name in ("crowd", "masks", "points")
        }
        return Scene(self.xyxy[which], self.labels[which], **picked, classes=self.classes)


def empty_scene() -> Scene:
    """A picture with nothing in it."""
    return Scene(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


def classes_of(scenes: Sequence[Scene]) -> torch.Tensor:
    """The targets of a mask head: (B, H, W) uint8. Raises InputError where a scene has no class map."""
    maps = [scene.classes for scene in scenes if scene.classes is not None]
    if len(maps) != len(scenes):
        raise InputError(f"{len(scenes) - len(maps)} of {len(scenes)} scenes have no class for each pixel")
    return torch.stack(maps)


def points_of(scenes: Sequence[Scene], points: int) -> torch.Tensor:
    """The targets of a point head: (B, points, 3), those of the first object of each scene.

    A scene whose object has left the picture gives points that are not labelled.
    """
    none = torch.zeros(points, 3)
    return torch.stack([none if s.points is None or not len(s) else s.points[0] for s in scenes])
