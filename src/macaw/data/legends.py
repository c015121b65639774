"""Legends of masks: which number or colour is which class, from a list of classes or a table of colours."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macaw.data.coco_files import load_json
from macaw.data.examples import listed, nfc
from macaw.data.find import entries
from macaw.data.masked import IGNORE, Colour, Legend
from macaw.data.reading import lines_of
from macaw.data.tables import text_of
from macaw.errors import DataError

UNLABELLED = frozenset({"unlabelled", "unlabeled", "void", "ignore", "ignored", "not labelled"})
_CLASSES = ("classes.json", "classes.txt", "labels.txt", "label_names.txt")
_FIELDS = ("name", "r", "g", "b")


@dataclass(frozen=True)
class Entry:
    """One row of a table of classes."""

    value: int  # its number in masks; that of its row where the table has colours alone
    name: str
    colour: Colour | None = None
    target: int | None = None  # train_id: rows that share one are one class; 255 and below 0 are not labelled


@dataclass(frozen=True)
class Table:
    """A table of classes, ready to read masks with."""

    names: tuple[str, ...]  # sorted
    legend: Legend
    colours: tuple[Colour, ...]  # of `names`, () where one has none
    ignore: int | None  # the number in masks that means "not labelled"
    file: Path


def find_legend(root: Path, name: str = "") -> Table | None:
    """The table of classes in a folder, `name` where several could be meant; None where there is none.

    Raises DataError for a table that cannot be used.
    """
    for known in (name,) if name else _CLASSES:
        if known and (root / known).is_file():
            return read_legend(root / known)
    tables = [file for file in entries(root)[1] if file.suffix.lower() == ".csv" and _coloured(file)]
    texts = [file for file in entries(root)[1] if file.name.endswith("_classes.txt")]
    found = tables or texts
    if len(found) > 1:
        raise DataError(f"{root} has several tables of classes, {listed(f.name for f in found)}; keep one")
    return read_legend(found[0]) if found else None


def read_legend(file: Path) -> Table:
    """A table of classes: .json, .csv (name,r,g,b[,train_id]) or .txt (a name a line, or number<tab>name)."""
    if file.suffix.lower() == ".json":
        rows = _json_entries(file, load_json(file))
    elif file.suffix.lower() == ".csv":
        rows = _csv_entries(file)
    else:
        rows = _txt_entries(file)
    return _table(file, rows)


def _table(file: Path, rows: list[Entry]) -> Table:
    shown = [row for row in rows if not _unlabelled(row)]
    groups: dict[int, str] = {}  # train_id, or the number in masks -> the name of its first row
    for row in shown:
        groups.setdefault(_group(row), row.name)
    names = tuple(sorted(groups.values()))
    if not names:
        raise DataError(f"{file} names no class; give each its number and name")
    if len(set(names)) < len(names):
        twice = listed(sorted({name for name in names if names.count(name) > 1}))
        raise DataError(f"{file} gives {twice} to two numbers; give each class its own name, or one train_id")
    if len(names) >= IGNORE:
        raise DataError(f"{file} names {len(names)} classes; masks have room for {IGNORE - 1}")
    index = {row: names.index(groups[_group(row)]) for row in shown}
    to = {row: index.get(row, IGNORE) for row in rows}
    values = {row.value: to[row] for row in rows}
    ignore = next((row.value for row in rows if _unlabelled(row)), None)
    values.setdefault(IGNORE, IGNORE)  # VOC's void, unless the table gives 255 a name
    colours = {row.colour: to[row] for row in rows if row.colour is not None}
    first = {groups[_group(row)]: row.colour for row in reversed(shown)}
    own = tuple(colour for name in names if (colour := first[name]) is not None)
    return Table(names, Legend(values, colours), own if len(own) == len(names) else (), ignore, file)


def _group(row: Entry) -> int:
    return row.value if row.target is None else row.target


def _unlabelled(row: Entry) -> bool:
    hidden = row.target is not None and not 0 <= row.target < IGNORE
    return hidden or (row.target is None and row.name.casefold() in UNLABELLED)


def _json_entries(file: Path, content: Any) -> list[Entry]:
    """A list of names or of {id, name, colour}, or {number: name}."""
    if isinstance(content, dict):
        content = [{"id": key, "name": name} for key, name in content.items()]
    if not isinstance(content, list):
        raise DataError(f"{file} is no list of classes; write names, or id and name of each")
    rows = []
    for number, one in enumerate(content):
        fields = one if isinstance(one, dict) else {"name": one}
        name, value = fields.get("name"), fields.get("id", number)
        colour = fields.get("colour") or fields.get("color")
        if not isinstance(name, str) or not name.strip() or not str(value).isdecimal():
            raise DataError(f"{file}, entry {number}: no id and name; write {{'id': 0, 'name': 'road'}}")
        fine = isinstance(colour, list) and len(colour) == 3 and all(type(c) is int for c in colour)
        rgb: Colour | None = (colour[0], colour[1], colour[2]) if fine and colour else None
        rows.append(Entry(int(value), nfc(name.strip()), rgb))
    return _unlike(file, rows)


def _txt_entries(file: Path) -> list[Entry]:
    lines = [line.split("\t") for line in lines_of(file)]
    rows = []
    for number, parts in enumerate(lines):
        value, name = (parts[0], parts[1]) if len(parts) > 1 else (str(number), parts[0])
        if not value.strip().isdecimal():
            raise DataError(
                f"{file}, row {number + 1}: '{value}' is no number; write number<tab>name, or a name"
            )
        rows.append(Entry(int(value), nfc(name.strip())))
    return _unlike(file, rows)


def _coloured(file: Path) -> bool:
    try:
        head = next(csv.reader(io.StringIO(text_of(file), newline="")), [])
    except (DataError, csv.Error):
        return False
    return set(_FIELDS) <= {column.strip().lower() for column in head}


def _csv_entries(file: Path) -> list[Entry]:
    """Columns name, r, g, b and perhaps train_id; the number of a row is its number in masks of indices."""
    records = csv.DictReader(io.StringIO(text_of(file), newline=""))
    rows = []
    for number, record in enumerate(records):
        fields = {str(key).strip().lower(): str(value or "").strip() for key, value in record.items()}
        name = nfc(fields.get("name", ""))
        try:
            red, green, blue = (int(fields[side]) for side in ("r", "g", "b"))
            target = int(fields["train_id"]) if fields.get("train_id") else None
        except (KeyError, ValueError):
            raise DataError(f"{file}, row {number + 2}: r, g, b and train_id are whole numbers") from None
        if not name:
            raise DataError(f"{file}, row {number + 2}, field 'name': empty; name the class")
        rows.append(Entry(number, name, (red, green, blue), target))
    return _unlike(file, rows)


def _unlike(file: Path, rows: list[Entry]) -> list[Entry]:
    """The rows, unless two have one number or one colour."""
    for what, keys in (("number", [row.value for row in rows]), ("colour", [row.colour for row in rows])):
        told = [key for key in keys if key is not None]
        twice = next((key for key, times in Counter(told).items() if times > 1), None)
        if twice is not None:
            raise DataError(f"{file} gives the {what} {twice} to two classes; give each its own")
    return rows
