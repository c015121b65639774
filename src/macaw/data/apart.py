"""Apart: pictures of several objects become as many crops of one object each, read when they are needed.

What trains on one object a picture, and whatever else reads pictures, then need not know about crowds.

Shapes: N objects of a picture, K key points of each
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from macaw.data.crops import MARGIN, Crop, crops_of
from macaw.data.examples import count
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.pictures import read_picture
from macaw.data.sources import Pack, source_bytes, source_name
from macaw.errors import DataError

_BACKGROUND = "kept as background"  # what a note says of pictures without objects, and what is not so here


@dataclass(frozen=True, eq=False)
class Crops(Pack):
    """Crops of pictures, as items of a pack. A picture is read for each of them, and none is kept."""

    sources: Sequence[object]  # the picture of each
    crops: Sequence[Crop]
    margin: float  # with which they were cut out

    name = "objects"  # as in messages: objects[17]

    def __len__(self) -> int:
        return len(self.crops)

    def read(self, index: int) -> Image.Image:
        """The crop. Raises InputError, which names the picture, when that cannot be read."""
        return Image.fromarray(self.crops[index].cut(read_picture(self.sources[index])))

    def content(self, index: int) -> bytes:
        """What makes it itself: the bytes of its picture, in short, and the place."""
        return hashlib.sha256(source_bytes(self.sources[index])).digest() + repr(self.crops[index]).encode()


def usable(objects: Objects) -> np.ndarray:
    """The places (n,) of the objects that something is learned from: a labelled point, a box, no crowd."""
    if objects.points is None:
        return np.zeros(0, np.int64)
    labelled = (objects.points[..., 2] > 0).any(axis=1)
    extent = (objects.xyxy[:, 2:] > objects.xyxy[:, :2]).all(axis=1)
    return np.flatnonzero(labelled & extent & ~objects.crowd)


def is_single(some: Annotated) -> bool:
    """Whether every picture has one object, and so may be looked at as a whole."""
    return all(len(objects) == 1 for objects in some.objects)


def objects_apart(data: AnnotatedPictures, *, margin: float = MARGIN) -> AnnotatedPictures:
    """`data` with a crop for each object that has a labelled point, in place of its pictures.

    Splits stay what they were: crops of one picture never come apart. Raises DataError where train or val
    has no such object; a test split without any is left out.
    """
    chosen = {split: [usable(objects) for objects in some.objects] for split, some in data.splits.items()}
    numbers = {split: sum(map(len, rows)) for split, rows in chosen.items()}
    for split in ("train", "val"):
        if numbers.get(split) == 0:
            raise DataError(f"{data.path}: no object of {split} has a labelled point; mark some")
    splits = {
        split: _apart(some, chosen[split], margin) for split, some in data.splits.items() if numbers[split]
    }
    total = sum(numbers.values())
    bare = sum(some.count for some in data.splits.values()) - total
    left = f"; {bare:,} left out: crowds, and those without a labelled point" if bare else ""
    cut = f"{count(total, 'object')} cut out with a margin of {margin:g}, a picture each{left}"
    notes = tuple(words for words in data.notes if _BACKGROUND not in words)
    return replace(data, splits=splits, notes=(*notes, cut))


def margin_of(some: Annotated) -> float | None:
    """The margin with which the objects of a split were cut out; None where its pictures are whole."""
    return some.sources.margin if isinstance(some.sources, Crops) else None


def _apart(some: Annotated, chosen: Sequence[np.ndarray], margin: float) -> Annotated:
    sources, crops, objects = [], [], []
    for index, rows in enumerate(chosen):
        one, size = some.objects[index][rows], _size(some, index)
        found = crops_of(one.xyxy, size, margin=margin)
        if (alike := found.count(Crop(0, 0, *size))) > 1:
            words = f"{some.label(index)} has {alike} objects whose box is the whole picture"
            raise DataError(f"{words}, so that nothing tells them apart; give the box of each")
        for row, crop in enumerate(found):
            sources.append(some.sources[index])
            crops.append(crop)
            objects.append(_moved(one[[row]], crop))
    return Annotated(Crops(sources, crops, margin), objects, np.array([crop.size for crop in crops]))


def _size(some: Annotated, index: int) -> tuple[int, int]:
    width, height = some.sizes[index].tolist()
    if min(width, height) < 1:
        name = source_name(some.sources[index])
        raise DataError(f"the size of '{name}' is not known; replace or remove it")
    return width, height


def _moved(one: Objects, crop: Crop) -> Objects:
    """An object in pixels of its crop, without its region; places that mean nothing stay as they are."""
    points = np.array(one.points)
    labelled = points[..., 2] > 0
    points[labelled, :2] = crop.to_crop(points[labelled, :2])
    return replace(one, xyxy=crop.to_crop(one.xyxy), points=points, regions=())
