"""The survey of a table, or of a folder of tables: the rules of `macaw.data.tables`, refusing nothing."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from macaw.data.examples import SPLITS, count, listed
from macaw.data.find import entries, is_picture_name, shown
from macaw.data.survey import Survey
from macaw.data.tables import (
    SUFFIXES,
    Record,
    columns_of,
    header_of,
    labels_in,
    roles_of,
    split_in,
    text_of,
)
from macaw.errors import DataError, did_you_mean

_HINTED = 3  # missing files for which a close name is looked for: it means reading their folder


def survey_table_file(held: Survey, path: Path) -> bool:
    """One table; False when `path` is not a file of that kind."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    _Table(held, path, "train").read()
    _unlisted(held)
    return True


def survey_table_folder(held: Survey, root: Path) -> bool:
    """A folder with one table, or with train.csv, val.csv, test.csv; False when no table has our columns."""
    tables = [file for file in entries(root)[1] if file.suffix.lower() in SUFFIXES and columns_of(file)[1]]
    homes: dict[str, list[Path]] = defaultdict(list)
    for file in tables:
        if split := SPLITS.get(file.stem.lower()):
            homes[split].append(file)
    if not tables:
        return False
    twice = [some for some in homes.values() if len(some) > 1]
    if twice:
        words = f"{count(len(twice), 'split')} in two tables that mean the same"
        held.report("split-twice", len(twice), words, (listed(f.name for f in some) for some in twice))
    if not homes and len(tables) > 1:
        words = f"several tables, {listed(file.name for file in tables)}; name the one to read"
        held.report("table-bad", len(tables), words)
    # One table may have a column `split`; several are one split each
    read = [_Table(held, file, split) for split, files in homes.items() for file in files]
    kinds = {table.read() for table in read or [_Table(held, file, "train") for file in tables[:1]]}
    if len(kinds - {""}) > 1:
        held.report("table-bad", len(read), "some tables have a column 'label' and some 'labels'; use one")
    _unlisted(held)
    return True


class _Table:
    """One table being read."""

    def __init__(self, held: Survey, path: Path, split: str) -> None:
        self.held, self.path, self.split = held, path, split
        self.bad: list[str] = []
        self.missing: list[str] = []
        self.bars = 0  # labels with a bar in them, in a column that takes one label
        self.multi = False

    def read(self) -> str:
        """Take down every row; answers "label" or "labels", or "" for a table that cannot be read at all."""
        try:
            text = text_of(self.path)
            columns, records = self._records(text)
            image, label, split = roles_of(self.path, columns)
        except (DataError, csv.Error) as problem:
            self.held.report("table-bad", 1, str(problem))
            return ""
        self.multi = label.strip().lower() == "labels"
        self.held.multi = self.held.multi or self.multi
        before = len(self.held)
        for row, record in records:
            self._row(row, record, (image, label, split))
        self._report(self.held.labels[before:])
        return "labels" if self.multi else "label"

    def _row(self, row: int, record: dict[str, object], columns: tuple[str, str, str]) -> None:
        image, label, split = columns
        picture = self.picture_in(row, record.get(image))
        try:
            labels = labels_in((self.path, row), label, record.get(label), multi=self.multi)
            home = split_in((self.path, row), split, record.get(split)) if split else self.split
        except DataError as problem:
            self.bad.append(str(problem).removeprefix(f"{self.path}, "))
            return
        self.bars += not self.multi and any("|" in name for name in labels)
        if picture:
            self.held.add(picture, labels, home)

    def picture_in(self, row: int, value: object) -> Path | None:
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            self.bad.append(f"row {row}: no picture is named")
            return None
        base = self.path.parent
        for words in (text, text.replace("\\", "/")):  # written on Windows
            if os.path.isfile(base / words):
                return base / words
        folder, name = os.path.split(base / words)
        near = len(self.missing) < _HINTED and os.path.isdir(folder)
        hint = did_you_mean(name, os.listdir(folder)) if near else ""
        self.missing.append(f"row {row}: '{shown(text)}'.{hint}" if hint else f"row {row}: '{shown(text)}'")
        return None

    def _report(self, labels: list[tuple[str, ...]]) -> None:
        name, report = self.path.name, self.held.report
        if self.missing:
            words = f"{count(len(self.missing), 'row')} of {name} whose file is not there"
            report(
                "row-missing", len(self.missing), f"{words} (as seen from {self.path.parent})", self.missing
            )
        if self.bad:
            report(
                "row-bad", len(self.bad), f"{count(len(self.bad), 'row')} of {name} cannot be used", self.bad
            )
        if not (labels or self.missing or self.bad):
            report("table-bad", 1, f"{name} has a header but no rows; list one picture in each row")
        if self.bars:
            report("label-bar", self.bars, f"{count(self.bars, 'label')} of {name} with '|' in it")
        bare = sum(not names for names in labels) if self.multi else 0
        if bare:
            report("label-none", bare, f"{count(bare, 'picture')} of {name} without any label")

    def _records(self, text: str) -> tuple[list[str], Iterator[Record]]:
        if self.path.suffix.lower() == ".jsonl":
            records = list(self._json_rows(text))
            return list(dict.fromkeys(key for _, record in records for key in record)), iter(records)
        delimiter, columns = header_of(text)
        return columns, self._csv_rows(text, delimiter, columns)

    def _csv_rows(self, text: str, delimiter: str, columns: list[str]) -> Iterator[Record]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        row = 1
        try:
            for values in reader:
                if row > 1 and len(values) > len(columns):
                    self.bad.append(f"row {row}: {len(values)} fields, but the header has {len(columns)}")
                elif row > 1 and any(value.strip() for value in values):
                    yield row, dict(zip(columns, values, strict=False))
                row = reader.line_num + 1
        except csv.Error as problem:
            self.bad.append(f"row {row}: {problem}; check its quotes, nothing below was read")

    def _json_rows(self, text: str) -> Iterator[Record]:
        for row, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, parse_int=str, parse_float=str)
            except (ValueError, RecursionError) as problem:
                self.bad.append(f"row {row}: not JSON ({problem})")
                continue
            if isinstance(record, dict):
                yield row, record
            else:
                self.bad.append(f"row {row}: a {type(record).__name__}, not an object such as {{...}}")


def _unlisted(held: Survey) -> None:
    """Pictures that lie beside listed ones and that no row lists."""
    rows = {os.path.normpath(source) for source in held.sources}
    folders = sorted({os.path.dirname(row) for row in rows})
    beside = (file for folder in folders for file in entries(Path(folder))[1] if is_picture_name(file.name))
    missed = [file for file in beside if os.path.normpath(file) not in rows]
    if missed:
        words = f"{count(len(missed), 'picture')} beside the listed ones that no row lists"
        held.report("picture-unlisted", len(missed), words, map(held.short, missed))
