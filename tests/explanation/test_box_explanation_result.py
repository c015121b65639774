"""Explanations of boxes as values, page and picture: what they hold, where colours lie, what loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.errors import InputError
from macaw.results.box_explanation import BoxExplanation
from macaw.results.box_explanation_parts import BoxHeat, LevelScores, Proposals, Suppression
from macaw.results.box_explanation_pictures import found_picture, heat_picture, level_picture
from macaw.results.boxes import Boxes, Detection
from macaw.testing import check_result

NAMES = ("cat", "dog", "<b>bold & co</b>")
SIZE = 120, 80  # width, height of the picture; on the sheet of 96 pixels it has bars of 16 above and below
SHEET = (0.0, -20.0, 120.0, 100.0)


def proposals(count: int, label: int = 1) -> Proposals:
    noise = np.random.default_rng(count)
    low = noise.uniform(0, 40, (count, 2))
    return Proposals(
        np.hstack([low, low + noise.uniform(10, 40, (count, 2))]),
        np.full(count, label),
        np.linspace(0.6, 0.3, count),
        noise.uniform(0.61, 1, count),
        np.array([16, 8, 32])[np.arange(count) % 3],
        low + 10,
    )


def made(**changes: Any) -> BoxExplanation:
    """One with every part."""
    noise = np.random.default_rng(0)
    xyxy = np.array([[20, 20, 80, 70], [90, 5, 118, 40], [0, 0, 30, 30]], np.float32)
    answer = Boxes(
        NAMES, xyxy, np.array([1, 0, 1]), np.array([0.81, 0.5, 0.3]), SIZE, "photos/street.jpg",
        noise.integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8),
    )  # fmt: skip
    scores = [np.zeros((side, side), np.float32) for side in (12, 6, 3)]
    scores[0][2:8, 2:7], scores[1][2, 2] = 0.4, 0.81
    values = np.zeros((60, 90), np.float32)
    values[20:40, 20:50], values[:5, :5] = 1, -0.5
    parts: dict[str, Any] = {
        "answer": answer,
        "box": Detection("dog", 0.81, (20.0, 20.0, 80.0, 70.0)),
        "place": 1,
        "threshold": 0.25,
        "sheet": SHEET,
        "side": 96,
        "model": "street-small",
        "levels": tuple(LevelScores(8 << i, one) for i, one in enumerate(scores)),
        "claims": proposals(12),
        "classes": (("dog", 0.81), ("cat", 0.12), (NAMES[2], 0.0)),
        "suppression": Suppression(proposals(10), np.array([1] * 9 + [3]), 0.6),
        "misses": proposals(3, 2),
        "heat": BoxHeat(values, (5.0, 10.0, 95.0, 70.0), np.array([[0.1, 0.7]]), 0.8, 0.04, 0.77, 0.8, 0.5),
    }
    return BoxExplanation(**{**parts, **changes})


BARE: dict[str, Any] = {
    "levels": (), "claims": None, "classes": (), "suppression": None, "misses": None, "heat": None,
}  # fmt: skip
MISSED: dict[str, Any] = {
    "place": 0, "target": "dog", "box": Detection("dog", 0.21, (20.0, 20.0, 80.0, 70.0)),
}  # fmt: skip


class Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data


@pytest.mark.parametrize("changes", [BARE, MISSED])
def test_it_keeps_the_contract_of_results(changes: dict[str, Any]):
    check_result(made(**changes))


@pytest.mark.parametrize("changes", [{}, BARE, MISSED, {"model": "", "levels": ()}])
def test_the_page_is_whole_and_loads_nothing(tmp_path: Path, changes: dict[str, Any]):
    text = made(**changes).save(tmp_path / "why.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.search(r"url\((?!#)|@import", text)
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert "<b>bold & co</b>" not in text  # a class may be called anything


def test_the_page_says_what_was_found():
    words = " ".join(Page(made().to_html()).words.replace("\u00a0", " ").split())
    for said in (
        "Why “dog” here?",
        "street-small puts this box around a “dog” in street.jpg with 81 %: number 1 of 3 boxes.",
        "12 cells on 3 levels claim it, all of them with the 25 % that a box needs; the surest, at stride 16",
        "It removed 9 other boxes, which overlap it by",
        "In the whole picture 10 were removed, and 3 stay.",
        "The same cell gives “cat” 12 %.",
        "Next below the threshold of 25 %: “<b>bold & co</b>” 60.0 %",
        "One covered spot takes it from 80 % to 10 % at worst, the whole box covered to 4 %;",
        "the box alone has 77 %.",
        "80 % lies in the box, which is 50 % of what was covered.",
        "Stride 16. 6 × 6 cells, the highest score 81.0 %",
        "arXiv 1311.2901",
        "arXiv 1910.01279",
    ):
        assert said in words, said


def test_a_box_that_was_not_found_is_asked_for():
    why = made(**MISSED)
    assert why.headline == "Why no “dog”? 21 % at best; 25 % are needed"
    words = " ".join(Page(why.to_html()).words.replace("\u00a0", " ").split())
    assert "finds no “dog” in street.jpg. The surest candidate is a “dog” with 21 %" in words
    assert "suppression never saw it" in words
    nothing = made(**{**MISSED, "target": "", "answer": made().answer[:0]})
    assert nothing.headline == "Why nothing? 21 % at best, a “dog”; 25 % are needed"
    assert "Nothing reached the threshold." in Page(nothing.to_html()).words


def test_a_part_that_is_missing_leaves_no_trace():
    words = Page(made(**BARE).to_html()).words
    for absent in ("Which cells see it", "stood against", "nearly became", "holds it up", "How it was made"):
        assert absent not in words
    assert str(made(**BARE)) == made().headline == "Why “dog” here? 81 %"
    whole, bare = made().plot(), made(**BARE).plot()
    assert whole.size[0] == bare.size[0] and whole.size[1] > bare.size[1] + 600


def test_a_map_that_finds_no_more_than_chance_says_so():
    heat = made().heat
    assert heat is not None and "no more than a guess" not in str(made())
    weak = BoxHeat(heat.values, heat.frame, heat.falls, 0.8, 0.04, 0.77, inside=0.5, share=0.5)
    assert "no more than a guess" in str(made(heat=weak))


def test_the_fragment_is_a_piece_of_a_page():
    piece = Page(made().fragment())
    assert piece.open == []
    assert sum(tag == "img" for tag, _ in piece.tags) == 2
    assert "html" not in {tag for tag, _ in piece.tags}
    assert Page(made(**BARE).fragment()).open == []


def test_values_are_plain_and_complete():
    values = made().to_dict()
    assert values["question"] == "Why “dog” here?"
    assert values["box"] == {"name": "dog", "score": 0.81, "xyxy": [20, 20, 80, 70], "rank": 1}
    assert [level["stride"] for level in values["levels"]] == [8, 16, 32]
    assert [level["highest"] for level in values["levels"]] == [0.4, 0.81, 0.0]
    assert len(values["claims"]) == 12
    assert [row["by"] for row in values["suppression"]["removed"]] == [1] * 9 + [3]
    assert values["misses"][0]["name"] == NAMES[2]
    assert values["heat"]["worst"] == pytest.approx(0.1)
    assert made(**MISSED).to_dict()["box"]["rank"] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"place": 4}, "rank 4 in an answer of 3"),
        ({"place": 2}, "box 2 of the answer is “cat”, not “dog”"),
        ({"box": Detection("cow", 0.8, (0.0, 0.0, 1.0, 1.0))}, "class 'cow', which the answer does not know"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words):
        made(**changes)
    with pytest.raises(InputError, match="holds no picture"):
        made(answer=Boxes(NAMES, np.zeros((0, 4)), np.zeros(0), np.zeros(0)))
    with pytest.raises(InputError, match="rows and columns"):
        BoxHeat(np.full((2, 2), 2.0), (0, 0, 1, 1), np.ones((1, 1)), 1, 0, 0, 0, 0)
    with pytest.raises(InputError, match="3 proposals have parts of shapes"):
        Proposals(*[np.zeros(3)] * 6)
    with pytest.raises(InputError, match=r"\(2,\) boxes removed 3"):
        Suppression(proposals(3), np.zeros(2, int), 0.6)


def yellow(picture: Image.Image) -> np.ndarray:
    """Where a picture is more yellow than grey: (h, w) bool."""
    pixels = np.asarray(picture).astype(int)
    return (pixels[..., 0] - pixels[..., 2]) > 60


def test_scores_lie_where_their_cells_are_and_bars_are_cut_off():
    why = made(claims=None)
    whole = level_picture(why, why.levels[1])
    assert whole.size == (640, 427)  # as the picture, not as the sheet
    # Cell 2, 2 of stride 16: 32 to 48 of the sheet's 96 pixels, on the picture 40 to 60 and 20 to 40
    hot = yellow(whole.resize((600, 400), Image.Resampling.NEAREST))
    assert hot[110:190, 210:290].all()
    hot[95:205, 195:305] = False
    assert not hot.any()


def test_a_level_is_read_at_places_and_goes_on_beyond_its_last_cell():
    level = LevelScores(8, np.arange(6, dtype=np.float32).reshape(2, 3))
    assert level.read(np.array([0, 7.9, 8, 30]), np.array([-3, 8, 23.9, 24])).tolist() == [
        [0, 1, 2, 2], [0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]
    ]  # fmt: skip


def test_the_heat_lies_where_it_was_covered():
    why = made()
    assert why.heat is not None
    drawn = heat_picture(why, why.heat)
    assert drawn.size == (640, 427)  # the 90 x 60 pixels that were covered
    # Rows 20 to 40 and columns 20 to 50 of them
    hot = yellow(drawn.resize((900, 600), Image.Resampling.NEAREST))
    assert hot[220:380, 220:480].all()
    hot[180:420, 180:520] = False
    assert not hot.any()
    # The box is 15, 10 to 75, 60 there: its white edge
    pixels = np.asarray(drawn.resize((900, 600), Image.Resampling.NEAREST)).astype(int)
    assert (pixels[300, 146:155] > 240).all(axis=1).any() and (pixels[96:105, 300] > 240).all(axis=1).any()


def test_boxes_are_those_of_the_picture_even_when_a_smaller_copy_is_at_hand():
    answer = made().answer
    large = Boxes(NAMES, 10 * answer.xyxy, answer.labels, answer.scores, (1200, 800), picture=answer.picture)
    box = Detection("dog", 0.81, (200.0, 200.0, 800.0, 700.0))
    same = made(answer=large, box=box, sheet=(0, -200, 1200, 1000), suppression=None)
    one, other = (np.asarray(found_picture(why)).astype(int) for why in (made(suppression=None), same))
    assert one.shape == other.shape
    assert (np.abs(one - other) > 2).mean() < 0.005  # an edge may round to the next pixel


def test_saving_knows_its_suffixes(tmp_path: Path):
    with Image.open(made().save(tmp_path / "why.png")) as picture:
        assert picture.size[0] == 1400
    with pytest.raises(InputError, match=r"use \.html, \.png, \.jpg or \.json"):
        made().save(tmp_path / "why.pdf")
