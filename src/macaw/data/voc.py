"""Pascal VOC: an XML file for each picture, in Annotations/ with lists in ImageSets/, or beside the pictures.

Its coordinates are numbers of pixels from 1, the last one included: the box 1, 1, 5, 5 is five pixels wide.
Some programs count from 0 and leave the last one out; a 0 in any box of a set gives them away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from macaw.data.examples import SPLITS, count, listed, nfc
from macaw.data.find import entries, is_picture_name, walk
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.problems import Problems
from macaw.data.reading import Reading, in_order, lines_of
from macaw.data.rows import Box, Row, gathered, places
from macaw.data.upright import UNKNOWN, Size, upright_sizes
from macaw.data.xmltree import xml_tree
from macaw.errors import DataError

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_MEMBER = re.compile(r"(.*\S)\s+(?:-1|0|1)")  # a row of a list for one class


class _Object(NamedTuple):
    """One object as the file has it."""

    name: str
    sides: Box  # xmin, ymin, xmax, ymax as written
    difficult: bool


class _Sheet(NamedTuple):
    """One XML file."""

    file: Path
    picture: Path
    size: Size  # as written, UNKNOWN where it is missing or 0
    objects: tuple[_Object | None, ...]  # None for one that cannot be used


def read_voc(path: Path, reading: Reading) -> AnnotatedPictures | None:
    """A folder in one of VOC's layouts; None where no XML file with an annotation is in it."""
    if not path.is_dir():
        return None
    homes = _homes(path, reading)
    if homes is None:
        return None
    sheets = {split: [_sheet(*pair, reading.problems) for pair in pairs] for split, pairs in homes.items()}
    every = [one for some in sheets.values() for sheet in some for one in sheet.objects if one]
    names = tuple(sorted({one.name for one in every}))
    from_zero = any(0 <= side < 1 for one in every for side in one.sides[:2])
    if from_zero:
        reading.notes.append(
            "a box starts at 0: coordinates are read as counted from 0, the last one left out"
        )
    splits = {
        split: _split(sheets[split], names, reading.problems, from_zero=from_zero)
        for split in in_order(sheets)
    }
    return AnnotatedPictures(names, splits, "voc", (), path)


def _homes(root: Path, reading: Reading) -> dict[str, list[tuple[Path, Path]]] | None:
    """Split -> pairs of an XML file and its picture."""
    folders = {folder.name: folder for folder in entries(root)[0]}
    if "Annotations" not in folders:
        inner = [folder for folder in folders.values() if (folder / "Annotations").is_dir()]
        if len(inner) == 1:  # VOCdevkit/VOC2007
            return _homes(inner[0], reading)
        if inner:
            raise DataError(f"{root} holds {listed(folder.name for folder in inner)}; name the one to read")
        return _beside(root, reading)
    sheets = {file.stem: file for file in walk(folders["Annotations"]) if file.suffix.lower() == ".xml"}
    if not sheets:
        return None
    pictures = _by_stem(folders.get("JPEGImages") or folders.get("images") or root)
    lists = _lists(root / "ImageSets" / "Main") or {"train": list(sheets)}
    found: dict[str, list[tuple[Path, Path]]] = {}
    for split, members in lists.items():
        chosen = [_member(line, sheets) for line in members]
        lost = next((line for line, stem in zip(members, chosen, strict=True) if stem not in sheets), None)
        if lost is not None:
            raise DataError(
                f"{root / 'ImageSets' / 'Main'}: {split} lists '{lost}', which has no XML file; add it"
            )
        found[split] = [(sheets[stem], pictures.get(stem, root / f"{stem}.jpg")) for stem in chosen]
    return found


def _lists(folder: Path) -> dict[str, list[str]]:
    """Split -> the rows of its list; trainval counts where there is no train."""
    files = {file.stem.lower(): file for file in entries(folder)[1]} if folder.is_dir() else {}
    chosen = {split: files[word] for word, split in SPLITS.items() if word in files}
    if "train" not in chosen and "trainval" in files:
        chosen = {"train": files["trainval"], **{s: f for s, f in chosen.items() if s == "test"}}
    return {split: lines_of(file) for split, file in chosen.items()}


