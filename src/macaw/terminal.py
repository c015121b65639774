"""The terminal: what standard input holds, and what is printed where."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from macaw.errors import InputError


def with_stdin(inputs: list[str], refuse: Callable[[InputError], None]) -> Iterator[str | bytes]:
    """The inputs, with what standard input holds in place of a dash."""
    for word in inputs:
        if word != "-":
            yield word
            continue
        try:
            held = _from_stdin()
        except InputError as problem:
            refuse(problem)
            continue
        yield from held


def _from_stdin() -> list[str] | list[bytes]:
    """One picture, when the bytes are one; else a path a line."""
    from macaw.data.sniff import picture_format

    data = sys.stdin.buffer.read()
    if not data.strip():
        raise InputError("standard input is empty; pipe a picture or paths, one a line")
    if picture_format(data) or b"\0" in data:
        return [data]
    return [os.fsdecode(line.strip()) for line in data.splitlines() if line.strip()]


def show(text: str) -> None:
    """To standard output at once, so that a pipe sees each answer when it is there."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_result(result: Any) -> None:
    """A result in words; with its colours and panels where it has some and somebody looks at a terminal."""
    if not (sys.stdout.isatty() and hasattr(result, "__rich__")):
        show(str(result))
        return
    from rich.console import Console

    Console(markup=False, emoji=False, highlight=False).print(result)


def show_json(value: Any) -> None:
    """ASCII only: it comes through every terminal, and file names of any bytes are escaped."""
    show(json.dumps(value, allow_nan=False))


def note(words: str) -> None:
    """Something to know, on standard error."""
    sys.stderr.write(f"note: {words}\n")


def complain(words: str) -> None:
    """What went wrong, on standard error, on one line."""
    sys.stderr.write(f"macaw: {' '.join(words.split())}\n")
    sys.stderr.flush()
