"""Heat over a photograph: colours that everyone can tell apart, and the photograph still visible under them.

Yellow speaks for the class, blue against it, and where nothing was found the photograph stays as it is, in
grey, so that no colour of its own is taken for heat. The scale is Crameri's "managua": of even steps to the
eye, rising in lightness from its dark middle to both ends, and safe for colour-blind readers (Crameri et al.
2020, "The misuse of colour in science communication", doi 10.1038/s41467-020-19160-7).

Shapes: H and W pixels of the photograph, S side of the map, K tiles
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

Frame = tuple[float, float, float, float]  # left, top, right, bottom of what the model saw, in pixels

SIDE = 640  # pixels of the longer side of what is drawn
OPAQUE = 0.85  # how far the hottest spot covers the photograph
GREY = 119  # a photograph's middle brightness, on which the scale is shown
DIM = 0.3  # how much of its light the photograph keeps where the model did not look


def overlay(picture: np.ndarray, heat: np.ndarray, frame: Frame, *, side: int = SIDE) -> np.ndarray:
    """The photograph (H, W, 3) uint8 in grey, with `heat` (S, S) in -1..1 in colour where `frame` lies.

    What the model did not see is dimmed. Gives (h, w, 3) uint8, the longer side `side` pixels.
    """
    image, (left, top, right, bottom) = _scaled(picture, frame, side)
    grey = np.asarray(image.convert("L"), np.float32)[..., None].repeat(3, axis=2)  # (h, w, 3)
    size = (right - left, bottom - top)
    values = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
    cover = OPAQUE * np.abs(values).clip(0, 1)[..., None]
    out = DIM * grey
    out[top:bottom, left:right] = (1 - cover) * grey[top:bottom, left:right] + cover * colors(values)
    return np.asarray(np.rint(out), np.uint8)


def dimmed(picture: np.ndarray, frame: Frame, *, side: int = SIDE) -> np.ndarray:
    """The photograph in its own colours, dimmed where the model did not look: (h, w, 3) uint8."""
    image, (left, top, right, bottom) = _scaled(picture, frame, side)
    bright = np.asarray(image, np.float32)
    out = DIM * bright
    out[top:bottom, left:right] = bright[top:bottom, left:right]
    return np.asarray(np.rint(out), np.uint8)


def colors(values: np.ndarray) -> np.ndarray:
    """Values in -1..1, of any shape, to colours of shape + (3,), 0..255: blue, dark, yellow."""
    table = _table("managua_r")
    return np.asarray(table[np.rint((np.clip(values, -1, 1) + 1) / 2 * 255).astype(int)])


def scale(count: int) -> np.ndarray:
    """(count, 3) uint8: what values from -1 to 1 look like over a photograph of middle brightness."""
    values = np.linspace(-1, 1, count)
    cover = OPAQUE * np.abs(values)[:, None]
    return np.asarray(np.rint(cover * colors(values) + (1 - cover) * GREY), np.uint8)


def tiles(maps: np.ndarray, *, columns: int, cell: int = 64, gap: int = 4) -> np.ndarray:
    """Maps (K, H, W) as a sheet of square tiles, each stretched over its own range; (h, w, 3) uint8 on white.

    Every position is a block of its own: a level of 4 x 4 positions looks like one.
    """
    rows = -(-len(maps) // columns)
    step = cell + gap
    sheet = np.full((rows * step - gap, columns * step - gap, 3), 255, np.uint8)
    for place, one in enumerate(maps):
        y, x = (step * n for n in divmod(place, columns))
        sheet[y : y + cell, x : x + cell] = _tile(one, cell)
    return sheet


def _tile(values: np.ndarray, cell: int) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    level = (values - low) / (high - low) if high > low else np.zeros_like(values)
    colored = _table("viridis")[np.rint(level * 255).astype(int)].astype(np.uint8)
    return np.asarray(Image.fromarray(colored).resize((cell, cell), Image.Resampling.NEAREST))


def _scaled(picture: np.ndarray, frame: Frame, side: int) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """The photograph at the size it is drawn at, and where the frame lies on it."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left, right = (min(size[0], max(0, round(x * size[0] / width))) for x in frame[::2])
    top, bottom = (min(size[1], max(0, round(y * size[1] / height))) for y in frame[1::2])
    place = min(left, size[0] - 1), min(top, size[1] - 1), max(right, left + 1), max(bottom, top + 1)
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), place


@lru_cache(maxsize=2)
def _table(name: str) -> np.ndarray:
    """A colour map of matplotlib as 256 colours (256, 3) of 0..255."""
    from matplotlib import colormaps

    return np.asarray(colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255, np.float32)
