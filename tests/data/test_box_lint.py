"""The linter of boxes: for each rule a set that breaks it, whose twin, unbroken, is silent."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.data.annotated import read_annotated
from macaw.data.box_lint import lint_boxes
from macaw.data.box_rules import RULES
from macaw.data.rules import KEPT
from macaw.errors import InputError, UnknownName

PIXELS = 64
CAT, DOG, COW = 3, 7, 11  # ids of categories: any numbers, with gaps
Box = tuple[float, float, float, float]  # left, top, width, height


class Data:
    """A data set being made: pictures, all different, and files that are written when it is saved."""

    def __init__(self, root: Path) -> None:
        self.root, self.seed = root, 0
        self.files: dict[str, Any] = {}  # name -> JSON, or rows of text
        root.mkdir(parents=True)

    def picture(self, size: tuple[int, int] = (PIXELS, PIXELS)) -> Image.Image:
        self.seed += 1
        noise = np.random.default_rng(self.seed).integers(0, 256, (6, 6, 3), np.uint8)
        return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)

    def put(self, name: str, picture: Image.Image | bytes | None = None, **options: object) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            (picture or self.picture()).save(path, **options)
        return path

    def bytes(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def open(self, name: str) -> Image.Image:
        return Image.open(self.root / name).convert("RGB")

    def save(self) -> Path:
        for name, content in self.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = isinstance(content, list)
            path.write_text("".join(f"{row}\n" for row in content) if rows else json.dumps(content))
        return self.root

    # COCO
    def content(self, split: str) -> dict[str, Any]:
        return self.files[f"annotations/instances_{split}.json"]

    def mark(self, split: str, category: int, box: Box, image: int = 0, **more: object) -> None:
        """One more annotation; `image` is the picture's id."""
        some = self.content(split)["annotations"]
        some.append(
            {"id": len(some) + 1, "image_id": image, "category_id": category, "bbox": list(box), **more}
        )

    def shoot(
        self,
        split: str,
        name: str,
        picture: Image.Image | bytes | None = None,
        *boxes: tuple[int, Box],
        size: tuple[int, int] | None = None,
        **options: object,
    ) -> int:
        """One more picture with these boxes; its id."""
        self.put(f"images/{split}/{name}", picture, **options)
        images = self.content(split)["images"]
        ident = len(images)
        entry: dict[str, Any] = {"id": ident, "file_name": f"{split}/{name}"}
        if size:
            entry["width"], entry["height"] = size
        images.append(entry)
        for category, box in boxes:
            self.mark(split, category, box, ident)
        return ident

    def category(self, ident: int, name: str, *splits: str) -> None:
        for split in splits or ("train", "val"):
            self.content(split)["categories"].append({"id": ident, "name": name})


def boxes_of(index: int) -> tuple[Box, Box]:
    """A cat and a dog that lie a little elsewhere in each picture."""
    return (4 + index % 5, 6, 22, 20), (34, 32 + index % 4, 20, 24)


def coco(root: Path) -> Data:
    """COCO with train and val that nothing is wrong with."""
    data = Data(root)
    for split in ("train", "val"):
        categories = [{"id": CAT, "name": "cat"}, {"id": DOG, "name": "dog"}]
        data.files[f"annotations/instances_{split}.json"] = {
            "images": [],
            "annotations": [],
            "categories": categories,
        }
    for split, number in (("train", 12), ("val", 4)):
        for index in range(number):
            cat, dog = boxes_of(index)
            data.shoot(split, f"{index:02}.png", None, (CAT, cat), (DOG, dog), size=(PIXELS, PIXELS))
    return data


def shots(data: Data, folder: str, suffix: str = "png") -> list[tuple[str, str, list[tuple[str, Box]]]]:
    """Split, name and boxes of each picture of the other layouts, which are put where `folder` says."""
    found = []
    for split, number in (("train", 12), ("val", 4)):
        for index in range(number):
            name = f"{split[0]}{index:02}.{suffix}"
            data.put(f"{folder.format(split)}/{name}")
            found.append((split, name, list(zip(("cat", "dog"), boxes_of(index), strict=True))))
    return found


def yolo(root: Path) -> Data:
    """YOLO text, its classes not in the order of the alphabet."""
    data = Data(root)
    data.files["data.yaml"] = ["train: images/train", "val: images/val", "names: [dog, cat]"]
    for split, name, boxes in shots(data, "images/{}"):
        data.files[f"labels/{split}/{name[:-4]}.txt"] = [
            f"{int(label == 'cat')} {(x + w / 2) / PIXELS} {(y + h / 2) / PIXELS} {w / PIXELS} {h / PIXELS}"
            for label, (x, y, w, h) in boxes
        ]
    return data


