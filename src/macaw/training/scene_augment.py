"""Augmentation of scenes: pictures with their boxes, masks and points, flipped, moved, recoloured, tiled.

What happens to pixels happens to what is known of them, by one Move (training/geometry.py). Everything random
comes from one seed, as in training/augment.py.

Shapes: B pictures, H and W rows and columns of what comes in, h and w of what goes out
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from macaw.errors import InputError
from macaw.heads.extents import NOTHING, Extents
from macaw.heads.mask import IGNORE
from macaw.heads.scene import Scene
from macaw.training.augment import recolour
from macaw.training.geometry import (
    Frame,
    Move,
    clip_boxes,
    move_boxes,
    move_extents,
    move_masks,
    move_picture,
    move_points,
    worth_keeping,
)


@dataclass(frozen=True)
class SceneAugmentation:
    """How much of each; zero switches it off. Shares are of the picture's side, strengths of full scale."""

    flip: float = 0.5  # chance to mirror left and right
    zoom: float = 0.5  # scale is from 1 / (1 + zoom) to 1 + zoom, either way as likely
    shift: float = 0.1  # largest shift, share of the side
    colour: float = 0.2  # largest change of brightness, contrast and saturation
    mosaic: float = 0.0  # chance of four pictures in one (Bochkovskiy et al. 2020, arXiv 2004.10934, 3.3)
    calm: float = 0.15  # share of the run, its end, without mosaic: such pictures are not met (YOLOX, 2.3)


@dataclass(frozen=True)
class Tile:
    """One picture of the batch and the part of the sheet it is moved into."""

    source: int
    move: Move
    frame: Frame


def augment_scenes(
    pictures: torch.Tensor,
    scenes: Sequence[Scene],
    how: SceneAugmentation,
    *,
    size: tuple[int, int],
    seed: int,
    progress: float = 0.0,
    flips: Sequence[int] | None = None,
) -> tuple[torch.Tensor, list[Scene]]:
    """(B, H, W, 3) uint8 and their scenes -> (B, 3, h, w) float32 in 0..255, channels last, and theirs.

    `size` is h, w; `progress` the share of the run that is done, 0..1; `flips` says for each key point which
    it becomes in a mirror. The same seed gives the same batch. Raises InputError where key points would be
    mirrored and `flips` is not known.
    """
    if how.flip and flips is None and any(scene.points is not None for scene in scenes):
        raise InputError(
            f"flip={how.flip}: what each key point becomes in a mirror is not known; say it, or take flip=0"
        )
    noise = torch.Generator().manual_seed(seed)
    sheets = _lay_out(tuple(pictures.shape), how, size, noise, calm=progress >= 1 - how.calm)
    drawn = torch.stack([_draw(pictures, tiles, size) for tiles in sheets])  # (B, h, w, 3)
    x = drawn.permute(0, 3, 1, 2)  # channels last in memory, as it is
    if how.colour:
        x = recolour(x, how.colour, noise)
    moved = []
    for tiles in sheets:
        parts = [move_scene(scenes[tile.source], tile, flips) for tile in tiles]
        moved.append(_join(parts, tiles, size))
    return x.contiguous(memory_format=torch.channels_last), moved


def move_scene(scene: Scene, tile: Tile, flips: Sequence[int] | None = None) -> Scene:
    """What is left of a scene in its tile. Its class map has the size of the tile's frame.

    Objects go that are under 1 pixel wide or high, or that have less than a tenth of their area, or nothing
    of their mask, in the frame. Crowds stay while anything is left of them: they hide what lies below.
    """
    move, frame = tile.move, tile.frame
    moved = move_boxes(scene.xyxy, move)
    clipped = clip_boxes(moved, frame)
    keep = torch.where(scene.crowds, worth_keeping(moved, clipped, share=0.0), worth_keeping(moved, clipped))
    masks = None if scene.masks is None else move_extents(scene.masks, move, frame)
    if scene.masks is not None and masks is not None:
        keep &= masks.seen | ~scene.masks.seen
    points = None if scene.points is None else move_points(scene.points, move, frame, flips=flips)
    classes = None if scene.classes is None else move_masks(scene.classes, move, frame, fill=IGNORE)
    return Scene(clipped, scene.labels, scene.crowd, masks, points, classes).pick(keep)


