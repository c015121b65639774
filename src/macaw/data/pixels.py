"""Pixels: every picture of a set in one uint8 array, in memory or, where that is short, mapped from disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from macaw.data.decode import Levels
from macaw.data.guard import quiet
from macaw.data.hashing import content_hash, in_chunks
from macaw.data.prepare import Fit, read_fit
from macaw.errors import DataError, InputError, UnknownName, did_you_mean, storage_errors
from macaw.machine import available_memory

__all__ = ["content_hash", "load_pixels"]

_BAD = ("refuse", "blank")


class Sourced(Protocol):
    """Whatever holds pictures that are not read yet: Examples, Annotated, Masked."""

    @property
    def sources(self) -> Sequence[Any]:
        """Each a Path, a Pillow picture, or an item of a pack."""
        ...

    def __len__(self) -> int: ...


def load_pixels(
    examples: Sourced,
    how: Fit | int,
    *,
    levels: Levels | None = None,
    memory: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    bad: str = "refuse",
) -> np.ndarray:
    """Every picture, scaled and cut to a square as `how`, or its size alone, says: (N, size, size, 3) uint8.

    Above `memory` bytes (half of what is free, if not given) the array is mapped from a temporary file, which
    vanishes with it. `progress(done, total)` is called now and then. What cannot be read is by default one
    DataError that names the first three and counts the rest; with bad="blank" such a picture stays black.
    `levels` as in `read_picture`. Raises StorageError when the temporary file does not fit on the disk.
    """
    if bad not in _BAD:
        raise UnknownName(
            f"bad='{bad}' is unknown; allowed are {' and '.join(_BAD)}.{did_you_mean(bad, _BAD)}"
        )
    how = how if isinstance(how, Fit) else Fit(how)
    total = len(examples)
    pixels = _room((total, *how.sheet, 3), memory)
    sources = examples.sources

    def some(part: range) -> list[str]:
        problems = []
        for index in part:
            try:
                pixels[index] = read_fit(sources[index], how, levels=levels)
            except InputError as problem:
                pixels[index] = 0
                problems.append(str(problem))
        return problems

    problems: list[str] = []
    with quiet():
        for part, found in in_chunks(some, total, chunk=64):
            problems += found
            if progress:
                progress(part.stop, total)
    if problems and bad == "refuse":
        raise DataError(_summary(problems, total))
    return pixels


def _summary(problems: list[str], total: int) -> str:
    first = "; ".join(f"({number}) {problem}" for number, problem in enumerate(problems[:3], start=1))
    rest = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"{len(problems)} of {total} pictures cannot be read: {first}{rest}. Replace or remove them"


def _room(shape: tuple[int, ...], memory: int | None) -> np.ndarray:
    """An array of uint8, its content undefined: in memory, or in a file without a name when it is larger."""
    needed = int(np.prod(shape, dtype=np.int64))
    if needed <= (available_memory() // 2 if memory is None else memory):
        return np.empty(shape, np.uint8)
    folder = tempfile.gettempdir()
    what = f"{needed / 1e9:.1f} GB of pixels to {folder}"
    with storage_errors(what), tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file, needed)
        return np.memmap(file, np.uint8, "r+", shape=shape)


def _reserve(file: Any, size: int) -> None:
    """Claim the space now: a mapped file that meets a full disk later kills the process with SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    step = bytes(1 << 20)  # macOS
    for start in range(0, size, len(step)):
        file.write(step[: size - start])
    file.flush()
