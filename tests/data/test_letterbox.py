"""The letterbox: where a picture lies on its sheet, there and back, and that its pixels are really there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from macaw.data.letterbox import GREY, Letter, fit_letter, fit_letters, place
from macaw.errors import InputError

SIDES = st.integers(1, 12_000)
SHEETS = st.tuples(st.integers(1, 700), st.integers(1, 700))


@given(SIDES, SIDES, SHEETS, st.lists(st.floats(-1e5, 1e5), min_size=4, max_size=4))
def test_places_go_there_and_back(width, height, sheet, corners):
    letter, xyxy = place(width, height, sheet), np.array([corners])
    atol = 1e-9 * max(width, height, 1e5)
    np.testing.assert_allclose(letter.to_picture(letter.to_prepared(xyxy)), xyxy, rtol=0, atol=atol)
    inside = np.array([[0.5, 0.5], [width / 3, height / 7]])
    np.testing.assert_allclose(letter.to_picture(letter.to_prepared(inside)), inside, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(letter.to_prepared(xyxy)[:, :2], letter.to_prepared(xyxy[:, :2]))


@given(SIDES, SIDES, SHEETS)
def test_a_picture_of_any_shape_lies_inside_its_sheet_as_large_as_it_can(width, height, sheet):
    letter, (down, across) = place(width, height, sheet), sheet
    left, top, right, bottom = letter.to_prepared(np.array([0.0, 0.0, width, height])).tolist()
    assert min(right - left, bottom - top) >= 1 - 1e-9
    assert left >= 0 and top >= 0 and right <= across + 1e-9 and bottom <= down + 1e-9
    assert across - (right - left) < 1e-9 or down - (bottom - top) < 1e-9
    for before, after in ((left, across - right), (top, down - bottom)):
        assert 0 <= after - before + 1e-9 < 1 + 2e-9  # centred, but for a pixel that cannot be halved
    assert abs((right - left) - width * letter.scale) <= max(0.5 + 1e-9, 1 - width * letter.scale)


@pytest.mark.parametrize(
    ("width", "height", "sheet"),
    [
        (640, 480, (320, 320)),
        (333, 517, (96, 160)),
        (31, 17, (64, 64)),
        (12_000, 9, (320, 320)),
        (9, 12_000, (320, 320)),
        (1999, 3, (33, 57)),
        (5, 4001, (41, 41)),
    ],
)
def test_a_marker_is_found_where_its_place_says(width, height, sheet):
    across, down = max(1, width // 5), max(1, height // 5)
    x, y = width // 2 + width // 7, height // 4
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y : y + down, x : x + across] = 250
    pixels, letter = fit_letter(picture, sheet)
    light = (
        pixels[letter.top : letter.top + letter.down, letter.left : letter.left + letter.across, 0] / 250.0
    )
    row, column = np.mgrid[: light.shape[0], : light.shape[1]]
    found = np.array([(light * (column + 0.5)).sum(), (light * (row + 0.5)).sum()]) / light.sum()
    expected = letter.to_prepared(np.array([x + across / 2, y + down / 2])) - [letter.left, letter.top]
    thin = np.array([letter.across == 1, letter.down == 1])  # one pixel says where it is to half of one
    assert (abs(found - expected) <= np.where(thin, 0.5, 0.1)).all()
    area = letter.to_prepared(np.array([x, y, x + across, y + down])).reshape(2, 2)
    if not thin.any():  # of one pixel the filter weighs what it stands for by its distance
        assert light.sum() == pytest.approx(np.diff(area, axis=0).prod(), rel=0.1)


def test_one_pixel_becomes_a_square():
    pixels, letter = fit_letter(np.full((1, 1, 3), 9, np.uint8), (40, 60))
    assert (letter.left, letter.top, letter.across, letter.down) == (10, 0, 40, 40)
    assert (pixels[:, 10:50] == 9).all()
    assert (pixels[:, :10] == GREY).all() and (pixels[:, 50:] == GREY).all()


def test_it_shrinks_as_pillow_does_with_antialiasing():
    picture = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    pixels, letter = fit_letter(picture, 200)
    expected = np.asarray(Image.fromarray(picture).resize((200, 150), Image.Resampling.BILINEAR))
    assert (letter.scale, letter.left, letter.top) == (0.5, 0, 25)
    assert abs(pixels[25:175].astype(int) - expected).max() <= 1
    assert (pixels[:25] == GREY).all() and (pixels[175:] == GREY).all()


def test_a_picture_that_fits_stays_as_it_is():
    picture = np.random.default_rng(1).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    pixels, letter = fit_letter(picture, 64)
    assert (pixels[:, 8:56] == picture).all()
    assert letter == Letter(1.0, 8, 0, 48, 64)


def test_a_smaller_copy_is_placed_in_pixels_of_the_whole():
    picture = np.zeros((300, 400, 3), np.uint8)
    _, whole = fit_letter(picture, 100)
    _, copy = fit_letter(picture[::2, ::2], 100, whole=(400, 300))
    assert copy == whole


def test_a_batch_is_its_pictures_one_by_one():
    noise = np.random.default_rng(2)
    pictures = [noise.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((9, 30), (64, 64), (200, 33))]
    sheets, letters = fit_letters(pictures, (64, 96))
    assert sheets.shape == (3, 64, 96, 3) and sheets.dtype == np.uint8
    for one, sheet, letter in zip(pictures, sheets, letters, strict=True):
        alone, where = fit_letter(one, (64, 96))
        assert (alone == sheet).all() and where == letter
    assert fit_letters([], 32)[0].shape == (0, 32, 32, 3)


def test_what_cannot_be_placed_is_named():
    with pytest.raises(InputError, match="640 x 480 pixels on 0 x 0"):
        place(640, 480, 0)
    with pytest.raises(InputError, match=r"shape \(5, 3\)"):
        place(640, 480, 64).to_picture(np.zeros((5, 3)))
