"""The survey of an ImageFolder, split or not: the rules of `macaw.data.folders`, refusing nothing."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from macaw.data.examples import SPLITS, count, listed, nfc
from macaw.data.find import entries, is_picture_name, walk
from macaw.data.sniff import picture_format
from macaw.data.survey import Survey
from macaw.data.tables import SUFFIXES as TABLE_SUFFIXES
from macaw.data.tables import columns_of

_SNIFFED = 5000  # files without a picture's suffix that are opened to see whether they are one


def survey_split_folders(held: Survey, root: Path) -> bool:
    """`root/{train,val,test}/class/**`; False when the folder is not laid out so."""
    folders, _ = entries(root)
    homes: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        if split := SPLITS.get(folder.name.lower()):
            homes[split].append(folder)
    named = [folder for some in homes.values() for folder in some]
    classed = [folder for folder in named if entries(folder)[0]]
    others = [folder for folder in folders if folder not in named and _pictures(folder)]
    if not named or (others and len(classed) < 2) or not (classed or any(map(_pictures, named))):
        return False
    twice = [some for some in homes.values() if len(some) > 1]
    if twice:
        words = f"{count(len(twice), 'split')} in two folders that mean the same"
        held.report("split-twice", len(twice), words, (listed(f.name for f in some) for some in twice))
    if others:
        words = f"{count(len(others), 'folder')} with pictures beside the splits, not read"
        held.report("folder-unread", len(others), words, map(held.short, others))
    for split in sorted(homes, key=["train", "val", "test"].index):
        for folder in homes[split]:
            if folder in classed:
                _class_folders(held, folder, split)
            else:
                _flat(held, folder, split, alone=not classed)
    _unread_tables(held, root)
    return True


def survey_class_folders(held: Survey, root: Path) -> bool:
    """`root/class/**`; False when no folder below holds a picture."""
    folders, _ = entries(root)
    if not any(map(_pictures, folders)):
        return False
    inner, loose = entries(folders[0])
    if len(folders) == 1 and inner and not any(is_picture_name(file.name) for file in loose):
        held.report("nested", 1, f"one folder, hence one class; did you mean '{folders[0]}'?")
        return survey_split_folders(held, folders[0]) or survey_class_folders(held, folders[0])
    _class_folders(held, root, "train")
    _unread_tables(held, root)
    return True


def _class_folders(held: Survey, folder: Path, split: str) -> None:
    """Every picture below the class folders of `folder`."""
    folders, loose = entries(folder)
    seen: set[str] = set()
    twins, empty, strangers = [], [], []
    for inner in folders:
        name = nfc(inner.name)
        files = list(walk(inner))
        pictures = [file for file in files if is_picture_name(file.name)]
        strangers += [file for file in files if not is_picture_name(file.name)]
        twins += [inner] if name in seen else []
        empty += [] if pictures else [inner]
        seen.add(name)
        for picture in pictures:
            held.add(picture, (name,), split)
    if empty:
        words = f"{count(len(empty), 'class folder')} of {split} without a picture"
        held.report("class-empty", len(empty), words, map(held.short, empty))
    if twins:
        words = f"{count(len(twins), 'class')} of {split} in two folders of the same name"
        held.report("class-unicode", len(twins), words, map(held.short, twins))
    outside = [file for file in loose if is_picture_name(file.name)]
    if outside:
        words = f"{count(len(outside), 'picture')} of {split} outside any class folder"
        held.report("picture-outside", len(outside), words, map(held.short, outside))
    _strangers(held, strangers, split)


def _flat(held: Survey, folder: Path, split: str, *, alone: bool) -> None:
    """A split's folder without class folders: refused where all are so, passed over beside others."""
    pictures = _pictures(folder)
    if not pictures:
        return
    words = f"'{folder.name}' holds {count(len(pictures), 'picture')} but no class folders"
    held.report("split-flat" if alone else "folder-unread", 1, words, [held.short(folder)])
    for picture in pictures:
        held.add(picture, (), split)


def _strangers(held: Survey, files: Sequence[Path], split: str) -> None:
    """Files in class folders whose name is no picture's; some are pictures all the same."""
    unnamed = [file for file in files[:_SNIFFED] if picture_format(_head(file))]
    if unnamed:
        words = f"{count(len(unnamed), 'picture')} of {split} without a picture's suffix"
        held.report("picture-unnamed", len(unnamed), words, map(held.short, unnamed))
    hidden = set(unnamed)
    rest = [file for file in files if file not in hidden]
    if rest:
        kinds = Counter(os.path.splitext(file.name)[1].lower() or "no suffix" for file in rest)
        told = ", ".join(f"{suffix} {number:,}" for suffix, number in kinds.most_common(4))
        words = f"{count(len(rest), 'file')} of other kinds in {split} ({told})"
        held.report("file-ignored", len(rest), words, map(held.short, rest))


def _unread_tables(held: Survey, root: Path) -> None:
    """Label files beside class folders that nothing reads."""
    tables = [file for file in entries(root)[1] if file.suffix.lower() in TABLE_SUFFIXES]
    if tables:
        told = [f"'{file.name}' has columns {listed(columns_of(file)[0], 6) or 'none'}" for file in tables]
        held.report("table-ignored", len(tables), f"{count(len(tables), 'table')} that nothing reads", told)


def _pictures(folder: Path) -> list[Path]:
    return [file for file in walk(folder) if is_picture_name(file.name)]


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(64)
    except OSError:
        return b""
