"""Boxes: what they say and refuse, how a detector's output becomes them, and what is drawn."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from macaw.data.letterbox import place
from macaw.errors import InputError, MissingExtra, ModelError, UnknownName
from macaw.results.box_decode import Keep, candidates, decode_boxes
from macaw.results.boxes import Boxes, Detection
from macaw.results.palette import colors, rgb
from macaw.results.silhouette import Silhouette
from macaw.results.skeleton import Bones
from macaw.testing import check_result

NAMES = ("cat", "dog", "person")
XYXY = np.array([[10, 20, 110, 220], [50, 60, 90, 100], [200.5, 10, 299.25, 140], [0, 0, 30, 30]], np.float32)
LABELS = np.array([1, 0, 1, 2])
SCORES = np.array([0.9, 0.8, 0.5, 0.25], np.float32)


def made(**change):
    return Boxes(
        **({"names": NAMES, "xyxy": XYXY, "labels": LABELS, "scores": SCORES, "size": (300, 240)} | change)
    )


def with_everything():
    masks = np.zeros((4, 240, 300), bool)
    for mask, (left, top, right, bottom) in zip(masks, XYXY.astype(int), strict=True):
        mask[top : bottom - 5, left + 3 : right] = True
    points = np.random.default_rng(0).uniform(0, 200, (4, 3, 3)).round(2)
    points[..., 2] = 0.75
    return made(
        regions=tuple(map(Silhouette.of_mask, masks)),
        points=points,
        skeleton=Bones(("a", "b", "c"), ((0, 1), (1, 2))),
        source="street.jpg",
        picture=np.full((240, 300, 3), 120, np.uint8),
    )


def test_detections_by_rank_class_slice_and_mask():
    boxes = made()
    assert len(boxes) == 4
    assert boxes[0] == Detection("dog", pytest.approx(0.9), (10, 20, 110, 220))
    assert boxes[-1].name == "person"
    assert [one.name for one in boxes] == ["dog", "cat", "dog", "person"]
    assert boxes[1:3].labels.tolist() == [0, 1]
    assert boxes["dog"].xyxy[:, 0].tolist() == [10, 200.5]
    assert boxes[np.array([True, False, False, True])].labels.tolist() == [1, 2]
    assert boxes[[2, 0]].scores.tolist() == [pytest.approx(0.9), 0.5]  # the surest first all the same
    assert boxes.only("cat", "person").labels.tolist() == [0, 2]
    assert boxes.above(0.5).labels.tolist() == [1, 0, 1]
    assert len(boxes.above(0.95)) == 0 == len(made()[:0])
    with pytest.raises(UnknownName, match=r"no class 'parson' .* Did you mean 'person'"):
        boxes["parson"]
    with pytest.raises(InputError, match="the score is 50"):
        boxes.above(50)
    with pytest.raises(IndexError):
        boxes[4]


def test_a_part_keeps_regions_and_points_with_their_boxes():
    boxes = with_everything()
    part = boxes["dog"]
    assert [one.area for one in part.regions] == [boxes.regions[0].area, boxes.regions[2].area]
    assert (part.points == boxes.points[[0, 2]]).all()
    assert part.skeleton is boxes.skeleton


def test_words():
    boxes = made()
    assert boxes.headline == "2 dogs, 1 cat, 1 person"
    assert boxes.counts == {"dog": 2, "cat": 1, "person": 1}
    assert str(boxes).splitlines()[:2] == [
        "  1  dog      90.0 %  10, 20 to 110, 220",
        "  2  cat      80.0 %  50, 60 to 90, 100",
    ]
    assert boxes.text(3).splitlines()[-1] == "     and 1 more"
    assert (made()[:0].headline, str(made()[:0])) == ("nothing found", "nothing found")
    assert boxes.rank({"person", "cat"}) == 2
    assert boxes.rank({"bird"}) is None


def test_a_page_lists_the_surest_and_ticks_the_right_ones():
    page = made(names=("a<b", "dog", "person")).fragment(right={"person"})
    assert page.startswith("<img") and page.count("<li") == 4
    assert "a&lt;b" in page and page.count("✓") == 1
    assert "nothing found" in made()[:0].fragment()


def test_the_values_are_frozen():
    given = XYXY.copy()
    boxes = made(xyxy=given)
    given[:] = 0
    assert boxes[0].xyxy[3] == 220
    with pytest.raises(ValueError, match="read-only"):
        boxes.xyxy[0] = 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ()}, "table of classes is empty"),
        ({"names": ("a", "b", "a")}, "'a' twice"),
        ({"xyxy": XYXY[:3]}, r"xyxy has shape \(3, 4\)"),
        ({"labels": LABELS + 1}, "labels reach from 1 to 3; the table has 3"),
        ({"scores": SCORES * 2}, r"between 0\.5 and 1\.8"),
        ({"scores": SCORES * np.nan}, "0..1"),
        ({"scores": SCORES[::-1]}, "sort the boxes by score"),
        ({"xyxy": XYXY[:, [2, 1, 0, 3]]}, r"\[110.0, 20.0, 10.0, 220.0\] is no box"),
        ({"xyxy": np.full((4, 4), np.inf)}, "is no box"),
        ({"regions": (Silhouette.of_mask(np.ones((2, 2))),)}, "1 regions for 4 boxes"),
        ({"points": np.zeros((4, 5, 2))}, r"need \(4, K, 3\)"),
        ({"picture": np.zeros((4, 4), np.uint8)}, r"shape \(H, W, 3\)"),
    ],
)
def test_wrong_parts_are_named(change, words):
    with pytest.raises(InputError, match=words):
        made(**change)


@pytest.mark.parametrize("boxes", [made(), with_everything(), made()[:0], with_everything()[:0]])
def test_they_keep_the_contract_of_results_and_come_back_from_json(boxes):
    check_result(boxes)
    values = json.loads(json.dumps(boxes.to_dict()))
    again = Boxes.from_dict(values, NAMES)
    assert again.to_dict() == values
    np.testing.assert_allclose(again.xyxy, boxes.xyxy, atol=0.005)
    assert (again.labels == boxes.labels).all() and again.size == boxes.size
    for one, other in zip(again.regions, boxes.regions, strict=True):
        assert (one.mask() == other.mask()).all()


def test_values_name_what_they_hold():
    values = made().to_dict()
    assert values["size"] == [300, 240]
    assert values["boxes"][0] == {
        "name": "dog",
        "score": 0.9,
        "x0": 10.0,
        "y0": 20.0,
        "x1": 110.0,
        "y1": 220.0,
    }
    assert Boxes.from_dict(values).names == NAMES  # all of them occur here
    with pytest.raises(UnknownName, match=r"no class 'dog' in the 1 names given\. Did you mean 'dogs'"):
        Boxes.from_dict(values, ("dogs",))
    for wrong in ({}, {"boxes": [{"name": "a"}], "size": [1, 1]}, {"boxes": 5}, []):
        with pytest.raises(InputError, match="not the values of Boxes"):
            Boxes.from_dict(wrong)


# ---------------------------------------------------------------------------- from raw output


def row(xyxy, label, score, classes=3):
    scores = np.zeros(classes)
    scores[label] = score
    return np.r_[xyxy, scores]


def test_a_cell_becomes_a_box_in_pixels_of_its_picture():
    letter = place(600, 300, 320)  # 320 x 160, 80 from the top
    raw = np.array([[row([32, 96, 160, 176], 1, 0.8), row([0, 0, 320, 320], 2, 0.1)]])
    (boxes,) = decode_boxes(raw, NAMES, letters=[letter], sources=["a.jpg"])
    assert (boxes.size, boxes.source) == ((600, 300), "a.jpg")
    assert boxes[0] == Detection("dog", pytest.approx(0.8), (60, 30, 300, 180))
    assert len(boxes) == 1


def test_boxes_end_at_the_picture_and_those_on_the_bars_are_none():
    letter = place(600, 300, 320)
    raw = np.array([[row([-50, 0, 64, 400], 0, 0.9), row([10, 10, 60, 70], 1, 0.9)]])
    (boxes,) = decode_boxes(raw, NAMES, letters=[letter])
    assert boxes.xyxy.tolist() == [[0, 0, 120, 300]]


def test_by_many_cells_one_stays_and_by_one_each_does():
    letter = place(100, 100, 100)
    cells = [row([10, 10, 50, 50], 0, 0.7), row([11, 10, 50, 50], 0, 0.9), row([11, 10, 50, 50], 1, 0.8)]
    raw = np.array([cells])
    many = decode_boxes(raw, NAMES, letters=[letter])[0]
    assert [(one.name, round(one.score, 1)) for one in many] == [("cat", 0.9), ("dog", 0.8)]
    one = decode_boxes(raw, NAMES, letters=[letter], keep=Keep(branch="one-to-one", limit=2))[0]
    assert [round(each.score, 1) for each in one] == [0.9, 0.8]
    proposed = candidates(raw[0], 3, letter=letter, score=0.75)
    assert proposed.cells.tolist() == [1, 2]


def test_a_cell_can_claim_two_classes():
    raw = np.array([[[5, 5, 20, 20, 0.6, 0.5, 0.1]]])
    (boxes,) = decode_boxes(raw, NAMES, letters=[place(32, 32, 32)])
    assert [one.name for one in boxes] == ["cat", "dog"]


def test_a_batch_is_its_pictures_one_by_one():
    noise = np.random.default_rng(0)
    corner = noise.uniform(0, 60, (4, 200, 2))
    raw = np.concatenate(
        [corner, corner + noise.uniform(1, 30, (4, 200, 2)), noise.uniform(0, 1, (4, 200, 3))], 2
    )
    raw = np.concatenate([raw, noise.normal(size=(4, 200, 5))], 2).astype(np.float32)
    prototypes = noise.normal(size=(4, 5, 12, 12)).astype(np.float32)
    letters = [place(*size, 96) for size in ((96, 96), (200, 50), (31, 77), (640, 480))]
    for place_, (letter, boxes) in enumerate(
        zip(letters, decode_boxes(raw, NAMES, letters=letters, prototypes=prototypes), strict=True)
    ):
        part = slice(place_, place_ + 1)
        (alone,) = decode_boxes(raw[part], NAMES, letters=[letter], prototypes=prototypes[part])
        assert alone.to_dict() == boxes.to_dict()
        assert len(boxes) > 0
    assert decode_boxes(raw[:0], NAMES, letters=[], prototypes=prototypes[:0]) == []


def plain_mask(weights, prototypes, xyxy, letter, stride):
    """A mask pixel by pixel: the sigmoids of the cells, bilinear between them, cells on the bars left out."""
    cells = 1 / (1 + np.exp(-np.tensordot(weights, prototypes, 1)))
    low, high = letter.to_prepared(np.array([[0, 0], [letter.width, letter.height]], float)) / stride
    columns = np.array([c for c in range(cells.shape[1]) if low[0] <= c + 0.5 <= high[0]])
    rows = np.array([r for r in range(cells.shape[0]) if low[1] <= r + 0.5 <= high[1]])
    mask = np.zeros((letter.height, letter.width), bool)
    for y in range(letter.height):
        for x in range(letter.width):
            if not (xyxy[0] <= x + 0.5 < xyxy[2] and xyxy[1] <= y + 0.5 < xyxy[3]):
                continue
            u, v = letter.to_prepared(np.array([x + 0.5, y + 0.5])) / stride - 0.5
            across = np.maximum(0, 1 - abs(np.clip(u, columns[0], columns[-1]) - columns))
            down = np.maximum(0, 1 - abs(np.clip(v, rows[0], rows[-1]) - rows))
            mask[y, x] = down @ cells[np.ix_(rows, columns)] @ across > 0.5
    return mask


@pytest.mark.parametrize("size", [(64, 40), (37, 90), (20, 20)])
def test_masks_are_those_of_the_plain_way(size):
    noise = np.random.default_rng(size[0])
    letter = place(*size, 64)
    prototypes, weights = noise.normal(size=(1, 4, 8, 8)), noise.normal(size=(3, 4))
    xyxy = np.array([[5.2, 12, 60, 44.7], [20, 20, 33, 41], [0, 0, 64, 64]])
    cells = [np.r_[row(box, 0, 0.9 - i / 10), weights[i]] for i, box in enumerate(xyxy)]
    (boxes,) = decode_boxes(
        np.array([cells]), NAMES, letters=[letter], prototypes=prototypes, keep=Keep(branch="one-to-one")
    )
    assert len(boxes) == 3
    for i, region in enumerate(boxes.regions):
        inside = np.clip(letter.to_picture(xyxy[i]), 0, [*size, *size])
        expected = plain_mask(weights[i], prototypes[0], inside, letter, 8)
        assert (region.mask() == expected).mean() > 0.999  # float32 may turn a pixel at exactly one half
        assert region.area == region.mask().sum()


def test_a_mask_in_a_box_thinner_than_a_pixel_is_empty():
    raw = np.array([[np.r_[row([3.6, 3, 4.4, 20], 0, 0.9), 1.0], np.r_[row([3, 3.1, 9, 3.3], 1, 0.8), 1.0]]])
    (boxes,) = decode_boxes(raw, NAMES, letters=[place(32, 32, 32)], prototypes=np.ones((1, 1, 4, 4)))
    assert [region.area for region in boxes.regions] == [0, 0]


def test_a_mask_of_a_huge_picture_needs_little_room():
    letter = place(12_000, 9_000, 64)
    raw = np.array([[np.r_[row([0, 8, 64, 56], 0, 0.9), 1.0]]])
    prototypes = np.full((1, 1, 8, 8), 5.0)
    prototypes[..., 4:] = -5.0
    (boxes,) = decode_boxes(raw, NAMES, letters=[letter], prototypes=prototypes)
    assert boxes.regions[0].area == 6_000 * 9_000
    assert boxes.regions[0].counts.nbytes < 100


@pytest.mark.parametrize(
    ("error", "words", "change"),
    [
        (ModelError, r"shape \(1, 2, 7\); its 2 classes need \(B, A, 6\)", {"names": ("a", "b")}),
        (ModelError, r"3 classes and 2 prototypes need \(B, A, 9\)", {"prototypes": np.zeros((1, 2, 4, 4))}),
        (ModelError, "input 0 is not finite", {"raw": np.full((1, 2, 7), np.nan)}),
        (
            ModelError,
            r"between 0 and 7, not in 0\.\.1",
            {"raw": np.arange(7.0).reshape(1, 1, 7) * [[0] * 6 + [7 / 6]]},
        ),
        (InputError, "0 letters for 1 outputs", {"letters": []}),
        (InputError, "2 sources for 1 outputs", {"sources": ["a", "b"]}),
    ],
)
def test_decoding_names_what_is_wrong(error, words, change):
    given = {"raw": np.zeros((1, 2, 7)), "names": NAMES, "letters": [place(32, 32, 32)]} | change
    with pytest.raises(error, match=words):
        decode_boxes(given.pop("raw"), given.pop("names"), **given)


def test_prototypes_that_cover_something_else_are_refused():
    raw = np.array([[np.r_[row([3, 3, 20, 20], 0, 0.9), 1.0]]])
    with pytest.raises(ModelError, match="4 x 5 cells, which do not cover"):
        decode_boxes(raw, NAMES, letters=[place(32, 20, 32)], prototypes=np.ones((1, 1, 4, 5)))


def test_what_is_kept_comes_from_the_card():
    assert Keep.of({"score": 0.3, "branch": "one-to-one", "temperature": 1}) == Keep(0.3, branch="one-to-one")
    with pytest.raises(UnknownName, match=r"no branch 'one-to-won'.*Did you mean 'one-to-one'"):
        Keep(branch="one-to-won")
    for wrong in ({"score": 25}, {"iou": -1}, {"limit": 0}):
        with pytest.raises(InputError):
            Keep(**wrong)


# ---------------------------------------------------------------------------- to and from others


class Detections(SimpleNamespace):
    """The fields of the supervision library's class of that name (0.30), for where it is not installed."""


