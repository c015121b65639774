"""Prepare: a picture becomes what a model reads, by plain values of its card; every engine shares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from macaw.data.decode import Levels
from macaw.data.pictures import read_picture
from macaw.errors import InputError

# Bicubic keeps fine texture that bilinear blurs, which small inputs need most; its extra 0.6 ms for a
# 500 x 375 photo is small beside the 3 ms of decoding it. Pillow antialiases both.
_FILTER = Image.Resampling.BICUBIC
# Shrink by whole factors to this many times the target, then filter: 4 times faster on 12 megapixels, and
# from 3 on "almost indistinguishable" from filtering the whole (Pillow's reference, Image.resize).
DETAIL = 3


def read_fit(source: Any, size: int, *, levels: Levels | None = None, name: str | None = None) -> np.ndarray:
    """Read one picture and fit it: (size, size, 3) uint8. Training and prediction both come through here.

    A large picture is decoded at a fraction of its size, still 3 times what is needed. Arguments and errors
    as in `read_picture`.
    """
    return fit(read_picture(source, levels=levels, at_least=DETAIL * size, name=name), size)


def fit(picture: np.ndarray, size: int) -> np.ndarray:
    """Scale the shorter side of (H, W, 3) uint8 to `size` and keep the centre: (size, size, 3) uint8.

    Works for any shape from 1 x 1 on; antialiased. A picture that fits already is returned as it is.
    """
    if size < 1:
        raise InputError(f"size {size} is not a number of pixels; give 1 or more")
    height, width = picture.shape[:2]
    if height == width == size:
        return picture
    # Cutting first and scaling the square alone gives the same pixels as scaling all and cutting then.
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.array(Image.fromarray(picture).resize((size, size), _FILTER, box, reducing_gap=DETAIL))


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
