"""Prompts: what a text begins with: a string as it is, or the content of a text file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from macaw.data.find import no_such
from macaw.data.inputs import refuse
from macaw.data.textfiles import lines
from macaw.errors import InputError
from macaw.language.coder import utf8

BLANK = "\n\n"  # between the title of a story and its first paragraph


class Prompt(NamedTuple):
    """One prompt, and where it came from."""

    text: str
    source: str = ""  # its file; nothing of a string


def is_one(prompts: Any) -> bool:
    """Whether prompts are a single one, so that its answer is one and not a list."""
    return isinstance(prompts, str | Path)


def each_prompt(prompts: Any, on_error: Callable[[InputError], None] | None = None) -> Iterator[Prompt]:
    """The prompts, each read when its turn comes, so that a bad one does not hide the rest.

    Without `on_error` what is wrong raises InputError.
    """
    if not is_one(prompts) and (isinstance(prompts, bytes) or not isinstance(prompts, Iterable)):
        raise InputError(f"a prompt is text or the Path of a text file, not {type(prompts).__name__}")
    for one in [prompts] if is_one(prompts) else prompts:
        try:
            found = read_prompt(one)
        except InputError as problem:
            refuse(problem, on_error)
            continue
        yield found


def read_prompt(one: str | Path) -> Prompt:
    """A string is the prompt; a Path is a file of UTF-8 that holds it, packed (.xz, .gz, .bz2) or not.

    Of a file, a byte order mark and the end of the last line are left out, and Windows' line ends are one
    character. Raises InputError where there is no such file, or half a surrogate pair in a string, DataError
    for what is not UTF-8.
    """
    if isinstance(one, str):
        utf8(one)
        return Prompt(one)
    if not isinstance(one, Path):
        raise InputError(f"a prompt is text or the Path of a text file, not {type(one).__name__}")
    if not one.exists():
        raise InputError(no_such(one))
    return Prompt("".join(text for _, text in lines(one)).removesuffix("\n"), str(one))


def titled(prompt: str) -> str:
    """The prompt of a story: its title, a blank line, and the beginning where one is given.

    One line is a title, of which a story is to be told; of several the first is. Nothing stays nothing: the
    model finds a title too.
    """
    title, _, beginning = prompt.lstrip().partition("\n")
    beginning = beginning.lstrip("\n")
    return f"{title.rstrip()}{BLANK}{beginning}" if title else ""
