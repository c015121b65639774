"""Masked pictures: a picture and, for each of its pixels, a class; masks are read as what they are, indices.

Palette pictures are never turned into colours. Inside macaw the number 255 means "not labelled", whatever it
was in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from macaw.data.examples import count
from macaw.data.guard import quiet, refused
from macaw.data.pictures import open_bytes
from macaw.data.sources import PackItem, source_bytes, source_name
from macaw.errors import DataError, InputError

# Shapes: H, W rows and columns of a mask, C classes
IGNORE = 255  # not labelled
_LARGEST = 65535  # of a 16-bit picture
_INDEXED = frozenset({"P", "L", "1", "I", "I;16", "I;16B", "I;16L"})

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Legend:
    """What the numbers or colours of masks mean: each leads to a class, or to IGNORE."""

    values: Mapping[int, int] = field(default_factory=dict)  # number in the file -> index of the class
    colours: Mapping[Colour, int] = field(default_factory=dict)  # red, green, blue -> index of the class


@dataclass(frozen=True, eq=False)
class Masked:
    """One split: pictures and their masks, not read yet. Raises InputError when their numbers differ."""

    sources: Sequence[Any]  # (N,) each a Path, or an item of a pack with .read() and .label
    masks: Sequence[Any]  # (N,) likewise

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.masks):
            raise InputError(f"{len(self.sources)} pictures but {len(self.masks)} masks; give one for each")

    def __len__(self) -> int:
        return len(self.sources)

    def subset(self, indices: Sequence[int] | np.ndarray | slice) -> Masked:
        """The pictures at these positions, in this order; a boolean mask (N,) works too."""
        at = np.arange(len(self))[indices]
        return Masked([self.sources[index] for index in at], [self.masks[index] for index in at])

    def label(self, index: int) -> str:
        """What messages call picture `index`: its path, or as in `train.npz[17]`."""
        return source_name(self.sources[index])


@dataclass(frozen=True, eq=False)
class MaskedPictures:
    """A data set of pictures with a class for each pixel; masks read by `legend` index `names`."""

    names: tuple[str, ...]  # (C,) the class table
    splits: dict[str, Masked]  # by train, val, test
    ignore: int | None  # the number in the files that means "not labelled"; read as 255
    legend: Legend
    notes: tuple[str, ...]  # one line each, for the user
    path: Path
    terms: str = ""  # licence lines of a README.md beside the data
    carved: bool = False  # whether val was taken out of train here
    colours: tuple[Colour, ...] = ()  # (C,) to show the classes in, where the data gives some
    kind: str = "masks"


def read_mask(item: Any, legend: Legend | None = None) -> np.ndarray:
    """A mask (H, W) uint8 of class indices, IGNORE where nothing is labelled.

    Without `legend` its numbers are taken as they are. Raises InputError for what is no picture, DataError
    for a number or colour that the legend lacks, with how many pixels have it.
    """
    raw = raw_mask(item)
    if raw.ndim == 3:
        return _by_colour(raw, legend or Legend(), source_name(item))
    return _by_value(raw, legend, source_name(item))


def raw_mask(item: Any) -> np.ndarray:
    """A mask as its file has it: numbers (H, W), or colours (H, W, 3) uint8.

    Raises InputError for what is no picture, and for a JPEG, whose numbers are blurred.
    """
    name = source_name(item)
    inner = item.read() if isinstance(item, PackItem) else item
    if isinstance(inner, Image.Image):
        return _numbers(inner)
    data = source_bytes(inner)
    with quiet(), refused(name, data):
        picture = open_bytes(data)
        if picture.format == "JPEG":
            raise DataError(f"{name} is a JPEG, which blurs the numbers of a mask; save masks as PNG")
        return _numbers(picture)


def _numbers(picture: Image.Image) -> np.ndarray:
    if picture.mode == "1":
        picture = picture.convert("L").point(lambda value: min(value, 1))
    return np.array(picture if picture.mode in _INDEXED else picture.convert("RGB"))


def _by_value(raw: np.ndarray, legend: Legend | None, name: str) -> np.ndarray:
    if legend is None:
        if raw.max(initial=0) > IGNORE or raw.min(initial=0) < 0:
            raise DataError(
                f"{name} has the number {raw.max()}; class numbers go to 254, 255 is not labelled"
            )
        return raw.astype(np.uint8)
    if not legend.values:
        raise DataError(f"{name} holds numbers, but the table of classes has colours alone; give numbers too")
    found = np.full(_LARGEST + 2, -1, np.int16)  # number in the file -> class; the last stands for all others
    for value, index in legend.values.items():
        if 0 <= value <= _LARGEST:
            found[value] = index
    strange = (raw < 0) | (raw > _LARGEST)
    result = found[np.where(strange, _LARGEST + 1, raw)]
    wrong = result < 0
    if wrong.any():
        values, times = np.unique(raw[wrong], return_counts=True)
        told = [(int(times[at]), str(values[at])) for at in np.argsort(-times)[:3]]
        raise DataError(f"{name} has {_most(told)}, which the table of classes lacks; {_REMEDY}")
    return result.astype(np.uint8)


def _by_colour(raw: np.ndarray, legend: Legend, name: str) -> np.ndarray:
    if not legend.colours:
        raise DataError(f"{name} is in colour, and no table says what colours mean; add one: name,r,g,b")
    packed = _packed(raw)
    by_key = {_packed(np.array(colour)).item(): index for colour, index in legend.colours.items()}
    keys = np.array(sorted(by_key))
    classes = np.array([by_key[key] for key in keys.tolist()], np.uint8)
    place = np.minimum(np.searchsorted(keys, packed), len(keys) - 1)
    wrong = keys[place] != packed
    if wrong.any():
        values, times = np.unique(packed[wrong], return_counts=True)
        order = np.argsort(-times)[:3]
        shown = [f"colour {key >> 16},{key >> 8 & 255},{key & 255}" for key in values[order].tolist()]
        told = list(zip(times[order].tolist(), shown, strict=True))
        raise DataError(f"{name} has {_most(told)}, which the table of classes lacks; {_REMEDY}")
    return classes[place]


_REMEDY = "add a row to the table, or correct the mask"


def _packed(colours: np.ndarray) -> np.ndarray:
    """Red, green and blue (..., 3) in one number each."""
    return np.asarray(colours.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]))


def _most(told: list[tuple[int, str]]) -> str:
    return ", ".join(f"{what} in {count(times, 'pixel')}" for times, what in told)
