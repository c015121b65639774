"""Letterbox: a picture of any shape on a sheet of one size, nothing cut off, nothing squeezed.

A detector needs the whole picture in proportion: the picture is scaled until it just fits, and what is left
over stays grey. Letter remembers how, so that places go there and back exactly; it is the only thing that
decoding needs to know, and the same for training, for every engine and for an exported file.

Shapes: H and W pixels of the picture, B pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from PIL import Image

from macaw.data.pictures import DETAIL
from macaw.errors import InputError

GREY = 114  # of the bars; near the mean of photographs, so that they look like nothing in particular

Size = int | tuple[int, int]  # of the sheet: its side, or (height, width)


@dataclass(frozen=True)
class Letter:
    """Where a picture lies on its sheet. Places are continuous: the pixel in column c covers c to c + 1.

    `width` and `height` are the picture's. On the sheet it has whole pixels, `across` and `down`; a side that
    had to be rounded is mapped by its own true ratio, so that the edges of the picture fall on the edges of
    its place however long and thin it is.
    """

    scale: float  # sheet pixels for one of the picture
    left: int  # of the picture's place on the sheet, pixels
    top: int
    width: int  # of the picture, pixels
    height: int
    sheet: tuple[int, int] | None = None  # its width and height, where the picture was stretched to all of it

    @property
    def across(self) -> int:
        """Width of its place on the sheet, pixels; never 0."""
        return self.sheet[0] if self.sheet else max(1, round(self.width * self.scale))

    @property
    def down(self) -> int:
        """Height of its place on the sheet, pixels; never 0."""
        return self.sheet[1] if self.sheet else max(1, round(self.height * self.scale))

    def to_prepared(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) as x, y or boxes (..., 4) as left, top, right, bottom: picture to sheet."""
        ratio, shift = self._parts(xy)
        return np.asarray(np.asarray(xy, np.float64) * ratio + shift)

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """The way back: sheet -> picture, float64; what lies on the bars comes out beyond the picture."""
        ratio, shift = self._parts(xy)
        return np.asarray((np.asarray(xy, np.float64) - shift) / ratio)

    def _parts(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ratio and shift of every column of `xy`."""
        columns = np.shape(xy)[-1:]
        if columns not in {(2,), (4,)}:
            raise InputError(f"places have shape {np.shape(xy)}; give points (..., 2) or boxes (..., 4)")
        pairs = columns[0] // 2
        ratio = np.tile([self.across / self.width, self.down / self.height], pairs)
        return ratio, np.tile(np.array([self.left, self.top], np.float64), pairs)


def place(width: int, height: int, size: Size) -> Letter:
    """Where a picture of `width` x `height` pixels lies on a sheet of `size`: as large as fits, centred.

    Raises InputError for a side below 1.
    """
    down, across = size if isinstance(size, tuple) else (size, size)
    if min(width, height, down, across) < 1:
        raise InputError(
            f"cannot place {width} x {height} pixels on {across} x {down}; every side is 1 or more"
        )
    scale = min(across / width, down / height)
    letter = Letter(scale, 0, 0, width, height)
    return Letter(scale, (across - letter.across) // 2, (down - letter.down) // 2, width, height)


def stretched(width: int, height: int, size: Size) -> Letter:
    """Where a picture of `width` x `height` pixels lies on a sheet of `size` when stretched to it: on all.

    Its scale is that of areas: the root of the two sides' product. Raises InputError for a side below 1.
    """
    down, across = size if isinstance(size, tuple) else (size, size)
    place(width, height, size)  # its checks
    return Letter(sqrt(across / width * down / height), 0, 0, width, height, (across, down))


def fit_letter(
    picture: np.ndarray, size: Size, *, whole: tuple[int, int] | None = None
) -> tuple[np.ndarray, Letter]:
    """One picture (H, W, 3) uint8 on its sheet: (height, width, 3) uint8, and where it lies.

    Bilinear, and antialiased where it shrinks: Pillow averages over all pixels that a new one stands for.
    `whole` is the width and height of the picture where `picture` is a smaller copy of it, as reading a large
    JPEG at a fraction of its size gives: places are then in pixels of the whole. Raises InputError.
    """
    height, width = picture.shape[:2]
    across, down = whole or (width, height)
    letter = place(across, down, size)
    sheet = np.full((*(size if isinstance(size, tuple) else (size, size)), 3), GREY, np.uint8)
    scaled = picture
    if (letter.across, letter.down) != (width, height):
        scaled = np.asarray(
            Image.fromarray(picture).resize(
                (letter.across, letter.down), Image.Resampling.BILINEAR, reducing_gap=DETAIL
            )
        )
    sheet[letter.top : letter.top + letter.down, letter.left : letter.left + letter.across] = scaled
    return sheet, letter


def fit_letters(pictures: Sequence[np.ndarray], size: Size) -> tuple[np.ndarray, list[Letter]]:
    """Pictures of any sizes: (B, height, width, 3) uint8, and a Letter for each."""
    down, across = size if isinstance(size, tuple) else (size, size)
    sheets = np.empty((len(pictures), down, across, 3), np.uint8)
    letters = []
    for number, picture in enumerate(pictures):
        sheets[number], letter = fit_letter(picture, (down, across))
        letters.append(letter)
    return sheets, letters
