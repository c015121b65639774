"""Labelled pictures: any standard layout becomes splits whose targets follow one class table, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from macaw.data.examples import Examples, LabelledPictures, count, licence_lines, listed, nfc
from macaw.data.find import find_pictures, no_such, shown
from macaw.data.folders import read_class_folders, read_split_folders
from macaw.data.hashing import digests, hashed_split
from macaw.data.packs import read_pack
from macaw.data.rawpacks import read_raw
from macaw.data.sniff import ARCHIVES
from macaw.data.tables import SUFFIXES as TABLE_SUFFIXES
from macaw.data.tables import columns_of, read_table_file, read_table_folder
from macaw.errors import DataError, InputError, did_you_mean

__all__ = ["Examples", "LabelledPictures", "read_labelled"]

# Tried in turn; each reader answers None when the path is not laid out its way.
LAYOUTS: tuple[tuple[str, Callable[[Path], LabelledPictures | None]], ...] = (
    ("a table (.csv, .tsv or .jsonl) with columns image and label", read_table_file),
    ("train.npz with classes.txt", read_pack),
    ("train.images.u8.xz with train.labels.u8", read_raw),
    ("a folder with one such table, or with train.csv and val.csv", read_table_folder),
    ("train/<class>/ and val/<class>/ with pictures", read_split_folders),
    ("<class>/ with pictures", read_class_folders),
)
_FILE_LAYOUTS = (read_table_file, read_pack)


def read_labelled(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    val_share: float = 0.1,
) -> LabelledPictures:
    """Read a labelled data set of any layout in LAYOUTS; pictures stay on disk.

    `names` is a model's class table: targets then index it, matched by name, and a class it does not know is
    a DataError. Without it the table is the sorted names of train. Where there is train but no val, a share
    `val_share` of every class (0 to leave train whole) is taken out of train by the hash of the pictures'
    bytes, so that it survives renames; `seed` chooses another such share.

    Raises InputError when there is no such path, DataError when the data cannot be used.
    """
    path = Path(path)
    if not 0 <= val_share < 1:
        raise InputError(f"val_share {val_share} is not a share; give 0 or more, below 1")
    data = replace(_first_layout(path), terms=licence_lines(path if path.is_dir() else path.parent))
    data = _aligned(data, tuple(names)) if names is not None else _own_table(data)
    if "train" in data.splits and "val" not in data.splits and val_share:
        data = _carved(data, val_share, seed)
    return replace(data, notes=(*data.notes, *_missing(data)))


def _first_layout(path: Path) -> LabelledPictures:
    if not path.exists():
        raise InputError(no_such(path))
    readers = [read for _, read in LAYOUTS] if path.is_dir() else _FILE_LAYOUTS
    for read in readers:
        found = read(path)
        if found is not None:
            return found
    looked = "; ".join(what for what, _ in LAYOUTS)
    raise DataError(f"0 pictures with a class in '{path}'{_clue(path)}; looked for: {looked}")


def _clue(path: Path) -> str:
    """What is there instead, to tell the user which step is missing."""
    if path.is_file():
        if path.suffix.lower() in ARCHIVES:
            return " (an archive: unpack it and give the folder)"
        return " (a file: give the folder it is in, or a table that lists pictures)"
    for table in sorted(file for file in path.iterdir() if file.suffix.lower() in TABLE_SUFFIXES):
        columns, fine = columns_of(table)
        if columns and not fine:
            return f" ('{table.name}' has columns {listed(columns, 6)})"
    archives = [file.name for file in path.iterdir() if file.suffix.lower() in ARCHIVES]
    if archives:
        return f" ({listed(archives)}: unpack it)"
    try:
        return f" ({count(len(find_pictures([path])), 'picture')}, but in no class folder)"
    except InputError:
        return " (the folder is empty)" if not any(path.iterdir()) else ""


def _own_table(data: LabelledPictures) -> LabelledPictures:
    """The class table from the data alone: the sorted names of train, which must cover every other split."""
    if "train" not in data.splits:
        raise DataError(
            f"{data.path} has {listed(data.splits)} but no train, which gives the class table; "
            "add train, or use a model, whose classes will be taken"
        )
    used = {split: _names_used(data, split) for split in data.splits}
    names = tuple(sorted(used["train"]))
    for split, found in used.items():
        for name in sorted(found - set(names)):
            raise DataError(
                f"{data.path}: class '{shown(name)}' is in {split} but not in train; "
                f"add it to train or remove it from {split}.{did_you_mean(name, names)}"
            )
    if len(names) < (1 if data.multi else 2):
        only = f"only one class, {listed(names)}" if names else "no labels at all"
        raise DataError(f"{data.path} has {only}; add pictures of another class, a classifier needs two")
    notes = list(data.notes)
    unused = [name for name in data.names if name not in names]
    if unused:
        notes.append(
            f"{count(len(unused), 'class', 'classes')} without a picture, left out: {listed(unused)}"
        )
    folded = Counter(name.casefold() for name in names)
    alike = [name for name in names if folded[name.casefold()] > 1]
    if alike:
        notes.append(f"classes that differ only by case, kept apart: {listed(alike, 6)}")
    return replace(_relabelled(data, names), notes=tuple(notes))


def _aligned(data: LabelledPictures, names: tuple[str, ...]) -> LabelledPictures:
    """Targets that index a model's class table `names`; a class it does not know is an error."""
    table = {nfc(name) for name in names}
    used = {name: split for split in reversed(data.splits) for name in _names_used(data, split)}
    unknown = sorted(name for name in used if name not in table)
    if unknown:
        more = f" ({listed(unknown)} are unknown)" if len(unknown) > 1 else ""
        raise DataError(
            f"{data.path}: class '{shown(unknown[0])}' in {used[unknown[0]]} is not among the model's "
            f"{count(len(names), 'class', 'classes')}{more}; rename or remove it, or train a model with it."
            f"{did_you_mean(unknown[0], names)}"
        )
    absent = [name for name in names if nfc(name) not in used]
    note = f"{len(absent)} of the model's {len(names)} classes do not occur: {listed(absent)}"
    return replace(_relabelled(data, names), notes=(*data.notes, note) if absent else data.notes)


