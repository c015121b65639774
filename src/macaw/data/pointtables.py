"""Tables of key points: columns image, <point>_x and <point>_y for each, <point>_v where it is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from macaw.data.examples import SPLITS
from macaw.data.find import entries
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.reading import Reading, in_order, one_each
from macaw.data.rows import Row, gathered, places
from macaw.data.skeletons import named_skeleton
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

_SIDES = ("xmin", "ymin", "xmax", "ymax")


class _Columns(NamedTuple):
    """The table's own names for what we need."""

    image: str
    points: tuple[str, ...]  # K names, as written before _x
    split: str  # '' where there is none
    sides: tuple[str, ...]  # of the box, () where there is none


class _Line(NamedTuple):
    """One row: a picture, its points, and perhaps their box."""

    row: int
    picture: Path
    points: tuple[tuple[float, float, float], ...]
    box: tuple[float, float, float, float] | None


def read_point_table(path: Path, reading: Reading, name: str) -> AnnotatedPictures | None:
    """A table, or a folder with one, or with train.csv and val.csv; None where none has columns of points."""
    tables = _tables(path)
    if not tables:
        return None
    kinds = {_columns(table).points for table in tables.values()}  # type: ignore[union-attr]
    if len(kinds) > 1:
        raise DataError(f"{path}: its tables have different points; give all the same columns")
    lines: dict[str, list[_Line]] = {}
    for split, table in tables.items():
        for home, some in _read(table, split or "train", reading).items():
            lines.setdefault(home, []).extend(some)
    skeleton = named_skeleton(kinds.pop())
    splits = {
        split: _annotated(path, lines[split], len(skeleton.names), reading) for split in in_order(lines)
    }
    return AnnotatedPictures((name,), splits, "points", (), path, skeleton=skeleton)


def _tables(path: Path) -> dict[str, Path]:
    files = [path] if path.is_file() else entries(path)[1]
    files = [file for file in files if file.suffix.lower() in SUFFIXES and _columns(file)]
    named = [(SPLITS.get(file.stem.lower(), ""), file) for file in files] if path.is_dir() else []
    if any(split for split, _ in named):
        return one_each(path, [pair for pair in named if pair[0]])
    if len(files) > 1:
        raise DataError(f"{path} has several tables of points; name the one to read")
    return {"": files[0]} if files else {}


def _columns(path: Path) -> _Columns | None:
    """The columns of points; None where a table has none. A point's name is what stands before _x."""
    written = columns_of(path)[0]
    clean = {column.strip().lower(): column for column in reversed(written)}
    firsts = [column.strip() for column in written if column.strip().lower().endswith("_x")]
    points = tuple(column[:-2] for column in firsts if f"{column[:-2].lower()}_y" in clean)
    image = next((clean[name] for name in IMAGE if name in clean), None)
    if image is None or not points:
        return None
    sides = tuple(clean[side] for side in _SIDES) if clean.keys() >= set(_SIDES) else ()
    return _Columns(image, points, clean.get("split", ""), sides)


def _read(path: Path, split: str, reading: Reading) -> dict[str, list[_Line]]:
    columns = _columns(path)
    assert columns is not None  # noqa: S101 (tables without were passed over)
    text = text_of(path)
    records = (json_records if path.suffix.lower() == ".jsonl" else csv_records)(path, text)[1]
    found: dict[str, list[_Line]] = {}
    for row, record in records:
        try:
            home = split_in((path, row), columns.split, record.get(columns.split)) if columns.split else split
            found.setdefault(home, []).append(_line(path, row, record, columns))
        except DataError as problem:
            reading.problems.refused(problem)
    if not found and not reading.problems:
        raise DataError(f"{path} has a header but no rows; list one picture in each row")
    return found


def _line(path: Path, row: int, record: dict[str, object], columns: _Columns) -> _Line:
    fields = {key.strip().lower(): str(value or "").strip() for key, value in record.items()}
    picture = picture_in((path, row), columns.image, fields.get(columns.image.strip().lower()))
    points = []
    for name in columns.points:
        x, y, v = (fields.get(f"{name.lower()}{end}", "") for end in ("_x", "_y", "_v"))
        if not x and not y:
            points.append((0.0, 0.0, 0.0))
            continue
        seen = _number(path, row, f"{name}_v", v) if v else 2.0
        if seen not in (0, 1, 2):
            raise DataError(f"{path}, row {row}, field '{name}_v': '{v}'; allowed are 0, 1 and 2")
        points.append((_number(path, row, f"{name}_x", x), _number(path, row, f"{name}_y", y), seen))
    box = None
    if columns.sides:
        left, top, right, bottom = (_number(path, row, side, fields.get(side, "")) for side in _SIDES)
        box = left, top, right, bottom
    return _Line(row, picture, tuple(points), box)


def _number(path: Path, row: int, field: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}, row {row}, field '{field}': '{text}' is no number; give pixels, or nothing")
    return value


def _annotated(path: Path, lines: list[_Line], points: int, reading: Reading) -> Annotated:
    """One object a picture where there are no boxes; with boxes there may be several."""
    rows: dict[Path, list[_Line]] = {}
    for line in lines:
        if line.picture in rows and line.box is None:
            reading.problems.report("picture-twice", f"{path}, row {line.row}", f"'{line.picture}' again")
            continue
        rows.setdefault(line.picture, []).append(line)
    pictures = list(rows)
    sizes = upright_sizes(pictures, reading.problems, place=str(path))
    place = places(f"{path}, row ")
    objects: list[Objects] = []
    for picture, (width, height) in zip(pictures, sizes, strict=True):
        whole = 0.0, 0.0, float(width), float(height)
        some = [Row(line.row, 0, line.box or whole, points=line.points) for line in rows[picture]]
        objects.append(gathered(some, (width, height), place, reading.problems, points=points))
    return Annotated(pictures, objects, np.array(sizes, np.int64).reshape(-1, 2))
