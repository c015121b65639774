"""Pixels of any kind become (H, W, 3) uint8: grey, 16-bit, float, CMYK, palettes and transparency.

Two rules: nothing is clipped that could be scaled (a 16-bit picture keeps its whole range), and what is
transparent is shown on white, as a page would show it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Levels = tuple[float, float]  # the values that become black and white

_FULL = (0.0, 65535.0)
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_OTHER_END = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


class Unsupported(ValueError):
    """A picture that is refused; the message goes on after the file's name: `has 3 pages; ...`."""


@dataclass(frozen=True)
class Deep:
    """Samples of more than 8 bits, as the file holds them."""

    values: np.ndarray  # (H, W) or (H, W, 3), any real type
    alpha: np.ndarray | None = None  # (H, W) uint8, 255 is opaque
    full: Levels | None = None  # the range of the format; None where only the values can tell

    def span(self) -> Levels:
        """Smallest and largest finite value; (0, 0) when there is none."""
        finite = self.values[np.isfinite(self.values)] if self.values.dtype.kind == "f" else self.values
        return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def deep_samples(picture: Image.Image, reopen: Callable[[], Image.Image] | None) -> Deep | None:
    """The samples of a picture of more than 8 bits; None when it has 8 or fewer.

    Pillow keeps only the high byte of 16-bit colour. `reopen` opens the same file again, which is then
    decoded with the byte order swapped: that gives the low bytes, and both together the exact values.
    """
    if picture.mode in _DEEP_MODES:
        return _deep_grey(picture)
    tiles = getattr(picture, "tile", None)
    if picture.format not in {"PNG", "TIFF"} or not tiles or reopen is None:
        return None
    raw = _raw_mode(tiles[0])
    planar = picture.format == "TIFF" and picture.tag_v2.get(284) == 2  # type: ignore[attr-defined]
    if planar and tiles[0][0] == "raw" and max(picture.tag_v2.get(258, (8,))) > 8:  # type: ignore[attr-defined]
        # Pillow 12 reads such a file without complaint and returns noise.
        raise Unsupported("is a 16-bit TIFF with one plane per colour; save it with interleaved colours")
    base, _, depth = raw.partition(";16")
    if planar or not depth or base not in {"RGB", "RGBX", "RGBA", "LA"}:
        return None
    return _deep_colour(picture, reopen(), base)


def to_picture(deep: Deep, levels: Levels | None) -> Image.Image:
    """Scale `levels` (else the format's full range, else the measured one) to 0..255; an RGB picture."""
    low, high = levels or deep.full or deep.span()
    grey = Image.fromarray(scale(deep.values, low, high)).convert("RGB")
    return grey if deep.alpha is None else _on_white(grey, Image.fromarray(deep.alpha))


def scale(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """`low`..`high` to 0..255 uint8, rounded; values beyond the ends saturate, NaN is black."""
    if high <= low:  # a constant picture: no contrast to show
        return np.zeros(values.shape, np.uint8)
    if values.dtype == np.uint16:  # 65,536 possible answers: look them up
        return np.take(_stretch(np.arange(65536.0), low, high), values)
    return _stretch(np.nan_to_num(values.astype(np.float64), nan=low), low, high)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any picture of 8 bits or fewer as mode RGB, transparency on white."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode == "CMYK":
        return _from_cmyk(picture)
    if picture.mode == "La":
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        return _on_white(whole, whole.getchannel("A"))
    return picture.convert("RGB")


def from_array(array: np.ndarray, levels: Levels | None) -> Image.Image:
    """An array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16 or float as an RGB picture.

    Floats are 0..1 unless `levels` says otherwise. Raises Unsupported for other shapes, types and ranges.
    """
    if array.ndim not in {2, 3} or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in {1, 3, 4}):
        first = array.ndim == 3 and len(array) in {1, 3, 4}
        hint = "; move the colours last with .transpose(1, 2, 0)" if first else ""
        raise Unsupported(f"has shape {array.shape}; allowed are (H, W) and (H, W, 1 | 3 | 4){hint}")
    values = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return to_rgb(Image.fromarray(np.ascontiguousarray(values)))
    if values.dtype != np.uint16 and values.dtype.kind != "f":
        raise Unsupported(f"is of type {values.dtype}; allowed are uint8, uint16 and floats in 0..1")
    full = _FULL if values.dtype == np.uint16 else (0.0, 1.0)
    if values.dtype.kind == "f":
        low, high = levels or full
        if not (np.isfinite(values).all() and (levels or (values.min() >= low and values.max() <= high))):
            found = f"{values.min():g}..{values.max():g}"
            raise Unsupported(f"holds floats in {found}; allowed are 0..1, without NaN")
    alpha = scale(values[:, :, 3], *full) if values.ndim == 3 and values.shape[2] == 4 else None
    return to_picture(Deep(values if alpha is None else values[:, :, :3], alpha, full), levels)