def _relabelled(data: LabelledPictures, names: tuple[str, ...]) -> LabelledPictures:
    """The same data with targets that index `names`, which hold every name in use."""
    place = {nfc(name): index for index, name in enumerate(names)}
    moved = np.array(
        [place.get(nfc(name), -1) for name in data.names], np.int64
    )  # (old classes,) -> new index

    def targets(old: np.ndarray) -> np.ndarray:
        if not data.multi:
            return np.take(moved, old)
        new = np.zeros((len(old), len(names)), np.float32)
        new[:, moved[moved >= 0]] = old[:, moved >= 0]
        return new

    splits = {key: Examples(some.sources, targets(some.targets)) for key, some in data.splits.items()}
    return replace(data, names=names, splits=splits)


def _carved(data: LabelledPictures, share: float, seed: int) -> LabelledPictures:
    train = data.splits["train"]
    marks = digests(train.sources)
    inside, outside = hashed_split(marks, train.targets, share=share, seed=seed)
    notes = [
        f"no val: {len(outside):,} of {count(len(train), 'picture')} of train set aside as val, by content"
    ]
    repeated = len(marks) - len(set(marks))
    if repeated:
        notes.append(f"{count(repeated, 'picture')} of train repeat another byte for byte")
    pairs = {(mark, target.tobytes()) for mark, target in zip(marks, train.targets, strict=True)}
    differ = sum(times > 1 for times in Counter(mark for mark, _ in pairs).values())
    if differ:
        notes.append(f"{count(differ, 'picture')} of train carry different labels in equal copies")
    splits = {"train": train.subset(inside), "val": train.subset(outside)}
    splits.update((key, some) for key, some in data.splits.items() if key != "train")
    return replace(data, splits=splits, notes=(*data.notes, *notes), carved=True)


def _missing(data: LabelledPictures) -> list[str]:
    """A note for each split that lacks classes which train has."""
    known = _names_used(data, "train") if "train" in data.splits else set()
    notes = []
    for split in data.splits:
        absent = sorted(known - _names_used(data, split))
        if absent:
            whole = count(len(known), "class", "classes")
            notes.append(f"{split} has no picture of {len(absent)} of {whole}: {listed(absent)}")
    return notes


def _names_used(data: LabelledPictures, split: str) -> set[str]:
    targets = data.splits[split].targets
    used = np.flatnonzero(targets.any(axis=0)) if data.multi else np.unique(targets)
    return {data.names[index] for index in used.tolist()}
