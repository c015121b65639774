"""Writing COCO: a JSON file for a split, with the digits that were read, and the ids of classes and pictures.

A mask with a hole is written as run lengths with iscrowd 0: marked as crowd, it would be ignored in scores.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.examples import listed
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.writing import new_folder, picture_path, sizes_of, whole
from macaw.errors import InputError
from macaw.files import atomic_write


def write_coco(data: AnnotatedPictures, path: str | Path) -> Path:
    """Write one split to `path`, a .json file, or all to a new folder: annotations/instances_<split>.json.

    Pictures are named by their paths as seen from the file; they are not copied. `difficult`, which COCO has
    no field for, is one more field. Raises InputError for several splits in one file, or a folder in use.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        if len(data.splits) != 1:
            raise InputError(f"{listed(data.splits)} do not go into one file; give a folder, or one split")
        (some,) = data.splits.values()
        return atomic_write(path, _bytes(data, some, path.parent))
    kind = "instances" if data.skeleton is None else "person_keypoints"
    home = path / "annotations"
    with new_folder(path) as temporary:
        for split, some in data.splits.items():
            atomic_write(temporary / "annotations" / f"{kind}_{split}.json", _bytes(data, some, home))
    return path


def class_ids(data: AnnotatedPictures) -> dict[str, int]:
    """Class -> the id that it had in the file it came from, else the next free one from 1."""
    ids = {name: data.ids[name] for name in data.names if name in data.ids}
    free = (number for number in range(1, len(data.names) + len(ids) + 2) if number not in ids.values())
    return {name: ids[name] if name in ids else next(free) for name in data.names}


def _bytes(data: AnnotatedPictures, some: Annotated, home: Path) -> bytes:
    """The file of a split, to lie in the folder `home`."""
    ids = class_ids(data)
    pictures = list(range(1, len(some) + 1)) if some.ids is None else some.ids.tolist()
    images = [
        {"id": ident, "file_name": _name(picture_path(some, index), home), "width": width, "height": height}
        for index, (ident, (width, height)) in enumerate(zip(pictures, sizes_of(some), strict=True))
    ]
    annotations: list[dict[str, Any]] = []
    for ident, objects in zip(pictures, some.objects, strict=True):
        for index in range(len(objects)):
            category = ids[data.names[objects.labels[index]]]
            one = {"id": len(annotations) + 1, "image_id": ident, "category_id": category}
            annotations.append({**one, **_fields(objects, index)})
    categories = [
        {"id": ids[name], "name": name, **_skeleton(data)} for name in sorted(ids, key=ids.__getitem__)
    ]
    content = {"images": images, "annotations": annotations, "categories": categories}
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _name(picture: Path, home: Path) -> str:
    try:
        return Path(os.path.relpath(picture.resolve(), home.resolve())).as_posix()
    except ValueError:  # another drive
        return picture.resolve().as_posix()


def _fields(objects: Objects, index: int) -> dict[str, Any]:
    left, top, right, bottom = objects.xyxy[index].tolist()
    fields: dict[str, Any] = {
        "bbox": [whole(left), whole(top), _extent(left, right), _extent(top, bottom)],
        "area": whole(float(objects.area[index])),
        "iscrowd": int(objects.crowd[index]),
    }
    if objects.regions and (region := objects.regions[index]) is not None:
        fields["segmentation"] = region.to_coco()
    if objects.difficult[index]:
        fields["difficult"] = 1
    if objects.points is not None:
        points = objects.points[index]
        fields["keypoints"] = [number for point in points.tolist() for number in _point(*point)]
        fields["num_keypoints"] = int(np.count_nonzero(points[:, 2]))
    return fields


def _point(x: float, y: float, v: float) -> tuple[float, float, int]:
    """COCO numbers pixels; a point that is not labelled stays what it was."""
    shift = 0.5 if v else 0.0
    return whole(x - shift), whole(y - shift), int(v)


def _extent(start: float, end: float) -> float:
    """The width with which start + width is `end`, in as few digits as can be.

    For some ends no width is exact, as sums are rounded: the reader is then one unit of the last place off.
    """
    exact = end - start
    for digits in range(17):
        if start + round(exact, digits) == end:
            return whole(round(exact, digits))
    return exact


def _skeleton(data: AnnotatedPictures) -> dict[str, Any]:
    if data.skeleton is None:
        return {}
    edges = [[start + 1, end + 1] for start, end in data.skeleton.edges]
    return {"keypoints": list(data.skeleton.names), "skeleton": edges}