def _stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values - low) * (255.0 / (high - low)) + 0.5, 0, 255.999).astype(np.uint8)


def _deep_grey(picture: Image.Image) -> Deep:
    values = np.array(picture)
    full: Levels | None = None
    if picture.mode.startswith("I;16"):
        bits = 16
        if picture.format == "TIFF":
            tags = picture.tag_v2  # type: ignore[attr-defined]
            bits = max(tags.get(258, (16,)))  # 12-bit cameras
            if tags.get(262) == 0:  # "white is zero": Pillow inverts 8 bits, but not 16
                values = np.uint16((1 << bits) - 1) - values
        full = (0.0, float((1 << bits) - 1))
    elif picture.mode == "I" and picture.format in {"PPM", "PNG"}:  # Pillow's home for their 16-bit grey
        full = _FULL
    clear = picture.info.get("transparency")
    alpha = np.where(values == clear, 0, 255).astype(np.uint8) if isinstance(clear, int) else None
    return Deep(values.astype(values.dtype.newbyteorder("=")), alpha, full)


def _deep_colour(picture: Image.Image, again: Any, base: str) -> Deep:
    again.tile = [_swapped(tile, base) for tile in again.tile]
    high, low = np.asarray(picture), np.asarray(again)  # decodes both
    if base == "LA":  # Pillow's two-byte grey and alpha, read as four channels: high, low, high, low
        values = low.astype(np.uint16)
        return Deep(values[:, :, 0] << 8 | values[:, :, 1], low[:, :, 2].copy(), _FULL)
    values = high[:, :, :3].astype(np.uint16) << 8 | low[:, :, :3]
    alpha = high[:, :, 3].copy() if base == "RGBA" else None
    clear = picture.info.get("transparency")
    if alpha is None and isinstance(clear, tuple):
        alpha = np.where((values == np.array(clear)).all(axis=2), 0, 255).astype(np.uint8)
    return Deep(values, alpha, _FULL)


def _raw_mode(tile: Any) -> str:
    args = tile[3]
    return str(args[0] if isinstance(args, tuple) else args)


def _swapped(tile: Any, base: str) -> Any:
    raw = "RGBA" if base == "LA" else f"{base};16{_OTHER_END[_raw_mode(tile)[-1]]}"
    args = (raw, *tile[3][1:]) if isinstance(tile[3], tuple) else raw
    return type(tile)(*tile[:3], args)


def _from_cmyk(picture: Image.Image) -> Image.Image:
    """By the ICC profile where the file carries a usable one, else by Pillow's plain formula.

    Pillow has already undone Adobe's inversion of the four inks.
    """
    profile = picture.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            result = ImageCms.profileToProfile(picture, inks, screen, outputMode="RGB")
            if result is not None:
                return result
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a damaged profile, or one for another colour space: the pixels are still good
    return picture.convert("RGB")


def _on_white(picture: Image.Image, alpha: Image.Image) -> Image.Image:
    page = Image.new("RGB", picture.size, "white")
    page.paste(picture.convert("RGB"), mask=alpha)
    return page
