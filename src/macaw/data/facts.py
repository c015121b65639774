"""Facts: what one pass over a picture tells about it: content, format, size, colours, and its fingerprint.

Shapes: N pictures
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from macaw.data.duplicates import SIDE, Fingerprints, fingerprints
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.pictures import read_picture
from macaw.data.sniff import picture_format
from macaw.data.sources import PackItem, source_bytes, source_name
from macaw.errors import InputError

_CHUNK = 64
_DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_FLAT = 3  # grey levels within which a picture is one colour: JPEG noise of a blank page stays below
_GREY = 2.0  # mean difference of red, green and blue below which a picture is grey
_MOVING = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # the second frame of a phone's JPEG is a preview
# What a suffix says the format is; others than these say nothing
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One picture."""

    digest: bytes  # SHA-256 of its file; empty where there is none to be read
    problem: str = ""  # why it cannot be read
    kind: str = ""  # Pillow's name of the format
    named: bool = True  # whether the suffix says so too
    width: int = 0  # pixels, as stored
    height: int = 0
    turned: bool = False  # whether EXIF has it turned or mirrored
    mode: str = ""  # "alpha", "cmyk", "deep" (more than 8 bits), or "" for plain 8-bit grey or colour
    moving: bool = False  # whether there is more than one frame
    grey: bool = False
    blank: bool = False

    @property
    def short(self) -> int:
        """The shorter side, pixels."""
        return min(self.width, self.height)

    @property
    def long(self) -> int:
        """The longer side, pixels."""
        return max(self.width, self.height)


def read_facts(
    sources: Sequence[Any], *, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Fact], Fingerprints]:
    """Every picture's facts and fingerprint, N of each; of one that cannot be read the facts say why.

    Each is read once, on all processors; what is kept of it is some 500 bytes.
    """

    def some(part: range) -> tuple[list[Fact], Fingerprints]:
        read = [_read(sources[index]) for index in part]
        return [fact for fact, _ in read], fingerprints(np.stack([thumb for _, thumb in read]))

    facts: list[Fact] = []
    marks: list[Fingerprints] = []
    with quiet():
        for part, (found, more) in in_chunks(some, len(sources), chunk=_CHUNK):
            facts += found
            marks.append(more)
            if progress:
                progress(part.stop, len(sources))
    return facts, Fingerprints.joined(marks)


def read_thumb(source: Any) -> np.ndarray:
    """A picture that can be read as (SIDE, SIDE, 3) uint8, as its fingerprint is made of."""
    return _thumb(Image.fromarray(read_picture(source, at_least=2 * SIDE)))


def _thumb(picture: Image.Image) -> np.ndarray:
    """Both sides are scaled, nothing is cut: a copy that lost a margin stays nearly in register."""
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _read(source: Any) -> tuple[Fact, np.ndarray]:
    nothing = np.zeros((SIDE, SIDE, 3), np.uint8)
    digest = b""
    try:
        data = source_bytes(source)
        digest = hashlib.sha256(data).digest()
        content = source.read() if isinstance(source, PackItem) else data
        picture = Image.fromarray(read_picture(content, at_least=2 * SIDE, name=source_name(source)))
    except InputError as problem:
        return Fact(digest, problem=str(problem)), nothing
    small = _thumb(picture)
    spread = small.astype(np.int16)
    grey = bool(abs(spread[:, :, ::2] - spread[:, :, 1:2]).mean() < _GREY)
    blank = bool(np.ptp(picture.getextrema(), axis=1).max() <= _FLAT)  # of each colour its lowest and highest
    if isinstance(content, Image.Image):
        about: dict[str, Any] = {"width": content.width, "height": content.height}
    else:
        about = _header(content, source)
    return Fact(digest, grey=grey, blank=blank, **about), small


def _header(data: bytes, source: Any) -> dict[str, Any]:
    """What the file says about itself; it has been read before, so that it can be opened."""
    kind = picture_format(data) or ""
    with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
        return {
            "kind": kind,
            "named": _says(source, kind),
            "width": picture.width,
            "height": picture.height,
            "turned": _turned(picture),
            "mode": _mode(picture),
            "moving": kind in _MOVING and _frames(picture) > 1,
        }


def _says(source: Any, kind: str) -> bool:
    suffix = "" if isinstance(source, PackItem) else os.path.splitext(str(source))[1].lower()
    said = next((name for name, suffixes in _SUFFIXES.items() if suffix in suffixes), kind)
    return said == kind


def _turned(picture: Image.Image) -> bool:
    try:
        return picture.getexif().get(274, 1) not in {0, 1}
    except Exception:  # a damaged block raises anything; the pixels are still good
        return False


def _frames(picture: Any) -> int:
    try:
        return int(picture.n_frames)
    except Exception:  # a damaged frame after the first raises anything; the first has been read
        return 1


def _mode(picture: Image.Image) -> str:
    if picture.mode in _DEEP or _deep_tile(picture):
        return "deep"
    if picture.mode == "CMYK":
        return "cmyk"
    return "alpha" if picture.has_transparency_data else ""


def _deep_tile(picture: Image.Image) -> bool:
    """Whether a picture that Pillow opens with 8 bits has 16 in its file, as 16-bit colour has."""
    tile = next(iter(getattr(picture, "tile", None) or ()), None)
    args = tile[3] if tile else ""
    return ";16" in str(args[0] if isinstance(args, tuple) and args else args)
