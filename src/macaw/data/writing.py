"""Writing annotations: links to pictures, folders that appear whole, and refusals of what would be lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.upright import UNKNOWN, Size, upright_size
from macaw.errors import DataError, InputError
from macaw.files import atomic_folder

# What a format may have no place for: whether objects have it, and how to say so
_HELD: dict[str, tuple[Callable[[Objects], bool], str]] = {
    "crowd": (lambda objects: bool(objects.crowd.any()), "groups (crowd)"),
    "difficult": (lambda objects: bool(objects.difficult.any()), "objects marked as difficult"),
    "regions": (lambda objects: any(region is not None for region in objects.regions), "masks or polygons"),
    "points": (lambda objects: objects.points is not None, "key points"),
}


def refuse_lost(data: AnnotatedPictures, kind: str, lost: tuple[str, ...]) -> None:
    """Raise DataError where the data has what `kind` cannot express; nothing is dropped in silence."""
    for name in lost:
        holds, words = _HELD[name]
        for split, some in data.splits.items():
            index = next((at for at, objects in enumerate(some.objects) if holds(objects)), None)
            if index is not None:
                remedy = "write COCO" + (", or data.boxes_only()" if name in {"regions", "points"} else "")
                where = f"as in '{some.label(index)}' of {split}"
                raise DataError(f"{data.path} has {words}, {where}, which {kind} cannot express; {remedy}")


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder that appears when the block ends well. Raises InputError where one of that name has files."""
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"'{folder}' exists and is not empty; choose a new folder, so that nothing is lost")
    with atomic_folder(folder) as temporary:
        yield temporary


def picture_path(some: Annotated, index: int) -> Path:
    """The file of picture `index`. Raises InputError for a picture inside a pack, which has none."""
    source = some.sources[index]
    if not isinstance(source, str | Path):
        raise InputError(
            f"{some.label(index)} is a picture inside a pack; unpack it to a file, to refer to it"
        )
    return Path(source)


def linked(some: Annotated, folder: Path, taken: set[str]) -> list[str]:
    """Links in `folder` to every picture; answers their names, whose stems are unlike those in `taken`.

    Pictures are not copied. Raises StorageError, from within `new_folder`, where the disk knows no links.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(len(some)):
        path = picture_path(some, index)
        stem, copy = path.stem, 1
        while stem in taken:
            copy += 1
            stem = f"{path.stem}-{copy}"
        taken.add(stem)
        names.append(stem + path.suffix)
        os.symlink(path.resolve(), folder / names[-1])
    return names


def sizes_of(some: Annotated) -> list[Size]:
    """Width and height of every picture; what is unknown is read. Raises InputError where that fails."""
    sizes = []
    for index, (width, height) in enumerate(some.sizes.tolist()):
        size = (width, height)
        sizes.append(size if size != UNKNOWN else upright_size(some.sources[index])[0])
    return sizes


def whole(value: float) -> float | int:
    """A whole number without its `.0`."""
    return int(value) if value == int(value) else value


def outline(objects: Objects, index: int) -> tuple[np.ndarray, ...]:
    """The polygons of an object; () where it has none."""
    region = objects.regions[index] if objects.regions else None
    return region.polygons if region is not None else ()
