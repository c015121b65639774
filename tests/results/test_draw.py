"""The drawing sheet: text that fits, sharp bars, pictures in their places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.results.draw import BLUE, ELLIPSIS, Box, Sheet, Style, blend, drawable, inside

SHEET = Sheet(400, 200)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)


def dark(sheet):
    return (np.asarray(sheet.picture()) < 250).any(axis=2)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.floats(40, 400))
def test_fitted_text_fits_and_is_a_beginning(words, width):
    shown = SHEET.fit(words, width)
    plain = " ".join(words.split())
    assert SHEET.measure(shown) <= width or shown == ELLIPSIS
    if shown != plain:
        assert shown.endswith(ELLIPSIS)
        assert plain.startswith(shown.removesuffix(ELLIPSIS))
        assert SHEET.measure(plain) > width


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=20), min_size=1, max_size=8), st.floats(60, 400))
def test_wrapped_text_loses_nothing_but_what_does_not_fit(words, width):
    lines = SHEET.wrap(" ".join(words), width, lines=2)
    assert len(lines) <= 2
    assert all(SHEET.measure(line) <= width for line in lines)
    if not lines[-1].endswith(ELLIPSIS):
        assert "".join(lines).replace(" ", "") == "".join(words)


def test_measured_width_is_the_width_of_the_ink():
    sheet = Sheet(600, 60)
    sheet.text(50, 30, "Hamburgefonts", style=Style(30))
    columns = np.flatnonzero(dark(sheet).any(axis=0))
    assert np.ptp(columns) == pytest.approx(sheet.measure("Hamburgefonts", Style(30)), abs=5)
    assert columns[0] == pytest.approx(50, abs=5)


def test_right_aligned_and_turned_text_ends_where_it_should():
    sheet = Sheet(300, 300)
    sheet.text(200, 50, "right", align="right")
    assert np.flatnonzero(dark(sheet).any(axis=0)).max() == pytest.approx(199, abs=3)
    sheet = Sheet(300, 300)
    sheet.text(150, 250, "upwards", turn=90)
    rows = np.flatnonzero(dark(sheet).any(axis=1))
    assert rows.max() == pytest.approx(249, abs=4)
    assert np.ptp(rows) == pytest.approx(sheet.measure("upwards"), abs=5)


def test_bars_are_sharp_and_exact():
    sheet = Sheet(100, 50)
    sheet.bar(Box(10, 20, 30, 5), BLUE)
    pixels = np.asarray(sheet.picture())
    blue = [int(BLUE[i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels[20:25, 10:40] == blue).all()
    pixels = pixels.copy()
    pixels[20:25, 10:40] = 255
    assert (pixels == 255).all()


def test_cells_are_flat_squares():
    sheet = Sheet(60, 60)
    colors = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    sheet.cells(colors, Box(10, 10, 40, 40))
    pixels = np.asarray(sheet.picture())
    for row in range(2):
        for column in range(2):
            block = pixels[10 + 20 * row : 30 + 20 * row, 10 + 20 * column : 30 + 20 * column]
            assert (block == colors[row, column]).all()


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_pictures_lie_inside_their_box_and_touch_two_sides(width, height):
    place = inside((width, height), Box(10, 20, 300, 200))
    assert place.x >= 10 and place.y >= 20
    assert place.x + place.width <= 311 and place.y + place.height <= 221
    assert place.width == 300 or place.height == 200


def test_blend_runs_from_paper_to_colour():
    ends = blend(np.array([0.0, 1.0, 7.0, -1.0]), "#102030", "#ffffff")
    assert ends.tolist() == [[255] * 3, [16, 32, 48], [16, 32, 48], [255] * 3]


def test_characters_without_a_glyph_become_a_mark():
    assert drawable("Ünï → α\n\tβ") == "Ünï → α β"
    assert drawable("a\U0001f99c") == "a\ufffd"  # no installed font of ours has a parrot
    assert drawable("\x00") == "\ufffd"
