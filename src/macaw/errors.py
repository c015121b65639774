"""Every error a user can meet, as one small tree; each message is one line: what, where, what to do.

    MacawError
    ├── InputError    (ValueError)   an input that cannot be used: no such file, not a picture
    │   └── DataError                a data set: the message names the file, the row and the field
    ├── UnknownName   (ValueError)   an application, scheme, class or option nobody registered
    ├── ModelError    (ValueError)   a model folder that is incomplete, damaged or of another version
    ├── MissingExtra  (ImportError)  an optional dependency; the message holds the exact pip command
    └── StorageError  (OSError)      a disk that is full, a folder that cannot be written

The exit code of the command line is the error's `exit_code` (docs/cli.md lists them all).
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class MacawError(Exception):
    """Anything macaw refuses; catch this to catch them all."""

    exit_code = 1


class InputError(MacawError, ValueError):
    """An input that cannot be used."""

    exit_code = 3


class DataError(InputError):
    """A data set that cannot be used; the message names the file, the row and the field."""


class UnknownName(MacawError, ValueError):
    """A name nobody registered."""

    exit_code = 2


class ModelError(MacawError, ValueError):
    """A model folder that is incomplete, damaged or of another version."""

    exit_code = 4


class MissingExtra(MacawError, ImportError):
    """An optional dependency that is not installed."""

    exit_code = 5

    def __init__(self, purpose: str, module: str, extra: str) -> None:
        super().__init__(f"{purpose} needs '{module}'. Install it with: pip install 'macaw[{extra}]'")


class StorageError(MacawError, OSError):
    """A disk that is full, or a folder that cannot be written."""

    exit_code = 6


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


_STORAGE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
}


@contextmanager
def storage_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError met while writing `path` into a StorageError of one line."""
    try:
        yield
    except OSError as problem:
        if isinstance(problem, MacawError):
            raise
        advice = _STORAGE.get(problem.errno or 0, problem.strerror or str(problem))
        raise StorageError(f"cannot write {path}: {advice}") from problem
