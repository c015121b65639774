"""Mask folders: `images/<split>/` with `masks/<split>/` or `labels/<split>/`, matched by names of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from macaw.data.examples import SPLITS, count, licence_lines, listed, nfc
from macaw.data.find import entries, is_picture_name, no_such, shown, walk
from macaw.data.hashing import digests, hashed_split
from macaw.data.legends import Table, find_legend
from macaw.data.looks import MASK_FOLDERS
from macaw.data.masked import IGNORE, Legend, Masked, MaskedPictures, read_mask
from macaw.data.problems import Problem, Problems
from macaw.data.reading import in_order
from macaw.data.upright import UNKNOWN, upright_sizes
from macaw.errors import DataError, InputError, did_you_mean

_PICTURES = ("images", "image", "imgs", "jpegimages")
_ENDINGS = ("", "_mask", "_L", "_label", "_labels", "_labelIds", "_gt")  # what a mask's name adds
_SAMPLED = 40  # masks of each split whose numbers are looked at before training; `scan_masked` takes all


class Pairs(NamedTuple):
    """The pictures of one split and their masks, in one order."""

    pictures: list[Path]
    masks: list[Path]


def read_masked(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    val_share: float = 0.1,
) -> MaskedPictures:
    """Read pictures and masks of classes; both stay on disk.

    `path` has images/ and masks/ (or labels/), each with a folder for every split or none, and classes.txt,
    classes.json or a table name,r,g,b[,train_id]. The class table is the sorted names, without one that says
    unlabelled or void; `names` is a model's, to which classes are matched by name. A share `val_share` of
    train becomes val, by the pictures' bytes, where there is none.

    Raises InputError when there is no such path; DataError where a mask is missing, has another size than its
    picture, or has a number or colour that the table lacks: some masks of each split are looked at.
    """
    path = Path(path)
    if not 0 <= val_share < 1:
        raise InputError(f"val_share {val_share} is not a share; give 0 or more, below 1")
    problems = Problems()
    data = laid_out(path, problems)
    for some in data.splits.values():
        step = max(1, len(some) // _SAMPLED)
        _look(some, data.legend, problems, range(0, len(some), step))
    notes = problems.settle()
    data = replace(data, notes=(*data.notes, *notes), terms=licence_lines(path))
    data = _by_model(data, tuple(names)) if names is not None else data
    if "train" in data.splits and "val" not in data.splits and val_share:
        return _carved(data, val_share, seed)
    return data


def scan_masked(path: str | Path) -> tuple[MaskedPictures | None, list[Problem]]:
    """What can be read, and every problem, all masks looked at; nothing is refused."""
    problems = Problems()
    try:
        data = laid_out(Path(path), problems)
    except DataError as problem:
        problems.refused(problem)
        return None, list(problems)
    for some in data.splits.values():
        _look(some, data.legend, problems, range(len(some)))
    return data, list(problems)


def laid_out(path: Path, problems: Problems) -> MaskedPictures:
    """Pictures and masks of every split, as they lie on disk. Raises InputError, DataError."""
    if not path.exists():
        raise InputError(no_such(path))
    pairs = mask_pairs(path, problems) if path.is_dir() else {}
    if not pairs:
        raise DataError(
            f"0 pictures with masks in '{path}'; looked for images/ beside masks/ or labels/, each with a "
            "folder for every split or none, matched by the names of files"
        )
    table = find_legend(path)
    if table is None:
        raise DataError(f"{path} has masks but nothing that names their classes; add classes.txt")
    splits = {split: Masked(some.pictures, some.masks) for split, some in pairs.items()}
    return MaskedPictures(
        table.names, splits, table.ignore, table.legend, _note(table), path, colours=table.colours
    )


def _note(table: Table) -> tuple[str, ...]:
    merged = len({index for index in table.legend.colours.values() if index != IGNORE})
    shared = sum(index != IGNORE for index in table.legend.colours.values()) - merged
    return (f"{table.file.name}: {count(shared, 'row')} joined to another by train_id",) if shared > 0 else ()


def mask_pairs(root: Path, problems: Problems) -> dict[str, Pairs]:
    """Split -> pictures and masks; {} where the folder is not laid out so.

    A picture without a mask, and a mask of another size, are reported.
    """
    homes = _homes(root)
    found = {}
    for split in in_order(homes):
        pairs = _matched(*homes[split], problems)
        sizes = upright_sizes(pairs.pictures, problems)
        for mask, own, size in zip(pairs.masks, upright_sizes(pairs.masks, problems), sizes, strict=True):
            if UNKNOWN not in (own, size) and own != size:
                words = f"the mask is {own[0]} x {own[1]} px, its picture {size[0]} x {size[1]} px"
                problems.report(
                    "size-differs", shown(mask), words, "make the mask of the picture as it is, upright"
                )
        if pairs.pictures:
            found[split] = pairs
    return found


def _homes(root: Path) -> dict[str, tuple[Path, Path]]:
    """Split -> the folders of its pictures and of its masks."""
    folders = {folder.name.lower(): folder for folder in entries(root)[0]}
    pictures = next((folders[name] for name in _PICTURES if name in folders), None)
    masks = next((folders[name] for name in sorted(MASK_FOLDERS, reverse=True) if name in folders), None)
    if pictures and masks:
        one, other = _by_split(pictures), _by_split(masks)
        if one and other:
            return {split: (one[split], other[split]) for split in one.keys() & other.keys()}
        return {"train": (pictures, masks)}
    homes: dict[str, tuple[Path, Path]] = {}
    for name, folder in folders.items():
        if name in SPLITS:
            inner = list(_homes(folder).values())
            homes.update({SPLITS[name]: inner[0]} if inner else {})
    return homes


def _by_split(folder: Path) -> dict[str, Path]:
    inner = {SPLITS.get(one.name.lower(), ""): one for one in entries(folder)[0]}
    return {split: one for split, one in inner.items() if split}


def _matched(pictures: Path, masks: Path, problems: Problems) -> Pairs:
    by_stem = {
        file.relative_to(masks).with_suffix(""): file for file in walk(masks) if is_picture_name(file.name)
    }
    pairs = Pairs([], [])
    for file in walk(pictures):
        if not is_picture_name(file.name):
            continue
        stem = file.relative_to(pictures).with_suffix("")
        tries = (stem.with_name(stem.name + ending) for ending in _ENDINGS)
        mask = next((by_stem[one] for one in tries if one in by_stem), None)
        if mask is None:
            found = f"there is no mask '{stem.name}.png' in '{shown(masks)}'"
            problems.report("picture-missing", shown(file), found, "add the mask, or remove the picture")
            continue
        pairs.pictures.append(file)
        pairs.masks.append(mask)
    return pairs


def _look(some: Masked, legend: Legend, problems: Problems, which: range) -> None:
    """Read masks for the numbers and colours that the table of classes lacks."""
    for index in which:
        try:
            read_mask(some.masks[index], legend)
        except InputError as problem:
            words, _, remedy = str(problem).partition("; ")
            problems.report("mask-value", "", words, remedy)


def _by_model(data: MaskedPictures, names: tuple[str, ...]) -> MaskedPictures:
    table = {nfc(name): index for index, name in enumerate(names)}
    unknown = [name for name in data.names if name not in table]
    if unknown:
        raise DataError(
            f"{data.path}: class '{shown(unknown[0])}' is not among the model's "
            f"{count(len(names), 'class', 'classes')}; rename or remove it, or train a model with it."
            f"{did_you_mean(unknown[0], names)}"
        )

    def moved(index: int) -> int:
        return index if index == IGNORE else table[data.names[index]]

    legend = Legend(
        {value: moved(index) for value, index in data.legend.values.items()},
        {colour: moved(index) for colour, index in data.legend.colours.items()},
    )
    absent = [name for name in names if nfc(name) not in data.names]
    note = f"{len(absent)} of the model's {len(names)} classes do not occur: {listed(absent)}"
    shown_in = dict(zip(data.names, data.colours, strict=False))
    colours = tuple(shown_in[nfc(name)] for name in names) if not absent and shown_in else ()
    return replace(
        data, names=names, legend=legend, colours=colours, notes=(*data.notes, note) if absent else data.notes
    )


def _carved(data: MaskedPictures, share: float, seed: int) -> MaskedPictures:
    train = data.splits["train"]
    marks = digests(train.sources)
    inside, outside = hashed_split(marks, np.zeros(len(train), np.int64), share=share, seed=seed)
    if not len(outside):
        return data
    note = f"no val: {len(outside):,} of {count(len(train), 'picture')} of train set aside as val, by content"
    splits = {"train": train.subset(inside), "val": train.subset(outside)}
    splits.update((key, some) for key, some in data.splits.items() if key != "train")
    return replace(data, splits=splits, notes=(*data.notes, note), carved=True)
