"""Explanations as values, page and picture: what they hold, where colours lie, and that nothing loads."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.errors import InputError, UnknownName
from macaw.results import heat
from macaw.results.evidence import Heat, MaskCurve, Sanity, Trial
from macaw.results.explanation import Explanation
from macaw.results.explanation_inside import CHANNELS
from macaw.results.insides import Ledger, LevelView, Neighbour, Neighbours
from macaw.results.labels import Labels
from macaw.testing import check_result

SIDE = 16
NAMES = ("cat", "dog", "tree frog", "<b>bold & co</b>")


def curve(falls: float = 2.0) -> MaskCurve:
    shares = np.linspace(0, 1, 9)
    return MaskCurve(shares, 0.7 * (1 - shares) ** falls)


def tried(falls: float = 2.0) -> Trial:
    down = curve(falls)
    return Trial(down, MaskCurve(down.shares, down.probs[::-1].copy()))


def explanation(**changes: Any) -> Explanation:
    """One with every part."""
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 255, (40, 60, 3), np.uint8)
    values = np.zeros((SIDE, SIDE), np.float32)
    values[:4, :4], values[-4:, -4:] = 1, -0.5
    parts: dict[str, Any] = {
        "answer": Labels(NAMES, np.array([0.7, 0.2, 0.06, 0.04], np.float32), "photos/cat.jpg", picture),
        "target": "cat",
        "seen": picture[:SIDE, :SIDE].copy(),
        "frame": (10.0, 0.0, 50.0, 40.0),
        "model": "little",
        "maps": (Heat("gradient", np.abs(values), tried(6)), Heat("occlusion", values, tried(4))),
        "guess": tried(2),
        "sanity": Sanity(("the head", "and the first layer"), np.array([0.5, 0.1])),
        "neighbours": Neighbours(
            (Neighbour("cat/1.png", ("cat",), 0.93, picture), Neighbour("dog/2.png", ("dog",), 0.81)),
            400,
            "pets",
        ),
        "ledger": Ledger(
            noise.normal(size=20).astype(np.float32),
            noise.random(20).astype(np.float32),
            0.25,
            {3: noise.random((4, 4))},
        ),
        "levels": (LevelView(4, np.arange(5), noise.random((5, 4, 4)).astype(np.float32), 32),),
        "notes": ("one thing is missing",),
    }
    return Explanation(**{**parts, **changes})


BARE: dict[str, Any] = {
    "maps": (), "guess": None, "sanity": None, "neighbours": None, "ledger": None, "levels": (), "notes": (),
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
        if tag not in {"meta", "link", "img"} and not self.get_starttag_text().endswith("/>"):  # type: ignore
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data


@pytest.mark.parametrize("changes", [{}, BARE, {"against": "dog"}, {"maps": explanation().maps[1:]}])
def test_it_keeps_the_contract_of_results(changes: dict[str, Any]):
    check_result(explanation(**changes))


@pytest.mark.parametrize("changes", [{}, BARE, {"against": "dog"}, {"target": "<b>bold & co</b>"}])
def test_the_page_is_whole_and_loads_nothing(tmp_path: Path, changes: dict[str, Any]):
    text = explanation(**changes).save(tmp_path / "why.html").read_text(encoding="utf-8")
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
    page = Page(explanation().to_html())
    words = " ".join(page.words.split())
    for said in (
        "Why “cat”?",
        "little gives cat.jpg this class with 70.0\u00a0%: rank 1 of 4\u00a0classes.",
        "Of the 2 nearest among 400 training pictures of pets, 1 is “cat”.",
        "The map shows what was learned",
        "Level 1: 4\u00a0×\u00a04 positions, 5 of 32 channels",
        f"the other {20 - CHANNELS} channels together",
        "one thing is missing",
        "arXiv 1703.01365",
        "arXiv 1311.2901",
        "arXiv 1806.07421",
        "arXiv 1810.03292",
    ):
        assert " ".join(said.split()) in words or said in page.words, said


def test_a_part_that_is_missing_leaves_no_trace():
    words = Page(explanation(**BARE).to_html()).words
    for absent in ("What moved the answer", "nearest pictures", "two parts", "How it was made"):
        assert absent not in words


def test_a_map_that_finds_no_more_than_the_centre_says_so():
    weak = explanation(maps=(Heat("gradient", np.zeros((SIDE, SIDE), np.float32), tried(2)),))
    assert "no more than a guess" in weak.to_html()
    assert "no more than a guess" in str(weak)
    assert "no more than a guess" not in str(explanation())


def test_the_fragment_is_a_piece_of_a_page():
    piece = Page(explanation().fragment())
    assert piece.open == []
    assert sum(tag == "img" for tag, _ in piece.tags) == 2
    assert "html" not in {tag for tag, _ in piece.tags}
    assert "one thing is missing" in Page(explanation(maps=()).fragment()).words


def test_text_has_the_question_and_a_line_for_each_finding():
    lines = str(explanation()).splitlines()
    assert lines[0] == "Why “cat”? 70.0 %"
    assert len(lines) == 5
    assert explanation().headline == lines[0]


def test_values_are_plain_and_complete():
    values = explanation(against="dog").to_dict()
    assert values["question"] == "Why “cat” and not “dog”?"
    assert values["target"] == {"name": "cat", "probability": 0.7}
    assert [one["by"] for one in values["maps"]] == ["gradient", "occlusion"]
    assert np.shape(values["maps"][0]["values"]) == (SIDE, SIDE)
    assert values["sanity"]["verdict"] == "learned"
    assert values["neighbours"]["nearest"][0] == {"name": "cat/1.png", "labels": ["cat"], "likeness": 0.93}
    head = values["head"]
    assert sum(head["products"]) + head["bias"] == pytest.approx(head["logit"], abs=1e-2)


def test_maps_are_found_by_their_way():
    assert explanation().map("occlusion").values.min() == -0.5
    with pytest.raises(UnknownName, match="no map by 'magic'; it has: gradient, occlusion"):
        explanation().map("magic")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"answer": Labels(NAMES, np.array([0.7, 0.2, 0.06, 0.04]))}, "holds no picture"),
        ({"seen": np.zeros((8, 9, 3), np.uint8)}, "it is a square"),
        ({"maps": (Heat("gradient", np.zeros((4, 4), np.float32), tried()),)}, "has shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        explanation(**changes)


def test_values_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"in -1\.\.1"):
        Heat("gradient", np.full((4, 4), 1.5), tried())
    with pytest.raises(InputError, match="two or more points"):
        MaskCurve(np.zeros(1), np.zeros(1))
    with pytest.raises(InputError, match="one for each"):
        Sanity(("the head",), np.zeros(2))
    with pytest.raises(InputError, match="one for each"):
        Ledger(np.zeros(3), np.zeros(4), 0.0)
    with pytest.raises(UnknownName, match="no class 'cow'"):
        explanation(target="cow")


@pytest.mark.parametrize(
    ("left", "verdict"), [(-0.4, "learned"), (0.1, "learned"), (0.5, "partly"), (0.9, "unmoved")]
)
def test_the_verdict_follows_what_random_weights_leave_of_the_map(left: float, verdict: str):
    assert Sanity(("the head", "all"), np.array([0.9, left])).verdict == verdict


def test_colours_lie_on_the_photograph_where_the_map_is_hot():
    grey = np.full((100, 200, 3), 120, np.uint8)
    values = np.zeros((10, 10), np.float32)
    values[:5, :5], values[5:, 5:] = 1, -1
    drawn = heat.overlay(grey, values, (50, 0, 150, 100), side=200).astype(int)
    assert drawn.shape == (100, 200, 3)
    warm, cold, plain, outside = drawn[20, 70], drawn[80, 130], drawn[20, 130], drawn[50, 20]
    assert warm[0] > warm[2] + 60  # yellow: more red than blue
    assert cold[2] > cold[0] + 60
    assert np.ptp(plain) == 0 and abs(plain[0] - 120) <= 2  # the photograph as it is
    assert (outside < 50).all() and np.ptp(outside) == 0  # dimmed


def test_the_scale_rises_in_lightness_to_both_ends():
    luminance = heat.colors(np.linspace(-1, 1, 41)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[21:]) > 0).all() and (np.diff(luminance[:20]) < 0).all()


def test_the_photograph_keeps_its_colours_where_the_model_looked():
    picture = np.zeros((50, 100, 3), np.uint8)
    picture[..., 0] = 200
    drawn = heat.dimmed(picture, (25, 0, 75, 50), side=100)
    assert (drawn[25, 50] == [200, 0, 0]).all()
    assert (drawn[25, 5] == [60, 0, 0]).all()


def test_tiles_show_every_position_as_a_block():
    maps = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    sheet = heat.tiles(maps, columns=2, cell=8, gap=2)
    assert sheet.shape == (8, 18, 3)
    assert (sheet[:4, :4] == sheet[0, 0]).all() and (sheet[0, 0] != sheet[7, 7]).any()
    assert (sheet[:, 8:10] == 255).all()
    assert (sheet[:, :8] == sheet[:, 10:]).all()  # each has a scale of its own


def test_the_picture_of_a_bare_explanation_is_shorter():
    whole, bare = explanation().plot(), explanation(**BARE).plot()
    assert whole.size[0] == bare.size[0] and whole.size[1] > bare.size[1] + 800


def test_saving_knows_its_suffixes(tmp_path: Path):
    with Image.open(explanation().save(tmp_path / "why.png")) as picture:
        assert picture.size[0] == 1400
    with pytest.raises(InputError, match=r"use \.html, \.png, \.jpg or \.json"):
        explanation().save(tmp_path / "why.pdf")
