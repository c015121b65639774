"""Board: a record of every evaluation in one file of JSON lines, which many processes may write at once.

A record is appended by one write under a lock and is on the disk before the lock is given back. A line that a
killed writer left behind is passed over by readers, and the next record does not grow on to it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from macaw.errors import DataError, InputError, StorageError, UnknownName, did_you_mean, storage_errors
from macaw.results.record import Record

NAME = "board.jsonl"


@dataclass(frozen=True)
class Board:
    """What a board's file holds; `notes` say in a line each what of it could not be read."""

    path: Path
    records: tuple[Record, ...]  # in the order of the file
    notes: tuple[str, ...] = ()

    def find(self, row: str) -> Record:
        """The record whose name begins with `row`. Raises UnknownName when there is none or more than one."""
        found = [one for one in self.records if one.row.startswith(row)] if row else []
        if len({one.row for one in found}) == 1:
            return found[0]
        if found:
            names = ", ".join(one.row for one in found[:4])
            raise UnknownName(
                f"{len(found)} rows of {self.path} begin with '{row}'; give more of one: {names}"
            )
        close = did_you_mean(row, [one.row for one in self.records])
        raise UnknownName(f"no row '{row}' in {self.path}.{close} `macaw board` lists them")


def board_file() -> Path:
    """Where evaluations are recorded: `board.jsonl` in `$MACAW_HOME`, else in the user's data folder.

    That is `$XDG_DATA_HOME/macaw`, else `~/.local/share/macaw`. It is not made here.
    """
    if home := os.environ.get("MACAW_HOME"):
        return Path(home) / NAME
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "macaw" / NAME


def append(record: Record, path: Path | None = None) -> Path:
    """Add a record to the board at `path`, `board_file()` by default: whole, or not at all.

    Raises StorageError.
    """
    path = path or board_file()
    line = (
        json.dumps(record.to_dict(), allow_nan=False).encode() + b"\n"
    )  # ASCII: no letter can be cut in two
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path) as file:
            end = os.fstat(file).st_size
            torn = end > 0 and _last_byte(file, end) != b"\n"
            _write(file, b"\n" + line if torn else line, end, path)
    return path


def keep(record: Record, path: Path | None = None) -> str:
    """`append`, for an evaluation that must not fail by it: what went wrong in a line, or nothing."""
    try:
        append(record, path)
    except StorageError as problem:
        return f"the evaluation is not on the board: {problem}"
    return ""


def read(path: Path | None = None) -> Board:
    """Every record of the board at `path`. Raises InputError when there is none or it cannot be read."""
    path = path or board_file()
    try:
        with open(path, "rb") as file:
            _lock(file.fileno(), shared=True)
            data = file.read()
    except FileNotFoundError as problem:
        raise InputError(f"no board at '{path}' yet; `macaw evaluate` writes one") from problem
    except OSError as problem:
        raise InputError(f"cannot read '{path}': {(problem.strerror or str(problem)).lower()}") from problem
    records, notes = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(Record.of(json.loads(line)))
        except DataError as problem:
            notes.append(f"line {number} of {path} is left out: {problem}")
        except (ValueError, RecursionError):
            notes.append(f"line {number} of {path} is left out: it is cut short or no JSON")
    return Board(path, tuple(records), tuple(notes))


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A file opened to append, while no other process has it so; the system frees it when we are killed."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        _lock(file, shared=False)
        yield file
    finally:
        os.close(file)


def _lock(file: int, *, shared: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, 1 << 30, os.SEEK_SET)  # a byte nobody writes: locked ones cannot even be read there
        msvcrt.locking(file, msvcrt.LK_LOCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _last_byte(file: int, end: int) -> bytes:
    os.lseek(file, end - 1, os.SEEK_SET)
    return os.read(file, 1)


def _write(file: int, data: bytes, end: int, path: Path) -> None:
    """One write, on the disk when this returns; where there is no room for all of it, none of it stays."""
    try:
        written = os.write(file, data)
        if written < len(data):
            raise StorageError(f"cannot write {path}: the disk is full; free some space")
        os.fsync(file)
    except OSError:
        os.ftruncate(file, end)
        raise
