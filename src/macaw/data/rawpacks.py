"""Raw packs: grey pixels in `<split>.images.u8.xz` and classes in `<split>.labels.u8`, as MNIST is kept."""

from __future__ import annotations

import lzma
import math
import re
from pathlib import Path

import numpy as np
from PIL import Image

from macaw.data.examples import SPLITS, Examples, LabelledPictures, nfc
from macaw.data.find import entries
from macaw.data.sources import Pack
from macaw.errors import DataError

_RAW_END = ".images.u8.xz"


class RawPack(Pack):
    """The grey pictures of one split, in memory."""

    def __init__(self, name: str, pixels: np.ndarray) -> None:
        self.name = name
        self.pixels = pixels  # (N, H, W) uint8

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, index: int) -> Image.Image:
        """Picture `index`."""
        return Image.fromarray(self.pixels[index])

    def content(self, index: int) -> bytes:
        """The pixels of picture `index`, row by row."""
        return bytes(self.pixels[index].data)


def read_raw(path: Path) -> LabelledPictures | None:
    """A folder of `<split>.images.u8.xz` and `<split>.labels.u8`; None when there is no such file."""
    files = [file for file in entries(path)[1] if file.name.endswith(_RAW_END)] if path.is_dir() else []
    if not files:
        return None
    found: dict[str, tuple[RawPack, np.ndarray]] = {}
    for file in files:
        stem = file.name.removesuffix(_RAW_END)
        found[SPLITS.get(stem.lower(), stem)] = _read_raw_split(file, path / f"{stem}.labels.u8")
    top = max(int(labels.max()) for _, labels in found.values())
    names = _readme_names(path) or tuple(str(number) for number in range(top + 1))
    if top >= len(names):
        raise DataError(
            f"{path}: label {top}, but README.md names {len(names)} classes (0 to {len(names) - 1})"
        )
    splits = {
        split: Examples(pictures, labels.astype(np.int64)) for split, (pictures, labels) in found.items()
    }
    return LabelledPictures(names, splits, multi=False, kind="raw", notes=(), path=path)


def _read_raw_split(images: Path, labels: Path) -> tuple[RawPack, np.ndarray]:
    try:
        targets = np.fromfile(labels, np.uint8)
        data = lzma.decompress(images.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{images} has no '{labels.name}' beside it, which holds its classes") from None
    except (OSError, lzma.LZMAError, EOFError) as problem:
        raise DataError(f"{images} is damaged or cut short ({problem}); fetch or copy it again") from problem
    side = math.isqrt(len(data) // len(targets)) if len(targets) else 0
    if side == 0 or side * side * len(targets) != len(data):
        raise DataError(
            f"{images}: {len(data):,} bytes for {len(targets):,} labels are not square grey pictures; "
            "the two files do not belong together, or one is cut short"
        )
    pixels = np.frombuffer(data, np.uint8).reshape(-1, side, side)  # (N, H, W)
    return RawPack(images.name.removesuffix(".u8.xz"), pixels), targets


def _readme_names(folder: Path) -> tuple[str, ...]:
    """Class names from a README line `Classes 0-9: zero, one, ...`; () when there is none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    line = re.search(r"^Classes\b[^:\n]*:(.+)$", text, re.MULTILINE)
    return tuple(nfc(name.strip()) for name in line[1].split(",")) if line else ()
