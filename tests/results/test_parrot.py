"""Parrot: the text, the values, the page and the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results.figure import Figure
from macaw.results.measures import Interval
from macaw.results.novelty import Novelty
from macaw.results.parrot import FIGURES, Parrot, Passage, Source
from macaw.testing import check_result

TEXT = "It was the best of <times>, it was a day like any other day in the town."
LENGTHS = np.array([1, 2, 4, 8, 16])


def source(label: str, before: str = "said: ") -> Source:
    return Source(label, 12, before, " and so on")


def seen(
    words: str, label: str, chance: float, *, surprising: tuple[str, ...] = ("unigram", "trigram")
) -> Passage:
    start = TEXT.index(words)
    return Passage(
        start,
        start + len(words),
        3,
        2,
        (source(label), source("other & Co")),
        {"unigram": chance + 1, "trigram": chance},
        surprising,
    )


def curve(name: str, scale: float) -> Novelty:
    share = np.clip(scale * np.log2(LENGTHS) / 4, 0, 1)
    return Novelty(name, LENGTHS, share, 0.9 * share, np.minimum(1, 1.1 * share))


SEEN = (
    seen("It was the best of <times>", "Dickens & Sons", -9.2),
    seen("of <times>, it was a", "Another <book>", -3.0),
    seen("was a day", "Scraps", -1.0),
    seen("day like any other day", "Dickens & Sons", 0.4, surprising=()),
)
PARROT = Parrot(
    text=TEXT,
    seen=SEEN,
    curves=(curve("this text", 0.6), curve("held-out text", 0.9), curve("trigram null", 1)),
    figures=(
        Figure(
            FIGURES[0], Interval(0.31, 0.2, 0.4), Interval(0.28, 0.25, 0.3), "what is counted", "top-k 40"
        ),
        *(Figure(name, None, None, "needs a model", "") for name in FIGURES[1:]),
    ),
    unit="byte",
    least=25,
    decoding="temperature 0.8 & top-k 40",
    training=(1_000_000, 40),
)
BARE = replace(PARROT, text="", seen=(), curves=PARROT.curves[:1])


@pytest.mark.parametrize("parrot", [PARROT, BARE], ids=["full", "bare"])
def test_the_contract_of_results(parrot: Parrot):
    check_result(parrot)


def test_the_least_likely_passage_is_on_top_and_the_text_stays_whole():
    parts = PARROT.parts
    assert "".join(part.text for part in parts) == TEXT
    assert [(part.text, part.number) for part in parts] == [
        ("It was the best of <times>", 0),
        (", it was a", 1),
        (" ", None),
        ("day like any other day", 3),
        (" in the town.", None),
    ]


def test_documents_are_ranked_by_what_is_shown_of_them():
    assert PARROT.documents == {"Dickens & Sons": 48, "Another <book>": 10}
    assert BARE.documents == {}


def test_a_figure_never_stands_alone():
    assert PARROT.headline == "verbatim overlap 31.0 %, held-out 28.0 %"
    lines = str(PARROT).splitlines()
    assert lines[0] == "verbatim overlap 31.0 %, held-out 28.0 %  (what is counted; top-k 40)"
    assert lines[1] == "surprising overlap not measured  (needs a model)"
    assert lines[5] == "3 times in Dickens & Sons and 1 other: It was the best of <times>"


def test_what_needs_the_model_is_added_later():
    bits = Figure("exposure", Interval(9.1, 8, 10, "bits"), Interval(1.4, 1, 2, "bits"), "canaries", "none")
    more = PARROT.plus(bits)
    assert more.figures[3] == bits and more.figures[:3] == PARROT.figures[:3]
    assert "exposure 9.100 bits, held-out 1.400 bits" in more.headline
    with pytest.raises(InputError, match="'parrot score' is none of verbatim overlap"):
        PARROT.plus(Figure("parrot score", None, None, "", ""))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="they have to be verbatim overlap"):
        replace(PARROT, figures=PARROT.figures[:3])
    with pytest.raises(InputError, match="outside a text of 72 characters"):
        replace(PARROT, seen=(replace(SEEN[0], end=74),))
    with pytest.raises(InputError, match="lengths have"):
        Novelty("x", LENGTHS, np.zeros(4), np.zeros(5), np.zeros(5))


def test_novelty_between_two_lengths():
    assert PARROT.curves[2].at(4) == 0.5
    assert PARROT.curves[2].at(6) == pytest.approx(0.625)
    assert [one.half for one in PARROT.curves] == [16, 8, 4]


class Reader(HTMLParser):
    """The page as one who follows its links reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.shown: list[str] = []
        self.inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "id" in values:
            assert values["id"] not in self.ids
            self.ids.add(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        elif {"src", "href"} & set(values):
            self.loads += [value for name, value in attrs if name in {"src", "href"}]
        assert tag != "script"
        self.inside += values.get("class") == "text"

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "p" and self.inside

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.inside:
            self.shown.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_stands_alone_and_its_links_lead_somewhere():
    reader = read(PARROT.to_html())
    assert all(one.startswith("data:") for one in reader.loads)
    assert {link.removeprefix("#") for link in reader.links} <= reader.ids
    assert {"t1", "p1", "t2", "p2"} <= reader.ids
    assert not {"p3", "p4"} & reader.ids  # a scrap, and what is likely anyway


def test_the_page_shows_the_text_as_it_is():
    reader = read(PARROT.to_html())
    assert "".join(reader.shown) == TEXT.replace(">", ">1").replace(
        "was a ", "was a2 "
    )  # numbers behind passages
    page = "".join(reader.words)
    for words in ("held-out", "not measured", "temperature 0.8 & top-k 40", "Another <book>", "1 in 10^9"):
        assert words in page


def test_the_page_of_a_text_without_a_passage():
    reader = read(BARE.to_html())
    assert "None that a null model does not explain." in "".join(reader.words)


def test_saved_as_a_page_and_as_values(tmp_path: Path):
    assert PARROT.save(tmp_path / "a.html").read_text(encoding="utf-8") == PARROT.to_html()
    values = json.loads(PARROT.save(tmp_path / "a.json").read_text(encoding="utf-8"))
    assert values["figures"][0]["held"]["value"] == 0.28
    assert values["training"] == {"units": 1_000_000, "documents": 40}
    with pytest.raises(InputError, match=r"use \.html, \.json"):
        PARROT.save(tmp_path / "a.txt")