def _lay_out(
    shape: tuple[int, ...], how: SceneAugmentation, size: tuple[int, int], noise: torch.Generator, *,
    calm: bool,
) -> list[list[Tile]]:  # fmt: skip
    """The tiles of each sheet: one picture, or four about a point. Draws as much whatever comes of it."""
    count = shape[0]
    mirror = torch.rand(count, 4, generator=noise) < how.flip
    zoom = torch.rand(count, 4, generator=noise) * 2 - 1  # -1..1
    shift = (torch.rand(count, 2, generator=noise) * 2 - 1) * how.shift
    others = torch.randint(max(1, count - 1), (count, 3), generator=noise) + 1  # places further in the batch
    tiled = (torch.rand(count, generator=noise) < how.mosaic) & (count > 1) & (not calm)
    middle = torch.rand(count, 2, generator=noise) * 0.4 + 0.3  # of a mosaic, share of the sides
    sheets = []
    for i in range(count):
        if tiled[i]:
            sources = [i, *((i + others[i]) % count).tolist()]
            scales = (0.75 + 0.25 * zoom[i]).tolist()  # at half a picture fills its quarter, at 1 a part does
            sheets.append(_quarters(sources, shape, size, middle[i].tolist(), scales, mirror[i].tolist()))
        else:
            scale = (1 + how.zoom) ** float(zoom[i, 0])
            move = _about_middle(shape, size, scale, shift[i].tolist(), mirror=bool(mirror[i, 0]))
            sheets.append([Tile(i, move, (0, 0, size[1], size[0]))])
    return sheets


def _about_middle(
    shape: tuple[int, ...], size: tuple[int, int], scale: float, shift: Sequence[float], *, mirror: bool
) -> Move:
    """The picture scaled about its middle, which comes to the sheet's, and shifted.

    By whole pixels where it is not scaled: it is then copied, and nothing blurs.
    """
    sides, onto = (shape[2], shape[1]), (size[1], size[0])  # across, down
    ratio = [scale * new / old for new, old in zip(onto, sides, strict=True)]
    by = [s * new for s, new in zip(shift, onto, strict=True)]
    if math.isclose(scale, 1.0):
        by = [float(round(b)) for b in by]
    across, down = -ratio[0] if mirror else ratio[0], ratio[1]
    return Move(
        across, down, onto[0] / 2 + by[0] - across * sides[0] / 2, onto[1] / 2 + by[1] - down * sides[1] / 2
    )


def _quarters(
    sources: Sequence[int], shape: tuple[int, ...], size: tuple[int, int], middle: Sequence[float],
    scales: Sequence[float], mirror: Sequence[bool],
) -> list[Tile]:  # fmt: skip
    """Four pictures, each with a corner at `middle`, so that no tile has a gap there."""
    (height, width), (rows, columns) = size, shape[1:3]
    x, y = round(middle[0] * width), round(middle[1] * height)
    frames = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
    tiles = []
    for i, frame in enumerate(frames):
        across, down = scales[i] * width / columns, scales[i] * height / rows
        left = x - across * columns if i % 2 == 0 else x
        top = y - down * rows if i < 2 else y
        if mirror[i]:
            across, left = -across, left + across * columns
        tiles.append(Tile(sources[i], Move(across, down, left, top), frame))
    return tiles


def _draw(pictures: torch.Tensor, tiles: Sequence[Tile], size: tuple[int, int]) -> torch.Tensor:
    """(h, w, 3): the sheet that the tiles fill."""
    sheet = torch.empty(*size, 3)
    for tile in tiles:
        left, top, right, bottom = tile.frame
        sheet[top:bottom, left:right] = move_picture(pictures[tile.source], tile.move, tile.frame)
    return sheet


def _join(parts: Sequence[Scene], tiles: Sequence[Tile], size: tuple[int, int]) -> Scene:
    """The scene of a sheet, of what is left in its tiles; what one of them does not know stays unknown."""
    if len(parts) == 1:
        return parts[0]
    classes = torch.full(size, IGNORE, dtype=torch.uint8)
    for part, tile in zip(parts, tiles, strict=True):
        left, top, right, bottom = tile.frame
        if part.classes is not None:
            classes[top:bottom, left:right] = part.classes
    return Scene(
        torch.cat([part.xyxy for part in parts]),
        torch.cat([part.labels for part in parts]),
        torch.cat([part.crowds for part in parts]),
        _masks(parts),
        _points(parts),
        classes if any(part.classes is not None for part in parts) else None,
    )


def _masks(parts: Sequence[Scene]) -> Extents | None:
    if all(part.masks is None for part in parts):
        return None
    known = ((NOTHING,) * len(part) if part.masks is None else part.masks.parts for part in parts)
    return Extents(tuple(itertools.chain.from_iterable(known)))


def _points(parts: Sequence[Scene]) -> torch.Tensor | None:
    known = [part.points for part in parts if part.points is not None]
    if not known:
        return None
    return torch.cat(
        [
            known[0].new_zeros(len(part), *known[0].shape[1:]) if part.points is None else part.points
            for part in parts
        ]
    )
