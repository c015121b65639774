"""A text token by token, as values, words, a page and a picture."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results.autoregression import Autoregression
from macaw.results.autoregression_text import turn_panel
from macaw.results.autoregression_words import percent, product
from macaw.results.erasure import Erasure
from macaw.results.turns import RAREST, Opinion, Rule, Turn
from macaw.testing import check_result

OPINION = Opinion("n-gram", np.array([0.3, 0.2, 0.0]), float(np.log(0.3)), 1)


def turn(token, name, prob, *, how="drawn", **named):
    probs = np.array([0.6, prob, 0.05]) if prob < 0.6 else np.array([prob, 0.1, 0.05])
    ids = np.array([90, token, 92]) if prob < 0.6 else np.array([token, 91, 92])
    names = ("␣the", name, "<script>") if prob < 0.6 else (name, "␣a", "<script>")
    values = {
        "text": name.replace("␣", " "),
        "drawn": probs / probs.sum(),
        "cut": ("", "", ""),
        "entropy": 1.5,
        "opinions": (OPINION,),
        "rank": 2 if prob < 0.6 else 1,
        **named,
    }
    return Turn(token=token, how=how, ids=ids, names=names, probs=probs, logp=float(np.log(prob)), **values)


RULES = (Rule("temperature", 0.8, 8, 1.0), Rule("top_k", 2, 2, 0.9))
WHY = Autoregression(
    np.array([7, 1, 2, 3], np.int32),
    (
        turn(1, "␣once", 0.5, how="given"),
        turn(
            2,
            "␣upon",
            0.8,
            rules=RULES,
            cut=("", "", "top_k"),
            drawn=np.array([0.9, 0.1, 0.0]),
            erasure=Erasure(("so", "␣once"), "␣upon", np.array([0.0, 1.25]), np.array([0.0, 0.7])),
        ),
        turn(3, "␣<b>", 0.001, how="taken"),
    ),
    2,
    lead="so",
    before=-2.0,
    model="toy",
    settings={"temperature": 0.8, "top_k": 2},
    seed=4,
    limit=2,
    ends="limit",
    notes=("a note",),
)


def test_it_keeps_the_contract_of_results():
    check_result(WHY)
    check_result(Autoregression(np.array([1], np.int32), (turn(1, "a", 0.9),), 0))


def test_the_chain_rule_runs_over_all_turns():
    np.testing.assert_allclose(WHY.running, -2 + np.cumsum(np.log([0.5, 0.8, 0.001])))
    assert WHY.bits["toy"] == pytest.approx(-np.log2(0.5 * 0.8 * 0.001))
    assert product(WHY) == "10^-0.9 × 0.5 × 0.8 × 0.001 = 10^-4.3"


def test_prompt_and_text_are_the_pieces():
    assert WHY.prompt == "so once" and WHY.text == " upon <b>" and WHY.headline == "so once upon <b>"


def test_its_dictionary_is_all_a_page_needs():
    values = json.loads(json.dumps(WHY.to_dict(), allow_nan=False))
    assert values["turns"][1]["alternatives"][2] == {
        "id": 92, "name": "<script>", "prob": 0.05, "drawn": 0.0, "cut": "top_k",
    }  # fmt: skip
    assert values["turns"][1]["rules"][1] == {"name": "top_k", "value": 2, "kept": 2, "mass": 0.9}
    assert values["turns"][1]["erasure"]["reach"] == 1
    assert values["ids"] == [7, 1, 2, 3] and values["settings"] == {"temperature": 0.8, "top_k": 2}


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.places, self.words = [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [found["href"]] if tag == "a" else []
        self.places += [found["id"]] if "id" in found else []

    def handle_data(self, data):
        self.words += data


def test_its_page_has_a_place_for_every_token_and_runs_nothing():
    html = WHY.to_html()
    page = Page(html)
    assert page.links == ["#t1", "#t2", "#t3"] and page.places == ["t1", "t2", "t3"]
    assert (
        "script" not in page.tags
        and "img" not in page.tags
        and "http" not in html.replace("http://www.w3.org", "")
    )
    for words in (
        "top-k cuts",
        "n-gram",
        "Depends on:",
        "taken by choice",
        "Top-k 2 keeps 2 with 90 %",
        "a note",
    ):
        assert words in page.words
    assert "<b>" not in page.words.replace("␣<b>", "").replace(" <b>", "")


def test_its_words_tell_each_turn():
    text = str(WHY)
    assert "␣upon" in text and "P = 10^-0.9" in text and "temperature 0.8, top-k 2, seed 4" in text
    assert text.count("bits  P = 10^-") == 3


def test_the_terminal_shows_who_cut_what():
    from rich.console import Console

    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(WHY)
    text = console.file.getvalue()
    for words in ("so once upon", "top-k cuts", "n-gram", "taken by choice", "P so far 10^-1.2"):
        assert words in text
    console.print(turn_panel(WHY.turns[1], 2, -3.0))


def test_a_token_that_never_comes_costs_a_finite_sum():
    one = Turn(**{**vars(turn(1, "a", 0.9)), "probs": np.array([0.0, 0.1, 0.05]), "logp": -np.inf})
    assert one.bits == RAREST
    why = Autoregression(np.array([1], np.int32), (one,), 0)
    json.dumps(why.to_dict(), allow_nan=False)
    assert "100.0 bits" in why.to_html()


def test_percent_is_readable_down_to_nothing():
    assert [percent(p) for p in (1, 0.1234, 0.0004, 2e-6, 0)] == [
        "100.0 %",
        "12.3 %",
        "0.04 %",
        "< 0.01 %",
        "0 %",
    ]


def test_parts_that_do_not_fit_are_refused_in_a_line():
    with pytest.raises(InputError, match="are not those of the last tokens"):
        Autoregression(np.array([1, 9], np.int32), (turn(1, "a", 0.9),), 0)
    with pytest.raises(InputError, match="show one or more"):
        Autoregression(np.array([1], np.int32), (), 0)
    with pytest.raises(InputError, match="opinions of different models"):
        Autoregression(np.array([1, 2], np.int32), (turn(1, "a", 0.9), turn(2, "b", 0.9, opinions=())), 0)
    with pytest.raises(InputError, match="prompt is 3 of 1"):
        Autoregression(np.array([1], np.int32), (turn(1, "a", 0.9),), 3)
    with pytest.raises(InputError, match="none of the alternatives"):
        Turn(**{**vars(turn(1, "a", 0.9)), "token": 5})
    with pytest.raises(InputError, match="give one value each"):
        Turn(**{**vars(turn(1, "a", 0.9)), "drawn": np.zeros(2)})
    with pytest.raises(InputError, match="were left out"):
        Erasure(("a",), "b", np.zeros(2), np.zeros(1))
