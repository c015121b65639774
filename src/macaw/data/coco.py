"""COCO: boxes, polygons, run lengths, crowds and key points from `instances_*.json` and its kin.

Boxes are left, top, width, height in pixels. Ids are any numbers; here names are what counts, and the ids are
kept for writing. Key points are numbers of pixels, so that half a pixel brings them to the pixel's centre, as
detectron2 does (arXiv 1405.0312; the format: cocodataset.org, "Data format").
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from macaw.data.coco_files import coco_files, pictures_of
from macaw.data.coco_table import Table, class_table, key_points
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.problems import Problems
from macaw.data.reading import Reading, in_order
from macaw.data.regions import Region
from macaw.data.rows import Box, Row, gathered, worded
from macaw.data.upright import UNKNOWN, Size, upright_sizes
from macaw.errors import DataError, InputError, did_you_mean


def read_coco(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """A JSON file, or a folder with one for each split; None where there is none of COCO's kind."""
    files = coco_files(path, reading)
    if files is None:
        return None
    tables = {split: class_table(file, content, reading) for split, (file, content) in files.items()}
    first = "train" if "train" in tables else next(iter(tables))
    names = _shared_names(tables, first, files)
    skeletons = {split: key_points(file, content) for split, (file, content) in files.items()}
    skeleton = skeletons[first]
    for split, other in skeletons.items():
        if other and skeleton and other.names != skeleton.names:
            raise DataError(
                f"{files[split][0]}: {split} has other key points than {first}; give all the same"
            )
    splits = {}
    for split in in_order(files):
        file, content = files[split]
        points = len(skeleton.names) if skeleton else None
        one = _Split(file, split, names, tables[split], points, reading.problems)
        splits[split] = one.read(content)
    return AnnotatedPictures(
        names, splits, "coco", (), path, skeleton=skeleton, ids={n: i for i, n in tables[first].items()}
    )


def _shared_names(
    tables: dict[str, Table], first: str, files: dict[str, tuple[Path, Any]]
) -> tuple[str, ...]:
    names = tuple(sorted(tables[first].values()))
    for split, table in tables.items():
        for name in sorted(set(table.values()) - set(names)):
            raise DataError(
                f"{files[split][0]}: category '{name}' of {split} is not in {first}'s; give all splits one "
                f"table.{did_you_mean(name, names)}"
            )
    return names


class _Image(NamedTuple):
    ident: int
    name: str
    size: Size


