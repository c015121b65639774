"""Sizes of pictures as they are shown, upright, read from the heads of the files; nothing is decoded."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from macaw.data.find import shown, unreadable
from macaw.data.guard import quiet, refused
from macaw.data.hashing import in_chunks
from macaw.data.problems import RULES, Problems
from macaw.data.sniff import picture_format
from macaw.data.sources import PackItem, source_bytes, source_name
from macaw.errors import InputError, did_you_mean

Size = tuple[int, int]  # width, height
UNKNOWN: Size = (0, 0)

_ORIENTATION = 274  # EXIF 2.32; from 5 on the picture is turned by a quarter
_HEAD = 64  # bytes that tell the format
_HINTED = 3  # missing files for which a close name is looked for: it means reading their folder


def upright_size(source: Any) -> tuple[Size, bool]:
    """Width and height of a picture in pixels after EXIF has turned it, and whether that swapped the sides.

    Raises InputError when there is no such file or it is no picture.
    """
    if isinstance(source, Path):
        return _of_file(source)
    inner = source.read() if isinstance(source, PackItem) else source
    if isinstance(inner, Image.Image):
        return inner.size, False
    data = source_bytes(inner)
    with quiet(), refused(source_name(source), data):
        return _measured(io.BytesIO(data), data[:_HEAD])


def upright_sizes(
    sources: Sequence[Any], problems: Problems, *, claimed: Sequence[Size] = (), place: str = ""
) -> list[Size]:
    """The sizes of many pictures, read in a few threads; UNKNOWN for one that cannot be read, a problem.

    A size in `claimed` that is neither UNKNOWN nor the picture's own is a problem too; `place` is the file
    that claims it.
    """

    def some(part: range) -> list[tuple[Size, bool] | InputError]:
        found: list[tuple[Size, bool] | InputError] = []
        for index in part:
            try:
                found.append(upright_size(sources[index]))
            except InputError as problem:
                found.append(problem)
        return found

    sizes = []
    for part, found in in_chunks(some, len(sources), chunk=256):
        for index, one in zip(part, found, strict=True):
            if isinstance(one, InputError):
                _unread(problems, place, sources[index], one)
                sizes.append(UNKNOWN)
                continue
            size, turned = one
            if claimed and claimed[index] not in (UNKNOWN, size):
                _differs(problems, place, sources[index], claimed[index], size=size, turned=turned)
            sizes.append(size)
    return sizes


def _unread(problems: Problems, place: str, source: Any, problem: InputError) -> None:
    if not isinstance(source, Path) or source.exists():
        problems.report("picture-unreadable", place, str(problem))
        return
    near = len(problems) < _HINTED and source.parent.is_dir()
    hint = did_you_mean(source.name, os.listdir(source.parent)) if near else ""
    remedy = RULES["picture-missing"].remedy + ("." + hint if hint else "")
    problems.report("picture-missing", place, f"no such file: '{shown(source)}'", remedy)


def _differs(problems: Problems, place: str, source: Any, claimed: Size, *, size: Size, turned: bool) -> None:
    told, own = f"{claimed[0]} x {claimed[1]}", f"{size[0]} x {size[1]}"
    name = source_name(source)
    if turned and claimed == size[::-1]:
        found = f"'{name}' is given as {told} px, which is how it lies in its file; upright it is {own}"
        problems.report("size-turned", place, found)
    else:
        problems.report("size-differs", place, f"'{name}' is given as {told} px, but is {own}")


def _of_file(path: Path) -> tuple[Size, bool]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            kind = picture_format(head)
            with quiet(), refused(shown(path), head if kind is None else None):
                return _measured(file, head)
    except FileNotFoundError as problem:
        raise InputError(f"no such file: '{shown(path)}'") from problem
    except OSError as problem:
        raise unreadable(path, problem) from problem


def _measured(file: Any, head: bytes) -> tuple[Size, bool]:
    kind = picture_format(head)
    if kind is None:
        raise UnidentifiedImageError
    file.seek(0)
    with Image.open(file, formats=(kind,)) as picture:
        width, height = picture.size
        if kind == "TIFF" or not _turned(picture):  # Pillow swaps the sides of a TIFF itself
            return (width, height), False
        return (height, width), True


def _turned(picture: Image.Image) -> bool:
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # a damaged block raises anything; the pixels are still good
        return False
    return isinstance(value, int) and 5 <= value <= 8
