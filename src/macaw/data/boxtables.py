"""Tables of boxes: a CSV, TSV or JSON-lines file with columns image, label, xmin, ymin, xmax, ymax.

One row is one object, in pixels, half-open from 0; a row with nothing but a picture says that nothing is in
it. `split` and `ignore` may stand beside them. Everything is read as text, as in `macaw.data.tables`.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from macaw.data.examples import SPLITS, nfc
from macaw.data.find import entries, shown
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.reading import Reading, in_order, one_each
from macaw.data.rows import Box, Row, gathered, places
from macaw.data.tables import (
    IMAGE,
    SUFFIXES,
    columns_of,
    csv_records,
    json_records,
    picture_in,
    split_in,
    text_of,
)
from macaw.data.upright import upright_sizes
from macaw.errors import DataError

_SIDES = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
_LABEL = ("label", "class", "name")  # the second is written by TensorFlow's tools
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no", ""})
_HINTED = 3  # missing files for which a close name is looked for


class _Columns(NamedTuple):
    """The table's own names for what we need; '' for what it lacks."""

    image: str
    label: str
    sides: tuple[str, str, str, str]
    split: str
    ignore: str


class _Line(NamedTuple):
    """One row of a table; no label says that the picture is empty."""

    row: int
    label: str
    box: Box
    ignore: bool


_Sheet = dict[Path, list[_Line]]  # picture -> its rows


def read_box_table(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """A table, or a folder with one, or with train.csv and val.csv; None where none has columns of boxes."""
    if path.is_file():
        tables = {"": path} if path.suffix.lower() in SUFFIXES and _columns(path) else {}
    else:
        tables = _tables(path)
    if not tables:
        return None
    splits: dict[str, tuple[Path, _Sheet]] = {}
    for split, table in tables.items():
        for home, sheet in _read(table, split or "train", reading).items():
            splits[home] = (table, sheet)
    every = (line.label for _, sheet in splits.values() for lines in sheet.values() for line in lines)
    names = tuple(sorted({label for label in every if label}))
    found = {split: _annotated(*splits[split], names, reading) for split in in_order(splits)}
    return AnnotatedPictures(names, found, "table", (), path)


def _tables(root: Path) -> dict[str, Path]:
    folders, files = entries(root)
    own = [file for file in files if file.suffix.lower() in SUFFIXES and _columns(file)]
    named = [(SPLITS.get(file.stem.lower(), ""), file) for file in own]
    if any(split for split, _ in named):
        return one_each(root, [(split, file) for split, file in named if split])
    if len(own) > 1:
        names = ", ".join(f"'{file.name}'" for file in own)
        raise DataError(f"{root} has several tables, {names}; name the one to read")
    if own:
        return {"": own[0]}
    inner = [(SPLITS.get(f.name.lower(), ""), f / "_annotations.csv") for f in folders]  # Roboflow
    return one_each(root, [(s, file) for s, file in inner if s and file.is_file() and _columns(file)])


def _columns(path: Path) -> _Columns | None:
    """The columns of boxes; None where a table has none."""
    clean = {column.strip().lower(): column for column in reversed(columns_of(path)[0])}
    sides = next((some for some in _SIDES if clean.keys() >= set(some)), None)
    image = next((clean[name] for name in IMAGE if name in clean), None)
    if sides is None or image is None:
        return None
    label = next((clean[name] for name in _LABEL if name in clean), "")
    left, top, right, bottom = (clean[side] for side in sides)
    return _Columns(image, label, (left, top, right, bottom), clean.get("split", ""), clean.get("ignore", ""))


def _read(path: Path, split: str, reading: Reading) -> dict[str, _Sheet]:
    """Split -> its pictures and their rows."""
    columns = _columns(path)
    if columns is None or not columns.label:
        raise DataError(f"{path}, row 1, field 'label': no such column; name one label")
    text = text_of(path)
    records = (json_records if path.suffix.lower() == ".jsonl" else csv_records)(path, text)[1]
    splits: dict[str, _Sheet] = defaultdict(dict)
    pictures: dict[str, Path] = {}  # a file is looked for once
    for row, record in records:
        fields = {key: str(value).strip() for key, value in record.items() if value is not None}
        try:
            name = fields.get(columns.image, "")
            picture = pictures.get(name) or _found((path, row), columns.image, name, reading)
            pictures[name] = picture
            home = split_in((path, row), columns.split, fields.get(columns.split)) if columns.split else split
            line = _line(path, row, fields, columns)
        except DataError as problem:
            reading.problems.refused(problem)
            continue
        lines = splits[home].setdefault(picture, [])
        if line:
            lines.append(line)
    if not splits and not reading.problems:
        raise DataError(f"{path} has a header but no rows; list one object in each row")
    return splits


def _found(where: tuple[Path, int], column: str, name: str, reading: Reading) -> Path:
    """The picture of a row. A close name is looked for only a few times, as that reads a folder."""
    if len(reading.problems) < _HINTED or not name:
        return picture_in(where, column, name)
    path = where[0].parent / name.replace("\\", "/")
    if not os.path.isfile(path):
        raise DataError(f"{where[0]}, row {where[1]}, field '{column}': no such file: '{shown(name)}'")
    return path


def _line(path: Path, row: int, fields: dict[str, str], columns: _Columns) -> _Line | None:
    """The object of a row; None where it only names a picture."""
    label = nfc(fields.get(columns.label, ""))
    texts = [fields.get(side, "") for side in columns.sides]
    if not label and not any(texts):
        return None
    if not label:
        raise DataError(f"{path}, row {row}, field '{columns.label}': empty; give the class of the box")
    values = []
    for side, text in zip(columns.sides, texts, strict=True):
        try:
            values.append(float(text))
        except ValueError:
            found = f"'{text}' is no number" if text else "empty"
            raise DataError(f"{path}, row {row}, field '{side}': {found}; give pixels") from None
    ignore = fields.get(columns.ignore, "").lower() if columns.ignore else ""
    if ignore not in _TRUE | _FALSE:
        raise DataError(f"{path}, row {row}, field '{columns.ignore}': '{ignore}'; allowed are 1 and 0")
    left, top, right, bottom = values
    return _Line(row, label, (left, top, right, bottom), ignore in _TRUE)


def _annotated(path: Path, sheet: _Sheet, names: tuple[str, ...], reading: Reading) -> Annotated:
    index = {name: number for number, name in enumerate(names)}
    pictures = list(sheet)
    lines = [line for some in sheet.values() for line in some]
    largest = max((max(line.box) for line in lines), default=math.inf)
    if largest <= 1 and any(line.box[2] - line.box[0] < 1 for line in lines):
        found = f"no number is above {largest:g}: parts of the picture's sides"
        reading.problems.report("box-normalised", f"{path}, row {lines[0].row}", found)
    sizes = upright_sizes(pictures, reading.problems, place=str(path))
    place = places(f"{path}, row ")
    objects = [
        gathered(
            [Row(line.row, index[line.label], line.box, crowd=line.ignore) for line in sheet[picture]],
            size,
            place,
            reading.problems,
        )
        for picture, size in zip(pictures, sizes, strict=True)
    ]
    return Annotated(pictures, objects, np.array(sizes, np.int64).reshape(-1, 2))