@pytest.fixture
def library(monkeypatch):
    try:
        import supervision  # noqa: F401
    except ImportError:
        monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=Detections))


@pytest.mark.usefixtures("library")
def test_there_and_back_through_supervision():
    boxes = with_everything()
    detections = boxes.to_supervision()
    assert detections.xyxy.shape == (4, 4) and detections.mask.shape == (4, 240, 300)
    assert detections.data["class_name"].tolist() == ["dog", "cat", "dog", "person"]
    again = Boxes.from_supervision(detections, NAMES)
    assert (again.xyxy == boxes.xyxy).all() and (again.scores == boxes.scores).all()
    assert (again.labels == boxes.labels).all() and again.size == boxes.size
    assert [one.area for one in again.regions] == [one.area for one in boxes.regions]
    other = Boxes.from_supervision(detections, NAMES[::-1])  # a table in another order: names decide
    assert [one.name for one in other] == [one.name for one in boxes]
    assert len(Boxes.from_supervision(made()[:0].to_supervision(), NAMES)) == 0


def test_detections_without_scores_or_names():
    plain = Detections(xyxy=XYXY, mask=None, confidence=None, class_id=LABELS, data={})
    assert Boxes.from_supervision(plain, NAMES).scores.tolist() == [1, 1, 1, 1]
    plain.class_id = None
    with pytest.raises(InputError, match="neither class_id nor"):
        Boxes.from_supervision(plain, NAMES)
    plain.data = {"class_name": np.array(["dog", "cat", "dgo", "person"])}
    with pytest.raises(UnknownName, match=r"no class 'dgo'.*Did you mean 'dog'"):
        Boxes.from_supervision(plain, NAMES)


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtra, match=r"to_supervision needs 'supervision'.*pip install supervision$"):
        made().to_supervision()