def voc(root: Path) -> Data:
    """Pascal VOC with lists of its splits; its first pixel is number 1."""
    data = Data(root)
    for split, name, boxes in shots(data, "JPEGImages"):
        data.files.setdefault(f"ImageSets/Main/{split}.txt", []).append(name[:-4])
        rows = [f"<annotation><filename>{name}</filename>"]
        for label, (x, y, w, h) in boxes:
            place = f"<xmin>{x + 1}</xmin><ymin>{y + 1}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
            rows.append(f"<object><name>{label}</name><bndbox>{place}</bndbox></object>")
        data.files[f"Annotations/{name[:-4]}.xml"] = [*rows, "</annotation>"]
    return data


def table(root: Path) -> Data:
    """A table with a row for each box."""
    data = Data(root)
    rows = data.files["boxes.csv"] = ["image,label,xmin,ymin,xmax,ymax,split"]
    for split, name, boxes in shots(data, "images"):
        rows += [f"images/{name},{label},{x},{y},{x + w},{y + h},{split}" for label, (x, y, w, h) in boxes]
    return data


def outlined(root: Path) -> Data:
    """COCO whose objects are diamonds, each outlined."""
    data = coco(root)
    for split in ("train", "val"):
        for one in data.content(split)["annotations"]:
            x, y, w, h = one["bbox"]
            one["segmentation"] = [[x + w / 2, y, x + w, y + h / 2, x + w / 2, y + h, x, y + h / 2]]
    return data


def _outline(*polygon: float) -> Callable[[Data], None]:
    """The first cat, whose box is 4, 6 to 26, 26, has another outline."""

    def spoil(data: Data) -> None:
        data.content("train")["annotations"][0]["segmentation"] = [list(polygon)]

    return spoil


def _bare(data: Data) -> None:
    del data.content("train")["annotations"][0]["segmentation"]


LAYOUTS = (coco, yolo, voc, table)


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _again(picture: Image.Image) -> bytes:
    """The same picture as another file: smaller, brighter, and JPEG of low quality."""
    small = picture.resize((60, 60), Image.Resampling.BICUBIC).point(lambda value: min(255, value * 1.1))
    return _encoded(small, "JPEG", quality=60)


def _cropped(picture: Image.Image) -> Image.Image:
    """Without a margin of 3 %."""
    return picture.crop((2, 2, PIXELS - 2, PIXELS - 2))


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def _copy(split: str, *boxes: tuple[int, Box]) -> Callable[[Data], object]:
    return lambda d: d.shoot(split, "a.png", d.bytes("images/train/00.png"), *boxes)


def _near(split: str, *boxes: tuple[int, Box]) -> Callable[[Data], object]:
    return lambda d: d.shoot(split, "a.jpg", _again(d.open("images/train/00.png")), *boxes)


def _odd(
    name: str, make: Callable[[Data], Image.Image | bytes], **options: object
) -> Callable[[Data], object]:
    """One more picture of train, with a cat on it."""
    return lambda d: d.shoot("train", name, make(d), (CAT, (2, 2, 8, 8)), **options)


def _as_corners(data: Data) -> None:
    for split in ("train", "val"):
        for one in data.content(split)["annotations"]:
            left, top, width, height = one["bbox"]
            one["bbox"] = [left, top, left + width, top + height]


def _normalised(data: Data) -> None:
    for one in data.content("train")["annotations"]:
        one["bbox"] = [value / PIXELS for value in one["bbox"]]


def _turned_row(data: Data) -> None:
    data.put("images/a.jpg", data.picture((64, 48)), exif=_turned())
    data.files["boxes.csv"] += [
        "images/a.jpg,cat,5,5,25,25,train",
        "images/a.jpg,cat,50,10,62,30,train",  # beyond 48, the width of the picture upright
    ]


def _placeholders(data: Data) -> None:
    for split in ("train", "val"):
        for one in data.content(split)["annotations"]:
            one["bbox"] = [0, 0, PIXELS, PIXELS]


