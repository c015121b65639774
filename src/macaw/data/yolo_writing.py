"""Writing YOLO text: rows in parts of the picture's sides, and a data.yaml that names classes and folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from macaw.data.objects import AnnotatedPictures, Objects
from macaw.data.reading import ROWS
from macaw.data.regions import Region
from macaw.data.upright import Size
from macaw.data.writing import linked, new_folder, outline, refuse_lost, sizes_of
from macaw.errors import DataError, UnknownName, did_you_mean
from macaw.files import atomic_write

_DIGITS = 12  # a whole pixel comes back as one, but for a billionth

_Values = Callable[[Objects, int, Size], list[float]]


def write_yolo(data: AnnotatedPictures, folder: str | Path, *, kind: str = "detect") -> Path:
    """Write a new folder: data.yaml, labels/<split>/ with rows, images/<split>/ with links to the pictures.

    `kind` is what rows hold: "detect" boxes, "segment" polygons, "pose" boxes and key points, "obb" four
    corners. Raises DataError for what such rows cannot express: groups, objects marked as difficult, masks
    with holes, parts that overlap; InputError for a folder in use, UnknownName for another kind.
    """
    if kind not in ROWS:
        raise UnknownName(
            f"kind='{kind}' is unknown; allowed are {', '.join(ROWS)}.{did_you_mean(kind, ROWS)}"
        )
    refuse_lost(data, "YOLO text", ("crowd", "difficult"))
    if kind == "pose" and data.skeleton is None:
        raise DataError(f"{data.path} has no key points; write kind='detect' or 'segment'")
    values = {"detect": _box, "segment": _polygon, "pose": _posed, "obb": _corners}[kind]
    with new_folder(folder) as temporary:
        for split, some in data.splits.items():
            names = linked(some, temporary / "images" / split, set())
            for name, objects, size in zip(names, some.objects, sizes_of(some), strict=True):
                text = _text(data, objects, size, values, name)
                atomic_write((temporary / "labels" / split / name).with_suffix(".txt"), text.encode())
        atomic_write(temporary / "data.yaml", _table(data, kind).encode())
    return Path(folder)


def _text(data: AnnotatedPictures, objects: Objects, size: Size, values: _Values, name: str) -> str:
    rows = []
    for index, label in enumerate(objects.labels.tolist()):
        try:
            numbers = values(objects, index, size)
        except DataError as problem:
            raise DataError(f"object {index} of '{name}' {problem}") from None
        rows.append(" ".join([str(label), *(f"{round(number, _DIGITS):.12g}" for number in numbers)]) + "\n")
    return "".join(rows)


def _table(data: AnnotatedPictures, kind: str) -> str:
    """data.yaml; strings as JSON writes them, which YAML reads alike."""
    lines = [f"{split}: images/{split}" for split in data.splits]
    lines += [
        "names:",
        *(f"  {i}: {json.dumps(name, ensure_ascii=False)}" for i, name in enumerate(data.names)),
    ]
    if kind == "pose" and data.skeleton:
        lines += [f"kpt_shape: [{len(data.skeleton.names)}, 3]"]
        lines += [f"flip_idx: {list(data.skeleton.flips)}"] if data.skeleton.flips else []
        names = json.dumps(list(data.skeleton.names), ensure_ascii=False)
        lines += ["kpt_names:", *(f"  {index}: {names}" for index in range(len(data.names)))]
    return "\n".join(lines) + "\n"


def _box(objects: Objects, index: int, size: Size) -> list[float]:
    left, top, right, bottom = objects.xyxy[index].tolist()
    width, height = size
    across, down = (right - left) / width, (bottom - top) / height
    return [(left + right) / 2 / width, (top + bottom) / 2 / height, across, down]


def _posed(objects: Objects, index: int, size: Size) -> list[float]:
    points = objects.points[index].tolist() if objects.points is not None else []
    return _box(objects, index, size) + [n for x, y, v in points for n in (x / size[0], y / size[1], v)]


def _polygon(objects: Objects, index: int, size: Size) -> list[float]:
    parts = outline(objects, index)
    if not parts:
        raise DataError("has no polygon, and YOLO rows have nothing else; write COCO, which has run lengths")
    return _parts_of_sides(parts[0] if len(parts) == 1 else _joined(parts, objects.regions[index]), size)


def _corners(objects: Objects, index: int, size: Size) -> list[float]:
    parts = outline(objects, index)
    if len(parts) != 1 or len(parts[0]) != 4:
        raise DataError(
            "has no polygon of 4 corners, which kind='obb' needs; write kind='segment' or 'detect'"
        )
    return _parts_of_sides(parts[0], size)


def _parts_of_sides(polygon: np.ndarray, size: Size) -> list[float]:
    flat: list[float] = (polygon / np.array(size, np.float64)).ravel().tolist()
    return flat


def _joined(parts: Sequence[np.ndarray], region: Region | None) -> np.ndarray:
    """One polygon of several parts, by a bridge of no width from each to the first and back.

    The bridges are walked twice and so cancel out. Parts that overlap would leave a hole where they do.
    """
    first = parts[0]
    whole = [*first, first[0]]
    for part in parts[1:]:
        whole += [*part, part[0], first[0]]
    joined = np.array(whole)
    if region is None or not np.array_equal(Region.of_polygons([joined], region.size).counts, region.counts):
        raise DataError("has parts that overlap, which one YOLO row cannot express; write COCO")
    return joined
