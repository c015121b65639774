"""Tables: a CSV, TSV or JSON-lines file with columns image, label (or labels) and, if you like, split.

Everything is read as text: a class "NA", "None" or "01" stays what it is. Rows are counted as an editor
counts lines, so a CSV's header is row 1.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from macaw.data.examples import SPLITS, Examples, LabelledPictures, count, encode, listed, nfc
from macaw.data.find import entries, shown
from macaw.errors import DataError, did_you_mean

SUFFIXES = frozenset({".csv", ".tsv", ".jsonl"})
IMAGE = ("image", "path", "file", "filename", "file_name")
_LABEL = ("label", "labels")
_DELIMITERS = (",", ";", "\t")
_SPLIT_WORDS = "train, val, valid, validation, test"

Record = tuple[int, dict[str, object]]  # row, column -> value


@dataclass(frozen=True)
class _Row:
    picture: Path
    labels: tuple[str, ...]
    split: str  # "" when the table has no such column


Splits = dict[str, list[_Row]]


def read_table_file(path: Path) -> LabelledPictures | None:
    """One table; None when `path` is not a file of that kind."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return None
    rows, multi, notes = _read(path)
    if not rows[0].split:
        return _labelled(path, {"train": rows}, notes, multi=multi)
    splits: Splits = defaultdict(list)
    for row in rows:
        splits[row.split].append(row)
    return _labelled(path, splits, notes, multi=multi)


def read_table_folder(root: Path) -> LabelledPictures | None:
    """A folder with one table, or with train.csv, val.csv, test.csv; None when no table has our columns."""
    tables = [file for file in entries(root)[1] if file.suffix.lower() in SUFFIXES and columns_of(file)[1]]
    named: dict[str, Path] = {}
    for file in tables:
        split = SPLITS.get(file.stem.lower())
        if split in named:
            both = f"'{named[split].name}' and '{file.name}'"
            raise DataError(f"{root} has both {both}, which mean the same split; keep one")
        if split:
            named[split] = file
    if not named:
        if len(tables) > 1:
            raise DataError(
                f"{root} has several tables, {listed(t.name for t in tables)}; name the one to read"
            )
        return read_table_file(tables[0]) if tables else None
    splits, kinds, notes = {}, set(), []
    for split in sorted(named, key=["train", "val", "test"].index):
        splits[split], multi, more = _read(named[split])
        kinds.add(multi)
        notes += more
    if len(kinds) > 1:
        raise DataError(f"{root}: some tables have a column 'label' and some 'labels'; use the same in all")
    rest = [file.name for file in tables if file not in named.values()]
    if rest:
        notes.append(f"ignored beside the splits: {listed(rest)}")
    return _labelled(root, splits, notes, multi=kinds.pop())


