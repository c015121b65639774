"""Raw picture to model input: right size, right place, right values, for any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from macaw.data.prepare import Fit, fit, normalise, read_fit, read_whole
from macaw.errors import InputError


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60), st.just(3))),
    st.integers(1, 40),
)
def test_any_shape_fits(picture, size):
    fitted = fit(picture, size)
    assert fitted.shape == (size, size, 3)
    assert fitted.dtype == np.uint8
    if picture.shape[:2] == (size, size):
        assert (fitted == picture).all()


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64), st.integers(0, 255))
def test_a_plain_picture_stays_plain(height, width, size, shade):
    assert (fit(np.full((height, width, 3), shade, np.uint8), size) == shade).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3), (3000, 4)])
def test_extreme_shapes(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert fit(picture, 32).shape == (32, 32, 3)


@pytest.mark.parametrize(("height", "width", "size"), [(40, 80, 20), (64, 32, 16), (10, 30, 20), (27, 27, 9)])
def test_equals_scaling_the_whole_and_cutting_then(photo, height, width, size):
    picture = Image.fromarray(photo).resize((width, height))
    short = min(height, width)
    whole = picture.resize((width * size // short, height * size // short), Image.Resampling.BICUBIC)
    left, top = (whole.width - size) // 2, (whole.height - size) // 2
    expected = np.asarray(whole.crop((left, top, left + size, top + size)))
    assert abs(fit(np.asarray(picture), size).astype(int) - expected).max() <= 1


def test_keeps_the_centre_and_no_colour_moves():
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, :20, 0] = 255  # red, green, blue thirds
    picture[:, 20:40, 1] = 255
    picture[:, 40:, 2] = 255
    fitted = fit(picture, 10)
    assert (fitted[:, 1:-1] == [0, 255, 0]).all()


def test_shrinking_is_antialiased():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255  # without antialiasing: all black, all white, or moiré
    fitted = fit(stripes, 32).astype(int)
    assert abs(fitted - 127.5).max() < 12


@pytest.mark.parametrize("size", [0, -3])
def test_size_must_be_positive(photo, size):
    with pytest.raises(InputError, match="give 1 or more"):
        fit(photo, size)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.tuples(*[st.floats(0.05, 1)] * 3),
)
def test_normalise_is_the_formula(pictures, mean, std):
    seen = normalise(pictures, mean, std)
    assert seen.dtype == np.float32
    assert seen.flags.c_contiguous
    expected = ((pictures.astype(np.float64) / 255 - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_normalise_by_known_values():
    # torchvision's ImageNet constants: white is (1 - mean) / std
    white = normalise(np.full((1, 1, 1, 3), 255, np.uint8), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    np.testing.assert_allclose(white.ravel(), [2.24891, 2.42857, 2.64], atol=1e-4)


def test_read_fit_is_close_to_fitting_the_whole_picture(make, photo):
    large = Image.fromarray(photo).resize((1800, 1200), Image.Resampling.BICUBIC)
    for kind in ("JPEG", "PNG"):
        data = make.encode(large, kind)
        seen = read_fit(data, 48)
        assert abs(seen.astype(int) - fit(np.asarray(large), 48)).max() <= 4


def test_read_fit_turns_before_it_cuts(make):
    picture = np.zeros((60, 180, 3), np.uint8)
    picture[:20, 60:120] = 255  # the centre's upper third is white
    exif = Image.Exif()
    exif[274] = 3
    seen = read_fit(make.encode(picture, "PNG", exif=exif), 30)
    assert (seen[22:, 2:-2] == 255).all()
    assert (seen[:18] == 0).all()


@pytest.mark.parametrize("kind", ["array", "picture", "file"])
def test_a_large_picture_is_read_smaller_and_keeps_its_own_size(kind: str, tmp_path):
    picture = np.zeros((1500, 2000, 3), np.uint8)
    source = {"array": picture, "picture": Image.fromarray(picture), "file": tmp_path / "large.png"}[kind]
    Image.fromarray(picture).save(tmp_path / "large.png")
    pixels, size = read_whole(source, Fit(64, resize="letter"))
    assert size == (2000, 1500) and pixels.shape[0] < 1500
