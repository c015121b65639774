"""A glance into a model, as values, words, a page and a picture."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results.autoregression import Autoregression
from macaw.results.glance import Attention, Glance, Ladder, Lens, Pull, Rung, Share
from macaw.results.glance_words import glanced, pulled, settled
from macaw.results.turns import Turn
from macaw.testing import check_result

LENS = Lens(
    (("␣a", "␣the"), ("␣fox", "<b>"), ("␣fox", "␣owl")),
    np.array([[0.3, 0.2], [0.4, 0.3], [0.9, 0.05]]),
    np.array([0.01, 0.4, 0.9]),
    np.array([12, 1, 1]),
)
ATTENTION = Attention(
    ("</s>", "␣once", "<i>"),
    np.array([[0.5, 0.2, 0.2], [0.0, 0.1, 0.9]]),
    np.array([[0.9, 0.4, 0.3], [0.0, 0.3, 1.0]]),
    np.array([0.1, 0.0]),
    heads=4,
)
PULL = Pull("gradient", ("␣a", "␣b", "␣c", "␣d"), np.array([0.01, 0.0, 0.09, 0.9]))
LADDER = Ladder(
    (
        Rung("␣the ␣quick", 4, 3, 2, (("␣fox", 3), ("␣owl", 1)), 1.0, 0.6),
        Rung("␣quick", 9, 4, 5, (("␣fox", 4), ("␣owl", 2)), 0.3, 0.4),
        Rung("", 900, 9, 300, (("␣the", 80),), 0.1, 0.01),
    ),
    0.722,
)
SHARES = (Share("5-gram", 0.4, 0.9, 0.75), Share("LSTM", 0.6, 0.2, 0.25))
TURN = Turn(
    token=1, text=" fox", how="drawn", ids=np.array([1, 2]), names=("␣fox", "␣owl"),
    probs=np.array([0.9, 0.05]), drawn=np.array([0.9, 0.05]), cut=("", ""), logp=float(np.log(0.9)), rank=1,
    entropy=0.6,
)  # fmt: skip
WHY = Autoregression(
    np.array([5, 1], np.int32),
    (TURN,),
    1,
    lead="once",
    model="toy",
    inside=(
        Glance("toy", 1, "␣fox", attention=ATTENTION, lens=LENS, shares=SHARES),
        Glance("LSTM", 1, "␣fox", pull=PULL),
        Glance("5-gram", 1, "␣fox", ladder=LADDER),
    ),
)


def test_it_is_part_of_a_result_that_keeps_the_contract():
    check_result(WHY)
    check_result(replace(WHY, inside=(Glance("toy", 1, "␣fox"),)))


def test_the_numbers_follow_from_the_values():
    assert LENS.settled == 2 and replace(LENS, names=LENS.names[::-1]).settled == 3
    assert ATTENTION.top(0, 2) == [("</s>", 0.5), ("␣once", 0.2)]
    assert PULL.reach == 1 and replace(PULL, values=np.array([1.0, 1, 1, 1])).reach == 4
    assert replace(PULL, values=np.zeros(4)).reach == 0 and PULL.top(1) == [("␣d", 0.9)]
    assert [rung.adds for rung in LADDER.rungs] == pytest.approx([0.6, 0.12, 0.001])
    assert LADDER.rest == pytest.approx(0.001)


def test_its_dictionary_has_all_that_a_page_needs():
    first, second, third = json.loads(json.dumps(WHY.to_dict(), allow_nan=False))["inside"]
    assert first["turn"] == 1 and first["token"] == "␣fox" and first["pull"] is None
    assert first["lens"]["blocks"][2]["tokens"][0] == {"name": "␣fox", "prob": 0.9}
    assert first["lens"]["blocks"][0]["rank"] == 12 and first["attention"]["most"][1] == [0.0, 0.3, 1.0]
    assert first["shares"][0] == {"name": "5-gram", "weight": 0.4, "prob": 0.9, "brought": 0.75}
    assert second["pull"]["values"] == [0.01, 0.0, 0.09, 0.9]
    assert third["ladder"]["rungs"][1]["adds"] == pytest.approx(0.12)
    assert third["ladder"]["rungs"][1]["firsts"][1] == {"name": "␣owl", "count": 2}


def test_the_page_shows_each_without_a_script():
    html = WHY.to_html()
    for words in (
        "What it would have said after each block", "From block 2 of 3 on “␣fox” comes first.",
        "Where its heads looked", "over the 4 heads", "all before", "Which past tokens move it",
        "Nine tenths of it lie within the last 1 token of 4.", "3 of 4", "and 299 others",
        "What each part brought", "75.0 %",
    ):  # fmt: skip
        assert words in html
    assert "<script" not in html and "&lt;i&gt;" in html and "<i>" not in html.replace("<i></i>", "")
    assert "<section>\n<h2>Inside</h2>" not in replace(WHY, inside=()).to_html()


def test_nothing_is_said_of_what_shows_nothing():
    assert "<h2>Inside</h2>" not in replace(WHY, inside=(Glance("toy", 1, "␣fox"),)).to_html()


def test_the_terminal_has_a_line_for_each():
    text = str(WHY)
    for words in (
        "toy at turn 1, ␣fox: brought by 5-gram 75.0 %, LSTM 25.0 %",
        "first choice block by block: ␣a > ␣fox > ␣fox",
        "its last block looked at <i> 90.0 %, ␣once 10.0 %",
        "LSTM at turn 1, ␣fox: moved most by ␣d, ␣c, ␣a",
        "counted 3 of 4 after “␣the ␣quick”, which adds 60.0 % of 72.2 %",
    ):
        assert words in text
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    console.print(WHY)
    assert "first choice block by block" in console.file.getvalue()  # type: ignore[attr-defined]


def test_words_tell_the_edges():
    assert settled(replace(LENS, names=LENS.names[::-1])) == "“␣a” comes first with the last block only."
    assert pulled(replace(PULL, by="erasure", values=np.zeros(4))).endswith("is left out.")
    assert glanced(Glance("x", 1, "y", ladder=Ladder((), 0.5))) == ["50.0 %, from no count"]
    assert "anywhere" in glanced(Glance("x", 1, "y", ladder=Ladder(LADDER.rungs[2:], 0.5)))[0]


def test_what_does_not_fit_is_refused_in_a_line():
    with pytest.raises(InputError, match="attention of shape"):
        replace(ATTENTION, mean=np.zeros((2, 2)))
    with pytest.raises(InputError, match="rows of names"):
        replace(LENS, probs=np.zeros((3, 3)))
    with pytest.raises(InputError, match="one for each block"):
        replace(LENS, came=np.zeros(2))
    with pytest.raises(InputError, match="4 tokens have values of shape"):
        replace(PULL, values=np.zeros(3))
    with pytest.raises(InputError, match="turn 2 was looked into; the text has 1 to 1"):
        replace(WHY, inside=(Glance("toy", 2, "x"),))