def columns_of(path: Path) -> tuple[list[str], bool]:
    """A table's columns, and whether the two we need are among them; ([], False) when it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.readline(1 << 20).decode("utf-8-sig", errors="replace").strip("\r\n")
        if path.suffix.lower() == ".jsonl":
            first = json.loads(head)
            columns = list(first) if isinstance(first, dict) else []
        else:
            columns = header_of(head)[1]
    except (OSError, ValueError, RecursionError, csv.Error):
        return [], False
    clean = {column.strip().lower() for column in columns}
    return columns, bool(clean.intersection(IMAGE) and clean.intersection(_LABEL))


def _labelled(path: Path, splits: Splits, notes: list[str], *, multi: bool) -> LabelledPictures:
    names = tuple(sorted({label for rows in splits.values() for row in rows for label in row.labels}))
    examples = {
        split: Examples(
            [row.picture for row in rows], encode([row.labels for row in rows], names, multi=multi)
        )
        for split, rows in splits.items()
    }
    notes = notes + _conflicts(splits)
    return LabelledPictures(names, examples, multi=multi, kind="table", notes=tuple(notes), path=path)


def _conflicts(splits: Splits) -> list[str]:
    """Notes on pictures that are listed more than once: with other labels, or in another split."""
    seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    homes: dict[str, set[str]] = defaultdict(set)
    rows = 0
    for split, some in splits.items():
        rows += len(some)
        for row in some:
            place = os.path.normpath(row.picture)
            seen[place].add(tuple(sorted(row.labels)))
            homes[place].add(split)
    notes = []
    differ = [place for place, labels in seen.items() if len(labels) > 1]
    if differ:
        notes.append(f"{count(len(differ), 'picture')} listed with different labels: {listed(differ)}")
    leaked = [place for place, where in homes.items() if len(where) > 1]
    if leaked:
        notes.append(f"{count(len(leaked), 'picture')} listed in more than one split: {listed(leaked)}")
    if rows > len(seen):
        notes.append(f"{count(rows - len(seen), 'row')} repeat a picture that an earlier row lists")
    return notes


def _read(path: Path) -> tuple[list[_Row], bool, list[str]]:
    """Rows, whether the column is `labels`, and notes. Raises DataError that names file, row and field."""
    text = text_of(path)
    jsonl = path.suffix.lower() == ".jsonl"
    columns, records = json_records(path, text) if jsonl else csv_records(path, text)
    image, label, split = roles_of(path, columns)
    multi = label.strip().lower() == "labels"
    rows = []
    for row, record in records:
        where = (path, row)
        picture = picture_in(where, image, record.get(image))
        labels = labels_in(where, label, record.get(label), multi=multi)
        rows.append(_Row(picture, labels, split_in(where, split, record.get(split)) if split else ""))
    if not rows:
        raise DataError(f"{path} has a header but no rows; list one picture in each row")
    notes = []
    bare = sum(not row.labels for row in rows)
    if bare:
        notes.append(f"{path.name}: {count(bare, 'picture')} without any label")
    if not multi and any("|" in row.labels[0] for row in rows):
        notes.append(f"{path.name}: a label contains '|'; call the column 'labels' for several to a picture")
    return rows, multi, notes


def text_of(path: Path) -> str:
    """The text of a table. Raises DataError where it cannot be read, or is not UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        row = data[: problem.start].count(b"\n") + 1
        byte = f"0x{data[problem.start]:02x}"
        raise DataError(f"{path}, row {row}: byte {byte} is not UTF-8; save it as UTF-8") from None
    if not text.strip():
        raise DataError(f"{path} is empty; give it the columns image and label, and a row for each picture")
    return text


def header_of(text: str) -> tuple[str, list[str]]:
    """The delimiter and the columns: whichever delimiter yields columns we know, else the most columns."""

    def merit(delimiter: str) -> tuple[int, int]:
        names = {name.strip().lower() for name in _first(text, delimiter)}
        return len(names.intersection((*IMAGE, *_LABEL, "split"))), len(names)

    best = max(_DELIMITERS, key=merit)
    return best, _first(text, best)