def _member(line: str, sheets: dict[str, Path]) -> str:
    """The stem that a row of a list names; some lists have -1, 0 or 1 behind it."""
    match = None if line in sheets else _MEMBER.fullmatch(line)
    return match[1] if match else line


def _beside(root: Path, reading: Reading) -> dict[str, list[tuple[Path, Path]]] | None:
    """XML files beside their pictures, in a folder for each split or in one."""
    folders = {SPLITS.get(folder.name.lower(), ""): folder for folder in entries(root)[0]}
    homes = {split: folder for split, folder in folders.items() if split} or {"train": root}
    found = {}
    for split, home in homes.items():
        files = list(walk(home))
        sheets = [file for file in files if file.suffix.lower() == ".xml"]
        if not sheets or b"<annotation" not in sheets[0].read_bytes()[:4096]:
            continue
        pictures = {file.with_suffix(""): file for file in files if is_picture_name(file.name)}
        own = [file.with_suffix("") for file in sheets]
        found[split] = [
            (s, pictures.get(stem, s.with_suffix(".jpg"))) for s, stem in zip(sheets, own, strict=True)
        ]
        bare = sorted(pictures[stem].name for stem in pictures.keys() - set(own))
        if bare:
            words = "without an XML file, left out"
            reading.notes.append(f"{count(len(bare), 'picture')} of {home.name} {words}: {listed(bare)}")
    return found or None


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in walk(folder):
        if is_picture_name(file.name):
            if file.stem in found:
                both = f"'{found[file.stem].name}' and '{file.name}'"
                raise DataError(f"{folder}: {both} would share one XML file; give each a name of its own")
            found[file.stem] = file
    return found


def _sheet(file: Path, picture: Path, problems: Problems) -> _Sheet:
    try:
        root = xml_tree(file)
    except DataError as problem:
        problems.refused(problem)
        return _Sheet(file, picture, UNKNOWN, ())
    told = (root.findtext("filename") or "").replace("\\", "/").rpartition("/")[2].strip()
    if told and Path(told).stem != file.stem and told != picture.name:
        problems.report("name-differs", str(file), f"it names '{told}'")
    size = _side(root, "width"), _side(root, "height")
    objects = tuple(
        _object(file, number, one, problems) for number, one in enumerate(root.findall("object"), 1)
    )
    return _Sheet(file, picture, size if all(size) else UNKNOWN, objects)


def _side(root: Element, name: str) -> int:
    try:
        return max(0, int(float(root.findtext(f"size/{name}") or 0)))
    except (ValueError, OverflowError):
        return 0


def _object(file: Path, number: int, element: Element, problems: Problems) -> _Object | None:
    place = f"{file}, object {number}"
    name = nfc((element.findtext("name") or "").strip())
    if not name:
        problems.report("class-blank", f"{place}, field 'name'", "empty")
        return None
    sides = []
    for side in _SIDES:
        text = element.findtext(f"bndbox/{side}")
        try:
            sides.append(float(text or ""))
        except ValueError:
            found = "missing" if text is None else f"'{text.strip()}' is no number"
            problems.report("field-bad", f"{place}, field '{side}'", found)
            return None
    difficult = (element.findtext("difficult") or "").strip() in {"1", "true", "True"}
    left, top, right, bottom = sides
    return _Object(name, (left, top, right, bottom), difficult)


def _split(
    sheets: Sequence[_Sheet], names: Sequence[str], problems: Problems, *, from_zero: bool
) -> Annotated:
    index = {name: number for number, name in enumerate(names)}
    shift = 0 if from_zero else 1
    pictures = [sheet.picture for sheet in sheets]
    claimed = [sheet.size for sheet in sheets]
    sizes = upright_sizes(pictures, problems, claimed=claimed, place="VOC's field 'size'")
    objects = []
    for sheet, size in zip(sheets, sizes, strict=True):
        rows = [
            Row(number, index[one.name], _pixels(one.sides, shift), difficult=one.difficult)
            for number, one in enumerate(sheet.objects, 1)
            if one
        ]
        place = places(f"{sheet.file}, object ", ", field 'bndbox'")
        objects.append(gathered(rows, size, place, problems))
    return Annotated(pictures, objects, np.array(sizes, np.int64).reshape(-1, 2))


def _pixels(sides: Box, shift: int) -> Box:
    left, top, right, bottom = sides
    return left - shift, top - shift, right, bottom
