"""COCO on disk: which JSON file belongs to which split, and where its pictures lie."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from macaw.data.examples import SPLITS, listed
from macaw.data.find import entries, shown
from macaw.data.reading import Reading, one_each, split_of
from macaw.errors import DataError

ROBOFLOW = "_annotations.coco.json"
_BOXES, _POINTS = "instances", "person_keypoints"
_OTHER = ("captions", "image_info", "panoptic", "stuff", "deepfashion")  # files of COCO that hold no objects
_SAMPLED = 20  # pictures by which the folder of pictures is told


def coco_files(path: Path, reading: Reading) -> dict[str, tuple[Path, dict[str, Any]]] | None:
    """Split -> its JSON file and content; None where there is none of COCO's kind.

    Raises DataError for a file that is not JSON, and where two files mean the same split.
    """
    if path.is_file():
        if path.suffix.lower() != ".json":
            return None
        content = load_json(path)
        if not is_coco(content):
            return None
        outer = SPLITS.get(path.parent.name.lower(), "") if path.name == ROBOFLOW else ""
        return {outer or split_of(path.stem) or "train": (path, content)}
    files = _candidates(path, reading)
    found = {split: (file, load_json(file)) for split, file in files.items()}
    return {split: pair for split, pair in found.items() if is_coco(pair[1])} or None


def load_json(path: Path) -> Any:
    """The content of a JSON file. Raises DataError with the row where it is none."""
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: byte {problem.start:,} is not UTF-8; save it as UTF-8") from None
    except json.JSONDecodeError as problem:
        where = f"row {problem.lineno}, letter {problem.colno}"
        raise DataError(f"{path}, {where}: not JSON ({problem.msg}); it may be cut short") from problem
    except RecursionError:
        raise DataError(
            f"{path}: JSON nested too deeply to be annotations; take it from its source"
        ) from None
    except OSError as problem:
        raise DataError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem


def is_coco(content: Any) -> bool:
    """Whether JSON holds images, categories and annotations as COCO writes them."""
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= content.keys():
        return False
    images, categories = content["images"], content["categories"]
    if not isinstance(images, list) or not isinstance(categories, list):
        return False
    return all(isinstance(item, dict) for item in (*images[:1], *categories[:1])) and not (
        images and "file" in images[0] and "file_name" not in images[0]
    )


def _candidates(root: Path, reading: Reading) -> dict[str, Path]:
    """Split -> the JSON file that its name, or its folder's, tells."""
    folders, files = entries(root)
    roboflow = [(SPLITS.get(folder.name.lower(), ""), folder / ROBOFLOW) for folder in folders]
    roboflow = [(split, file) for split, file in roboflow if split and file.is_file()]
    if roboflow:
        return one_each(root, roboflow)
    inner = next((folder for folder in folders if folder.name.lower() == "annotations"), None)
    files = [*(entries(inner)[1] if inner else []), *files]
    files = [f for f in files if f.suffix.lower() == ".json" and not f.name.lower().startswith(_OTHER)]
    wanted, passed = (_POINTS, _BOXES) if reading.rows == "pose" else (_BOXES, _POINTS)
    chosen = [file for file in files if file.name.startswith(wanted)]
    if not chosen:
        chosen = [file for file in files if not file.name.startswith(passed)] or files
    elif any(file.name.startswith(passed) for file in files):
        reading.notes.append(f"read {wanted}_*.json, not the {passed}_*.json beside")
    named = [(split_of(file.stem), file) for file in chosen]
    named = [(split, file) for split, file in named if split]
    if not named and len(chosen) == 1:
        return {"train": chosen[0]}
    if not named and len(chosen) > 1 and is_coco(load_json(chosen[0])):
        raise DataError(f"{root} has {listed(f.name for f in chosen)}; name one, or call them train and val")
    return one_each(root, named)


def pictures_of(file: Path, split: str, names: Sequence[str]) -> list[Path]:
    """The pictures that a JSON file names, in the folder where most of the first ones exist.

    Names that carry folders of another machine are found by their last part. Raises DataError when none of
    the first ones is found anywhere.
    """
    looked = _folders(file, split)
    bare = [name.rpartition("/")[2] for name in names]
    for some in (names, bare):
        hits = [sum(os.path.isfile(folder / name) for name in some[:_SAMPLED]) for folder in looked]
        if not names or max(hits) > 0:
            folder = looked[hits.index(max(hits))]
            return [folder / name for name in some]
    tried = listed((str(folder) for folder in looked), 5)
    first = f"such as '{shown(names[0])}'; looked in {tried}"
    raise DataError(f"{file}: 0 of the first {len(bare[:_SAMPLED])} pictures found, {first}")


def _folders(file: Path, split: str) -> list[Path]:
    """Where pictures may lie, the likeliest first."""
    year = "".join(letter for letter in file.stem if letter.isdigit())  # instances_train2017
    homes = [file.parent, *([file.parent.parent] if file.name != ROBOFLOW else [])]
    found = []
    for home in homes:
        for base in (home / "images", home, home / "JPEGImages"):
            if base.is_dir():
                inner = [folder for folder in entries(base)[0] if _means(folder.name, split, year)]
                found += [*inner, base]
    return found


def _means(name: str, split: str, year: str) -> bool:
    lower = name.lower()
    return SPLITS.get(lower) == split or (bool(year) and lower == f"{split}{year}")
