"""Geometry: one move along the axes, done alike to pixels, boxes, masks and points, which stay together.

Places are continuous: the pixel in column c covers c to c + 1, its middle is c + 0.5. A move only scales,
shifts and mirrors, so that boxes stay boxes and a picture is sampled by rows, then by columns.

Shapes: N objects, K points, H and W rows and columns of what is moved, h and w of the frame it is moved into
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from macaw.data.letterbox import GREY, Letter
from macaw.data.regions import Region
from macaw.heads.extents import Extents, Part

Frame = tuple[int, int, int, int]  # left, top, right, bottom: the whole pixels that something is moved into


@dataclass(frozen=True)
class Move:
    """x -> across * x + left, y -> down * y + top; `across` below 0 mirrors left and right."""

    across: float
    down: float
    left: float
    top: float

    def there(self, xy: torch.Tensor) -> torch.Tensor:
        """Places (..., 2), moved."""
        return xy * xy.new_tensor([self.across, self.down]) + xy.new_tensor([self.left, self.top])


def move_boxes(xyxy: torch.Tensor, move: Move) -> torch.Tensor:
    """(N, 4) -> (N, 4), not clipped: left stays left of right, also in a mirror."""
    one, other = move.there(xyxy[:, :2]), move.there(xyxy[:, 2:])
    return torch.cat((torch.minimum(one, other), torch.maximum(one, other)), 1)


def clip_boxes(xyxy: torch.Tensor, frame: Frame) -> torch.Tensor:
    """What lies in the frame; a box wholly outside comes out without width or height."""
    left, top, right, bottom = frame
    x, y = xyxy[:, 0::2].clamp(left, right), xyxy[:, 1::2].clamp(top, bottom)
    return torch.stack((x, y), 2).flatten(1)


def worth_keeping(moved: torch.Tensor, clipped: torch.Tensor, *, share: float = 0.1) -> torch.Tensor:
    """(N,) bool: which boxes are still 1 pixel wide and high, and have `share` of their area left."""
    before, after = moved[:, 2:] - moved[:, :2], clipped[:, 2:] - clipped[:, :2]
    return (after >= 1).all(1) & (after.prod(1) >= share * before.prod(1))


def move_points(
    points: torch.Tensor, move: Move, frame: Frame, *, flips: Sequence[int] | None = None
) -> torch.Tensor:
    """(N, K, 3) x, y, v -> (N, K, 3). In a mirror point k is found as `flips[k]`: a left hand is a right one.

    Points outside the frame are no longer labelled: v is 0, and so are x and y, as where none was.
    """
    xy, v = move.there(points[..., :2]), points[..., 2:]
    left, top, right, bottom = frame
    low, high = xy.new_tensor([left, top]), xy.new_tensor([right, bottom])
    here = (v > 0) & ((xy >= low) & (xy < high)).all(-1, keepdim=True)
    out = torch.cat((xy, v), -1) * here
    return out[:, list(flips)] if flips is not None and move.across < 0 else out


def move_picture(picture: torch.Tensor, move: Move, frame: Frame) -> torch.Tensor:
    """(H, W, 3) uint8 or float -> (h, w, 3) float32, bilinear, grey where the picture does not reach.

    One that shrinks by half or more is averaged first, or its details would flicker as they move.
    """
    sides = picture.shape[:2]
    steps = tuple(max(1, int(1 / abs(scale) + 1e-6)) for scale in (move.down, move.across))
    if max(steps) > 1:
        pixels = picture.permute(2, 0, 1)[None].float()
        picture = F.avg_pool2d(pixels, steps, steps, ceil_mode=True)[0].permute(1, 2, 0)
    left, top, right, bottom = frame
    rows = _Line((top, bottom), sides[0] / steps[0], move.down * steps[0], move.top)
    columns = _Line((left, right), sides[1] / steps[1], move.across * steps[1], move.left)
    x = picture[rows.lower].float().lerp(picture[rows.upper].float(), rows.share[:, None, None])
    x = x[:, columns.lower].lerp(x[:, columns.upper], columns.share[None, :, None])
    return x.masked_fill_(~(rows.inside[:, None] & columns.inside)[..., None], GREY)


def move_masks(masks: torch.Tensor, move: Move, frame: Frame, *, fill: int = 0) -> torch.Tensor:
    """(..., H, W) bool or class numbers -> (..., h, w): the nearest, and `fill` where they do not reach."""
    left, top, right, bottom = frame
    rows = _Line((top, bottom), masks.shape[-2], move.down, move.top)
    columns = _Line((left, right), masks.shape[-1], move.across, move.left)
    x = masks[..., rows.nearest, :][..., columns.nearest]
    return x.masked_fill_(~(rows.inside[:, None] & columns.inside), fill)


def move_extents(extents: Extents, move: Move, frame: Frame) -> Extents:
    """What of each lies in the frame, in pixels of the sheet that the frame is part of: as `move_masks`."""
    return Extents(tuple(_move_part(part, move, frame) for part in extents))


def part_of(region: Region, letter: Letter) -> Part:
    """What an annotated region becomes on the sheet of its picture, by the nearest pixel."""
    move = Move(letter.across / letter.width, letter.down / letter.height, letter.left, letter.top)
    frame = (letter.left, letter.top, letter.left + letter.across, letter.top + letter.down)
    bits, corner = region.inner()
    return _sampled(bits, corner, move, frame)


def _move_part(part: Part, move: Move, frame: Frame) -> Part:
    return _sampled(part.mask(), (part.left, part.top), move, frame)


def _sampled(bits: np.ndarray, corner: tuple[int, int], move: Move, frame: Frame) -> Part:
    """Bits (h, w) whose first pixel is at `corner`, moved into a frame, the nearest for each."""
    left, top, right, bottom = frame
    columns, across = _reached(corner[0], bits.shape[1], move.across, move.left, (left, right))
    rows, down = _reached(corner[1], bits.shape[0], move.down, move.top, (top, bottom))
    return Part.of(bits[down][:, across] > 0, left=columns, top=rows)


def _reached(
    start: int, length: int, scale: float, shift: float, ends: tuple[int, int]
) -> tuple[int, np.ndarray]:
    """The first pixel of a frame that some pixels along an axis come to, and which of them each there is."""
    one, other = sorted((start * scale + shift, (start + length) * scale + shift))
    first, last = max(ends[0], math.floor(one) - 1), min(ends[1], math.ceil(other) + 1)
    place = np.floor((np.arange(first, last) + 0.5 - shift) / scale).astype(np.int64) - start
    inside = np.flatnonzero((place >= 0) & (place < length))
    return (first + int(inside[0]) if len(inside) else first), place[inside]


class _Line:
    """Where the pixels of a frame come from along one axis: two neighbours and the share of the upper."""

    def __init__(self, ends: tuple[int, int], length: float, scale: float, shift: float) -> None:
        # Double precision: a whole shift must copy pixels exactly
        place = (torch.arange(*ends, dtype=torch.float64) + 0.5 - shift) / scale
        self.inside = (place >= 0) & (place < length)
        last = math.ceil(length) - 1
        self.nearest = place.floor().clamp(0, last).long()
        index = (place - 0.5).clamp(0, last)
        self.lower = index.floor().long()
        self.upper = (self.lower + 1).clamp(max=last)
        self.share = (index - self.lower).float()
