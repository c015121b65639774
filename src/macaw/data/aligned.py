"""Annotated pictures, finished: one class table by name, val taken out of train, notes on what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from macaw.data.examples import count, licence_lines, listed, nfc
from macaw.data.find import shown
from macaw.data.hashing import digests, hashed_split
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.reading import Reading
from macaw.errors import DataError, did_you_mean

_DECLARED = frozenset({"coco", "yolo", "pack"})  # layouts whose files name the classes, used or not


def finished(
    data: AnnotatedPictures, reading: Reading, *, names: Sequence[str] | None, seed: int, val_share: float
) -> AnnotatedPictures:
    """`data` as the reader gave it, with the class table `names` or its own, val carved, and all notes.

    Raises DataError for the first error that the reader met, for a class that the table lacks, and where no
    picture of train or val has an object.
    """
    repairs = reading.problems.settle()
    _check_used(data)
    folder = data.path if data.path.is_dir() else data.path.parent
    data = replace(data, terms=licence_lines(folder), notes=(*data.notes, *reading.notes, *repairs))
    data = _by_model(data, tuple(names)) if names is not None else _own_table(data)
    if "train" in data.splits and "val" not in data.splits and val_share:
        data = _carved(data, val_share, seed)
    return replace(data, notes=(*data.notes, *_missing(data)))


def _check_used(data: AnnotatedPictures) -> None:
    for split, some in data.splits.items():
        if not len(some):
            raise DataError(f"{data.path}: {split} lists no picture; add some, or remove the split")
        if not some.count and split != "test":
            pictures = count(len(some), "picture")
            raise DataError(f"{data.path}: 0 of {pictures} of {split} have labels; annotate some")


def _own_table(data: AnnotatedPictures) -> AnnotatedPictures:
    """The table of the files, where they declare one; else the names in train, which cover all splits."""
    notes = list(data.notes)
    folded = Counter(name.casefold() for name in data.names)
    alike = [name for name in data.names if folded[name.casefold()] > 1]
    if alike:
        notes.append(f"classes that differ only by case, kept apart: {listed(alike, 6)}")
    if data.kind not in _DECLARED:
        if "train" not in data.splits:
            raise DataError(
                f"{data.path} has {listed(data.splits)} but no train, which gives the class table; "
                "add train, or use a model, whose classes will be taken"
            )
        known = sorted(_names_used(data, "train"))
        for split in data.splits:
            for name in sorted(_names_used(data, split) - set(known)):
                raise DataError(
                    f"{data.path}: class '{shown(name)}' is in {split} but not in train; "
                    f"add it to train or remove it from {split}.{did_you_mean(name, known)}"
                )
    return replace(data, notes=tuple(notes))


def _by_model(data: AnnotatedPictures, names: tuple[str, ...]) -> AnnotatedPictures:
    """Labels that index a model's class table `names`; a class in use that it does not know is an error."""
    table = {nfc(name): index for index, name in enumerate(names)}
    used = {name: split for split in reversed(data.splits) for name in _names_used(data, split)}
    unknown = sorted(name for name in used if name not in table)
    if unknown:
        more = f" ({listed(unknown)} are unknown)" if len(unknown) > 1 else ""
        raise DataError(
            f"{data.path}: class '{shown(unknown[0])}' in {used[unknown[0]]} is not among the model's "
            f"{count(len(names), 'class', 'classes')}{more}; rename or remove it, or train a model with it."
            f"{did_you_mean(unknown[0], names)}"
        )
    moved = np.array([table.get(name, 0) for name in data.names], np.int64)  # old label -> new
    splits = {
        split: replace(some, objects=[_moved(objects, moved) for objects in some.objects])
        for split, some in data.splits.items()
    }
    absent = [name for name in names if nfc(name) not in used]
    note = f"{len(absent)} of the model's {len(names)} classes do not occur: {listed(absent)}"
    notes = (*data.notes, note) if absent else data.notes
    return replace(data, names=names, splits=splits, notes=notes)


def _moved(objects: Objects, moved: np.ndarray) -> Objects:
    return replace(objects, labels=moved[objects.labels]) if len(objects) else objects


def _carved(data: AnnotatedPictures, share: float, seed: int) -> AnnotatedPictures:
    """A share of train as val, chosen by the pictures' bytes; every class goes to both sides if it can."""
    train = data.splits["train"]
    marks = digests(train.sources)
    shows = np.zeros((len(train), len(data.names)), np.float32)  # whether a picture shows a class
    for index, objects in enumerate(train.objects):
        shows[index, objects.labels] = 1
    inside, outside = hashed_split(marks, shows, share=share, seed=seed)
    note = f"no val: {len(outside):,} of {count(len(train), 'picture')} of train set aside as val, by content"
    splits: dict[str, Annotated] = {"train": train.subset(inside)}
    if len(outside):
        splits["val"] = train.subset(outside)
    splits.update((key, some) for key, some in data.splits.items() if key != "train")
    return replace(data, splits=splits, notes=(*data.notes, note), carved=len(outside) > 0)


def _missing(data: AnnotatedPictures) -> list[str]:
    """A note for each split that has no object of some classes, and on pictures without any."""
    notes = []
    for split, some in data.splits.items():
        absent = sorted(set(data.names) - _names_used(data, split))
        if absent and some.count:
            whole = count(len(data.names), "class", "classes")
            notes.append(f"{split} has no object of {len(absent)} of {whole}: {listed(absent)}")
        empty = sum(not len(objects) for objects in some.objects)
        if empty:
            notes.append(f"{count(empty, 'picture')} of {split} without objects, kept as background")
    return notes


def _names_used(data: AnnotatedPictures, split: str) -> set[str]:
    used = {label for objects in data.splits[split].objects for label in objects.labels.tolist()}
    return {data.names[label] for label in used}
