"""The linter of masks: for each rule a set that breaks it, whose twin, unbroken, is silent."""

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

from macaw.data import box_rules, rules
from macaw.data.mask_copies import alike
from macaw.data.mask_lint import lint_masks
from macaw.data.mask_rules import RULES
from macaw.data.masked import IGNORE
from macaw.data.maskfolders import read_masked
from macaw.errors import InputError

PIXELS = 48
CAT, DOG, SKY, COW = 0, 1, 2, 3  # numbers in the masks, not in the order of the alphabet
FIRST, SECOND = "images/train/00.png", "images/train/a.png"


class Data:
    """A data set being made: pictures, all different, each with a mask of sky, a cat and a dog."""

    def __init__(self, root: Path) -> None:
        self.root, self.seed = root, 0
        root.mkdir(parents=True)
        self.classes("cat", "dog", "sky")
        for split, number in (("train", 12), ("val", 5)):
            for index in range(number):
                self.put(f"images/{split}/{index:02}.png", self.picture())
                self.put(f"masks/{split}/{index:02}.png", self.mask(index))

    def classes(self, *names: str) -> None:
        (self.root / "classes.txt").write_text("\n".join(names))

    def picture(self, side: int = PIXELS) -> Image.Image:
        self.seed += 1
        noise = np.random.default_rng(self.seed).integers(0, 256, (6, 6, 3), np.uint8)
        return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)

    def mask(self, index: int = 0, side: int = PIXELS) -> np.ndarray:
        mask = np.full((side, side), SKY, np.uint8)
        mask[4 : 20 + index % 5, 5:25], mask[28:44, 20:40] = CAT, DOG
        return mask

    def put(self, name: str, content: Image.Image | np.ndarray | bytes, **options: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
            return
        picture = Image.fromarray(content) if isinstance(content, np.ndarray) else content
        picture.save(path, **options)

    def add(
        self, name: str, picture: Any = None, mask: np.ndarray | None = None, split: str = "train"
    ) -> None:
        """One more picture with its mask."""
        self.put(f"images/{split}/{name}", self.picture() if picture is None else picture)
        stem = name.rpartition(".")[0]
        self.put(f"masks/{split}/{stem}.png", self.mask() if mask is None else mask)

    def bytes(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def change(self, make: Callable[[np.ndarray], np.ndarray], *splits: str) -> None:
        """Every mask of these splits made anew."""
        for split in splits or ("train", "val"):
            for path in sorted((self.root / "masks" / split).iterdir()):
                mask = np.asarray(Image.open(path)).copy()
                Image.fromarray(make(mask)).save(path)


def _full(value: int) -> np.ndarray:
    return np.full((PIXELS, PIXELS), value, np.uint8)


def _where(mask: np.ndarray, old: int, new: int) -> np.ndarray:
    return np.where(mask == old, new, mask).astype(np.uint8)


def _margin(mask: np.ndarray) -> np.ndarray:
    """Some rows at the top without a label: an eighth of all pixels."""
    mask[:6] = IGNORE
    return mask


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


def _again(d: Data) -> bytes:
    return _jpeg(Image.open(d.root / FIRST).resize((44, 44), Image.Resampling.BICUBIC))


def _cows(pictures: int, *splits: str) -> Callable[[Data], None]:
    """A fourth class, in so many pictures of these splits."""

    def spoil(d: Data) -> None:
        d.classes("cat", "dog", "sky", "cow")
        for split in splits:
            for index in range(pictures):
                mask = d.mask(index)
                mask[:6, 30:40] = COW
                d.put(f"masks/{split}/{index:02}.png", mask)

    return spoil


def _speck(d: Data) -> None:
    d.change(lambda mask: _where(_where(mask, CAT, SKY), DOG, SKY))
    for split in ("train", "val"):
        for index in range(12 if split == "train" else 5):
            mask = _full(SKY)
            mask[0, 0], mask[9:30, 9:30] = CAT, DOG
            d.put(f"masks/{split}/{index:02}.png", mask)


def _without(d: Data, split: str) -> None:
    for kind in ("images", "masks"):
        (d.root / kind / split).rename(d.root / kind / "test")


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 3
    return exif


# What is done to a sound set, which other findings follow, how many there are (0: some), where the first is
Spoil = tuple[Callable[[Data], object], set[str], int, str]
BREAKS: dict[str, Spoil] = {
    "refused": (lambda d: (d.root / "classes.txt").unlink(), set(), 1, ""),
    "read-as": (
        lambda d: (
            (d.root / "classes.txt").unlink(),
            (d.root / "classes.csv").write_text(
                "name,r,g,b,train_id\ncat,1,0,0,0\ndog,2,0,0,1\nsky,3,0,0,2\nclouds,4,0,0,2"
            ),
        ),
        set(),
        1,
        "",
    ),
    # Files
    "mask-missing": (
        lambda d: d.put("images/train/c.png", d.picture()),
        set(),
        1,
        "images/train/c.png: there is no mask 'c.png'",
    ),
    "mask-unreadable": (
        lambda d: d.put("masks/train/00.png", b"no picture"),
        set(),
        1,
        "masks/train/00.png is text, not a picture",
    ),
    "mask-unmatched": (lambda d: d.put("masks/train/b.png", d.mask()), set(), 1, "masks/train/b.png"),
    "size-differs": (
        lambda d: d.add("a.png", mask=d.mask(side=60)),
        set(),
        1,
        "masks/train/a.png: the mask is 60 x 60 px, its picture 48 x 48 px",
    ),
    "rotated": (
        lambda d: (d.add("a.jpg", d.picture()), d.put("images/train/a.jpg", d.picture(), exif=_turned())),
        set(),
        1,
        "images/train/a.jpg",
    ),
    "unreadable": (lambda d: d.add("a.png", d.bytes(FIRST)[:200]), set(), 1, SECOND),
    # What masks hold
    "mask-value": (
        lambda d: d.add("a.png", mask=_where(d.mask(), CAT, 9)),
        set(),
        1,
        "masks/train/a.png has 9 in 320 pixels",
    ),
    "mask-empty": (lambda d: d.add("a.png", mask=_full(IGNORE)), {"unlabelled"}, 1, SECOND),
    "unlabelled": (lambda d: d.change(_margin), set(), 1, ""),
    "unlabelled-many": (lambda d: d.change(lambda m: _where(m, SKY, IGNORE)), {"class-unused"}, 1, ""),
    "one-class": (lambda d: d.add("a.png", mask=_full(DOG)), set(), 1, SECOND),
    "one-class-many": (
        lambda d: [d.put(f"masks/val/0{index}.png", _full(SKY)) for index in range(3)],
        set(),
        3,
        "images/val/00.png",
    ),
    # Copies
    "mask-conflict": (
        lambda d: d.add("a.png", d.bytes(FIRST), d.mask()[::-1].copy()),
        {"duplicate"},
        1,
        f"{FIRST} = {SECOND}",
    ),
    "duplicate": (lambda d: d.add("a.png", d.bytes(FIRST)), set(), 1, f"{SECOND} = {FIRST}"),
    "duplicate-near": (
        lambda d: d.add("a.jpg", _again(d), d.mask(side=44)),
        set(),
        1,
        f"{FIRST} = images/train/a.jpg",
    ),
    "leak-exact": (
        lambda d: d.add("a.png", d.bytes(FIRST), split="val"),
        set(),
        1,
        f"images/val/a.png = {FIRST}",
    ),
    "leak-near": (
        lambda d: d.add("a.jpg", _again(d), d.mask(side=44), split="val"),
        set(),
        1,
        f"images/val/a.jpg = {FIRST}",
    ),
    # Splits and classes
    "train-missing": (lambda d: _without(d, "train"), set(), 1, ""),
    "val-missing": (lambda d: _without(d, "val"), set(), 0, ""),
    "class-one": (
        lambda d: d.change(lambda m: np.where(m == CAT, 255, 0).astype(np.uint8)),
        {"unlabelled", "class-unused"},
        1,
        "",
    ),
    "class-unlearned": (_cows(1, "val"), set(), 1, "'cow' is in val only"),
    "class-not-in-split": (_cows(6, "train"), set(), 1, "'cow' in val"),
    "class-unused": (_cows(0), set(), 1, "'cow'"),
    "class-few": (_cows(3, "train", "val"), set(), 1, "'cow' 3"),
    "class-alike": (lambda d: d.classes("cat", "Cat", "sky"), set(), 1, "'Cat' (17) and 'cat' (17)"),
    "imbalance": (_speck, set(), 1, "'sky' 81 %, 'cat' 0.043 %"),
}
WITH_MODEL = {
    "class-not-in-model": (("dog", "sky", "bird"), {"class-absent"}, 1, "'cat'"),
    "class-absent": (("cat", "dog", "sky", "bird"), set(), 1, "'bird'"),
}


def codes(path: Path, **how: Any) -> set[str]:
    return {one.code for one in lint_masks(path, **how).findings}


def broken(code: str, root: Path) -> Path:
    data = Data(root)
    BREAKS[code][0](data)
    return data.root


def test_every_rule_of_masks_is_tried():
    """Those that only take a picture apart are tried with labels and boxes."""
    own = {code for code, rule in RULES.items() if rules.RULES.get(code) != rule}
    own -= {code for code, rule in box_rules.RULES.items() if RULES.get(code) == rule} - {"read-as"}
    assert own <= set(BREAKS) | set(WITH_MODEL) <= set(RULES)


def test_every_rule_says_what_to_do():
    assert all(rule.remedy and rule.severity in {"error", "warning", "note"} for rule in RULES.values())


def test_a_clean_set_is_silent(tmp_path: Path):
    done: list[tuple[int, int]] = []
    findings = lint_masks(Data(tmp_path / "data").root, progress=lambda *told: done.append(told))
    assert [(one.code, one.words, one.where) for one in findings.findings] == []
    assert findings.verdict == "Nothing found. Fit to train on"
    assert findings.splits == {"train": 12, "val": 5}
    assert findings.classes == {name: {"train": 12, "val": 5} for name in ("cat", "dog", "sky")}
    assert done[-1] == (34, 34) and done == sorted(done)


@pytest.mark.parametrize("code", BREAKS)
def test_what_breaks_a_rule_is_found(code: str, tmp_path: Path):
    _, also, number, place = BREAKS[code]
    findings = lint_masks(broken(code, tmp_path / "data"))
    found = findings.of(code)
    assert found is not None, [one.code for one in findings.findings]
    assert {one.code for one in findings.findings} == {code} | also
    assert found.count == number or (number == 0 and found.count > 0)
    assert place in "; ".join(found.where[:1])
    assert "\n" not in found.words and len(found.words) < 250
    assert not any(str(tmp_path) in words for words in found.where)


@pytest.mark.parametrize("code", WITH_MODEL)
def test_the_class_table_of_a_model_is_held_against_the_data(code: str, tmp_path: Path):
    names, also, number, place = WITH_MODEL[code]
    root = Data(tmp_path / "data").root
    found = lint_masks(root, names=names).of(code)
    assert codes(root, names=names) == {code} | also
    assert found is not None and (found.count, found.where[0]) == (number, place)


@pytest.mark.parametrize("code", [*BREAKS, "class-not-in-model"])
def test_what_training_refuses_has_an_error(code: str, tmp_path: Path):
    names = WITH_MODEL[code][0] if code in WITH_MODEL else None
    root = broken(code, tmp_path / "data") if code in BREAKS else Data(tmp_path / "data").root
    try:
        read_masked(root, names=names)
    except InputError:
        assert lint_masks(root, names=names).failed


def test_black_and_white_masks_are_told_why_one_class_is_missing(tmp_path: Path):
    found = lint_masks(broken("class-one", tmp_path / "data")).of("class-one")
    assert found is not None and found.words.startswith("only one class is labelled, 'cat'; ")
    assert found.words.endswith("% of the pixels are 255, which means not labelled: is it a class?")


def test_the_share_without_a_label_is_told(tmp_path: Path):
    data = Data(tmp_path / "data")
    held = [np.asarray(Image.open(path)) for path in sorted((data.root / "masks").rglob("*.png"))]
    share = sum((mask == SKY).sum() for mask in held) / sum(mask.size for mask in held)
    data.change(lambda mask: _where(mask, SKY, IGNORE))
    found = lint_masks(data.root).of("unlabelled-many")
    assert found is not None and found.words == f"{100 * share:.0f} % of all pixels are not labelled"


def test_a_crop_of_each_class_has_its_pixels_in_colour(tmp_path: Path):
    findings = lint_masks(Data(tmp_path / "data").root)
    assert [crop.name for crop in findings.crops] == ["cat", "dog", "sky"]
    assert findings.crops[0].note.startswith("17 pictures, ")
    for crop in findings.crops:
        spread = np.ptp(crop.picture.astype(int), axis=2)
        assert 0.05 < (spread > 40).mean() < 1  # the class; all else is grey
        assert (spread == 0).mean() > 0.05


def test_pictures_in_question_are_shown_beside_their_masks(tmp_path: Path):
    findings = lint_masks(broken("mask-conflict", tmp_path / "data"))
    pair = next(pair for pair in findings.pairs if pair.code == "mask-conflict")
    assert (pair.left.name, pair.right.name) == (FIRST, SECOND)
    assert pair.left.note == "sky, cat, dog"
    assert not np.array_equal(pair.left.picture, pair.right.picture)
    one = lint_masks(broken("one-class", tmp_path / "other")).pairs[0]
    assert (one.code, one.right.note) == ("one-class", "dog")


def test_nothing_is_changed_and_all_is_kept_as_json(tmp_path: Path):
    data = Data(tmp_path / "data")
    together = ("mask-missing", "mask-unmatched", "leak-exact", "mask-value")
    for code in together:
        BREAKS[code][0](data)

    def state() -> dict[str, str]:
        files = sorted(path for path in data.root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    findings = lint_masks(data.root)
    assert set(together) <= {one.code for one in findings.findings}
    assert json.loads(json.dumps(findings.to_dict()))["failed"] and findings.failed
    assert state() == before


def test_copies_that_differ_along_edges_are_no_conflict():
    one = np.zeros((20, 20), np.uint8)
    one[5:15, 5:15] = 1
    edge, other, bare = one.copy(), one.copy(), one.copy()
    edge[15, 5:12], other[15, 5:15], bare[5:15, 5:15] = 1, 1, IGNORE
    assert alike(one, edge) and not alike(one, other)  # 7 and 10 of 400 pixels
    assert alike(one, bare) and not alike(one, one[:19])


def test_what_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        lint_masks(tmp_path / "nowhere")
    findings = lint_masks(tmp_path)
    assert [one.code for one in findings.findings] == ["refused"] and findings.splits == {}
