"""Box packs: one annotations.json of `images` with file, split and size, their boxes inside or in a list.

The packs that macaw's own recipes train on are kept so; the fields are few, and all splits are in one file.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.coco_files import load_json
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.reading import Reading, in_order
from macaw.data.regions import Region
from macaw.data.rows import Row, gathered, places
from macaw.data.skeletons import BODY
from macaw.data.upright import upright_sizes
from macaw.errors import DataError, InputError

_FILE = "annotations.json"


def read_box_pack(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """A folder with annotations.json, or that file; None where it is not of this kind."""
    file = path / _FILE if path.is_dir() else path
    if file.name != _FILE or not file.is_file():
        return None
    content = load_json(file)
    names = content.get("classes") or content.get("categories") if isinstance(content, dict) else None
    images = content.get("images") if isinstance(content, dict) else None
    if (
        not images
        or not names
        or not isinstance(images[0], dict)
        or not {"file", "split"} <= images[0].keys()
    ):
        return None
    posed = reading.rows == "pose" and "person_keypoints" in content
    table = ("person",) if posed else tuple(sorted(names))
    try:
        rows = (
            _listed(content, names, table, posed=posed)
            if "annotations" in content
            else _inside(images, names, table)
        )
        homes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for image in images:
            homes[image["split"]].append(image)
        known = len(BODY.names) if posed else None
        splits = {s: _split(file, homes[s], rows, reading, points=known) for s in in_order(homes)}
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        if isinstance(problem, InputError):
            raise
        words = f"{type(problem).__name__}: {problem}"
        raise DataError(f"{file} is not as its README says ({words}); fetch the pack again") from problem
    return AnnotatedPictures(table, splits, "pack", (), path, skeleton=BODY if posed else None)


_Rows = dict[Any, list[Row]]  # a picture's id, or its file -> its rows


def _inside(images: list[dict[str, Any]], names: list[str], table: tuple[str, ...]) -> _Rows:
    """Boxes as corners, inside each image."""
    return {
        image["file"]: [
            Row(number, table.index(names[label]), tuple(map(float, box)))  # type: ignore[arg-type]
            for number, (box, label) in enumerate(zip(image["boxes"], image["labels"], strict=True))
        ]
        for image in images
    }


def _listed(content: dict[str, Any], names: list[str], table: tuple[str, ...], *, posed: bool) -> _Rows:
    """Boxes as corner and size in one list, with polygons; or people with their joints."""
    sides = {image["id"]: (image["h"], image["w"]) for image in content["images"]}
    rows: _Rows = defaultdict(list)
    for number, one in enumerate(content["person_keypoints" if posed else "annotations"]):
        left, top, width, height = map(float, one["bbox"])
        box = left, top, left + width, top + height
        if posed:
            flat = one["keypoints"]
            points = [
                (x + 0.5, y + 0.5, v) if v else (x, y, v) for x, y, v in zip(*[iter(flat)] * 3, strict=True)
            ]
            rows[one["image"]].append(Row(number, 0, box, bool(one["crowd"]), points=points))
            continue
        parts = [part for part in one.get("polygons") or () if len(part) >= 6]
        region = Region.of_polygons(parts, sides[one["image"]]) if parts else None
        label = table.index(names[one["category"]])
        rows[one["image"]].append(Row(number, label, box, bool(one["crowd"]), region=region))
    return rows


def _split(
    file: Path, images: list[dict[str, Any]], rows: _Rows, reading: Reading, *, points: int | None
) -> Annotated:
    sources = [file.parent / image["file"] for image in images]
    claimed = [(image["w"], image["h"]) for image in images]
    sizes = upright_sizes(sources, reading.problems, claimed=claimed, place=str(file))
    objects = [
        gathered(
            rows.get(image["file"]) or rows.get(image.get("id"), []),
            size,
            places(f"{file}, '{image['file']}', object "),
            reading.problems,
            points=points,
        )
        for image, size in zip(images, sizes, strict=True)
    ]
    return Annotated(sources, objects, np.array(sizes, np.int64).reshape(-1, 2))
