"""Prepare: a picture becomes what a model reads, by plain values of its card; every engine shares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from macaw.data.decode import Levels
from macaw.data.letterbox import Letter, fit_letter, place, stretched
from macaw.data.pictures import DETAIL, read_picture
from macaw.data.sources import PackItem, source_name
from macaw.data.upright import upright_size
from macaw.data.warp import Warp
from macaw.errors import InputError

_STRIP = 64  # times as long as wide, from which the part that is kept is scaled alone; 1 level off at most


@dataclass(frozen=True)
class Fit:
    """How a picture of any size becomes a square one; Pillow's filters, antialiased.

    Bicubic is the default since it keeps fine texture that bilinear blurs, which small inputs need most; its
    extra 0.6 ms for a 500 x 375 photo is small beside the 3 ms of decoding it.
    """

    size: int  # side of the square, pixels; of a sheet that is none its height
    resize: str = "shorter"  # what is scaled to it: that side, "stretch" both; "letter": the longer, on grey
    crop: float = 1.0  # share of the scaled side that is kept, the centre
    filter: str = "bicubic"  # one of macaw.card.FILTERS
    detail: int = DETAIL  # large pictures are decoded at so many times the size; by 0 the whole is
    aspect: float = 1.0  # width of the sheet as a share of its height: only "warp" makes other than squares

    @classmethod
    def of(cls, how: Mapping[str, Any]) -> Fit:
        """The fit that the `prepare` of a card describes."""
        return cls(**{name: how[name] for name in cls.__dataclass_fields__ if name in how})

    @property
    def places(self) -> bool:
        """Whether all of a picture is kept, so that places in it can be told."""
        return self.resize in {"letter", "warp"} or (self.resize == "stretch" and self.crop == 1)

    @property
    def sheet(self) -> tuple[int, int]:
        """Height and width of what becomes of a picture."""
        return self.size, round(self.size * self.aspect)

    def placing(self, width: int, height: int) -> Letter | Warp:
        """Where a whole picture of `width` x `height` pixels lies in what becomes of it."""
        if self.resize != "warp":
            return self.letter(width, height)
        return Warp.about(np.array([0, 0, width, height]), (width, height), self.sheet)

    def letter(self, width: int, height: int) -> Letter:
        """Where a picture of `width` x `height` pixels lies in what becomes of it, where it `places`."""
        how = place if self.resize == "letter" else stretched
        return how(width, height, self.size)

    @property
    def side(self) -> int:
        """What the shorter side is scaled to before the centre is kept."""
        return int(self.size / self.crop)

    @property
    def at_least(self) -> int | None:
        """The pixels that reading must leave the shorter side; None for all there are."""
        return self.detail * self.side or None


def read_fit(
    source: Any, how: Fit | int, *, levels: Levels | None = None, name: str | None = None
) -> np.ndarray:
    """Read one picture and fit it: (size, size, 3) uint8. Training and prediction both come through here.

    A large picture is decoded at a fraction of its size, still 3 times what is needed, unless `how` asks for
    the whole. Arguments and errors as in `read_picture`.
    """
    how = how if isinstance(how, Fit) else Fit(how)
    if how.resize == "letter":
        picture, whole = read_whole(source, how, levels=levels, name=name)
        return fit_letter(picture, how.size, whole=whole)[0]
    return fit(read_picture(source, levels=levels, at_least=how.at_least, name=name), how)


def read_whole(
    source: Any, how: Fit, *, levels: Levels | None = None, name: str | None = None
) -> tuple[np.ndarray, tuple[int, int]]:
    """One picture, perhaps smaller than it is as `how` allows, and the width and height that it has.

    Arguments and errors as in `read_picture`.
    """
    if hasattr(source, "read") and not isinstance(source, PackItem):
        name, source = name or source_name(source), source.read()  # an open file gives its bytes once
    picture = read_picture(source, levels=levels, at_least=how.at_least, name=name)
    height, width = picture.shape[:2]
    if isinstance(source, np.ndarray):
        return picture, (source.shape[1], source.shape[0])
    if how.at_least is None or min(height, width) < how.at_least:
        return picture, (width, height)
    return picture, upright_size(Path(source) if isinstance(source, str) else source)[0]


def fit(picture: np.ndarray, how: Fit | int) -> np.ndarray:
    """Scale (H, W, 3) uint8 as `how` says, by default its shorter side, and keep the centre.

    Gives (size, size, 3) uint8 for any shape from 1 x 1 on. A picture that fits already is returned as it is.
    """
    how = how if isinstance(how, Fit) else Fit(how)
    size, (height, width) = how.size, picture.shape[:2]
    if size < 1:
        raise InputError(f"size {size} is not a number of pixels; give 1 or more")
    if isinstance(placing := how.placing(width, height) if how.resize == "warp" else None, Warp):
        return placing.sheet(picture)
    if height == width == size and how.crop == 1:
        return picture
    if how.resize == "letter":
        return fit_letter(picture, size)[0]
    gap = how.detail or None
    kind, image = Image.Resampling[how.filter.upper()], Image.fromarray(picture)
    if how.resize == "stretch":
        return _centre(image.resize((how.side, how.side), kind, reducing_gap=gap), size)
    if how.crop == 1 and how.detail:
        # Cutting first and scaling the square alone gives the same pixels as scaling all and cutting then.
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.array(image.resize((size, size), kind, box, reducing_gap=gap))
    scaled = _scaled(width, height, how.side)
    if max(scaled) > _STRIP * how.side:  # it would not fit into memory, of 1 by 12,000 pixels say
        return np.array(image.resize((size, size), kind, _kept(image.size, scaled, size)))
    return _centre(image.resize(scaled, kind, reducing_gap=gap), size)


def _scaled(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height when the shorter of them becomes `side`; the longer is rounded down."""
    if width <= height:
        return side, max(1, int(side * height / width))
    return max(1, int(side * width / height)), side


def _kept(given: tuple[int, int], scaled: tuple[int, int], size: int) -> tuple[float, float, float, float]:
    """The part of a picture, in its own pixels, that the centre of the scaled one shows."""
    starts = [(side - size) // 2 * whole / side for whole, side in zip(given, scaled, strict=True)]
    ends = [min(s + size * w / side, w) for s, w, side in zip(starts, given, scaled, strict=True)]
    return starts[0], starts[1], ends[0], ends[1]


def _centre(image: Image.Image, size: int) -> np.ndarray:
    """The middle (size, size) of a picture at least as large."""
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return np.array(image.crop((left, top, left + size, top + size)))


def normalise(pictures: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(N, H, W, 3) uint8 to (N, 3, H, W) float32, contiguous: (x / 255 - mean) / std.

    `mean` and `std` have three values, for red, green and blue in 0..1.
    """
    deviation = np.asarray(std, np.float64)
    factor = (1 / (255 * deviation)).astype(np.float32)[:, None, None]  # (3, 1, 1)
    shift = (-np.asarray(mean, np.float64) / deviation).astype(np.float32)[:, None, None]
    count, height, width, _ = pictures.shape
    out = np.empty((count, 3, height, width), np.float32)
    np.multiply(pictures.transpose(0, 3, 1, 2), factor, out=out)
    out += shift
    return out
