"""Text files as streams of documents: plain or JSON lines, packed or not, and never more than one in memory.

What parts two documents of a plain file is one of BETWEEN: a line that is a title such as `<|Emma|>` (also
`<|endoftext|>`, which names none), blank lines, every line's end, or nothing.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from macaw.data.examples import SPLITS, listed
from macaw.data.find import shown, unreadable
from macaw.errors import DataError

BETWEEN = ("titles", "blanks", "lines", "nothing")
PLAIN, JSON = ".txt", ".jsonl"
_OPEN: dict[str, Callable[[Path], Any]] = {
    ".xz": lzma.open,
    ".gz": gzip.open,
    ".bz2": bz2.open,
}
_TITLE = re.compile(r"\s*<\|([^|<>]*)\|>\s*")
_NAMELESS = "endoftext"
_BOM = "\ufeff"


class Document(NamedTuple):
    """One text of a file."""

    text: str
    title: str  # '' where it has none
    line: int  # of the file, from 1, where it begins; 0 for a whole file
    split: str  # as its JSON line says; '' where nothing does

    def label(self, file: str) -> str:
        """What messages call it: its title, else as in `stories.jsonl, line 17`, or the file's name."""
        return self.title or (f"{file}, line {self.line:,}" if self.line else file)


def text_kind(path: Path) -> str:
    """PLAIN or JSON as the name says, through `.xz`, `.gz` and `.bz2`; '' for any other file."""
    name = path.name.lower()
    for packed in _OPEN:
        name = name.removesuffix(packed)
    return next((kind for kind in (PLAIN, JSON) if name.endswith(kind)), "")


def text_stem(path: Path) -> str:
    """The name without its suffixes: `train` of `train.txt.xz`."""
    return path.name[: path.name.lower().rindex(text_kind(path))]


def first_words(path: Path) -> str:
    """The first line that is not blank; '' where there is none."""
    return next((text for _, text in lines(path) if text.strip()), "")


def is_title(line: str) -> bool:
    """Whether a line parts documents, as `<|Emma|>` does."""
    return _TITLE.fullmatch(line) is not None


def documents(path: Path, between: str) -> Iterator[Document]:
    """The documents of a file, in order. Those without a character are passed over, but for empty lines.

    Of JSON lines each is one, whatever `between` says. Raises DataError with file, line and what is wrong.
    """
    if text_kind(path) == JSON:
        return _of_json(path)
    return {"titles": _by_titles, "blanks": _by_blanks, "lines": _by_lines, "nothing": _whole}[between](path)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers, from 1, and their ends, which the last may lack.

    A byte order mark is left out, and Windows' two characters at a line's end are one; all else is as it is
    written. Raises DataError for bytes that are not UTF-8, with their place, and for a damaged packed file.
    """
    place = 0  # bytes before the line
    for number, data in enumerate(_raw(path), start=1):
        try:
            text = data.decode()
        except UnicodeDecodeError as problem:
            raise _not_utf8(path, number, place, data, problem) from None
        place += len(data)
        text = text.removeprefix(_BOM) if number == 1 else text
        yield number, f"{text[:-2]}\n" if text.endswith("\r\n") else text


def _raw(path: Path) -> Iterator[bytes]:
    """Lines as they are stored."""
    opened = _OPEN.get(path.suffix.lower(), open)
    try:
        with opened(path, "rb") as file:
            yield from file
    except (lzma.LZMAError, EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(
            f"{shown(path)} is damaged or cut short ({problem}); fetch or copy it again"
        ) from problem
    except OSError as problem:
        if path.suffix.lower() in _OPEN and problem.errno is None:  # bz2's words for bytes it cannot read
            raise DataError(f"{shown(path)} is damaged ({problem}); fetch or copy it again") from problem
        raise unreadable(path, problem) from problem


def _not_utf8(path: Path, number: int, place: int, data: bytes, problem: UnicodeDecodeError) -> DataError:
    if number == 1 and data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return DataError(f"{shown(path)} is written in UTF-16; save it as UTF-8")
    return DataError(
        f"{shown(path)}, line {number:,}: byte {place + problem.start:,} of the file, "
        f"0x{data[problem.start]:02X}, is not UTF-8; save the file as UTF-8 (it may be in Windows-1252 now)"
    )


def _whole(path: Path) -> Iterator[Document]:
    text = "".join(text for _, text in lines(path))
    if text:
        yield Document(text, "", 0, "")


def _by_lines(path: Path) -> Iterator[Document]:
    """An empty line too is a document: so the published counts of Penn Treebank and WikiText have it."""
    for number, text in lines(path):
        yield Document(text.removesuffix("\n"), "", number, "")


def _by_titles(path: Path) -> Iterator[Document]:
    title, start = "", 1
    held: list[str] = []
    for number, text in lines(path):
        found = _TITLE.fullmatch(text)
        if found is None:
            held.append(text)
            continue
        if one := _joined(held):
            yield Document(one, title, start, "")
        title, start = found[1].strip(), number + 1
        title = "" if title.lower() == _NAMELESS else title
    if one := _joined(held):
        yield Document(one, title, start, "")


def _by_blanks(path: Path) -> Iterator[Document]:
    start = 1
    held: list[str] = []
    for number, text in lines(path):
        if text.strip():
            start = start if held else number
            held.append(text)
        elif one := _joined(held):
            yield Document(one, "", start, "")
    if one := _joined(held):
        yield Document(one, "", start, "")


def _joined(held: list[str]) -> str:
    """The lines of one document, without blank ones around it; `held` is empty then, its memory free."""
    first = next((i for i, text in enumerate(held) if text.strip()), len(held))
    while held and not held[-1].strip():
        held.pop()
    if held:
        held[-1] = held[-1].removesuffix("\n")
    text = "".join(held[first:])
    held.clear()
    return text


def _of_json(path: Path) -> Iterator[Document]:
    for number, line in lines(path):
        if not line.strip():
            continue
        where = f"{shown(path)}, line {number:,}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{where} is no JSON ({problem}); write one object in a line") from problem
        if not isinstance(values, dict):
            raise DataError(f"{where} is no object; write one in a line, with a field 'text'")
        split = values.get("split") or ""
        if not isinstance(split, str):
            raise DataError(f"{where}, field 'split' is no text; write train, val or test")
        text = _text(values, where)
        if text:
            title = values.get("title")
            split = SPLITS.get(split.strip().lower(), split.strip())
            yield Document(text, title.strip() if isinstance(title, str) else "", number, split)


def _text(values: dict[str, Any], where: str) -> str:
    """The field `text`, or the `turns` of a conversation in a line each."""
    text = values.get("text")
    turns = values.get("turns")
    if text is None and isinstance(turns, list) and all(isinstance(turn, str) for turn in turns):
        text = "\n".join(turns)
    if not isinstance(text, str):
        what = "field 'text' is no text" if "text" in values else f"no field 'text' among {listed(values, 6)}"
        raise DataError(f"{where}: {what}; write the document's text there")
    half = next((c for c in text if "\ud800" <= c <= "\udfff"), None) if not text.isascii() else None
    if half is not None:
        raise DataError(f"{where}, field 'text' has half a surrogate pair (U+{ord(half):04X}); remove it")
    return text.replace("\r\n", "\n")
