"""Texts that were written and scored, as values, words, pages and pictures."""

from __future__ import annotations

import io
import json
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from macaw.errors import InputError
from macaw.results.completion import Completion
from macaw.results.completion_words import again, ended, line
from macaw.results.draw import Sheet
from macaw.results.scored import Scored
from macaw.results.shaded import shade
from macaw.results.story import Story
from macaw.results.text_sheet import broken
from macaw.testing import check_result

PIECES = (" upon", " a", " <b>", " time", "")
NAMES = ("␣upon", "␣a", "␣<b>", "␣time", "<end>")
LOGP = -np.log(2) * np.array([0.5, 2.0, 12.0, 4.0, 1.0])
TOLD = Completion(
    "Once",
    " upon a <b> time",
    NAMES,
    LOGP,
    "end",
    model="toy",
    settings={"temperature": 0.8, "top_p": 0.95},
    seed=4,
    pieces=PIECES,
    limit=9,
)
TALE = Story(
    "The Fox & the Moon\n\n",
    "Once there was a fox.\nIt saw the moon, and",
    ("all",),
    np.array([-40.0]),
    "limit",
    model="story",
    limit=600,
)
SCORED = Scored(
    "Once upon a <b> time",
    ("Once", *NAMES[:4]),
    np.array([-3.0, *LOGP[:4]]),
    20,
    "toy",
    pieces=("Once", *PIECES[:4]),
)


