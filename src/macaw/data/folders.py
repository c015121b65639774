"""ImageFolder: `root/train/cat/1.jpg` or `root/cat/1.jpg`; a folder's name is the class."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from macaw.data.examples import SPLITS, Examples, LabelledPictures, count, encode, listed, nfc
from macaw.data.find import entries, is_picture_name, walk
from macaw.errors import DataError

Found = dict[str, list[Path]]  # class -> its pictures


def read_split_folders(root: Path) -> LabelledPictures | None:
    """`root/{train,val,test}/class/**`; None when the folder is not laid out so."""
    folders, _ = entries(root)
    named: dict[str, Path] = {}
    for folder in folders:
        split = SPLITS.get(folder.name.lower())
        if split in named:
            both = f"'{named[split].name}' and '{folder.name}'"
            raise DataError(f"{root} has both {both}, which mean the same split; keep one")
        if split:
            named[split] = folder
    classed = [folder for folder in named.values() if entries(folder)[0]]
    others = [folder for folder in folders if folder not in named.values() and _has_picture(folder)]
    # A class may be called "train" (beside "car" and "plane"): one such folder among others is not a split.
    if not named or (others and len(classed) < 2):
        return None
    if not classed:
        _refuse_flat(root, named)
        return None
    notes = [f"ignored beside the splits: {listed(folder.name for folder in others)}"] if others else []
    splits = {}
    for split in sorted(named, key=["train", "val", "test"].index):
        if named[split] in classed:
            splits[split] = _classes_below(named[split], notes)
        elif _has_picture(named[split]):
            notes.append(
                f"ignored '{named[split].name}': it has pictures, but no class folders to label them"
            )
    return _labelled(root, splits, notes)


def read_class_folders(root: Path) -> LabelledPictures | None:
    """`root/class/**`; None when no folder below holds a picture."""
    folders, _ = entries(root)
    if not any(_has_picture(folder) for folder in folders):
        return None
    notes: list[str] = []
    found = _classes_below(root, notes)
    inner, loose = entries(folders[0])
    if (
        len(found) == 1 and inner and not any(is_picture_name(file.name) for file in loose)
    ):  # an unpacked archive
        raise DataError(f"{root} holds one folder, hence one class; did you mean '{folders[0]}'?")
    return _labelled(root, {"train": found}, notes)


def _refuse_flat(root: Path, named: dict[str, Path]) -> None:
    for folder in named.values():
        if _has_picture(folder):
            raise DataError(
                f"{root}: '{folder.name}' holds pictures but no class folders; "
                f"sort them into {folder.name}/<class>/, or list them in a table with columns image and label"
            )


def _classes_below(folder: Path, notes: list[str]) -> Found:
    """The pictures of every class folder in `folder`, by class name."""
    folders, loose = entries(folder)
    found: Found = {}
    other: Counter[str] = Counter()
    empty = []
    for inner in folders:
        name = nfc(inner.name)
        if name in found:
            raise DataError(
                f"{folder} has two folders '{name}', the same name in two Unicode forms; merge them"
            )
        files = list(walk(inner))
        found[name] = [file for file in files if is_picture_name(file.name)]
        ignored = Counter(os.path.splitext(file.name)[1].lower() or file.name for file in files)
        other.update({suffix: ignored[suffix] for suffix in ignored if not is_picture_name("a" + suffix)})
        if not found[name]:
            empty.append(f"{inner.name} ({count(len(files), 'file')}, no picture)" if files else inner.name)
    if empty:
        raise DataError(
            f"{count(len(empty), 'class folder')} in {folder} without a picture: {listed(empty)}; "
            "add pictures or remove the folder"
        )
    if other:
        kinds = ", ".join(f"{suffix} {number:,}" for suffix, number in other.most_common(4))
        notes.append(f"ignored in '{folder.name}': {count(other.total(), 'file')} of other kinds ({kinds})")
    outside = sum(is_picture_name(file.name) for file in loose)
    if outside:
        notes.append(f"ignored in '{folder.name}': {count(outside, 'picture')} outside any class folder")
    return found


def _labelled(root: Path, splits: dict[str, Found], notes: list[str]) -> LabelledPictures:
    names = tuple(sorted({name for found in splits.values() for name in found}))
    examples = {}
    for split, found in splits.items():
        pairs = [(path, name) for name, paths in found.items() for path in paths]
        targets = encode([(name,) for _, name in pairs], names, multi=False)
        examples[split] = Examples([path for path, _ in pairs], targets)
    return LabelledPictures(names, examples, multi=False, kind="folder", notes=tuple(notes), path=root)


def _has_picture(folder: Path) -> bool:
    return any(is_picture_name(file.name) for file in walk(folder))
