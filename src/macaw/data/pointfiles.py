"""Key points: tables with two columns for each point, .pts files of 300-W, packs; poses of COCO and YOLO."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from macaw.data.aligned import finished
from macaw.data.annotated import first_layout
from macaw.data.examples import SPLITS, listed
from macaw.data.find import entries, is_picture_name, no_such, walk
from macaw.data.objects import Annotated, AnnotatedPictures, Objects, Skeleton
from macaw.data.packs import FilePack, mapped
from macaw.data.pointtables import read_point_table
from macaw.data.problems import Problem, Problems
from macaw.data.reading import Reading, in_order
from macaw.data.skeletons import FACE, named_skeleton
from macaw.data.upright import Size, upright_sizes
from macaw.errors import DataError, InputError

_COUNT = re.compile(r"n_points:\s*(\d+)")


def read_points(
    path: str | Path,
    *,
    name: str = "object",
    names: Sequence[str] | None = None,
    seed: int = 0,
    val_share: float = 0.1,
) -> AnnotatedPictures:
    """Read pictures with key points: one object `name` a picture from LAYOUTS, else COCO or YOLO poses.

    Where the file gives no box, it is the whole picture. Mirrors are known where the data says so, or where
    the points' names say left and right; else `skeleton.flips` is None. `names`, `seed` and `val_share` as in
    `read_annotated`. Raises InputError when there is no such path, DataError when the data cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(no_such(path))
    if not 0 <= val_share < 1:
        raise InputError(f"val_share {val_share} is not a share; give 0 or more, below 1")
    reading = Reading("pose")
    data = _first(path, reading, name)
    return finished(data, reading, names=names, seed=seed, val_share=val_share)


