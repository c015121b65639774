"""Annotated pictures: any layout of boxes, polygons, run lengths and key points becomes splits of objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from macaw.data.aligned import finished
from macaw.data.boxpacks import read_box_pack
from macaw.data.boxtables import read_box_table
from macaw.data.coco import read_coco
from macaw.data.find import no_such
from macaw.data.instances import read_instance_maps
from macaw.data.looks import looks_like
from macaw.data.objects import Annotated, AnnotatedPictures, Objects, Skeleton
from macaw.data.problems import Problem
from macaw.data.reading import Reading
from macaw.data.voc import read_voc
from macaw.data.yolo import read_yolo
from macaw.errors import DataError, InputError

__all__ = ["Annotated", "AnnotatedPictures", "Objects", "Skeleton", "read_annotated", "scan_annotated"]

# Tried in turn; each reader answers None when the path is not laid out its way.
LAYOUTS: tuple[tuple[str, Callable[[Path, Reading], AnnotatedPictures | None]], ...] = (
    ("COCO: annotations/instances_train.json, or a .json of images, annotations and categories", read_coco),
    ("annotations.json with file, split and boxes of each image", read_box_pack),
    ("YOLO: data.yaml, or images/ with labels/", read_yolo),
    ("Pascal VOC: Annotations/ with .xml, or .xml beside pictures", read_voc),
    ("a table (.csv, .tsv or .jsonl) with columns image, label, xmin, ymin, xmax and ymax", read_box_table),
    ("instance maps: images/ beside masks/ or labels/, each number an object", read_instance_maps),
)


def read_annotated(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    rows: str | None = None,
    form: str | None = None,
    seed: int = 0,
    val_share: float = 0.1,
) -> AnnotatedPictures:
    """Read annotated pictures of any layout in LAYOUTS; pictures stay on disk, files are not changed.

    `names` is a model's class table: labels then index it, matched by name, and a class in use that it lacks
    is a DataError. Without it the table is the sorted names that the files declare, or that train uses. Where
    there is train but no val, a share `val_share` (0 to leave train whole) is taken out of train by the hash
    of the pictures' bytes; `seed` chooses another such share.

    `rows` says what YOLO rows hold where they leave it open: "detect", "segment", "pose" or "obb"; "pose"
    also chooses COCO's person_keypoints files. `form` says how YOLO boxes are written, "centre" or "corners".

    Raises InputError when there is no such path, DataError when the data cannot be used: with the file, the
    row, what was found and what to do. Repairs that are safe become notes with their counts.
    """
    path = Path(path)
    if not 0 <= val_share < 1:
        raise InputError(f"val_share {val_share} is not a share; give 0 or more, below 1")
    reading = Reading(rows, form)
    data = first_layout(path, reading)
    return finished(data, reading, names=names, seed=seed, val_share=val_share)


def scan_annotated(
    path: str | Path, *, rows: str | None = None, form: str | None = None
) -> tuple[AnnotatedPictures | None, list[Problem]]:
    """What is sound in the data, as far as it can be read, and every problem, errors and repairs alike.

    Nothing is refused: what `read_annotated` would raise at once is the last problem, of the rule "refused".
    Raises InputError when there is no such path.
    """
    path = Path(path)
    reading = Reading(rows, form)
    if not path.exists():
        raise InputError(no_such(path))
    try:
        data = first_layout(path, reading)
    except InputError as problem:
        reading.problems.refused(problem)
        return None, list(reading.problems)
    return data, list(reading.problems)


def first_layout(path: Path, reading: Reading) -> AnnotatedPictures:
    """What the first reader makes of it that knows the layout, labels and splits as they are in the files."""
    if not path.exists():
        raise InputError(no_such(path))
    for _, read in LAYOUTS:
        found = read(path, reading)
        if found is not None:
            return found
    looked = "; ".join(what for what, _ in LAYOUTS)
    raise DataError(f"0 pictures with boxes in '{path}'{looks_like(path)}; looked for: {looked}")
