"""Pillow's many exceptions and warnings, turned into one line for the user about the file that caused it."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import Image, UnidentifiedImageError

from macaw.data.decode import Unsupported
from macaw.data.sniff import cut_short, impostor, missing_end, picture_format
from macaw.errors import InputError, MacawError

# Pillow logs some refusals and raises the same right after: only the latter is for the user.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_SMALLER = "scale it down or cut it into tiles"

_lock = threading.Lock()
_inside = 0
_swap: Any = None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings while pictures are read, in however many threads at once.

    `warnings.catch_warnings` swaps a global list: threads that enter and leave by turns would leave the wrong
    one behind. Here the first to enter swaps it and the last to leave puts it back.
    """
    global _inside, _swap
    with _lock:
        _inside += 1
        if _inside == 1:
            _swap = warnings.catch_warnings()
            _swap.__enter__()
            warnings.simplefilter("ignore")
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _swap.__exit__(None, None, None)


@contextlib.contextmanager
def refused(name: str, data: bytes | None = None) -> Iterator[None]:
    """Turn whatever is raised inside into an InputError of one line: `name`, what was found, what to do."""
    try:
        yield
    except MacawError:
        raise
    except Exception as problem:  # Pillow raises a dozen kinds, SyntaxError and struct.error among them
        raise InputError(f"{name} {_why(data, problem)}") from problem


def _why(data: bytes | None, problem: Exception) -> str:
    words = " ".join(str(problem).split())
    if isinstance(problem, Unsupported):
        return words
    if isinstance(problem, Image.DecompressionBombError):
        pixels, limit = (int(number) / 1e6 for number in re.findall(r"\d+", words)[:2])
        return f"has {pixels:,.0f} megapixels, more than the {limit:,.0f} allowed; {_SMALLER}"
    if isinstance(problem, MemoryError):
        return f"is too large for the memory that is free; {_SMALLER}"
    kind = None if data is None else picture_format(data)
    if data is not None:
        if kind is None:
            return impostor(data)
        ending = missing_end(data, kind)
        if ending or "truncated" in words.lower():
            return ending or cut_short(data)
    if isinstance(problem, UnidentifiedImageError) or not words:
        words = "its header makes no sense"
    return f"is a damaged or rare {kind or 'picture'} file ({words}); save it again as JPEG or PNG"
