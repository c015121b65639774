"""Writing Pascal VOC: an XML file for each picture, lists of the splits, links to the pictures."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from macaw.data.objects import AnnotatedPictures, Objects
from macaw.data.upright import Size
from macaw.data.writing import linked, new_folder, refuse_lost, sizes_of, whole
from macaw.files import atomic_write


def write_voc(data: AnnotatedPictures, folder: str | Path) -> Path:
    """Write a new folder: Annotations/, ImageSets/Main/<split>.txt, and JPEGImages/ with links.

    Whole pixels come back to the bit; others are written with all their digits, which some programs refuse.
    Raises DataError for groups, regions and key points, which VOC's XML cannot express, and InputError for a
    folder in use.
    """
    refuse_lost(data, "Pascal VOC", ("crowd", "regions", "points"))
    taken: set[str] = set()  # stems are unique over all splits: their XML files lie in one folder
    with new_folder(folder) as temporary:
        for split, some in data.splits.items():
            names = linked(some, temporary / "JPEGImages", taken)
            for name, objects, size in zip(names, some.objects, sizes_of(some), strict=True):
                sheet = _sheet(name, objects, size, data.names)
                atomic_write((temporary / "Annotations" / name).with_suffix(".xml"), sheet)
            rows = "".join(f"{Path(name).stem}\n" for name in names)
            atomic_write(temporary / "ImageSets" / "Main" / f"{split}.txt", rows.encode())
    return Path(folder)


def _sheet(name: str, objects: Objects, size: Size, names: tuple[str, ...]) -> bytes:
    root = Element("annotation")
    _field(root, "folder", "JPEGImages")
    _field(root, "filename", name)
    sides = SubElement(root, "size")
    for side, value in (("width", size[0]), ("height", size[1]), ("depth", 3)):
        _field(sides, side, value)
    _field(root, "segmented", 0)
    for box, label, hard in zip(objects.xyxy.tolist(), objects.labels, objects.difficult, strict=True):
        one = SubElement(root, "object")
        _field(one, "name", names[label])
        _field(one, "difficult", int(hard))
        place = SubElement(one, "bndbox")
        left, top, right, bottom = box  # the first pixel is number 1, and the last one belongs to the box
        for side, value in zip(
            ("xmin", "ymin", "xmax", "ymax"), (left + 1, top + 1, right, bottom), strict=True
        ):
            _field(place, side, whole(value))
    indent(root)
    return tostring(root, encoding="unicode").encode() + b"\n"


def _field(parent: Element, name: str, value: object) -> None:
    SubElement(parent, name).text = str(value)
