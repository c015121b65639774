"""Colours that everyone can tell apart, words that stay in the picture, and how many of what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from macaw.results.chips import Chips
from macaw.results.palette import COLORS, colors, contrast, ink, rgb
from macaw.results.words import counted, several

# What each kind of colour vision makes of linear RGB (Machado et al. 2009, doi 10.1109/TVCG.2009.113)
VISION = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
}


def seen(color, matrix):
    values = np.array(rgb(color)) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    out = np.clip(np.array(matrix) @ linear, 0, 1)
    return rgb2lab(np.where(out <= 0.0031308, 12.92 * out, 1.055 * out ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("kind", VISION)
def test_every_kind_of_colour_vision_tells_the_colours_apart(kind):
    lab = [seen(color, VISION[kind]) for color in COLORS]
    apart = [[deltaE_ciede2000(lab[i], lab[j]) for j in range(i)] for i in range(len(lab))]
    assert min(min(some) for some in apart[1:14]) > 11  # at 2 a difference is just seen side by side
    assert min(min(some) for some in apart[1:]) > 8


def test_words_are_read_on_every_colour():
    table = colors([f"{i:02}" for i in range(20)])
    assert len(set(table.values())) == 20
    assert min(contrast(ink(color), color) for color in table.values()) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.005
    )  # the well-known grey that just fails


def test_a_class_keeps_its_colour_in_whatever_order_the_table_is():
    names = ["dog", "cat", "bus", "apple"]
    assert colors(names) == colors(names[::-1])
    assert list(colors(names)) == names


BOXES = st.tuples(*[st.floats(-50, 350)] * 4).map(
    lambda c: np.array([min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])])
)


@given(st.lists(BOXES, min_size=1, max_size=30))
def test_words_never_leave_the_picture(boxes):
    chips = Chips(300, 200)
    for xyxy in boxes:
        (x, y, width, height), covered = chips.spot((80, 20), xyxy)
        assert (width, height) == (80, 20)
        assert 0 <= x <= 220 and 0 <= y <= 180
        assert 0 <= covered
        chips.take(chips.spot((80, 20), xyxy).box)
    assert Chips(60, 200).spot((80, 20), boxes[0]) is None


def test_words_go_where_there_is_room():
    chips, xyxy = Chips(300, 200), np.array([50.0, 60.0, 200.0, 150.0])
    first = chips.spot((60, 20), xyxy)
    assert (first.box.x, first.box.y, first.covered) == (50, 40, 0)  # on top of the box, at its left
    places = []
    for _ in range(8):
        spot = chips.spot((60, 20), xyxy)
        assert spot.covered == 0
        chips.take(spot.box)
        places.append((spot.box.x, spot.box.y))
    assert len(set(places)) == 8


def test_words_for_numbers_of_things():
    assert counted({"dog": 2, "cat": 1}) == "2 dogs, 1 cat"
    assert counted({}) == ""
    assert counted(dict.fromkeys("abcdefg", 1)) == "1 a, 1 b, 1 c, 1 d, 1 e and 2 kinds more"
    told = [
        several(2, name) for name in ("bus", "person", "traffic light", "wine glass", "sheep", "berry", "WBC")
    ]
    assert told == [
        "2 buses",
        "2 people",
        "2 traffic lights",
        "2 wine glasses",
        "2 sheep",
        "2 berries",
        "2 × WBC",
    ]
    assert several(1, "WBC") == "1 WBC"
    assert several(2000, "toy") == "2,000 toys"
