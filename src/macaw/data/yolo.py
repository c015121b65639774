"""YOLO text: a `.txt` of rows beside each picture, found by swapping `images` for `labels` in its path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from macaw.data.examples import SPLITS, count, listed
from macaw.data.find import entries, find_pictures, is_picture_name, shown, walk
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.reading import Reading, in_order, lines_of
from macaw.data.rows import Row, gathered, places
from macaw.data.upright import Size, upright_sizes
from macaw.data.yolo_rows import Rows, Text, form_of, kind_of, read_text
from macaw.data.yolo_table import YoloTable, find_table, read_names, read_table
from macaw.errors import DataError, InputError


def read_yolo(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """A data.yaml, a folder with one, or a folder with images/ and labels/; None where there is none.

    Raises DataError where a split has no label file at all, and where the rows leave open what they hold.
    """
    file = find_table(path)
    root = path if path.is_dir() else path.parent
    table = read_table(file) if file else None
    pictures = _by_table(table, reading) if table else _by_folders(root) if path.is_dir() else {}
    if not pictures:
        return None
    table = table or read_names(root)
    if table is None:
        raise DataError(f"{root} has images and labels, but nothing names their classes; add a data.yaml")
    reading.notes += table.notes
    found = {split: _texts(some, split, reading) for split, some in pictures.items()}
    texts = {split: some for split, some in found.items() if some is not None}
    rows = _rows(table, [row for some in texts.values() for each in some.values() for row in each], reading)
    skeleton = table.skeleton if rows.kind == "pose" else None
    points = len(skeleton.names) if skeleton else None
    splits = {split: _split(texts[split], pictures[split], rows, points=points) for split in in_order(texts)}
    return AnnotatedPictures(tuple(sorted(table.names)), splits, "yolo", (), path, skeleton=skeleton)


def _rows(table: YoloTable, every: list[Text], reading: Reading) -> Rows:
    """How to read the rows, which are all of the data set. Raises DataError where they leave it open."""
    where = str(table.path)
    kind = kind_of(every, reading, posed=table.shape is not None, where=where)
    if kind == "pose" and table.shape is None:
        raise DataError(f"{where}: rows of key points, but no kpt_shape; add kpt_shape: [points, 3]")
    # Only boxes have the two forms; polygons and turned boxes are written by their corners
    form = form_of(every, reading, where) if kind == "detect" else reading.form or "centre"
    names = sorted(table.names)
    labels = [names.index(name) for name in table.names]  # of each class number
    return Rows(kind, form, labels, table.shape, reading.problems)


def label_file(picture: Path) -> Path:
    """Where the rows of a picture are: the last `images` of its path is `labels`, and its suffix `.txt`."""
    parts = list(picture.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _by_table(table: YoloTable | None, reading: Reading) -> dict[str, list[Path]]:
    """Split -> pictures, as data.yaml says."""
    if table is None:
        return {}
    if not table.splits:
        return _by_folders(table.path.parent) or _refuse_bare(table)
    found = {}
    for split in in_order(table.splits):
        some = [_place(table, place) for place in table.splits[split]]
        missing = [place for place, path in zip(table.splits[split], some, strict=True) if path is None]
        if missing and split == "test":  # exporters name a test folder that they do not write
            reading.notes.append(
                f"{table.path.name}: no such place for test: '{shown(missing[0])}', left out"
            )
            continue
        if missing:
            raise DataError(
                f"{table.path}, field '{split}': no such folder or list: '{shown(missing[0])}' "
                f"(seen from {table.path.parent / table.base}); correct it"
            )
        found[split] = [picture for place in some if place for picture in _pictures(place)]
    return found


def _refuse_bare(table: YoloTable) -> dict[str, list[Path]]:
    raise DataError(f"{table.path} names no train or val, and no folder images is beside it; add train:")


def _place(table: YoloTable, place: str) -> Path | None:
    """A place of data.yaml on this disk. `path` is tried against the file's folder, then left out."""
    here = table.path.parent
    bases = [here / table.base, here]
    tries = [place, place.removeprefix("../")]  # Roboflow writes ../train/images for train/images
    paths = [base / one for one in tries for base in bases]
    return next((path for path in paths if path.exists()), None)