def _first(text: str, delimiter: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def csv_records(path: Path, text: str) -> tuple[list[str], Iterator[Record]]:
    """The columns, and each row as its number and its fields. Raises DataError, with the row."""
    try:
        delimiter, columns = header_of(text)
    except csv.Error as problem:
        raise DataError(f"{path}, row 1: {problem}; check its quotes") from problem
    return columns, _csv_rows(path, text, delimiter, columns)


def _csv_rows(path: Path, text: str, delimiter: str, columns: list[str]) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    row = 1
    try:
        for values in reader:
            if row > 1 and any(value.strip() for value in values):
                if len(values) > len(columns):
                    raise DataError(
                        f"{path}, row {row}: {len(values)} fields, but the header has {len(columns)}; "
                        f"put quotes around a value that contains {delimiter!r}"
                    )
                yield row, dict(zip(columns, values, strict=False))
            row = reader.line_num + 1
    except csv.Error as problem:
        raise DataError(f"{path}, row {row}: {problem}; check its quotes") from problem


def json_records(path: Path, text: str) -> tuple[list[str], Iterator[Record]]:
    """The same of JSON lines. Raises DataError, with the row."""
    records: list[Record] = []
    for row, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:  # numbers stay text: 01, 1 and 1.0 are three names
            record = json.loads(line, parse_int=str, parse_float=str)
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{path}, row {row}: not JSON ({problem}); write one object a line") from problem
        if not isinstance(record, dict):
            raise DataError(f"{path}, row {row}: a {type(record).__name__}, not an object such as {{...}}")
        records.append((row, record))
    columns = list(dict.fromkeys(key for _, record in records for key in record))
    return columns, iter(records)


def roles_of(path: Path, columns: list[str]) -> tuple[str, str, str]:
    """The columns' own names for image, label or labels, and split ('' when absent)."""
    clean = {column.strip().lower(): column for column in reversed(columns)}
    image = next((clean[name] for name in IMAGE if name in clean), None)
    labels = [clean[name] for name in _LABEL if name in clean]
    if len(labels) > 1:
        raise DataError(f"{path} has both columns 'label' and 'labels'; keep one")
    for role, found, names in (("image", image, IMAGE), ("label", labels, _LABEL)):
        if not found:
            close = next((hint for column in columns if (hint := did_you_mean(column, names))), "")
            raise DataError(
                f"{path}, row 1, field '{role}': no such column among {listed(columns, 8)}; "
                f"name one {' or '.join(names)}.{close}"
            )
    assert image is not None  # noqa: S101 (checked in the loop)
    return image, labels[0], clean.get("split", "")


Where = tuple[Path, int]


def _refuse(where: Where, field: str, words: str) -> NoReturn:
    raise DataError(f"{where[0]}, row {where[1]}, field '{field.strip()}': {words}")


def picture_in(where: Where, field: str, value: object) -> Path:
    """The picture that a field names, beside the table. Raises DataError where there is none."""
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        _refuse(where, field, "empty; give the path of a picture, relative to the table")
    base = where[0].parent
    path = os.path.join(base, text)
    if os.path.isfile(path):
        return Path(path)
    slashed = os.path.join(base, text.replace("\\", "/"))  # written on Windows
    if os.path.isfile(slashed):
        return Path(slashed)
    folder = os.path.dirname(slashed)
    siblings = os.listdir(folder) if os.path.isdir(folder) else []
    hint = did_you_mean(os.path.basename(slashed), siblings)
    what = "is a folder, not a picture" if os.path.isdir(slashed) else "no such file"
    _refuse(where, field, f"{what}: '{shown(text)}' (paths are relative to {base}).{hint}")


def labels_in(where: Where, field: str, value: object, *, multi: bool) -> tuple[str, ...]:
    """The labels in a field, several with `multi`. Raises DataError where it is empty."""
    if not multi:
        text = value.strip() if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            _refuse(where, field, f"{json.dumps(value)} is not one name; write text, or 'labels' for a list")
        if not text:
            _refuse(where, field, "empty; give the class, or remove the row")
        return (nfc(text),)
    parts = (value.split("|") if value.strip() else []) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        _refuse(where, field, f'{json.dumps(value)} is not a list of names; write a|b, or ["a", "b"] in JSON')
    names = [nfc(part.strip()) for part in parts]
    if "" in names:
        _refuse(where, field, f"an empty name in {value!r}; remove the extra '|'")
    return tuple(dict.fromkeys(names))


def split_in(where: Where, field: str, value: object) -> str:
    """The split that a field names. Raises DataError for another word."""
    text = value.strip() if isinstance(value, str) else ""
    split = SPLITS.get(text.lower())
    if split is None:
        found = f"'{shown(text)}' is not a split" if text else "empty"
        _refuse(where, field, f"{found}; allowed are {_SPLIT_WORDS}.{did_you_mean(text, SPLITS)}")
    return split
