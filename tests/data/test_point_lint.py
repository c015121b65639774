"""The linter of key points: for each rule a set that breaks it, whose twin, unbroken, is silent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.data import box_rules, rules
from macaw.data.point_lint import lint_points
from macaw.data.point_rules import RULES
from macaw.data.pointfiles import read_points
from macaw.errors import InputError

PIXELS = 64
NAMES = ("left_eye", "right_eye", "nose")
PLACES = ((40.0, 20.0), (22.0, 21.0), (31.0, 36.0))  # the left eye of who looks at us is on the right
FIRST, SECOND = "images/train00.png", "images/a.png"
Point = tuple[float, ...]  # x, y and perhaps v; () where nothing is marked


class Data:
    """A data set being made: a table with a row for each picture, all different, and three points on it."""

    def __init__(self, root: Path, *, names: tuple[str, ...] = NAMES) -> None:
        self.root, self.seed, self.names = root, 0, names
        self.rows: dict[str, tuple[str, list[Point]]] = {}  # picture -> split, points
        (root / "images").mkdir(parents=True)
        for split, number in (("train", 12), ("val", 5)):
            for index in range(number):
                self.add(f"images/{split}{index:02}.png", split=split, shift=index % 4)

    def picture(self) -> Image.Image:
        self.seed += 1
        noise = np.random.default_rng(self.seed).integers(0, 256, (6, 6, 3), np.uint8)
        return Image.fromarray(noise).resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)

    def add(
        self,
        name: str,
        points: list[Point] | None = None,
        *,
        split: str = "train",
        shift: float = 0,
        content: bytes | None = None,
    ) -> None:
        path = self.root / name
        if content is None:
            self.picture().save(path)
        else:
            path.write_bytes(content)
        self.rows[name] = split, points or [(x + shift, y + shift) for x, y in PLACES]

    def change(self, make: Callable[[list[Point]], list[Point]], *, most: int = 99, split: str = "") -> None:
        """The points of the first pictures of a split made anew."""
        chosen = [name for name, (home, _) in self.rows.items() if split in ("", home)]
        for name in chosen[:most]:
            home, points = self.rows[name]
            self.rows[name] = home, make(points)

    def bytes(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def save(self) -> Path:
        lines = ["image,split," + ",".join(f"{name}_x,{name}_y,{name}_v" for name in self.names)]
        for name, (split, points) in self.rows.items():
            cells = ["{},{},{}".format(*(*point, 2)[:3]) if point else ",," for point in points]
            lines.append(",".join([name, split, *cells]))
        (self.root / "points.csv").write_text("\n".join(lines) + "\n")
        return self.root


def _scaled(factor: float) -> Callable[[list[Point]], list[Point]]:
    return lambda points: [(x * factor, y * factor) for x, y in points]


def _put(place: int, point: Point) -> Callable[[list[Point]], list[Point]]:
    return lambda points: [point if k == place else old for k, old in enumerate(points)]


def _mirrored(points: list[Point]) -> list[Point]:
    return [points[1], points[0], points[2]]


def _near(d: Data) -> bytes:
    small = Image.open(d.root / FIRST).resize((60, 60), Image.Resampling.BICUBIC)
    small.save(d.root / "copy.jpg", quality=60)
    content = d.bytes("copy.jpg")
    (d.root / "copy.jpg").unlink()
    return content


def _renamed(d: Data) -> None:
    d.names = ("eye", "other eye", "nose")


def _moved(d: Data, old: str, new: str) -> None:
    d.rows = {name: (new if split == old else split, points) for name, (split, points) in d.rows.items()}


# What is done to a sound set, which other findings follow, how many there are (0: some), where the first is
Spoil = tuple[Callable[[Data], object], set[str], int, str]
BREAKS: dict[str, Spoil] = {
    "refused": (lambda d: d.add(SECOND, [(5, 5, 7), *PLACES[1:]]), set(), 1, ""),
    "unreadable": (lambda d: d.add(SECOND, content=d.bytes(FIRST)[:300]), set(), 1, SECOND),
    # Objects and places
    "point-none": (lambda d: d.add(SECOND, [(), (), ()]), set(), 1, SECOND),
    "point-normalised": (lambda d: d.change(_scaled(1 / PIXELS)), set(), 51, ""),
    "point-outside": (
        lambda d: d.add(SECOND, [(66, 20), *PLACES[1:]]),
        set(),
        1,
        f"{SECOND}: left_eye 66, 20",
    ),
    "outside-many": (lambda d: d.change(_scaled(2)), set(), 17, f"{FIRST}: left_eye 80, 40; nose 62, 72"),
    "point-collapsed": (lambda d: d.add(SECOND, [(9, 9)] * 3), set(), 1, SECOND),
    "point-twin": (
        lambda d: d.change(lambda points: [*points[:2], points[1]]),
        set(),
        1,
        "right_eye and nose",
    ),
    "side-swapped": (lambda d: d.change(_mirrored, most=1), set(), 1, FIRST),
    # Points
    "point-never": (lambda d: d.change(_put(2, ()), split="train"), set(), 1, "'nose'"),
    "point-few": (lambda d: d.change(_put(2, ()), split="train", most=9), set(), 1, "'nose' 3"),
    "flips-unknown": (_renamed, set(), 1, ""),
    # Copies
    "point-conflict": (
        lambda d: d.add(SECOND, shift=9, content=d.bytes(FIRST)),
        {"duplicate"},
        1,
        f"{FIRST} = {SECOND}",
    ),
    "duplicate": (lambda d: d.add(SECOND, content=d.bytes(FIRST)), set(), 1, f"{SECOND} = {FIRST}"),
    "duplicate-near": (
        lambda d: d.add("images/a.jpg", content=_near(d)),
        set(),
        1,
        f"{FIRST} = images/a.jpg",
    ),
    "leak-exact": (
        lambda d: d.add(SECOND, split="val", content=d.bytes(FIRST)),
        set(),
        1,
        f"{SECOND} = {FIRST}",
    ),
    # Splits
    "train-missing": (lambda d: _moved(d, "train", "test"), set(), 1, ""),
    "val-missing": (lambda d: _moved(d, "val", "test"), set(), 0, ""),
}
WITH_MODEL = (
    (("left_eye", "right_eye", "nose", "chin"), "no 'chin'"),
    (("left_eye", "right_eye", "noses"), "'nose'. Did you mean 'noses'?"),
    (("nose", "left_eye", "right_eye"), "the same, in another order"),
)


def codes(path: Path, **how: Any) -> set[str]:
    return {one.code for one in lint_points(path, **how).findings}


def broken(code: str, root: Path) -> Path:
    data = Data(root)
    BREAKS[code][0](data)
    return data.save()


def coco(root: Path, numbers: tuple[int, ...]) -> Path:
    """COCO poses with so many people in each picture."""
    (root / "images").mkdir(parents=True)
    images, people = [], []
    for index, number in enumerate(numbers):
        noise = np.random.default_rng(index).integers(0, 256, (PIXELS, PIXELS, 3), np.uint8)
        Image.fromarray(noise).save(root / f"images/{index}.png")
        images.append({"id": index, "file_name": f"{index}.png", "width": PIXELS, "height": PIXELS})
        for person in range(number):
            points = [value for x, y in PLACES for value in (x + person, y, 2)]
            entry = {"bbox": [5 + person, 5, 50, 50], "keypoints": points, "num_keypoints": 3}
            people.append({"id": len(people) + 1, "image_id": index, "category_id": 1, **entry})
    category = {"id": 1, "name": "person", "keypoints": list(NAMES), "skeleton": [[1, 2], [2, 3]]}
    content = {"images": images, "annotations": people, "categories": [category]}
    (root / "annotations").mkdir()
    (root / "annotations/person_keypoints_train.json").write_text(json.dumps(content))
    return root


def test_every_rule_of_points_is_tried():
    """Those that only take a picture or a box apart are tried with labels and boxes."""
    shared = {**rules.RULES, **box_rules.RULES}
    own = {code for code, rule in RULES.items() if shared.get(code) != rule and rules.RULES.get(code) != rule}
    assert own - {"rotated", "object-count", "point-not-in-model"} <= set(BREAKS) <= set(RULES)


def test_every_rule_says_what_to_do():
    assert all(rule.remedy and rule.severity in {"error", "warning", "note"} for rule in RULES.values())


def test_a_clean_set_is_silent(tmp_path: Path):
    findings = lint_points(Data(tmp_path / "data").save(), names=NAMES)
    assert [(one.code, one.words, one.where) for one in findings.findings] == []
    assert findings.verdict == "Nothing found. Fit to train on"
    assert findings.splits == {"train": 12, "val": 5}
    assert findings.classes == {"object": {"train": 12, "val": 5}} and findings.counted == "object"


@pytest.mark.parametrize("code", BREAKS)
def test_what_breaks_a_rule_is_found(code: str, tmp_path: Path):
    _, also, number, place = BREAKS[code]
    findings = lint_points(broken(code, tmp_path / "data"))
    found = findings.of(code)
    assert found is not None, [one.code for one in findings.findings]
    assert {one.code for one in findings.findings} == {code} | also
    assert found.count == number or (number == 0 and found.count > 0)
    assert place in "; ".join(found.where[:1])
    assert "\n" not in found.words and len(found.words) < 250
    assert not any(str(tmp_path) in words for words in found.where)


@pytest.mark.parametrize("code", BREAKS)
def test_what_training_refuses_has_an_error(code: str, tmp_path: Path):
    root = broken(code, tmp_path / "data")
    try:
        read_points(root)
    except InputError:
        assert lint_points(root).failed


@pytest.mark.parametrize(("names", "place"), WITH_MODEL)
def test_the_points_of_a_model_are_held_against_the_data(names: tuple[str, ...], place: str, tmp_path: Path):
    root = Data(tmp_path / "data").save()
    found = lint_points(root, names=names).of("point-not-in-model")
    assert found is not None and found.severity == "error" and place in found.where


def test_sides_are_not_doubted_where_the_set_has_no_usual_order(tmp_path: Path):
    data = Data(tmp_path / "data")
    data.change(_mirrored, most=6)
    assert "side-swapped" not in codes(data.save())


def test_a_side_is_not_told_by_points_that_are_nearly_above_each_other(tmp_path: Path):
    data = Data(tmp_path / "data")
    data.add(SECOND, [(30.0, 10.0), (30.4, 50.0), (20.0, 36.0)])
    assert codes(data.save()) == set()


def test_a_picture_of_several_objects_or_none_is_told(tmp_path: Path):
    found = lint_points(coco(tmp_path / "data", (1, 2, 1, 0, 1))).of("object-count")
    assert found is not None and found.severity == "note"
    assert found.where == ("images/1.png", "images/3.png")


def test_a_picture_that_is_not_there_is_told(tmp_path: Path):
    root = coco(tmp_path / "data", (1, 1, 1))
    (root / "images/1.png").unlink()
    found = lint_points(root).of("picture-missing")
    assert found is not None and found.count == 1 and "1.png" in found.where[0]
    assert codes(root) == {"picture-missing", "val-missing", "point-few"}


def test_points_are_drawn_where_they_are(tmp_path: Path):
    data = Data(tmp_path / "data")
    for name in data.rows:
        Image.new("RGB", (PIXELS, PIXELS), (128, 128, 128)).save(data.root / name)
    findings = lint_points(data.save())
    crop = findings.crops[0].picture
    (x, y), scale, shift = PLACES[2], crop.shape[0] / PIXELS, 1  # of the second picture
    assert len(findings.crops) == 6 and findings.crops[0].note == "17 objects"
    at = crop[round((y + shift) * scale) - 1, round((x + shift) * scale) - 1].astype(int)
    assert np.ptp(at) > 100  # the colour of a point that a mirror keeps
    assert np.array_equal(crop[2, 2], (128, 128, 128))


def test_swapped_sides_have_swapped_colours(tmp_path: Path):
    data = Data(tmp_path / "data")
    data.change(_mirrored, most=1)
    pair = lint_points(data.save()).pairs[0]
    assert (pair.code, pair.left.name) == ("side-swapped", FIRST)
    orange, blue = (230, 159, 0), (86, 180, 233)  # left and right of each other in all but this picture
    for (x, y), color in zip(PLACES, (orange, blue), strict=False):
        assert abs(pair.left.picture[round(3 * y) - 1, round(3 * x) - 1].astype(int) - color).max() < 8


def test_what_is_in_question_is_shown_twice(tmp_path: Path):
    pairs = lint_points(broken("point-outside", tmp_path / "data")).pairs
    assert [(pair.code, pair.left.name, pair.right.name) for pair in pairs] == [
        ("point-outside", SECOND, "the same, closer")
    ]


def test_nothing_is_changed(tmp_path: Path):
    data = Data(tmp_path / "data")
    for code in ("point-outside", "side-swapped", "point-few"):
        BREAKS[code][0](data)
    root = data.save()

    def state() -> dict[str, str]:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    assert {"point-outside", "side-swapped", "point-few"} <= codes(root)
    assert state() == before


def test_what_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        lint_points(tmp_path / "nowhere")
    findings = lint_points(tmp_path)
    assert [one.code for one in findings.findings] == ["refused"] and findings.splits == {}
