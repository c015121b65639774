"""Instance maps: a mask in which 0 is background and every other number is one object, as in microscopy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.aligned import finished
from macaw.data.find import no_such
from macaw.data.hashing import in_chunks
from macaw.data.legends import find_legend
from macaw.data.masked import raw_mask
from macaw.data.maskfolders import Pairs, mask_pairs
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.problems import Problem, Problems
from macaw.data.reading import Reading, in_order
from macaw.data.regions import Region
from macaw.data.rows import Row, objects_of
from macaw.data.sources import source_name
from macaw.data.upright import upright_sizes
from macaw.errors import DataError, InputError

# Shapes: H, W rows and columns of a map, R runs of equal numbers in it, column by column
_LOOKED = 40  # maps that tell whether numbers are objects
_MOST_CLASSES = 254  # a larger number is no class


def read_instances(
    path: str | Path,
    *,
    name: str = "nucleus",
    names: Sequence[str] | None = None,
    seed: int = 0,
    val_share: float = 0.1,
) -> AnnotatedPictures:
    """Read pictures with instance maps, laid out as for `read_masked`: each object is a `name` with a region.

    Maps of 8 and of 16 bits are read as they are; an object of several parts is one object. `names`, `seed`
    and `val_share` as in `read_annotated`. Raises InputError when there is no such path, DataError where a
    map is missing, has another size than its picture, or is in colour.
    """
    reading = Reading()
    data = _laid_out(Path(path), reading, name)
    return finished(data, reading, names=names, seed=seed, val_share=val_share)


def scan_instances(
    path: str | Path, *, name: str = "nucleus"
) -> tuple[AnnotatedPictures | None, list[Problem]]:
    """What is sound in the data, and every problem; nothing is refused, as in `scan_annotated`.

    Raises InputError when there is no such path.
    """
    reading = Reading()
    try:
        data = _laid_out(Path(path), reading, name)
    except DataError as problem:
        reading.problems.refused(problem)
        return None, list(reading.problems)
    return data, list(reading.problems)


def _laid_out(path: Path, reading: Reading, name: str) -> AnnotatedPictures:
    if not path.exists():
        raise InputError(no_such(path))
    pairs = mask_pairs(path, reading.problems) if path.is_dir() else {}
    if not pairs:
        raise DataError(
            f"0 pictures with instance maps in '{path}'; looked for images/ beside labels/ or masks/"
        )
    splits = {split: _split(pairs[split], reading) for split in in_order(pairs)}
    return AnnotatedPictures((name,), splits, "instances", (), path)


def read_instance_maps(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """What `read_annotated` makes of such a folder; None where its masks are none, or seem to hold classes.

    They do where a table names these, and where numbers are few and the same from map to map: those of
    objects go from 1 on without a gap, as far as there are objects. An object is then an "object".
    """
    if not path.is_dir() or find_legend(path) is not None:
        return None
    pairs = mask_pairs(path, Problems())
    maps = [mask for split in in_order(pairs) for mask in pairs[split].masks]
    if not _of_objects(maps[:: max(1, len(maps) // _LOOKED)]):
        return None
    reading.notes.append("masks are read as instance maps: each number but 0 is one object")
    return _laid_out(path, reading, "object")


def _of_objects(maps: Sequence[Path]) -> bool:
    """Whether the numbers in maps are those of objects."""
    try:
        numbers = [np.unique(_map(one)) for one in maps]
    except InputError:  # in colour, or no picture: others will say so
        return False
    counted = [some[some > 0] for some in numbers if some.max(initial=0) > 0]
    most = [int(some.max()) for some in counted]
    if not most or max(most) > _MOST_CLASSES:
        return bool(most)
    whole = sum(len(some) == top for some, top in zip(counted, most, strict=True))
    return max(most) > 1 and len(set(most)) > 1 and whole >= 0.9 * len(most)


def objects_in(numbers: np.ndarray) -> Objects:
    """The objects of a map (H, W): label 0 and a region for every number but 0, in the order of numbers."""
    height, width = numbers.shape
    flat = numbers.T.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])  # (R,)
    values = flat[starts]
    ends = np.concatenate([starts[1:], [flat.size]])
    order = np.argsort(values, kind="stable")
    order = order[values[order] != 0]
    firsts = np.flatnonzero(np.diff(values[order], prepend=-1))
    rows = []
    for number, part in enumerate(np.split(order, firsts[1:]) if len(order) else []):
        bounds = np.stack([starts[part], ends[part]], axis=1).ravel()
        counts = np.diff(np.concatenate([[0], bounds]))
        counts = np.append(counts, flat.size - bounds[-1]) if bounds[-1] < flat.size else counts
        region = Region((height, width), counts)
        left, top, right, bottom = region.xyxy.tolist()
        rows.append(Row(number, 0, (left, top, right, bottom), region=region))
    return objects_of(rows)


def _split(pairs: Pairs, reading: Reading) -> Annotated:
    def some(part: range) -> list[Objects | InputError]:
        found: list[Objects | InputError] = []
        for index in part:
            try:
                found.append(objects_in(_map(pairs.masks[index])))
            except InputError as problem:
                found.append(problem)
        return found

    objects: list[Objects] = []
    for _, chunk in in_chunks(some, len(pairs.masks), chunk=32):
        for one in chunk:
            if isinstance(one, InputError):
                reading.problems.refused(one)
            objects.append(Objects.empty() if isinstance(one, InputError) else one)
    sizes = upright_sizes(pairs.pictures, reading.problems)
    return Annotated(pairs.pictures, objects, np.array(sizes, np.int64).reshape(-1, 2))


def _map(item: Any) -> np.ndarray:
    numbers = raw_mask(item)
    if numbers.ndim != 2:
        raise DataError(f"{source_name(item)} is in colour; an instance map has one number a pixel")
    return numbers.astype(np.int64)