class _Split:
    """One JSON file being read."""

    def __init__(
        self,
        file: Path,
        split: str,
        names: tuple[str, ...],
        table: Table,
        points: int | None,
        problems: Problems,
    ) -> None:
        self.file, self.split, self.points, self.problems = file, split, points, problems
        index = {name: number for number, name in enumerate(names)}
        self.labels = {ident: index[name] for ident, name in table.items()}

    def read(self, content: Mapping[str, Any]) -> Annotated:
        """Every picture with its objects."""
        images = self._images(content["images"])
        sources = pictures_of(self.file, self.split, [image.name for image in images])
        claimed = [image.size for image in images]
        sizes = upright_sizes(sources, self.problems, claimed=claimed, place=str(self.file))
        sizes = [own if own != UNKNOWN else told for own, told in zip(sizes, claimed, strict=True)]
        found = self._annotations(content["annotations"], images, sizes)
        objects = [
            gathered(found[index], size, self.place, self.problems, points=self.points)
            for index, size in enumerate(sizes)
        ]
        idents = np.array([image.ident for image in images], np.int64)
        return Annotated(sources, objects, np.array(sizes, np.int64).reshape(-1, 2), idents)

    def place(self, number: int) -> str:
        """Where annotation `number` is, for messages about its box."""
        return f"{self.file}, annotations[{number}], field 'bbox'"

    def _bad(self, where: str, field: str, found: str, rule: str = "field-bad", remedy: str = "") -> None:
        self.problems.report(rule, f"{self.file}, {where}, field '{field}'", found, remedy)

    def _images(self, entries: list[Any]) -> list[_Image]:
        images: list[_Image] = []
        seen: set[int] = set()
        names: set[str] = set()
        for number, entry in enumerate(entries):
            where = f"images[{number}]"
            ident, name = (
                (entry.get("id"), entry.get("file_name")) if isinstance(entry, dict) else (None, None)
            )
            if type(ident) is not int or ident in seen or ident.bit_length() > 63:
                found = "given twice" if type(ident) is int else "no whole number"
                self._bad(where, "id", f"{ident!r} is {found}", remedy="give each image an id of its own")
            elif not isinstance(name, str) or not name.strip():
                self._bad(where, "file_name", f"{name!r} names no file")
            elif name in names:
                self._bad(where, "file_name", f"'{name}' is listed again", "picture-twice")
            else:
                seen.add(ident)
                names.add(name)
                size = entry.get("width"), entry.get("height")
                fine = all(type(side) is int and side > 0 for side in size)
                images.append(_Image(ident, name.replace("\\", "/"), size if fine else UNKNOWN))
        return images

    def _annotations(self, entries: Any, images: list[_Image], sizes: list[Size]) -> dict[int, list[Row]]:
        """The rows of each picture, by its index."""
        if not isinstance(entries, list):
            raise DataError(
                f"{self.file}, field 'annotations': no list; write one object for each annotation"
            )
        index = {image.ident: number for number, image in enumerate(images)}
        rows: dict[int, list[Row]] = defaultdict(list)
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                self.problems.report(
                    "row-bad", f"{self.file}, annotations[{number}]", "it is no object {...}"
                )
                continue
            picture, label = index.get(_key(entry, "image_id")), self.labels.get(_key(entry, "category_id"))
            if picture is None:
                found = f"there is no image with id {entry.get('image_id')!r}"
                self._bad(f"annotations[{number}]", "image_id", found)
            elif label is None:
                known = f"the categories have ids {min(self.labels)} to {max(self.labels)}"
                found = f"there is no category with id {entry.get('category_id')!r}; {known}"
                self._bad(f"annotations[{number}]", "category_id", found, "class-unknown")
            elif row := self._row(number, entry, label, sizes[picture]):
                rows[picture].append(row)
        self._whole(entries, [row for some in rows.values() for row in some])
        return rows

    def _whole(self, entries: list[Any], rows: list[Row]) -> None:
        """What only all annotations together can tell."""
        times = Counter(
            entry["id"] for entry in entries if isinstance(entry, dict) and _key(entry, "id") >= 0
        )
        for ident, number in times.items():
            if number > 1:
                self.problems.report("id-repeated", str(self.file), f"annotation id {ident}, {number} times")
        sides = [side for row in rows for side in _sides(row.xyxy)]
        if sides and max(sides) <= 1 and min(sides) < 1 and max(max(row.xyxy) for row in rows) <= 2:
            found = f"no number is above 1, as in {worded(rows[0].xyxy)}: parts of the picture's sides"
            self.problems.insert(0, self.problems.made("box-normalised", self.place(rows[0].number), found))

    def _row(self, number: int, entry: dict[str, Any], label: int, size: Size) -> Row | None:
        where = f"annotations[{number}]"
        crowd = entry.get("iscrowd") or 0
        if crowd not in (0, 1):
            self._bad(where, "iscrowd", f"{crowd!r} is neither 0 nor 1")
            return None
        area = entry.get("area")
        if area is not None and not (_is_number(area) and math.isfinite(area) and area >= 0):
            self._bad(where, "area", f"{area!r} is no area; give pixels, or leave it out")
            return None
        region = self._region(where, entry.get("segmentation"), size)
        box = self._box(where, entry.get("bbox"), region)
        points = self._points(where, entry.get("keypoints"))
        if box is None or points == []:
            return None
        difficult = bool(entry.get("difficult"))
        return Row(number, label, box, bool(crowd), difficult, area or None, region, points)

    def _box(self, where: str, bbox: Any, region: Region | None) -> Box | None:
        if bbox is None and region is not None:
            left, top, right, bottom = region.xyxy.tolist()
            return left, top, right, bottom
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
            found = "there is none" if bbox is None else f"{bbox!r} is no box"
            self._bad(where, "bbox", found, remedy="give four numbers: left, top, width, height in pixels")
            return None
        left, top, width, height = map(float, bbox)
        return left, top, left + width, top + height

    def _region(self, where: str, segmentation: Any, size: Size) -> Region | None:
        if not segmentation or size == UNKNOWN:
            return None
        if isinstance(segmentation, list):
            whole = [part for part in segmentation if not isinstance(part, list) or len(part) >= 6]
            for _ in range(len(segmentation) - len(whole)):
                self._bad(where, "segmentation", "a polygon of fewer than 3 corners", "polygon-thin")
            segmentation = whole
        try:
            return Region.of_coco(segmentation, (size[1], size[0])) if segmentation else None
        except InputError as problem:
            self._bad(where, "segmentation", str(problem))
            return None

    def _points(self, where: str, values: Any) -> list[tuple[float, float, float]] | None:
        """K times x, y, v; None where there are none, [] where they are wrong."""
        if self.points is None or not values:
            return None
        fine = isinstance(values, list) and len(values) == 3 * self.points and all(map(_is_number, values))
        if not fine or not all(map(math.isfinite, values)) or not set(values[2::3]) <= {0, 1, 2}:
            found = f"{len(values)} numbers" if isinstance(values, list) and not fine else "wrong numbers"
            remedy = f"give x, y and v (0, 1 or 2) for each of {self.points} points"
            self._bad(where, "keypoints", found, remedy=remedy)
            return []
        triples = zip(values[0::3], values[1::3], values[2::3], strict=True)
        return [(x + 0.5, y + 0.5, v) if v else (x, y, v) for x, y, v in triples]


def _key(entry: dict[str, Any], field: str) -> int:
    """A field that is an id; -1, which nothing has, where it is none."""
    value = entry.get(field)
    return value if type(value) is int else -1


def _is_number(value: Any) -> bool:
    """Whether JSON gave a number, and one that a float can hold."""
    return type(value) is float or (type(value) is int and value.bit_length() < 64)


def _sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]