class Text(HTMLParser):
    """What a page says, and the tags it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said, self.tags, self.urls = "", set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.urls += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.said += data


@pytest.mark.parametrize("one", [TOLD, TALE, SCORED], ids=lambda one: type(one).__name__)
def test_they_keep_the_contract_of_results(one):
    check_result(one)


def test_a_completion_is_its_prompt_and_its_text():
    assert str(TOLD) == "Once upon a <b> time" == TOLD.headline
    assert TOLD.bits == pytest.approx(19.5)
    values = TOLD.to_dict()
    assert values["tokens"][2] == {"token": "␣<b>", "text": " <b>", "logp": round(-12 * np.log(2), 6)}
    assert "".join(one["text"] for one in values["tokens"]) == values["text"]


def test_the_prompt_is_dim_in_a_terminal():
    sink = io.StringIO()
    Console(file=sink, force_terminal=True, color_system="truecolor", width=60).print(TOLD)
    assert sink.getvalue().startswith("\x1b[2mOnce\x1b[0m upon")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"logp": LOGP[:2]}, r"5 tokens need \(5,\)"),
        ({"logp": LOGP + 5}, "0 or less"),
        ({"logp": LOGP * np.nan}, "0 or less"),
        ({"pieces": ("a",)}, "1 pieces for 5 tokens"),
        ({"pieces": ("a", "", "", "", "")}, "must spell it"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed, words):
    with pytest.raises(InputError, match=words):
        Completion(**{**vars(TOLD), **changed})


def test_a_story_is_a_title_and_paragraphs():
    assert TALE.title == "The Fox & the Moon"
    assert TALE.paragraphs == ("Once there was a fox.", "It saw the moon, and")
    assert TALE.headline == "The Fox & the Moon: Once there was a fox. It saw the moon, and"
    begun = Story("", "The F", ("The", "F"), np.zeros(2), "limit")
    assert begun.title == "The F" and begun.paragraphs == () and begun.plot().size


def test_a_scored_text_has_figures_that_compare():
    assert SCORED.bits == pytest.approx(3 / np.log(2) + 18.5)
    assert SCORED.bits_per_byte == pytest.approx(SCORED.bits / 20)
    assert SCORED.hardest(2) == (3, 0 if 3 / np.log(2) > 4 else 4)
    lines = str(SCORED).split("\n")
    assert (
        "bits per byte, perplexity" in lines[0] and lines[2].split() == "␣<b> 12.0 after Once upon a".split()
    )
    lost = Scored(**{**vars(SCORED), "lossless": False})
    assert lost.bits_per_byte is None and lost.to_dict()["bits_per_byte"] is None
    assert "do not tell" in Text(lost.to_html()).said


def test_a_token_that_never_comes_is_null_in_json():
    never = Scored("x", ("x",), np.array([-np.inf]), 1)
    assert json.loads(json.dumps(never.to_dict(), allow_nan=False))["tokens"] == [
        {"token": "x", "logp": None}
    ]
    assert "inf" in str(never) and never.plot().size


@pytest.mark.parametrize("one", [TOLD, TALE, SCORED], ids=lambda one: type(one).__name__)
def test_a_page_loads_nothing_and_shows_the_text_as_it_is(one):
    page = Text(one.to_html())
    assert "script" not in page.tags and "b" not in page.tags
    assert all(url.startswith(("data:", "#")) for url in page.urls)
    whole = one.text if isinstance(one, Scored) else str(one)
    assert all(words in page.said for words in whole.split("\n"))


def test_a_page_says_how_to_make_the_text_again():
    said = Text(TOLD.to_html()).said
    assert "macaw run complete Once --temperature 0.8 --top-p 0.95 --seed 4 --limit 9" in said
    other = Completion(**{**vars(TOLD), "prompt": "it's\nso", "item": 2, "stop": ("\n",)})
    words = shlex.split(again(other))
    assert words[3] == "it's\nso" and words[-4:] == ["--stop", "\n", "--count", "3"]


def test_a_story_that_was_cut_says_so():
    assert "limit of 600 tokens, in the middle of a sentence" in Text(TALE.to_html()).said
    assert "in the middle" in Text(TALE.fragment()).said
    done = Story(**{**vars(TALE), "ends": "end"})
    assert "limit" not in Text(done.fragment()).said and ended(done)
    whole = Story(**{**vars(TALE), "text": "It slept.”"})
    assert "in the middle" not in ended(whole)


def test_fragments_have_the_text_and_its_shades():
    fragment = TOLD.fragment()
    assert '<span class="tok b4" title="␣&lt;b&gt;: 12.0 bits"> &lt;b&gt;</span>' in fragment
    assert Text(fragment).said.startswith("Once upon a <b> time")
    assert [shade(bits) for bits in (0.9, 1, 3, 6, 10, 99)] == [0, 1, 2, 3, 4, 4]


def test_files_hold_the_text(tmp_path):
    assert TOLD.save(tmp_path / "a.txt").read_text() == f"{TOLD}\n"
    assert SCORED.save(tmp_path / "b.txt").read_text() == f"{SCORED}\n"
    assert TALE.save(tmp_path / "c.html").read_text().startswith("<!doctype html>")
    with pytest.raises(InputError, match=r"use \.txt, \.json"):
        TOLD.save(tmp_path / "a.pdf")


def test_a_long_text_is_one_line_cut_between_words():
    assert line("one two  three\nfour", 12) == "one two…"
    assert line("short\ntext") == "short text" and line("x" * 300).endswith("…")


def test_lines_on_a_sheet_are_the_text_in_its_order():
    sheet = Sheet(600, 100)
    text = "  A first paragraph that is long enough to be broken.\n\nAnd " + "endless" * 20 + " words"
    rows = broken(sheet, text, 300)
    assert all(text[row.start : row.start + len(row.words)] == row.words for row in rows)
    assert "".join("".join(row.words for row in rows).split()) == "".join(text.split())
    assert all(sheet.measure(row.words) <= 300 for row in rows)
    cut = broken(sheet, text, 300, lines=2)
    assert len(cut) == 2 and cut[-1].words.endswith("…") and sheet.measure(cut[-1].words) <= 300


def test_a_sheet_of_a_story_is_as_high_as_it_must_be():
    words = "It went on and on, and nobody knew why. " * 60
    longer = Story(**{**vars(TALE), "text": "\n".join([words] * 8)})
    assert TALE.plot().height < 600 < longer.plot().height <= 3000