def _grid(number: int, *, step: int, side: float, across: int) -> list[tuple[int, Box]]:
    return [(CAT, (1 + step * (i % across), 1 + step * (i // across), side, side)) for i in range(number)]


def _specks(number: int) -> Callable[[Data], object]:
    """A large picture with boxes of 5 px, which are two at the size that training reads."""
    boxes = _grid(number, step=20, side=5, across=40)
    return lambda d: d.shoot("train", "a.png", d.picture((900, 600)), (CAT, (300, 300, 200, 200)), *boxes)


def _many_cats(data: Data) -> None:
    for image in range(12):
        for category, box in _grid(100, step=6, side=5, across=10):
            data.mark("train", category, box, image)


def _other_sizes(data: Data) -> None:
    for image in range(12):
        data.mark("train", CAT, (40, 2, 20, 20), image)
    for image in range(4):
        for category, box in _grid(10, step=6, side=5, across=10):
            data.mark("val", category, box, image)


def _cows(number: int, name: str = "cow", **more: int) -> Callable[[Data], None]:
    """One more class, with so many objects in train and what `more` says of other splits."""

    def spoil(data: Data) -> None:
        data.category(COW, name)
        for split, times in {"train": number, **more}.items():
            for image in range(times):
                data.mark(split, COW, (40, 2, 20, 20), image)

    return spoil


def _without(split: str, to: str | None = None) -> Callable[[Data], None]:
    def spoil(data: Data) -> None:
        content = data.files.pop(f"annotations/instances_{split}.json")
        if to:
            data.files[f"annotations/instances_{to}.json"] = content

    return spoil


def _parted(data: Data) -> None:
    _without("val")(data)
    for index in range(12):
        data.shoot(
            "train", f"a{index:02}.jpg", _again(data.open(f"images/train/{index:02}.png")), *_pair(index)
        )


def _pair(index: int = 0) -> tuple[tuple[int, Box], tuple[int, Box]]:
    cat, dog = boxes_of(index)
    return (CAT, cat), (DOG, dog)


def _bad(**fields: object) -> Callable[[Data], object]:
    """One more annotation of train with these fields."""
    given = {"category": CAT, "box": (40, 4, 16, 16), **fields}
    return lambda d: d.mark("train", **given)


def _named_otherwise(data: Data) -> None:
    rows = data.files["Annotations/t00.xml"]
    rows[0] = "<annotation><filename>other.png</filename>"


def _unnamed(data: Data) -> None:
    rows = data.files["Annotations/t00.xml"]
    rows[1] = rows[1].replace("<name>cat</name>", "<name> </name>")


def _pentagon(data: Data) -> None:
    data.files["labels/train/t00.txt"][0] = "1 0.1 0.1 0.4 0.1 0.4 0.4 0.2 0.5 0.1 0.4"


def _grey16(data: Data) -> Image.Image:
    return Image.fromarray(np.asarray(data.picture().convert("L")).astype(np.uint16) * 257)


def _frames(data: Data) -> bytes:
    first, *rest = (data.picture() for _ in range(3))
    return _encoded(first, "GIF", save_all=True, append_images=rest)


FIRST, JSON = "images/train/00.png", "annotations/instances_train.json"
Break = tuple[Callable[[Path], Data], Callable[[Data], object], set[str], int, str]
# code: (a clean set, what breaks it, what else that breaks, how many (0 for some), and the first place)
BREAKS: dict[str, Break] = {
    "refused": (
        coco,
        lambda d: d.content("val")["categories"].append({"id": COW, "name": "cow"}),
        set(),
        1,
        "",
    ),
    "read-as": (yolo, lambda d: d.files["data.yaml"].append("download: anything"), set(), 1, ""),
    # What readers tell
    "picture-missing": (
        coco,
        lambda d: (d.root / FIRST).unlink(),
        set(),
        1,
        f"{JSON}: no such file: '{FIRST}'",
    ),
    "picture-twice": (
        coco,
        lambda d: d.content("train")["images"].append({"id": 99, "file_name": "train/00.png"}),
        set(),
        1,
        f"{JSON}, images[12], field 'file_name'",
    ),
    "size-differs": (coco, lambda d: d.content("train")["images"][0].update(width=70), set(), 1, FIRST),
    "size-turned": (
        coco,
        _odd("a.jpg", lambda d: d.picture((64, 48)), size=(64, 48), exif=_turned()),
        {"rotated"},
        1,
        "upright it is 48 x 64",
    ),
    "label-unmatched": (
        yolo,
        lambda d: d.files.update({"labels/train/t99.txt": ["0 0.5 0.5 0.2 0.2"]}),
        set(),
        1,
        "labels/train/t99.txt: there is no picture of this name",
    ),
    "label-missing": (yolo, lambda d: d.files.pop("labels/train/t00.txt"), set(), 1, "images/train/t00.png"),
    "box-number": (
        coco,
        _bad(box=(float("nan"), 4, 8, 8)),
        set(),
        1,
        f"{JSON}, annotations[24], field 'bbox'",
    ),
    "box-swapped": (coco, _bad(box=(30, 30, -5, 10)), set(), 1, "30, 30, 25, 40 is turned inside out"),
    "box-outside": (coco, _bad(box=(60, 60, 30, 30)), set(), 1, "reaches out of its picture of 64 x 64 px"),
    "box-normalised": (coco, _normalised, {"box-small", "empty-many"}, 1, "no number is above 1"),
    "box-clipped": (coco, _bad(box=(44, 44, 20.5, 20)), set(), 1, "the box 44, 44, 64.5, 64"),
    "box-small": (coco, _bad(box=(10, 10, 0.5, 5)), set(), 1, "the box 10, 10, 10.5, 15"),
    "row-duplicate": (coco, _bad(box=boxes_of(0)[0]), set(), 1, "the box 4, 6, 26, 26 again"),
    "row-bad": (coco, lambda d: d.content("train")["annotations"].append("x"), set(), 1, "annotations[24]"),
    "field-bad": (coco, _bad(iscrowd=3), set(), 1, "field 'iscrowd': 3 is neither 0 nor 1"),
    "class-unknown": (coco, _bad(category=99), set(), 1, "there is no category with id 99"),
    "class-blank": (voc, _unnamed, set(), 1, "Annotations/t00.xml, object 1, field 'name': empty"),
    "id-repeated": (coco, _bad(id=1), set(), 1, "annotation id 1, 2 times"),
    "polygon-thin": (coco, _bad(segmentation=[[1, 2, 3, 4]]), set(), 1, "field 'segmentation'"),
    "box-row": (yolo, _pentagon, set(), 31, "labels/train/t00.txt, row 2"),
    "name-differs": (voc, _named_otherwise, set(), 1, "Annotations/t00.xml: it names 'other.png'"),
    # Boxes
    "box-form": (coco, _as_corners, {"box-outside", "class-unused"}, 16, ""),
    "box-turned": (table, _turned_row, {"box-outside", "rotated"}, 1, ""),
    "box-again": (
        coco,
        _bad(box=(4.2, 6, 22, 20)),
        set(),
        1,
        f"{FIRST}: cat 4, 6, 26, 26 and cat 4.2, 6, 26.2, 26",
    ),
    "box-two-classes": (
        coco,
        _bad(box=boxes_of(0)[0], category=DOG),
        set(),
        1,
        f"{FIRST}: cat 4, 6, 26, 26 and dog 4, 6, 26, 26",
    ),
    "box-whole": (coco, _bad(box=(0, 0, 64, 63)), set(), 1, f"{FIRST}: cat 0, 0, 64, 63"),
    "whole-many": (coco, _placeholders, {"box-two-classes"}, 32, f"{FIRST}: cat 0, 0, 64, 64"),
    "box-unseen": (coco, _specks(1), set(), 1, "images/train/a.png: cat 1, 1, 6, 6"),
    "unseen-many": (coco, _specks(12), set(), 12, "images/train/a.png: cat 1, 1, 6, 6"),
    "box-elongated": (coco, _bad(box=(2, 2, 60, 2.5)), set(), 1, f"{FIRST}: cat 2, 2, 62, 4.5"),
    # Pictures
    "crowded": (
        coco,
        lambda d: d.shoot("train", "a.png", d.picture((900, 600)), *_grid(301, step=28, side=25, across=30)),
        set(),
        1,
        "images/train/a.png",
    ),
    "picture-empty": (coco, lambda d: d.shoot("train", "a.png"), set(), 1, "images/train/a.png"),
    "empty-many": (
        coco,
        lambda d: [d.shoot("train", f"a{i}.png") for i in range(5)],
        set(),
        5,
        "images/train/a0.png",
    ),
    "picture-unlisted": (coco, lambda d: d.put("images/train/99.png"), set(), 1, "images/train/99.png"),
    "unreadable": (
        coco,
        _odd("a.png", lambda d: d.bytes(FIRST)[: len(d.bytes(FIRST)) // 2], size=(PIXELS, PIXELS)),
        set(),
        1,
        "images/train/a.png",
    ),
    "wrong-suffix": (
        coco,
        _odd("a.jpg", lambda d: _encoded(d.picture(), "PNG")),
        set(),
        1,
        "images/train/a.jpg",
    ),
    "rotated": (coco, _odd("a.jpg", lambda d: d.picture(), exif=_turned()), set(), 1, "images/train/a.jpg"),
    "blank": (
        coco,
        _odd("a.png", lambda _: Image.new("RGB", (64, 64), "red")),
        set(),
        1,
        "images/train/a.png",
    ),
    "tiny": (coco, _odd("a.png", lambda d: d.picture((22, 12))), set(), 1, "images/train/a.png"),
    "large": (
        coco,
        _odd("a.jpg", lambda d: d.picture((1030, 1030))),
        {"mixed-sizes", "box-unseen"},
        1,
        "images/train/a.jpg",
    ),
    "elongated": (coco, _odd("a.png", lambda d: d.picture((150, 64))), set(), 1, "images/train/a.png"),
    "mixed-sizes": (
        coco,
        lambda d: [
            d.shoot("train", f"a{i}.png", d.picture((300, 300)), (CAT, (9, 9, 90, 90))) for i in range(4)
        ],
        set(),
        20,
        "",
    ),
    "grey": (coco, _odd("a.png", lambda d: d.picture().convert("L")), set(), 1, "images/train/a.png"),
    "alpha": (coco, _odd("a.png", lambda d: d.picture().convert("RGBA")), set(), 1, "images/train/a.png"),
    "cmyk": (coco, _odd("a.jpg", lambda d: d.picture().convert("CMYK")), set(), 1, "images/train/a.jpg"),
    "deep": (coco, _odd("a.png", _grey16), {"grey"}, 1, "images/train/a.png"),
    "animated": (coco, _odd("a.gif", _frames), set(), 1, "images/train/a.gif"),
    # Outlines
    "outline-missing": (outlined, _bare, set(), 1, f"{FIRST}: cat 4, 6, 26, 26"),
    "outline-empty": (outlined, _outline(9, 9, 9.1, 9, 9.1, 9.1), set(), 1, FIRST),
    "outline-beyond": (outlined, _outline(4, 6, 40, 6, 40, 26, 4, 26), set(), 1, FIRST),
    "outline-crossed": (outlined, _outline(4, 6, 26, 26, 26, 6, 4, 26), set(), 1, FIRST),
    # Copies
    "duplicate": (coco, _copy("train", *_pair()), set(), 1, f"images/train/a.png = {FIRST}"),
    "duplicate-near": (coco, _near("train", *_pair()), set(), 1, f"{FIRST} = images/train/a.jpg"),
    "label-conflict": (
        coco,
        _copy("train", _pair()[1]),
        {"duplicate"},
        1,
        f"{FIRST} (cat, dog) = images/train/a.png (dog)",
    ),
    "conflict-near": (
        coco,
        _near("train", _pair()[1]),
        set(),
        1,
        f"{FIRST} (cat, dog) = images/train/a.jpg (dog)",
    ),
    "box-conflict": (
        coco,
        _copy("train", (CAT, (40, 4, 16, 16)), _pair()[1]),
        {"duplicate"},
        1,
        f"{FIRST} = images/train/a.png",
    ),
    "leak-exact": (coco, _copy("val", *_pair()), set(), 1, f"images/val/a.png = {FIRST}"),
    "leak-near": (coco, _near("val", *_pair()), set(), 1, f"images/val/a.jpg = {FIRST}"),
    "leak-alike": (
        coco,
        lambda d: d.shoot("val", "a.png", _cropped(d.open(FIRST)), *_pair()),
        set(),
        1,
        f"images/val/a.png = {FIRST}",
    ),
    "leak-carved": (coco, _parted, {"val-missing", "duplicate-near"}, 0, ""),
    # Splits and classes
    "train-missing": (coco, _without("train", "test"), set(), 1, ""),
    "val-missing": (coco, _without("val", "test"), set(), 0, ""),
    "class-unlearned": (coco, _cows(0, val=1), set(), 1, "'cow' is in val only"),
    "class-not-in-split": (coco, _cows(12), set(), 1, "'cow' in val"),
    "class-unused": (coco, _cows(0), set(), 1, "'cow'"),
    "class-few": (coco, _cows(3, val=1), set(), 1, "'cow' 3"),
    "class-alike": (coco, _cows(12, "Cat", val=2), set(), 1, "'Cat' (14) and 'cat' (16)"),
    "imbalance": (coco, _many_cats, set(), 1, "'cat' 1,212, 'dog' 12"),
    "sizes-differ": (coco, _other_sizes, set(), 1, ""),
}
WITH_MODEL = {
    "class-not-in-model": (("dog", "bird"), {"class-absent"}, 1, "'cat'"),
    "class-absent": (("cat", "dog", "bird"), set(), 1, "'bird'"),
}


def codes(path: Path, **how: Any) -> set[str]:
    return {one.code for one in lint_boxes(path, **how).findings}


def broken(code: str, root: Path) -> Path:
    make, spoil, *_ = BREAKS[code]
    data = make(root)
    spoil(data)
    return data.save()


def test_every_rule_is_tried():
    assert set(BREAKS) | set(WITH_MODEL) == set(RULES)


def test_every_rule_says_what_to_do():
    assert all(rule.remedy and rule.severity in {"error", "warning", "note"} for rule in RULES.values())


@pytest.mark.parametrize("make", [*LAYOUTS, outlined])
def test_a_clean_set_is_silent(make: Callable[[Path], Data], tmp_path: Path):
    findings = lint_boxes(make(tmp_path / "data").save())
    assert [(one.code, one.where) for one in findings.findings] == []
    assert findings.verdict == "Nothing found. Fit to train on"
    assert findings.splits == {"train": 12, "val": 4}
    assert findings.classes == {"cat": {"train": 12, "val": 4}, "dog": {"train": 12, "val": 4}}


@pytest.mark.parametrize("code", BREAKS)
def test_what_breaks_a_rule_is_found(code: str, tmp_path: Path):
    *_, also, number, place = BREAKS[code]
    findings = lint_boxes(broken(code, tmp_path / "data"))
    found = findings.of(code)
    assert found is not None, [one.code for one in findings.findings]
    assert {one.code for one in findings.findings} == {code} | also
    assert found.severity == RULES[code].severity
    assert found.count == number or (number == 0 and found.count > 0)
    assert place in "; ".join(found.where[:1])
    assert "\n" not in found.words and len(found.words) < 250
    assert str(tmp_path) not in found.words.replace(str(findings.path), "") or code == "refused"


@pytest.mark.parametrize("code", WITH_MODEL)
def test_the_class_table_of_a_model_is_held_against_the_data(code: str, tmp_path: Path):
    names, also, number, place = WITH_MODEL[code]
    root = coco(tmp_path / "data").save()
    assert codes(root, names=("cat", "dog")) == set()
    found = lint_boxes(root, names=names).of(code)
    assert codes(root, names=names) == {code} | also
    assert found is not None and (found.count, found.where[0]) == (number, place)


@pytest.mark.parametrize("code", BREAKS)
def test_what_training_refuses_has_an_error(code: str, tmp_path: Path):
    root = broken(code, tmp_path / "data")
    try:
        read_annotated(root)
    except InputError:
        assert lint_boxes(root).failed


def test_a_class_that_only_val_has_is_refused_where_no_file_declares_it(tmp_path: Path):
    data = table(tmp_path / "data")
    data.files["boxes.csv"].append("images/v00.png,cow,40,2,60,22,val")
    findings = lint_boxes(data.save())
    assert [one.code for one in findings.findings] == ["refused", "class-unlearned"]
    assert "class 'cow' is in val but not in train" in findings.findings[0].words


def test_everything_is_found_in_one_pass_and_nothing_is_changed(tmp_path: Path):
    data = coco(tmp_path / "data")
    together = ("class-unknown", "box-again", "box-whole", "leak-exact", "size-differs", "picture-unlisted")
    for code in together:
        BREAKS[code][1](data)
    root = data.save()

    def state() -> dict[str, str]:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    assert set(together) <= codes(root)
    assert state() == before


def test_what_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        lint_boxes(tmp_path / "nowhere")
    with pytest.raises(UnknownName, match="rows='boxes' is unknown"):
        lint_boxes(tmp_path, rows="boxes")


def test_a_folder_of_no_layout_is_an_error(tmp_path: Path):
    findings = lint_boxes(tmp_path)
    assert [one.code for one in findings.findings] == ["refused"]
    assert "the folder is empty" in findings.findings[0].words
    assert findings.splits == {} and findings.classes == {}


def test_what_rows_hold_can_be_said(tmp_path: Path):
    data = yolo(tmp_path / "data")
    for name, rows in data.files.items():
        if name.startswith("labels"):
            kinds = [row.split()[0] for row in rows]
            corners = ("0.1 0.1 0.3 0.1 0.3 0.4 0.1 0.4", "0.5 0.5 0.8 0.5 0.8 0.8 0.5 0.8")
            data.files[name] = [" ".join(pair) for pair in zip(kinds, corners, strict=True)]
    root = data.save()
    assert "turned boxes or polygons" in lint_boxes(root).findings[0].words
    assert not lint_boxes(root, rows="obb").failed


def test_many_rows_that_are_refused_are_one_finding_and_the_first_hundred_are_named(tmp_path: Path):
    data = table(tmp_path / "data")
    data.files["boxes.csv"] += [f"images/a{i}.png,cat,1,1,9,9,train" for i in range(KEPT + 20)]
    found = lint_boxes(data.save()).of("refused")
    assert found is not None and found.count == KEPT + 20 and len(found.where) == KEPT
    assert found.words == f"{KEPT + 20} places that training refuses"
    assert found.where[0].startswith("boxes.csv, row 34, field 'image': no such file")


def test_a_missing_picture_is_told_with_a_near_name(tmp_path: Path):
    data = coco(tmp_path / "data")
    (data.root / FIRST).rename(data.root / "images/train/000.png")
    found = lint_boxes(data.save()).of("picture-missing")
    assert found is not None and found.where[0].endswith("Did you mean '000.png'?")


FORMS = {
    "coco-corners": (coco, lambda x, y, w, h: (x, y, x + w, y + h), "they fit if read as two corners"),
    "coco-centre": (
        coco,
        lambda x, y, w, h: (x + w / 2, y + h / 2, w, h),
        "read as centre, width and height",
    ),
    "coco-else": (coco, lambda x, y, w, h: (9 * x, 9 * y, 9 * w, 9 * h), "pictures of another size"),
}


@pytest.mark.parametrize("case", FORMS)
def test_another_form_that_would_explain_the_boxes_is_named(case: str, tmp_path: Path):
    make, change, words = FORMS[case]
    data = make(tmp_path / "data")
    for split in ("train", "val"):
        for one in data.content(split)["annotations"]:
            one["bbox"] = list(change(*one["bbox"]))
    found = lint_boxes(data.save()).of("box-form")
    assert found is not None and words in found.words


def test_a_corner_in_place_of_the_centre_is_seen_in_yolo_text(tmp_path: Path):
    data = yolo(tmp_path / "data")
    for name, rows in data.files.items():
        if name.startswith("labels"):
            moved = []
            for row in rows:
                kind, x, y, w, h = row.split()
                moved.append(f"{kind} {float(x) - float(w) / 2} {float(y) - float(h) / 2} {w} {h}")
            data.files[name] = moved
    found = lint_boxes(data.save()).of("box-form")
    assert found is not None and "they fit if read as left, top, width and height" in found.words


def test_a_size_in_place_of_the_second_corner_is_seen_in_a_table(tmp_path: Path):
    data = table(tmp_path / "data")
    head, *rows = data.files["boxes.csv"]
    moved = []
    for row in rows:
        image, label, left, top, right, bottom, split = row.split(",")
        moved.append(
            f"{image},{label},{left},{top},{int(right) - int(left)},{int(bottom) - int(top)},{split}"
        )
    data.files["boxes.csv"] = [head, *moved]
    found = lint_boxes(data.save()).of("box-form")
    assert found is not None and "inside out; they fit if read as left, top, width and height" in found.words


def test_copies_that_are_annotated_alike_are_no_conflict(tmp_path: Path):
    data = coco(tmp_path / "data")
    (cat, (x, y, w, h)), dog = _pair()
    _copy("train", dog, (cat, (x + 1, y, w, h)))(data)  # in another order, one a pixel aside
    assert codes(data.save()) == {"duplicate"}


def test_crowds_are_no_objects(tmp_path: Path):
    data = coco(tmp_path / "data")
    for image in range(12):
        data.mark("train", CAT, (0, 0, PIXELS, PIXELS), image, iscrowd=1, area=4096)
        data.mark("train", DOG, (0, 0, PIXELS, PIXELS), image, iscrowd=1, area=4096)
    findings = lint_boxes(data.save())
    assert findings.findings == ()
    assert findings.classes["cat"] == {"train": 12, "val": 4}


def test_what_training_sets_aside_is_told_as_training_does_it(tmp_path: Path):
    data = coco(tmp_path / "data")
    _parted(data)
    root = data.save()
    aside = {Path(source).name for source in read_annotated(root).splits["val"].sources}
    alone = {
        name
        for name in aside
        if (name[1:] if name[0] == "a" else f"a{name}")[:-4] not in {n[:-4] for n in aside}
    }
    findings = lint_boxes(root)
    carved, missing = findings.of("leak-carved"), findings.of("val-missing")
    assert carved is not None and missing is not None
    assert {Path(place.split(" = ")[0]).name for place in carved.where} == alone
    assert f"sets {len(aside)} of 24 pictures" in missing.words


def test_progress_ends_with_all(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    lint_boxes(coco(tmp_path / "data").save(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (16, 16)


def test_a_size_moves_the_limits(tmp_path: Path):
    root = coco(tmp_path / "data").save()
    assert codes(root, size=8) == {"unseen-many"}  # 20 px of 64 become 2.5 of 8


def test_objects_of_each_class_are_shown_in_their_boxes(tmp_path: Path):
    findings = lint_boxes(coco(tmp_path / "data").save())
    assert [crop.name for crop in findings.crops] == ["cat"] * 4 + ["dog"] * 4
    assert findings.crops[0].note == "16 objects"
    crop = findings.crops[0].picture.astype(int)
    # A cat is 22 px wide and 20 high, in a view of 1.6 times 22: its box is 60 px wide in 96
    line = (crop == (230, 159, 0)).all(axis=2)  # the first colour of the palette
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    assert columns[-1] - columns[0] + 1 == pytest.approx(60, abs=2)
    assert rows[-1] - rows[0] + 1 == pytest.approx(60 * 20 / 22, abs=2)
    assert not line[rows[0] + 2 : rows[-1] - 1, columns[0] + 2 : columns[-1] - 1].any()


def test_the_pictures_in_question_are_shown_with_their_boxes(tmp_path: Path):
    data = coco(tmp_path / "data")
    (data.root / "images/train/a.png").parent.mkdir(exist_ok=True)
    data.shoot("train", "a.png", Image.new("RGB", (80, 40), (200, 200, 200)), (DOG, (0, 0, 80, 40)))
    findings = lint_boxes(data.save())
    pair = next(pair for pair in findings.pairs if pair.code == "box-whole")
    assert (pair.left.name, pair.left.note) == ("images/train/a.png", "dog")
    assert pair.right.note == "80 x 40 px"
    left = pair.left.picture.astype(int)
    assert left.shape == (192, 192, 3)
    assert (left[20] == 114).all() and (
        left[-20] == 114
    ).all()  # above and below a picture twice as wide as high
    assert (left[96, 96] == 200).all() and (left[60, 60] == 200).all()
    assert (left[48, 96] == (86, 180, 233)).all()  # dogs have the second colour


def test_a_turned_picture_is_shown_upright_with_its_boxes(tmp_path: Path):
    data = coco(tmp_path / "data")
    picture = Image.new("RGB", (64, 32), "white")  # as stored; upright 32 x 64
    picture.paste((255, 0, 0), (0, 0, 16, 16))  # upright in the upper right corner
    data.shoot("train", "a.png", picture, (CAT, (16, 0, 16, 16)), exif=_turned())
    findings = lint_boxes(data.save())
    pair = next(pair for pair in findings.pairs if pair.code == "rotated")
    left = pair.left.picture.astype(int)
    assert (
        (left[24, 120] == (255, 0, 0)).all() and (left[24, 72] == 255).all() and (left[24, 40] == 114).all()
    )
    assert (left[0:48, 96:144] == (230, 159, 0)).all(axis=2).sum() > 150


def test_both_of_a_conflict_are_shown_with_their_boxes(tmp_path: Path):
    findings = lint_boxes(broken("box-conflict", tmp_path / "data"))
    pair = next(pair for pair in findings.pairs if pair.code == "box-conflict")
    assert pair.left.name == FIRST and pair.right.name == "images/train/a.png"
    assert np.abs(pair.left.picture.astype(int) - pair.right.picture).max() > 50


def test_the_page_and_the_sheet_are_made(tmp_path: Path):
    findings = lint_boxes(broken("box-again", tmp_path / "data"))
    assert "1 pair of boxes of one class in one place" in findings.to_html()
    assert findings.plot().width == 1600


def test_ten_thousand_boxes_in_one_picture(tmp_path: Path):
    data = coco(tmp_path / "data")
    boxes = _grid(10_000, step=8, side=6, across=100)
    data.shoot("train", "a.png", data.picture((820, 820)), *boxes)
    findings = lint_boxes(data.save())
    found = findings.of("crowded")
    assert found is not None and found.where == ("images/train/a.png",)
    assert findings.of("box-again") is None


def test_a_pack_of_blood_cells(packs: Path):
    findings = lint_boxes(packs / "det_bccd")
    assert findings.splits == {"train": 205, "val": 87, "test": 72}
    assert set(findings.classes) == {"Platelets", "RBC", "WBC"}