# ---------------------------------------------------------------------------- drawn


def test_boxes_are_drawn_in_their_colours_where_they_are():
    boxes = made(picture=np.full((240, 300, 3), 90, np.uint8))[:1]
    pixels = np.asarray(boxes.plot())
    assert pixels.shape == (720, 900, 3)  # it is small: three times as large
    rows, columns = np.nonzero((pixels == rgb(colors(NAMES)["dog"])).all(axis=2))
    below = rows > 80  # the chip is above
    assert [columns[below].min(), columns[below].max()] == pytest.approx([30, 329], abs=2)
    assert rows.max() == pytest.approx(659, abs=2)


@pytest.mark.parametrize("size", [(1, 1), (9, 3000), (3000, 9), (32, 32), (1700, 900)])
def test_a_picture_of_any_size_is_drawn(size):
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    xyxy = np.array([[0, 0, *size]], np.float32)
    image = Boxes(("a very long name of a class indeed",), xyxy, [0], [1.0], size, picture=picture).plot()
    assert max(image.size) <= 1600
    assert image.size[0] / image.size[1] == pytest.approx(size[0] / size[1], rel=0.01) or min(image.size) < 10


def test_a_smaller_copy_of_the_picture_is_drawn_at_the_size_of_the_whole():
    boxes = made(picture=np.full((120, 150, 3), 90, np.uint8))
    assert boxes.size == (300, 240)
    assert boxes.plot().size == made().plot().size


def test_three_hundred_boxes_are_drawn():
    noise = np.random.default_rng(7)
    corner = noise.uniform(0, 380, (300, 2))
    xyxy = np.concatenate([corner, corner + noise.uniform(2, 60, (300, 2))], 1)
    scores = np.sort(noise.uniform(0, 1, 300))[::-1]
    boxes = Boxes(NAMES, xyxy, noise.integers(0, 3, 300), scores, (416, 416))
    assert boxes.plot().size == (832, 832)


def test_a_region_is_tinted_where_it_is():
    boxes = replace(with_everything()[:1], points=None)
    pixels = np.asarray(boxes.plot()).astype(int)
    grey = (120, 120, 120)
    inside, outside = pixels[450, 180], pixels[450, 600]
    assert tuple(outside) == grey
    expected = 0.55 * 120 + 0.45 * np.array(rgb(colors(NAMES)["dog"]))
    np.testing.assert_allclose(inside, expected, atol=2)
