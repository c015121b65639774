"""Looks: what a path holds that is not what was asked for, in a few words, and who would take it."""

from __future__ import annotations

from pathlib import Path

from macaw.data.examples import SPLITS, count, listed
from macaw.data.find import entries, find_pictures, is_picture_name, walk
from macaw.data.sniff import ARCHIVES
from macaw.data.tables import SUFFIXES, columns_of
from macaw.errors import InputError

MASK_FOLDERS = frozenset({"masks", "labels", "annotations", "segmentation", "segmentationclass"})


def looks_like(path: Path) -> str:
    """` (what is there instead; what to do)`, or '' where nothing can be told."""
    if path.is_file():
        return _file(path)
    folders, files = entries(path)
    if not folders and not files:
        return " (the folder is empty)"
    archives = [file.name for file in files if file.suffix.lower() in ARCHIVES]
    if archives:
        return f" ({listed(archives)}: unpack it)"
    if any(file.suffix.lower() == ".pts" for file in walk(path)):
        return " (it has .pts files of key points: macaw train keypoints takes it)"
    if any(folder.name.lower() in MASK_FOLDERS and _pictures(folder) for folder in folders):
        return " (it has masks beside pictures: macaw train segment takes it)"
    for file in files:
        if file.suffix.lower() in SUFFIXES and (found := _table(file)):
            return found
    classes = [folder.name for folder in folders if _pictures(folder)]
    if len(classes) > 1 or (classes and SPLITS.get(classes[0].lower())):
        return f" (it has folders of pictures, {listed(classes)}: macaw train classify takes them)"
    try:
        return f" ({count(len(find_pictures([path])), 'picture')}, but nothing that annotates them)"
    except InputError:
        return ""


def _file(path: Path) -> str:
    if path.suffix.lower() in ARCHIVES:
        return " (an archive: unpack it and give the folder)"
    if is_picture_name(path.name):
        return " (a picture: give the folder it is in, with its annotations)"
    if path.suffix.lower() in SUFFIXES:
        return _table(path)
    if path.suffix.lower() == ".json":
        return " (JSON, but without images, annotations and categories)"
    return ""


def _table(path: Path) -> str:
    columns, labelled = columns_of(path)
    if labelled:
        return f" ('{path.name}' has labels but no boxes: macaw train classify takes it)"
    return f" ('{path.name}' has columns {listed(columns, 6)})" if columns else ""


def _pictures(folder: Path) -> bool:
    return any(is_picture_name(file.name) for file in walk(folder))
