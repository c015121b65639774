"""Reading pictures: whatever Pillow decodes becomes an upright (H, W, 3) uint8 array, or one clear line."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from macaw.data.decode import Deep, Levels, Unsupported, deep_samples, from_array, to_picture, to_rgb
from macaw.data.find import SUFFIXES, find_pictures
from macaw.data.frames import Frame
from macaw.data.guard import quiet, refused
from macaw.data.sniff import picture_format
from macaw.data.sources import PackItem, source_bytes, source_name
from macaw.errors import InputError

__all__ = ["DETAIL", "SUFFIXES", "find_pictures", "measured_levels", "read_picture"]

# Shrink by whole factors to this many times the target, then filter: 4 times faster on 12 megapixels, and
# from 3 on "almost indistinguishable" from filtering the whole (Pillow's reference, Image.resize).
DETAIL = 3

# EXIF orientation -> what puts the picture upright (EXIF 2.32, tag 274)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_HOMES = frozenset({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"})


def read_picture(
    source: Any,
    *,
    levels: Levels | None = None,
    at_least: int | None = None,
    name: str | None = None,
) -> np.ndarray:
    """One picture as (H, W, 3) uint8, upright by its EXIF orientation, transparency on white.

    `source` is a path, the bytes of a file, an open binary file, a Pillow picture, an item of a pack, a frame
    of a video, or an array (H, W) or (H, W, 1 | 3 | 4) of uint8, uint16 or float in 0..1. Of a moving picture
    it is the first frame.

    `levels` are the values of 16-bit and float pictures that become black and white; without them 16 bits
    keep their full range 0..65535, and float and 32-bit pictures are stretched from their own minimum to
    their maximum. With `at_least` the picture may come back smaller, its shorter side still at least so many
    pixels: large JPEG files then decode several times faster. `name` stands in messages for what has no path.

    Raises InputError of one line (file, what was found, what to do); no Pillow error or warning gets out.
    """
    if levels and not (np.isfinite(levels).all() and levels[0] < levels[1]):
        raise InputError(f"levels {levels} are not a range; give (low, high), low below high")
    name = name or source_name(source)
    if isinstance(source, PackItem | Frame):
        source = source.read()
    data = None if isinstance(source, Image.Image | np.ndarray) else source_bytes(source)
    with quiet(), refused(name, data):
        if isinstance(source, np.ndarray):
            picture, turn = from_array(source, levels), None
        else:
            opened = source if data is None else open_bytes(data, at_least)
            picture = _decode(opened, data, levels)
            turn = _UPRIGHT.get(_orientation(opened))
        if at_least and (factor := min(picture.size) // at_least) > 1:
            picture = picture.reduce(factor)
        return np.array(picture if turn is None else picture.transpose(turn))


def measured_levels(paths: Iterable[Any]) -> Levels | None:
    """Smallest and largest value over all 16-bit, 32-bit and float pictures; None when all have 8 bits.

    Takes paths, bytes and items of packs. A recogniser stores them, so that each later picture is scaled
    alike. Raises InputError for a picture that cannot be read.
    """
    spans = []
    with quiet():
        for source in paths:
            deep = _deep(source)
            if deep is not None:
                spans.append(deep.span())
    if not spans:
        return None
    return min(low for low, _ in spans), max(high for _, high in spans)


def _deep(source: Any) -> Deep | None:
    """The samples of a source of more than 8 bits."""
    inner = source.read() if isinstance(source, PackItem) else source
    if isinstance(inner, Image.Image):
        return deep_samples(inner, None)
    data = source_bytes(inner)
    with refused(source_name(source), data):
        return deep_samples(open_bytes(data), lambda: open_bytes(data))


def open_bytes(data: bytes, at_least: int | None = None) -> Image.Image:
    """The picture in `data`, not decoded yet; a large JPEG is set to decode at 1/2, 1/4 or 1/8 size."""
    kind = picture_format(data)
    if kind is None:
        raise UnidentifiedImageError
    picture = Image.open(io.BytesIO(data), formats=(kind,))
    if kind == "TIFF":
        _refuse_pages(picture)
    if kind == "JPEG" and at_least and min(picture.size) >= 2 * at_least:
        width, height = picture.size
        short = min(width, height)
        picture.draft(None, (width * at_least // short, height * at_least // short))
    return picture


def _decode(picture: Image.Image, data: bytes | None, levels: Levels | None) -> Image.Image:
    """The pixels of an opened picture, mode RGB, not turned upright yet."""
    deep = deep_samples(picture, None if data is None else lambda: open_bytes(data))
    if deep is not None:
        return to_picture(deep, levels)
    picture.load()
    return to_rgb(picture)


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1..8 of a decoded picture; 1 when there is none or its EXIF block is damaged.

    Pillow turns a TIFF itself while it decodes and then forgets the tag, so that nothing is turned twice.
    """
    if _EXIF_HOMES.isdisjoint(picture.info):
        return 1
    try:
        value = picture.getexif().get(274, 1)
    except Exception:  # a damaged block raises anything; the pixels are still good
        return 1
    return value if isinstance(value, int) else 1


def _refuse_pages(picture: Any) -> None:
    """Refuse a TIFF of several pages; reduced copies and masks (the overviews of a GeoTIFF) do not count."""
    frames = getattr(picture, "n_frames", 1)
    pages = 1
    for frame in range(1, frames):
        picture.seek(frame)
        pages += not picture.tag_v2.get(254, 0) & 0b101  # TIFF 6.0, NewSubfileType: bit 0 reduced, bit 2 mask
    if pages > 1:
        raise Unsupported(f"has {pages} pages, and a picture is one; save each page as a file of its own")
    if frames > 1:
        picture.seek(0)
