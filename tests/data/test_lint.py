"""The linter: for each rule a set that breaks it, whose twin, unbroken, is silent."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from macaw.data.labelled import read_labelled
from macaw.data.lint import lint_pictures
from macaw.data.rules import KEPT, RULES
from macaw.errors import InputError

PIXELS = 32


class Data:
    """A data set being made; every picture is different from all others."""

    def __init__(self, root: Path) -> None:
        self.root, self.seed = root, 0
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

    def fill(self, **folders: int) -> None:
        """`fill(train__cat=12)`: so many pictures in train/cat."""
        for folder, number in folders.items():
            for index in range(number):
                self.put(f"{folder.replace('__', '/')}/{index:02}.png")

    def append(self, name: str, *rows: str) -> None:
        with (self.root / name).open("a", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in rows)

    def open(self, name: str) -> Image.Image:
        return Image.open(self.root / name).convert("RGB")


def split(root: Path) -> Data:
    """An ImageFolder with train and val that nothing is wrong with."""
    data = Data(root)
    data.fill(train__cat=12, train__dog=12, val__cat=4, val__dog=4)
    return data


def plain(root: Path) -> Data:
    """Class folders alone: of them a share is set aside, which is a note."""
    data = Data(root)
    data.fill(cat=20, dog=20)
    return data


def table(root: Path, *, label: str = "label") -> Data:
    """A table with a column `split`, its pictures in a folder beside it."""
    data = Data(root)
    data.append("labels.csv", f"image,{label},split")
    for place in range(32):
        name, home = ("cat", "dog")[place % 2], "train" if place < 24 else "val"
        data.put(f"images/{place:02}.png")
        data.append("labels.csv", f"images/{place:02}.png,{name},{home}")
    return data


def several(root: Path) -> Data:
    """A table of several labels to a picture."""
    return table(root, label="labels")


def pack(root: Path) -> Data:
    """An `.npz` pack."""
    data = Data(root)
    (root / "classes.txt").write_text("cat\ndog\n")
    for name, number in (("train", 24), ("val", 8)):
        _write_pack(root / f"{name}.npz", [data.picture() for _ in range(number)])
    return data


def _write_pack(path: Path, pictures: list[Image.Image]) -> None:
    files = [_encoded(picture, "PNG") for picture in pictures]
    off = np.cumsum([0, *map(len, files)])
    blob = np.frombuffer(b"".join(files), np.uint8)
    np.savez(path, blob=blob, off=off, label=np.arange(len(files)) % 2)


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _again(picture: Image.Image) -> bytes:
    """The same picture as another file: smaller, brighter, and JPEG of low quality."""
    small = picture.resize((29, 29), Image.Resampling.BICUBIC).point(lambda value: min(255, value * 1.1))
    return _encoded(small, "JPEG", quality=60)


def _nested(data: Data) -> None:
    inner = data.root.with_name("inner")
    data.root.rename(inner)
    data.root.mkdir()
    inner.rename(data.root / "inner")


def _flat(data: Data) -> None:
    for name in ("train", "val"):
        for index, path in enumerate(sorted((data.root / name).rglob("*.png"))):
            path.rename(data.root / name / f"{index}.png")
        for folder in ("cat", "dog"):
            (data.root / name / folder).rmdir()


def _parted(data: Data) -> None:
    for index in range(20):
        data.put(f"cat/again{index:02}.jpg", _again(data.open(f"cat/{index:02}.png")))


def _one_kind(data: Data) -> None:
    for path in sorted(data.root.glob("*/dog/*.png")):
        data.put(f"{path.relative_to(data.root).with_suffix('.jpg')}", data.open(str(path)), quality=95)
        path.unlink()


def _cut(data: Data, name: str) -> bytes:
    whole = (data.root / name).read_bytes()
    return whole[: len(whole) // 2]


def _grey16(data: Data) -> Image.Image:
    return Image.fromarray(np.asarray(data.picture().convert("L")).astype(np.uint16) * 257)


def _cropped(picture: Image.Image) -> Image.Image:
    """Without a margin of 3 %."""
    return picture.crop((1, 1, PIXELS - 1, PIXELS - 1))


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


def _frames(data: Data) -> Callable[[str], Path]:
    first, *rest = (data.picture() for _ in range(3))
    return lambda name: data.put(name, first, save_all=True, append_images=rest)


CSV, SEEN = "labels.csv", "images/00.png"
EVERYWHERE = ("train/cat", "train/dog", "val/cat", "val/dog")
# code: (a clean set, what breaks it, what else that breaks, how many (0 for some), and the first place)
BREAKS: dict[str, tuple[Callable[[Path], Data], Callable[[Data], object], set[str], int, str]] = {
    "refused": (pack, lambda d: d.put("val.npz", _cut(d, "val.npz")), set(), 1, ""),
    "nested": (split, _nested, set(), 1, ""),
    "split-twice": (split, lambda d: d.fill(valid__cat=2, valid__dog=2), set(), 1, "'val' and 'valid'"),
    "split-flat": (split, _flat, set(), 1, "train"),
    "folder-unread": (split, lambda d: d.fill(extra=3), set(), 1, "extra"),
    "class-empty": (split, lambda d: (d.root / "train/bird").mkdir(), set(), 1, "train/bird"),
    "class-unicode": (
        split,
        lambda d: [d.fill(**{f"train__{unicodedata.normalize(form, 'é')}": 12}) for form in ("NFC", "NFD")],
        {"class-not-in-split"},
        1,
        f"train/{unicodedata.normalize('NFC', 'é')}",
    ),
    "picture-outside": (split, lambda d: d.fill(train=2), set(), 2, "train/00.png"),
    "picture-unnamed": (
        split,
        lambda d: d.put("train/cat/photo", _encoded(d.picture(), "PNG")),
        set(),
        1,
        "train/cat/photo",
    ),
    "file-ignored": (split, lambda d: d.put("train/cat/b.mp4", b"..."), set(), 1, "train/cat/b.mp4"),
    "table-bad": (table, lambda d: d.put(CSV, b"image,label,labels\n"), set(), 1, ""),
    "table-ignored": (
        split,
        lambda d: d.put("notes.csv", b"when,who\n"),
        set(),
        1,
        "'notes.csv' has columns 'when' and 'who'",
    ),
    "row-bad": (
        table,
        lambda d: d.append(CSV, "images/00.png,,train", f"{SEEN},cat,trian", f"{SEEN},cat,train,7"),
        set(),
        3,
        "row 34, field 'label': empty",
    ),
    "row-missing": (
        table,
        lambda d: d.append(CSV, "image/00.png,cat,train", "images/0.png,cat,train"),
        set(),
        2,
        "row 34: 'image/00.png'",
    ),
    "picture-unlisted": (table, lambda d: d.put("images/99.png"), set(), 1, "images/99.png"),
    "label-bar": (
        table,
        lambda d: [d.put("images/99.png"), d.append(CSV, "images/99.png,cat|dog,train")],
        {"class-few", "class-not-in-split", "imbalance"},
        1,
        "",
    ),
    "label-none": (
        several,
        lambda d: [d.put("images/99.png"), d.append(CSV, "images/99.png,,train")],
        set(),
        1,
        "",
    ),
    "train-missing": (split, lambda d: (d.root / "train").rename(d.root / "test"), set(), 1, ""),
    "val-missing": (split, lambda d: (d.root / "val").rename(d.root / "test"), set(), 2, ""),
    "class-one": (
        split,
        lambda d: (
            [path.rename(str(path).replace("/dog/", "/cat/d")) for path in d.root.rglob("dog/*.png")]
            + [(d.root / name / "dog").rmdir() for name in ("train", "val")]
        ),
        set(),
        1,
        "",
    ),
    "class-not-in-train": (split, lambda d: d.fill(val__cart=3), set(), 1, "'cart' is in val only"),
    "class-not-in-split": (split, lambda d: d.fill(train__bird=12), set(), 1, "'bird' in val"),
    "class-alike": (
        split,
        lambda d: d.fill(train__Cat=12, val__Cat=4),
        set(),
        1,
        "'Cat' (16) and 'cat' (16)",
    ),
    "class-blank": (split, lambda d: d.fill(**{"train__a b ": 12, "val__a b ": 2}), set(), 1, "'a b '"),
    "class-few": (split, lambda d: d.fill(train__bird=3, val__bird=1), set(), 1, "'bird' 3"),
    "imbalance": (split, lambda d: d.fill(train__bird=121, val__bird=1), set(), 1, "'bird' 121, 'cat' 12"),
    "unreadable": (
        split,
        lambda d: [
            d.put("train/cat/a.jpg", b"<!doctype html><p>404"),
            d.put("train/cat/b.png", b""),
            d.put("train/cat/c.png", _cut(d, "train/cat/00.png")),
        ],
        set(),
        3,
        "train/cat/a.jpg is text (HTML), not a picture",
    ),
    "wrong-suffix": (
        split,
        lambda d: d.put("train/cat/a.jpg", _encoded(d.picture(), "PNG")),
        set(),
        1,
        "train/cat/a.jpg",
    ),
    "rotated": (split, lambda d: d.put("train/cat/a.jpg", exif=_turned()), set(), 1, "train/cat/a.jpg"),
    "blank": (
        split,
        lambda d: d.put("train/cat/a.png", Image.new("RGB", (PIXELS, PIXELS), "red")),
        set(),
        1,
        "train/cat/a.png",
    ),
    "tiny": (
        split,
        lambda d: d.put("train/cat/a.png", d.picture((40, 12))),
        {"elongated"},
        1,
        "train/cat/a.png",
    ),
    "large": (
        split,
        lambda d: d.put("train/cat/a.jpg", d.picture((1030, 1030))),
        set(),
        1,
        "train/cat/a.jpg",
    ),
    "elongated": (
        split,
        lambda d: d.put("train/cat/a.png", d.picture((70, 32))),
        set(),
        1,
        "train/cat/a.png",
    ),
    "mixed-sizes": (
        split,
        lambda d: [d.put(f"{place}/big.png", d.picture((130, 130))) for place in EVERYWHERE],
        set(),
        36,
        "",
    ),
    "grey": (
        split,
        lambda d: d.put("train/cat/a.png", d.picture().convert("L")),
        set(),
        1,
        "train/cat/a.png",
    ),
    "alpha": (
        split,
        lambda d: d.put("train/cat/a.png", d.picture().convert("RGBA")),
        set(),
        1,
        "train/cat/a.png",
    ),
    "cmyk": (
        split,
        lambda d: d.put("train/cat/a.jpg", d.picture().convert("CMYK")),
        set(),
        1,
        "train/cat/a.jpg",
    ),
    "deep": (split, lambda d: d.put("train/cat/a.png", _grey16(d)), {"grey"}, 1, "train/cat/a.png"),
    "animated": (split, lambda d: _frames(d)("train/cat/a.gif"), set(), 1, "train/cat/a.gif"),
    "giveaway": (split, _one_kind, set(), 2, "'cat': 100 % PNG, of the others 0 %"),
    "duplicate": (
        split,
        lambda d: d.put("train/cat/a.png", (d.root / "train/cat/00.png").read_bytes()),
        set(),
        1,
        "train/cat/a.png = train/cat/00.png",
    ),
    "duplicate-near": (
        split,
        lambda d: d.put("train/cat/a.jpg", _again(d.open("train/cat/00.png"))),
        set(),
        1,
        "train/cat/00.png = train/cat/a.jpg",
    ),
    "label-conflict": (
        split,
        lambda d: d.put("train/dog/a.png", (d.root / "train/cat/00.png").read_bytes()),
        {"duplicate"},
        1,
        "train/cat/00.png (cat) = train/dog/a.png (dog)",
    ),
    "conflict-near": (
        split,
        lambda d: d.put("train/dog/a.jpg", _again(d.open("train/cat/00.png"))),
        set(),
        1,
        "train/cat/00.png (cat) = train/dog/a.jpg (dog)",
    ),
    "leak-exact": (
        split,
        lambda d: d.put("val/cat/a.png", (d.root / "train/cat/00.png").read_bytes()),
        set(),
        1,
        "val/cat/a.png = train/cat/00.png",
    ),
    "leak-near": (
        split,
        lambda d: d.put("val/cat/a.jpg", _again(d.open("train/cat/00.png"))),
        set(),
        1,
        "val/cat/a.jpg = train/cat/00.png",
    ),
    "leak-alike": (
        split,
        lambda d: d.put("val/cat/a.png", _cropped(d.open("train/cat/00.png"))),
        set(),
        1,
        "val/cat/a.png = train/cat/00.png",
    ),
    "leak-carved": (plain, _parted, {"val-missing", "duplicate-near"}, 0, ""),
}
WITH_MODEL = {
    "class-unknown": (("dog", "bird"), {"class-absent"}, 1, "'cat' in train"),
    "class-absent": (("cat", "dog", "bird"), set(), 1, "'bird'"),
}
ELSEWHERE = {"label-suspect"}  # tests/recognition/test_suspects.py


def codes(path: Path, **how: object) -> set[str]:
    return {one.code for one in lint_pictures(path, **how).findings.findings}


def test_every_rule_is_tried():
    assert set(BREAKS) | set(WITH_MODEL) | ELSEWHERE == set(RULES)


@pytest.mark.parametrize("make", [split, table, several, pack])
def test_a_clean_set_is_silent(make: Callable[[Path], Data], tmp_path: Path):
    linted = lint_pictures(make(tmp_path / "data").root)
    assert linted.findings.findings == ()
    assert linted.findings.verdict == "Nothing found. Fit to train on"
    assert {name: len(some) for name, some in linted.sound.splits.items()} == {"train": 24, "val": 8}
    assert linted.findings.classes == {"cat": {"train": 12, "val": 4}, "dog": {"train": 12, "val": 4}}


@pytest.mark.parametrize("code", BREAKS)
def test_what_breaks_a_rule_is_found(code: str, tmp_path: Path):
    make, spoil, also, number, place = BREAKS[code]
    data = make(tmp_path / "data")
    before = codes(data.root)
    spoil(data)
    findings = lint_pictures(data.root).findings
    found = findings.of(code)
    assert found is not None, [one.code for one in findings.findings]
    assert {one.code for one in findings.findings} - before == {code} | also - before
    assert found.severity == RULES[code].severity
    assert found.count == number or (number == 0 and found.count > 0)
    assert place in "; ".join(found.where[:1])
    assert "\n" not in found.words and len(found.words) < 200


@pytest.mark.parametrize("code", WITH_MODEL)
def test_the_class_table_of_a_model_is_held_against_the_data(code: str, tmp_path: Path):
    names, also, number, place = WITH_MODEL[code]
    root = split(tmp_path / "data").root
    assert codes(root, names=("cat", "dog")) == set()
    found = lint_pictures(root, names=names).findings.of(code)
    assert codes(root, names=names) == {code} | also
    assert found is not None and (found.count, found.where[0]) == (number, place)


@pytest.mark.parametrize("code", BREAKS)
def test_what_training_refuses_has_an_error(code: str, tmp_path: Path):
    make, spoil, *_ = BREAKS[code]
    data = make(tmp_path / "data")
    spoil(data)
    try:
        read_labelled(data.root)
    except InputError:
        assert lint_pictures(data.root).findings.failed


def test_everything_is_found_in_one_pass_and_nothing_is_changed(tmp_path: Path):
    data = split(tmp_path / "data")
    together = ("class-empty", "unreadable", "leak-exact", "grey", "file-ignored", "class-blank")
    for code in together:
        BREAKS[code][1](data)

    def state() -> dict[str, str]:
        files = sorted(path for path in data.root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    found = codes(data.root)
    assert set(together) <= found
    assert state() == before


def test_a_folder_of_no_layout_is_an_error_and_its_pictures_are_looked_at(tmp_path: Path):
    data = Data(tmp_path / "data")
    for index in range(3):
        data.put(f"{index:02}.png")
    data.put("copy.png", (data.root / "00.png").read_bytes())
    findings = lint_pictures(data.root).findings
    assert [one.code for one in findings.findings] == ["refused", "duplicate"]
    assert "but in no class folder" in findings.findings[0].words


def test_an_empty_folder_is_an_error(tmp_path: Path):
    findings = lint_pictures(tmp_path).findings
    assert [one.code for one in findings.findings] == ["refused"]


def test_what_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        lint_pictures(tmp_path / "nowhere")


@pytest.mark.parametrize("suffix", ["tsv", "jsonl"])
def test_other_tables(suffix: str, tmp_path: Path):
    data = Data(tmp_path / "data")
    rows = []
    for place in range(32):
        data.put(f"{place:02}.png")
        rows.append((f"{place:02}.png", ("cat", "dog")[place % 2], "train" if place < 24 else "val"))
    rows.append(("32.png", "cat", "train"))
    name = f"labels.{suffix}"
    if suffix == "tsv":
        data.append(name, "image\tlabel\tsplit", *("\t".join(row) for row in rows))
    else:
        data.append(
            name,
            *(json.dumps(dict(zip(("image", "label", "split"), row, strict=True))) for row in rows),
            "[1",
            "7",
        )
    findings = lint_pictures(data.root).findings
    missing = findings.of("row-missing")
    assert missing is not None and missing.count == 1 and "'32.png'" in missing.where[0]
    bad = findings.of("row-bad")
    assert (bad.count if bad else 0) == (2 if suffix == "jsonl" else 0)


def test_every_missing_file_is_counted_and_the_first_hundred_are_named(tmp_path: Path):
    data = table(tmp_path / "data")
    data.append(CSV, *(f"images/a{index}.png,cat,train" for index in range(KEPT + 20)))
    found = lint_pictures(data.root).findings.of("row-missing")
    assert found is not None and found.count == KEPT + 20 and len(found.where) == KEPT


def test_a_raw_pack(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16), np.uint8)
    pixels[29] = pixels[0]
    for name, rows in (("train", slice(0, 24)), ("test", slice(24, 30))):
        (tmp_path / f"{name}.images.u8.xz").write_bytes(lzma.compress(pixels[rows].tobytes()))
        (np.arange(30)[rows] % 2).astype(np.uint8).tofile(tmp_path / f"{name}.labels.u8")
    findings = lint_pictures(tmp_path).findings
    assert [one.code for one in findings.findings] == ["label-conflict", "leak-exact", "val-missing"]
    assert findings.of("leak-exact").where == ("test.images[5] (1) = train.images[0] (0)",)


def test_copies_of_val_in_test_are_counted_on_the_side_of_test(tmp_path: Path):
    data = split(tmp_path / "data")
    data.fill(test__cat=4, test__dog=4)
    data.put("test/cat/a.png", (data.root / "val/cat/00.png").read_bytes())
    found = lint_pictures(data.root).findings.of("leak-exact")
    assert found is not None and found.where == ("test/cat/a.png = val/cat/00.png",)
    assert "test and val 1" in found.words


@pytest.mark.parametrize(
    ("first", "second"), [("cats", "cat"), ("tree frog", "tree_frog"), ("labrador", "labradro")]
)
def test_names_that_are_nearly_the_same(first: str, second: str, tmp_path: Path):
    data = split(tmp_path / "data")
    data.fill(**{f"train__{first}": 30, f"val__{first}": 3, f"train__{second}": 2, f"val__{second}": 1})
    found = lint_pictures(data.root).findings.of("class-alike")
    assert found is not None and found.count >= 1
    assert any(f"'{first}'" in place and f"'{second}'" in place for place in found.where)


@pytest.mark.parametrize(("first", "second"), [("room 12", "room 13"), ("car", "cart"), ("1", "11")])
def test_names_that_only_look_so(first: str, second: str, tmp_path: Path):
    data = split(tmp_path / "data")
    data.fill(**{f"train__{first}": 30, f"val__{first}": 3, f"train__{second}": 2, f"val__{second}": 1})
    assert lint_pictures(data.root).findings.of("class-alike") is None


def test_several_labels_that_differ_between_equal_copies(tmp_path: Path):
    data = several(tmp_path / "data")
    data.append(CSV, f"{SEEN},cat|dog,train")
    found = lint_pictures(data.root).findings.of("label-conflict")
    assert found is not None and found.where == (f"{SEEN} (cat) = {SEEN} (cat, dog)",)


def test_what_training_will_part_is_told_as_training_parts_it(tmp_path: Path):
    data = plain(tmp_path / "data")
    _parted(data)
    aside = [str(path.relative_to(data.root)) for path in read_labelled(data.root).splits["val"].sources]
    numbers = Counter(re.sub("[^0-9]", "", name) for name in aside if name.startswith("cat"))
    alone = {name for name in aside if name[:3] == "cat" and numbers[re.sub("[^0-9]", "", name)] == 1}
    found = lint_pictures(data.root).findings
    told = {place.split(" = ")[0] for place in found.of("leak-carved").where}
    assert told == alone
    assert f"sets {len(aside)} of 60 pictures" in found.of("val-missing").words


def test_progress_ends_with_all(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    lint_pictures(split(tmp_path / "data").root, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (32, 32)


def test_a_size_moves_the_limits(tmp_path: Path):
    root = split(tmp_path / "data").root
    assert codes(root, size=80) == {"tiny"}
    assert codes(root, size=3) == {"large"}


def test_a_crop_of_each_class_and_both_of_a_pair(tmp_path: Path):
    data = split(tmp_path / "data")
    BREAKS["leak-near"][1](data)
    findings = lint_pictures(data.root).findings
    assert [crop.name for crop in findings.crops] == ["cat", "dog"]
    (pair,) = findings.pairs
    assert (pair.code, pair.left.name, pair.right.name) == ("leak-near", "val/cat/a.jpg", "train/cat/00.png")
    assert np.abs(pair.left.picture.astype(int) - pair.right.picture).mean() < 20


def test_a_known_pack_has_its_known_copy(packs: Path):
    # agricultural and airplane pictures of UC Merced: two files of train are one
    findings = lint_pictures(packs / "sat_ucmerced").findings
    assert not findings.failed
    assert findings.of("duplicate").where == ("train.npz[1299] = train.npz[325]",)
    assert findings.of("leak-near") is None