def scan_points(path: str | Path, *, name: str = "object") -> tuple[AnnotatedPictures | None, list[Problem]]:
    """What is sound in the data, and every problem; nothing is refused, as in `scan_annotated`.

    Raises InputError when there is no such path.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(no_such(path))
    reading = Reading("pose")
    try:
        data = _first(path, reading, name)
    except InputError as problem:
        reading.problems.refused(problem)
        return None, list(reading.problems)
    return data, list(reading.problems)


def _first(path: Path, reading: Reading, name: str) -> AnnotatedPictures:
    """What the first reader makes of it that knows the layout; boxes without key points are refused."""
    for _, read in LAYOUTS:
        found = read(path, reading, name)
        if found is not None:
            return found
    try:
        data = first_layout(path, reading)
    except DataError as problem:
        if "pictures with boxes in" not in str(problem):
            raise
        looked = "; ".join(what for what, _ in LAYOUTS)
        raise DataError(f"0 pictures with key points in '{path}'; looked for: {looked}; COCO; YOLO") from None
    if data.skeleton is None:
        raise DataError(f"{path} has boxes ({data.kind}) but no key points; macaw train detect takes it")
    return data


def _read_pts(path: Path, reading: Reading, name: str) -> AnnotatedPictures | None:
    """A folder of pictures with .pts beside them, perhaps one folder for each split."""
    if not path.is_dir() or not any(file.suffix.lower() == ".pts" for file in walk(path)):
        return None
    inner = {SPLITS.get(folder.name.lower(), ""): folder for folder in entries(path)[0]}
    homes = {split: folder for split, folder in inner.items() if split} or {"train": path}
    read = {split: _pts_split(homes[split], reading.problems) for split in in_order(homes)}
    kinds = {len(points) for _, many in read.values() for points in many}
    if len(kinds) > 1:
        raise DataError(
            f"{path}: files of {' and '.join(map(str, sorted(kinds)))} points; a model learns one kind"
        )
    number = kinds.pop() if kinds else 0
    skeleton = FACE if number == len(FACE.names) else _numbered(number)
    splits = {
        split: whole_pictures(pictures, np.array(many, np.float64), upright_sizes(pictures, reading.problems))
        for split, (pictures, many) in read.items()
    }
    return AnnotatedPictures((name,), splits, "points", (), path, skeleton=skeleton)


def _pts_split(folder: Path, problems: Problems) -> tuple[list[Path], list[np.ndarray]]:
    pictures = {file.with_suffix(""): file for file in walk(folder) if is_picture_name(file.name)}
    found, many = [], []
    for file in walk(folder):
        if file.suffix.lower() != ".pts":
            continue
        picture = pictures.get(file.with_suffix(""))
        if picture is None:
            problems.report("picture-missing", str(file), "there is no picture of this name beside it")
            continue
        found.append(picture)
        many.append(_pts(file))
    return found, many


def _pts(file: Path) -> np.ndarray:
    """The points (K, 3) of a .pts file, which numbers pixels from 1: the centre of the first is 0.5."""
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    told = _COUNT.search(text)
    inside = re.search(r"\{([^{}]*)\}", text)
    try:
        lines = inside[1].splitlines() if inside else []
        rows = [list(map(float, line.split())) for line in lines if line.strip()]
        points = np.array(rows, np.float64).reshape(-1, 2)
    except ValueError:
        raise DataError(f"{file}: its rows are not pairs of numbers; write x and y between braces") from None
    if not len(points) or (told and int(told[1]) != len(points)) or not np.isfinite(points).all():
        expected = f"{told[1]} points" if told else "points"
        raise DataError(f"{file}: {len(points)} rows of numbers where {expected} are expected; correct it")
    return np.column_stack([points - 0.5, np.full(len(points), 2.0)])


def _read_pack(path: Path, reading: Reading, name: str) -> AnnotatedPictures | None:
    """`<split>.npz` with blob, off and points (N, K, 2 or 3), in pixels."""
    files = [path] if path.is_file() else entries(path)[1]
    files = [file for file in files if file.suffix.lower() == ".npz"]
    if not files:
        return None
    skeleton: Skeleton | None = None
    splits = {}
    for file in files:
        pictures, points = _npz(file)
        one = FACE if points.shape[1] == len(FACE.names) else _numbered(points.shape[1])
        if skeleton is not None and one != skeleton:
            raise DataError(
                f"{path}: {len(skeleton.names)} and {len(one.names)} points; a model learns one kind"
            )
        skeleton = one
        sizes = upright_sizes(pictures, reading.problems)
        splits[SPLITS.get(file.stem.lower(), file.stem)] = whole_pictures(pictures, points, sizes)
    return AnnotatedPictures(
        (name,), {s: splits[s] for s in in_order(splits)}, "points", (), path, skeleton=skeleton
    )


def _numbered(number: int) -> Skeleton:
    return named_skeleton([f"point {place}" for place in range(1, number + 1)])


def _npz(path: Path) -> tuple[FilePack, np.ndarray]:
    """The pictures of a pack, and their points (N, K, 3)."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            lacking = [field for field in ("blob", "off", "points") if field not in arrays.files]
            if lacking:
                raise DataError(
                    f"{path}: no field {listed(lacking)}; a pack of points has blob, off and points"
                )
            off, points = arrays["off"], arrays["points"].astype(np.float64)
            blob = mapped(path, "blob.npy")
            blob = arrays["blob"] if blob is None else blob
    except DataError:
        raise
    except Exception as problem:  # zipfile and numpy raise half a dozen kinds
        words = " ".join(str(problem).split())
        raise DataError(f"{path} is not a whole .npz file ({words}); fetch or copy it again") from problem
    if points.ndim != 3 or points.shape[2] not in (2, 3) or len(off) != len(points) + 1:
        found = f"shape {points.shape} for {len(off) - 1} pictures"
        raise DataError(f"{path}, field 'points': {found}; expected (N, K, 2)")
    rising = off.ndim == 1 and off.dtype.kind in "iu" and off[0] >= 0 and off[-1] <= len(blob)
    rising = rising and bool((np.diff(off.astype(np.int64)) >= 0).all())
    if blob.ndim != 1 or blob.dtype != np.uint8 or not rising or not np.isfinite(points).all():
        raise DataError(f"{path}: its fields do not fit each other, or a point is not finite; fetch it again")
    if points.shape[2] == 2:
        points = np.concatenate([points, np.full((*points.shape[:2], 1), 2.0)], axis=2)
    return FilePack(path.name, blob, off), points


def whole_pictures(sources: Sequence[object], points: np.ndarray, sizes: Sequence[Size]) -> Annotated:
    """One object for each picture: all of it, with its points (N, K, 3)."""
    objects = [
        Objects.of([(0.0, 0.0, float(width), float(height))], [0], points=some[None])
        for some, (width, height) in zip(points, sizes, strict=True)
    ]
    return Annotated(sources, objects, np.array(sizes, np.int64).reshape(-1, 2))


# Tried in turn; each reader answers None when the path is not laid out its way.
LAYOUTS: tuple[tuple[str, Callable[[Path, Reading, str], AnnotatedPictures | None]], ...] = (
    ("a table with columns image, <point>_x, <point>_y and, if you like, <point>_v", read_point_table),
    ("train.npz with points", _read_pack),
    ("pictures with .pts beside them", _read_pts),
)