def _pictures(place: Path) -> list[Path]:
    """The pictures of a folder, or of a list of paths, relative to the folder of the list."""
    if place.is_dir():
        try:
            return find_pictures([place])
        except InputError as problem:
            raise DataError(str(problem)) from problem
    if place.suffix.lower() != ".txt":
        return [place]
    return [place.parent / line.replace("\\", "/") for line in lines_of(place)]


def _by_folders(root: Path) -> dict[str, list[Path]]:
    """`images/<split>` and `labels/<split>`, `<split>/images` and `<split>/labels`, or images and labels."""
    folders = {folder.name: folder for folder in entries(root)[0]}
    homes: dict[str, Path] = {}
    if {"images", "labels"} <= folders.keys() and any(f.suffix == ".txt" for f in walk(folders["labels"])):
        inner = {SPLITS.get(folder.name.lower(), ""): folder for folder in entries(folders["images"])[0]}
        homes = {split: folder for split, folder in inner.items() if split} or {"train": folders["images"]}
    else:
        for name, folder in folders.items():
            if name.lower() in SPLITS and (folder / "images").is_dir() and (folder / "labels").is_dir():
                homes[SPLITS[name.lower()]] = folder / "images"
    found = {split: [f for f in walk(home) if is_picture_name(f.name)] for split, home in homes.items()}
    return {split: some for split, some in found.items() if some}


def _texts(pictures: list[Path], split: str, reading: Reading) -> dict[Path, list[Text]] | None:
    """Label file -> its rows; None where a test split has no labels.

    Raises DataError where no picture of another split has a label file.
    """
    files = [label_file(picture) for picture in pictures]
    shared = next((file for file, times in Counter(files).items() if times > 1), None)
    if shared:
        twins = [picture.name for picture, file in zip(pictures, files, strict=True) if file == shared]
        raise DataError(
            f"{listed(twins)} share one label file, {shared}; give each picture a name of its own"
        )
    present = [file for file in files if file.is_file()]
    if not present:
        looked = listed(sorted({str(file.parent) for file in files}), 2)
        if split == "test":
            reading.notes.append(f"test: 0 of {count(len(files), 'picture')} have labels, left out")
            return None
        raise DataError(
            f"0 of {count(len(files), 'picture')} of {split} have labels; looked in {looked} for "
            f"'{files[0].name}' and its kin"
        )
    _unmatched(present, set(files), reading)
    known = set(present)
    return {file: read_text(file, reading.problems) if file in known else [] for file in files}


def _unmatched(present: Iterable[Path], wanted: set[Path], reading: Reading) -> None:
    """Label files without a picture: a misspelt name, or a picture that was lost."""
    for folder in sorted({file.parent for file in present}):
        for file in entries(folder)[1]:
            if file.suffix == ".txt" and file not in wanted and file.name != "classes.txt":
                reading.problems.report("label-unmatched", str(file), "there is no picture of this name")


def _split(
    texts: dict[Path, list[Text]], pictures: list[Path], rows: Rows, *, points: int | None
) -> Annotated:
    sizes = upright_sizes(pictures, rows.problems)
    objects = [
        _objects(file, text, size, rows, points=points)
        for (file, text), size in zip(texts.items(), sizes, strict=True)
    ]
    return Annotated(pictures, objects, np.array(sizes, np.int64).reshape(-1, 2))


def _objects(file: Path, text: list[Text], size: Size, rows: Rows, *, points: int | None) -> Objects:
    found: list[Row] = []
    for one in text:
        row = rows.row(file, one, size)
        if row is not None:
            found.append(row)
    return gathered(found, size, places(f"{file}, row "), rows.problems, points=points)
