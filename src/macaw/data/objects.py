"""Objects: what is annotated in pictures, as boxes, regions and points that all readers bring to one form.

Coordinates are float64 pixels of the picture turned upright, from its top left corner, half-open and
continuous: the pixel in column c covers c to c + 1, and its centre is c + 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.regions import Region
from macaw.data.sources import source_name
from macaw.errors import InputError

# Shapes: N objects of a picture, or pictures of a split; K key points of an object


@dataclass(frozen=True, eq=False)
class Objects:
    """What is annotated in one picture: N objects, perhaps none.

    Raises InputError when shapes differ, a coordinate is not finite, or a box is turned inside out.
    """

    xyxy: np.ndarray  # (N, 4) float64 pixels: left, top, right, bottom
    labels: np.ndarray  # (N,) int64, into the class table
    crowd: np.ndarray  # (N,) bool: a group; no box to learn, a region to ignore in COCO's metric
    difficult: np.ndarray  # (N,) bool: VOC's; not counted in VOC's metric
    area: np.ndarray  # (N,) float64 pixels: of the region where there is one, else of the box
    regions: tuple[Region | None, ...] = ()  # (N,), or () where no object has one
    points: np.ndarray | None = None  # (N, K, 3) float64 x, y, v; v 0 not labelled, 1 hidden, 2 visible

    def __post_init__(self) -> None:
        number = len(self.labels)
        shapes = {"xyxy": (number, 4), "labels": (number,)}
        for name, kind in _KINDS.items():
            array: np.ndarray = np.asarray(getattr(self, name), kind)
            shape = shapes.get(name, (number,))
            if array.size == 0 == number:
                array = array.reshape(shape)
            if array.shape != shape:
                raise InputError(f"{name} has shape {array.shape}; {number} labels need {shape}")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "regions", tuple(self.regions))
        if len(self.regions) not in (0, number):
            raise InputError(f"{len(self.regions)} regions for {number} objects; give one for each, or none")
        if self.points is not None:
            object.__setattr__(self, "points", _checked_points(self.points, number))
        _check_values(self)

    @classmethod
    def of(cls, xyxy: Any, labels: Any, **more: Any) -> Objects:
        """Objects of these boxes and labels; fields that `more` leaves out are filled in."""
        labels = np.asarray(labels, np.int64).reshape(-1)
        boxes = np.asarray(xyxy, np.float64).reshape(-1, 4)
        plain = np.zeros(len(labels), bool)
        if "area" not in more:
            regions = more.get("regions") or (None,) * len(boxes)
            whole = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            pairs = zip(regions, whole.tolist(), strict=True)
            more["area"] = [box if region is None else region.area for region, box in pairs]
        return cls(boxes, labels, **{"crowd": plain, "difficult": plain, **more})

    @classmethod
    def empty(cls, k: int | None = None) -> Objects:
        """A picture without objects; `k` is the number of key points where the data has them."""
        points = None if k is None else np.zeros((0, k, 3))
        return cls.of(np.zeros((0, 4)), [], points=points)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: np.ndarray | Sequence[int] | slice) -> Objects:
        """The objects at these positions, in this order; a boolean mask (N,) works too."""
        at = np.arange(len(self))[chosen if isinstance(chosen, slice) else np.asarray(chosen, _index(chosen))]
        return Objects(
            self.xyxy[at],
            self.labels[at],
            self.crowd[at],
            self.difficult[at],
            self.area[at],
            tuple(self.regions[index] for index in at) if self.regions else (),
            None if self.points is None else self.points[at],
        )


_KINDS = {
    "xyxy": np.float64,
    "labels": np.int64,
    "crowd": np.bool_,
    "difficult": np.bool_,
    "area": np.float64,
}


def _index(chosen: Any) -> Any:
    """An empty list chooses nothing: numpy would take it for floats."""
    return np.int64 if len(chosen) == 0 else None


def _checked_points(points: Any, number: int) -> np.ndarray:
    array = np.asarray(points, np.float64)
    if array.ndim != 3 or len(array) != number or array.shape[2] != 3:
        raise InputError(f"points has shape {array.shape}; {number} objects need ({number}, K, 3)")
    if not np.isfinite(array).all() or not np.isin(array[..., 2], (0, 1, 2)).all():
        raise InputError("points need finite x and y, and v 0 (not labelled), 1 (hidden) or 2 (visible)")
    return array


def _check_values(objects: Objects) -> None:
    boxes = objects.xyxy
    if not (np.isfinite(boxes).all() and np.isfinite(objects.area).all()):
        raise InputError("a box or an area is not finite; correct or remove it")
    wrong = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))
    if wrong.size:
        found = ", ".join(f"{value:g}" for value in boxes[wrong[0]])
        raise InputError(f"box {wrong[0]} is {found}; left, top, right, bottom must rise")
    if (objects.labels < 0).any():
        raise InputError(f"label {objects.labels.min()} is negative; labels index the class table from 0")


@dataclass(frozen=True)
class Skeleton:
    """What key points are: their names, what to join by lines, and what a mirror makes of them.

    Raises InputError when indices or lengths do not fit the K names.
    """

    names: tuple[str, ...]  # K
    edges: tuple[tuple[int, int], ...] = ()  # pairs of points to join in pictures
    flips: tuple[int, ...] | None = None  # for each point the index it becomes in a mirror; None: not known
    sigmas: tuple[float, ...] | None = None  # spread of each annotation, in parts of the object's side

    def __post_init__(self) -> None:
        number = len(self.names)
        if any(not 0 <= end < number for edge in self.edges for end in edge):
            raise InputError(f"a skeleton joins a point beyond its {number}; indices run from 0")
        if self.flips is not None and any(self._mirrored(index) != index for index in range(number)):
            raise InputError(
                f"flips of {number} points must swap them in pairs; give each its partner's index"
            )
        if self.sigmas is not None and (len(self.sigmas) != number or min(self.sigmas, default=1) <= 0):
            raise InputError(f"{len(self.sigmas)} sigmas for {number} points; give one above 0 for each")

    def _mirrored(self, index: int) -> int:
        """The point that `index` becomes in the mirror of its mirror; -1 where the table does not fit."""
        flips = self.flips or ()
        if len(flips) != len(self.names) or not all(0 <= end < len(flips) for end in flips):
            return -1
        return flips[flips[index]]


@dataclass(frozen=True, eq=False)
class Annotated:
    """One split: pictures not read yet, with their objects.

    Raises InputError when there is not one of each for every picture.
    """

    sources: Sequence[Any]  # (N,) each a Path, or an item of a pack with .read() and .label
    objects: Sequence[Objects]  # (N,)
    sizes: np.ndarray  # (N, 2) int64 width and height, upright, pixels; 0 where unknown
    ids: np.ndarray | None = None  # (N,) int64, the file's own numbers of its pictures (COCO)

    def __post_init__(self) -> None:
        number = len(self.sources)
        object.__setattr__(self, "sizes", np.asarray(self.sizes, np.int64).reshape(-1, 2))
        if len(self.objects) != number or len(self.sizes) != number:
            found = f"{len(self.objects)} objects and {len(self.sizes)} sizes"
            raise InputError(f"{number} sources but {found}; give one of each for every picture")
        if self.ids is not None:
            object.__setattr__(self, "ids", np.asarray(self.ids, np.int64))
        if self.ids is not None and len(self.ids) != number:
            raise InputError(f"{number} sources but {len(self.ids)} ids; give one for each, or none")

    def __len__(self) -> int:
        return len(self.sources)

    def subset(self, indices: Sequence[int] | np.ndarray | slice) -> Annotated:
        """The pictures at these positions, in this order; a boolean mask (N,) works too."""
        at = np.arange(len(self))[indices]
        return Annotated(
            [self.sources[index] for index in at],
            [self.objects[index] for index in at],
            self.sizes[at],
            None if self.ids is None else self.ids[at],
        )

    def label(self, index: int) -> str:
        """What messages call picture `index`: its path, or as in `train.npz[17]`."""
        return source_name(self.sources[index])

    @property
    def count(self) -> int:
        """Objects in all pictures."""
        return sum(map(len, self.objects))


@dataclass(frozen=True, eq=False)
class AnnotatedPictures:
    """A data set of pictures with objects; labels index `names`."""

    names: tuple[str, ...]  # (C,) the class table
    splits: dict[str, Annotated]  # by train, val, test
    kind: str  # "coco", "yolo", "voc", "table", "pack", "points" or "instances"
    notes: tuple[str, ...]  # one line each, for the user
    path: Path
    terms: str = ""  # licence lines of a README.md beside the data
    skeleton: Skeleton | None = None  # where objects have key points
    carved: bool = False  # whether val was taken out of train here
    ids: Mapping[str, int] = field(default_factory=dict)  # class -> the file's own number of it (COCO)

    def boxes_only(self) -> AnnotatedPictures:
        """The same data without regions and points, for a format that has no place for them."""
        splits = {split: replace(some, objects=_plain(some.objects)) for split, some in self.splits.items()}
        return replace(self, splits=splits, skeleton=None)


def _plain(many: Sequence[Objects]) -> list[Objects]:
    return [replace(objects, regions=(), points=None) for objects in many]
