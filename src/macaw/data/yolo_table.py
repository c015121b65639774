"""data.yaml of a YOLO data set: class names, where the pictures are, and what the rows of its text hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macaw.data.examples import SPLITS, listed, nfc
from macaw.data.find import entries
from macaw.data.objects import Skeleton
from macaw.data.reading import lines_of
from macaw.data.skeletons import named_skeleton
from macaw.errors import DataError, InputError

SUFFIXES = frozenset({".yaml", ".yml"})
_MOST_BYTES = 4 << 20  # a table of 10,000 names has 0.2 MB
_CLASSES = ("classes.txt", "obj.names", "labels/classes.txt", "labels.txt")


@dataclass(frozen=True)
class YoloTable:
    """What a data.yaml says; all of it is text, so that a class `no` or `01` stays what it is."""

    path: Path
    names: tuple[str, ...]  # by the number that rows use
    splits: dict[str, tuple[str, ...]]  # split -> folders, lists or patterns, as written
    base: str = ""  # what those are relative to, itself relative to the file
    skeleton: Skeleton | None = None
    shape: tuple[int, int] | None = None  # key points, and numbers for each: 2, or 3 with visibility
    notes: tuple[str, ...] = ()


def find_table(path: Path) -> Path | None:
    """The data.yaml that `path` is, or that lies in it; None where there is none.

    Raises DataError when a folder has several that name classes.
    """
    if path.is_file():
        return path if path.suffix.lower() in SUFFIXES else None
    files = [file for file in entries(path)[1] if file.suffix.lower() in SUFFIXES]
    named = [file for file in files if file.stem.lower() in {"data", "dataset"}] or files
    fitting = [file for file in named if b"names" in file.read_bytes()[:_MOST_BYTES]]
    if len(fitting) > 1:
        raise DataError(f"{path} has {listed(file.name for file in fitting)}; name the one to read")
    return fitting[0] if fitting else None


def read_table(path: Path) -> YoloTable:
    """A data.yaml. Raises DataError that names the field, and does not run what its `download` may hold."""
    content = _load(path)
    names = _names(path, content.get("names"))
    told = content.get("nc")
    if told is not None and str(told).strip() != str(len(names)):
        raise DataError(f"{path}, field 'nc': {told}, but there are {len(names)} names; correct one of them")
    splits: dict[str, tuple[str, ...]] = {}
    for key, value in content.items():
        split = SPLITS.get(str(key).lower())
        if split and value:
            if split in splits:
                raise DataError(f"{path} gives {split} twice, under two names; keep one")
            splits[split] = _places(path, key, value)
    shape, skeleton = _points(path, content)
    notes = (f"{path.name}: its 'download' is not run",) if content.get("download") else ()
    base = content.get("path")
    return YoloTable(path, names, splits, base if isinstance(base, str) else "", skeleton, shape, notes)


def read_names(root: Path) -> YoloTable | None:
    """The names in a classes.txt, one a line, where there is no data.yaml; None where there is neither."""
    for name in _CLASSES:
        file = root / name
        if file.is_file():
            return YoloTable(file, _names(file, lines_of(file)), {})
    return None


def _load(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        data = path.read_bytes()
        if len(data) > _MOST_BYTES:
            raise DataError(f"{path} has {len(data):,} bytes; a data.yaml names classes and folders, no more")
        content = yaml.load(data, Loader=yaml.BaseLoader)  # makes nothing but text
    except OSError as problem:
        raise DataError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", row {mark.line + 1}" if mark else ""
        what = getattr(problem, "problem", None) or "it cannot be read"
        raise DataError(f"{path}{where}: not YAML ({what}); correct it") from problem
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no fields; give at least names, train and val")
    return content


def _names(path: Path, value: Any) -> tuple[str, ...]:
    """Class names by number, from a list or from numbers that lead to names."""
    if isinstance(value, dict):
        if not all(str(key).strip().isdecimal() for key in value):
            wrong = next(key for key in value if not str(key).strip().isdecimal())
            raise DataError(f"{path}, field 'names': '{wrong}' is no class number; write 0: name")
        numbered = {int(key): name for key, name in value.items()}
        gaps = [number for number in range(len(numbered)) if number not in numbered]
        if gaps:
            raise DataError(
                f"{path}, field 'names': no name for class {gaps[0]}; number them 0, 1, 2 and so on"
            )
        value = [numbered[number] for number in range(len(numbered))]
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise DataError(f"{path}, field 'names': no list of class names; write names: [cat, dog]")
    names = tuple(nfc(name.strip()) for name in value)
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice or "" in names:
        found = f"{listed(twice)} more than once" if twice else f"class {names.index('')} has no name"
        raise DataError(f"{path}, field 'names': {found}; give each class its own name")
    return names


def _places(path: Path, key: str, value: Any) -> tuple[str, ...]:
    places = value if isinstance(value, list) else [value]
    if not all(isinstance(place, str) for place in places):
        raise DataError(f"{path}, field '{key}': no folder or list of folders; write {key}: images/{key}")
    return tuple(places)


def _points(path: Path, content: dict[str, Any]) -> tuple[tuple[int, int] | None, Skeleton | None]:
    """kpt_shape, and the skeleton that flip_idx and kpt_names make."""
    if "kpt_shape" not in content:
        return None, None
    shape = _numbers(path, "kpt_shape", content["kpt_shape"])
    if len(shape) != 2 or shape[0] < 1 or shape[1] not in (2, 3):
        raise DataError(f"{path}, field 'kpt_shape': {shape}; give the number of points, and 2 or 3 for each")
    flips = _numbers(path, "flip_idx", content["flip_idx"]) if content.get("flip_idx") else None
    named = content.get("kpt_names")
    if isinstance(named, dict):  # a list for each class
        named = next(iter(named.values()), None)
    fits = isinstance(named, list) and len(named) == shape[0] and all(isinstance(name, str) for name in named)
    names: Sequence[str] = named if fits and named else [f"point {number}" for number in range(shape[0])]
    try:
        return (shape[0], shape[1]), named_skeleton(names, flips=flips)
    except InputError as problem:
        raise DataError(f"{path}, field 'flip_idx': {problem}") from problem


def _numbers(path: Path, field: str, value: Any) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(v, str) and v.strip().isdecimal() for v in value):
        raise DataError(f"{path}, field '{field}': no list of whole numbers; write [17, 3]")
    return [int(number) for number in value]
