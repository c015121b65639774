"""Finding pictures and videos: files, folders and globs become one list of paths, in one natural order."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from macaw.errors import InputError, did_you_mean

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .pnm .avif .jp2 .j2k".split()
)
VIDEOS = frozenset(
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .wmv .flv .ogv .3gp .mts .m2ts".split()  # .ts is a language's
)
_KNOWN = ".jpg, .png, .webp, .tif and their kin"
_MAGIC = re.compile(r"[*?\[]")


def find_pictures(inputs: Iterable[str | Path]) -> list[Path]:
    """The pictures that `inputs` name, each once: files as given, folders with all below, globs (`**` too).

    A file that is named outright is kept whatever its suffix; in folders and globs only the SUFFIXES count,
    and hidden files, `__MACOSX` and loops of links are passed over. Raises InputError for what does not exist
    and for a folder or glob without a picture.
    """
    if isinstance(inputs, str | Path):
        inputs = [inputs]
    found: dict[Path, None] = {}
    for item in inputs:
        found.update(dict.fromkeys(_expand(item, SUFFIXES)))
    return list(found)


def find_inputs(name: str | Path) -> list[Path]:
    """The pictures and videos that one name stands for, as in `find_pictures`.

    A glob takes both. A folder stands for its pictures, and where there is none for its videos: photographs
    are often kept with a film among them, and a film is many pictures.
    """
    return _expand(name, SUFFIXES | VIDEOS)


def is_video_name(name: str) -> bool:
    """Whether a file of this name is read as a video."""
    return os.path.splitext(name)[1].lower() in VIDEOS


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture when it turns up in a folder."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def is_hidden(name: str) -> bool:
    """Dot files and the folder that macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key that puts `2.jpg` before `10.jpg`; the name itself breaks ties."""
    parts = re.split(r"([0-9]+)", name)  # words at even places, numbers between them
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)], name


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The visible sub-folders and files of a folder, each in natural order; links are followed.

    Raises InputError when the folder cannot be read.
    """
    folders, files = [], []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file():  # a broken link is neither
                    files.append(entry.name)
    except OSError as problem:
        raise unreadable(folder, problem) from problem
    return _in_order(folder, folders), _in_order(folder, files)


def walk(folder: Path, *, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """Every visible file below `folder`, its own before its sub-folders'; a link to a folder above is cut."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    folders, files = entries(folder)
    yield from files
    for inner in folders:
        yield from walk(inner, above=(*above, here))


def shown(name: str | Path) -> str:
    """A name as a message may show it: on one line, and printable whatever bytes a file is called."""
    text = str(name)
    return text if text.isprintable() else repr(text)[1:-1]


def unreadable(path: Path, problem: Exception) -> InputError:
    """The error for a file or folder that cannot be read."""
    return InputError(
        f"cannot read '{shown(path)}': {(getattr(problem, 'strerror', None) or str(problem)).lower()}"
    )


def no_such(path: Path) -> str:
    """`no such file: 'x'`, with the nearest folder that does exist and a close name in it."""
    parent, missing = path.parent, path
    while not parent.is_dir() and parent != parent.parent:
        parent, missing = parent.parent, parent
    try:
        siblings = os.listdir(parent)
    except OSError:
        siblings = []
    close = {name.lower(): name for name in siblings}  # suffixes differ in case more often than in letters
    hint = did_you_mean(missing.name, close)
    if hint:
        lower = hint.split("'")[1]
        hint = f" Did you mean '{shown(missing.parent / close[lower])}'?"
    where = "" if missing == path else f" (there is no '{shown(missing)}')"
    return f"no such file or folder: '{shown(path)}'{where}.{hint}"


def _in_order(folder: Path, names: list[str]) -> list[Path]:
    return [folder / name for name in sorted(names, key=natural)]


def _expand(item: str | Path, suffixes: frozenset[str]) -> list[Path]:
    text = str(item)
    if not text.strip():
        raise InputError("an empty name was given; give a file, a folder or a pattern such as 'photos/*.jpg'")
    if re.match(r"https?://", text):
        raise InputError(f"'{text}' is a web address, and macaw downloads nothing; save the picture first")
    try:
        return _expand_path(Path(item), suffixes)
    except OSError as problem:  # a name too long, a folder that may not be entered
        raise unreadable(Path(item), problem) from problem


def _expand_path(path: Path, suffixes: frozenset[str]) -> list[Path]:
    if path.is_dir():
        known = _known(walk(path), suffixes)
        if not known:
            raise InputError(f"no picture in folder '{path}' or below; looked for {_looked_for(suffixes)}")
        return [file for file in known if is_picture_name(file.name)] or known
    if path.exists():  # before globs: a file may be called "a[1].jpg"
        return [path]
    if _MAGIC.search(str(path)):
        return _glob(str(path), suffixes)
    raise InputError(no_such(path))


def _glob(pattern: str, suffixes: frozenset[str]) -> list[Path]:
    hits = sorted(_hits(pattern), key=lambda path: [natural(part) for part in path.parts])
    files = [path for path in hits if path.is_file()]
    if not files:  # photos/* where every hit is a folder
        files = [file for path in hits if path.is_dir() for file in walk(path)]
    known = _known(files, suffixes)
    if not known:
        what = (
            f"{len(hits)} names, but no picture; looked for {_looked_for(suffixes)}"
            if hits
            else "nothing; check its spelling"
        )
        raise InputError(f"pattern '{pattern}' matches {what}")
    return known


def _known(files: Iterable[Path], suffixes: frozenset[str]) -> list[Path]:
    return [file for file in files if os.path.splitext(file.name)[1].lower() in suffixes]


def _looked_for(suffixes: frozenset[str]) -> str:
    return f"{_KNOWN}, and for videos" if VIDEOS <= suffixes else _KNOWN


def _hits(pattern: str) -> Iterable[Path]:
    if "**" not in Path(pattern).parts:
        return [Path(hit) for hit in glob.glob(pattern)]
    # glob.glob(recursive=True) runs round in loops of links; our walk does not.
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    base = Path(*parts[:fixed])
    if not base.is_dir():
        raise InputError(no_such(base))
    return [file for file in walk(base) if _matches(file.relative_to(base).parts, parts[fixed:])]


def _matches(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Whether path parts match pattern parts, of which `**` stands for any number of folders."""
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return _matches(parts, patterns[1:]) or (bool(parts) and _matches(parts[1:], patterns))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])
