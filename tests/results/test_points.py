"""Points: what they say and refuse, and that decoding finds places between bins and between cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from macaw.data.letterbox import place
from macaw.errors import InputError, ModelError, UnknownName
from macaw.results.palette import COLORS, rgb
from macaw.results.point_decode import decode_heatmaps, decode_simcc
from macaw.results.points import Point, Points
from macaw.testing import check_result

NAMES = ("left eye", "right eye", "nose")
XY = np.array([[30.5, 40], [60, 41.25], [45, 60]])
SCORES = np.array([0.9, 0.8, 0.2])


def made(**change):
    return Points(**({"names": NAMES, "xy": XY, "scores": SCORES, "size": (96, 96)} | change))


def test_points_by_place_and_name():
    points = made()
    assert len(points) == 3
    assert points["nose"] == points[2] == points[-1] == Point("nose", pytest.approx(0.2), 45, 60)
    assert [one.name for one in points] == list(NAMES)
    assert points.sure.tolist() == [True, True, False]
    with pytest.raises(UnknownName, match=r"no point 'noise'.*Did you mean 'nose'"):
        points["noise"]


def test_words():
    points = made()
    assert points.headline == "3 points, 2 of them sure"
    assert made(scores=[1, 1, 1]).headline == "3 points, all sure"
    assert str(points).splitlines()[0] == "  left eye    90.0 %     30.5,    40.0"
    assert points.rank(NAMES) is None
    assert "least sure: nose" in points.fragment()


@pytest.mark.parametrize(
    "points",
    [
        made(),
        made(size=(0, 0), edges=((0, 1), (1, 2))),
        made(picture=np.full((96, 96, 3), 50, np.uint8), edges=[[0, 2]], source="face.jpg"),
        made(xy=XY - 1000),
    ],
)
def test_the_contract_of_results(points):
    check_result(points)


def test_values():
    values = made(edges=((0, 1),)).to_dict()
    assert values["points"][1] == {"name": "right eye", "x": 60.0, "y": 41.25, "score": 0.8}
    assert (values["size"], values["edges"]) == ([96, 96], [[0, 1]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ()}, "table of points is empty"),
        ({"names": ("a", "a", "b")}, "'a' twice"),
        ({"xy": XY[:2]}, r"xy has shape \(2, 2\)"),
        ({"scores": SCORES[:2]}, r"scores \(2,\)"),
        ({"scores": SCORES * 2}, r"between 0\.4 and 1\.8"),
        ({"scores": SCORES * np.nan}, "0..1"),
        ({"xy": XY * [[1, 1], [1, np.nan], [1, 1]]}, "point 'right eye' is not finite"),
        ({"edges": ((0, 3),)}, "an edge joins points that are not there; there are 3"),
        ({"picture": np.zeros((4, 4))}, "picture is float64"),
    ],
)
def test_wrong_parts_are_named(change, words):
    with pytest.raises(InputError, match=words):
        made(**change)


# ---------------------------------------------------------------------------- from raw output


def line(places, bins, spread):
    """Logits of Gaussians (..., bins) about places, in bins."""
    return -((np.arange(bins) + 0.5 - np.asarray(places)[..., None]) ** 2) / (2 * spread**2)


@pytest.mark.parametrize("spread", [1.0, 2.0, 4.0])
def test_simcc_finds_places_between_bins(spread):
    noise = np.random.default_rng(0)
    xy = noise.uniform([20, 15], [108, 81], (4, 3, 2))  # in 128 x 96 pixels
    raw = np.concatenate([line(2 * xy[..., 0], 256, spread), line(2 * xy[..., 1], 192, spread)], axis=2)
    for points, truth in zip(decode_simcc(raw, NAMES, prepared=(96, 128)), xy, strict=True):
        np.testing.assert_allclose(points.xy, truth, atol=0.08)
        assert points.size == (128, 96)
        assert (points.scores > 0.9).all()


def test_a_point_at_the_edge_stays_there():
    raw = np.concatenate([line([[0.5]], 64, 1.0), line([[63.5]], 64, 1.0)], axis=2)
    (points,) = decode_simcc(raw, ("tip",), prepared=(32, 32))
    assert points.xy.tolist() == [[0.25, 31.75]]


def test_a_point_that_could_be_elsewhere_is_doubtful():
    two = np.logaddexp(line([[20.5]], 128, 1.5), line([[100.5]], 128, 1.5) - 1e-3)
    raw = np.concatenate([two, line([[50.5]], 128, 1.5)], axis=2)
    (points,) = decode_simcc(raw, ("tip",), prepared=(64, 64))
    assert points.xy[0].tolist() == pytest.approx([10.25, 25.25], abs=0.01)
    assert points.scores[0] == pytest.approx(0.5, abs=0.01)
    flat = decode_simcc(np.zeros((1, 1, 256)), ("tip",), prepared=(64, 64))[0]
    assert flat.scores[0] < 0.1


def heat(xy, cells, spread=2.0):
    """Logits (B, K, h, w) of Gaussians of height 1 about places in cells, as heads are trained on."""
    x, y = (line(xy[..., axis], cells[1 - axis], spread) for axis in (0, 1))
    return logit(np.clip(np.exp(y[..., :, None] + x[..., None, :]), 1e-9, 1 - 1e-9))


def test_heat_finds_places_between_cells():
    xy = np.random.default_rng(1).uniform([5, 5], [27, 19], (4, 3, 2))  # in 32 x 24 cells
    for points, truth in zip(decode_heatmaps(heat(xy, (24, 32)), NAMES, prepared=(96, 128)), xy, strict=True):
        np.testing.assert_allclose(points.xy, 4 * truth, atol=0.02)
        assert (points.scores > 0.9).all()


def test_heat_at_the_edge_and_no_heat():
    xy = np.array([[[0.2, 0.3], [15.9, 15.8], [8.0, 0.1]]])
    (points,) = decode_heatmaps(heat(xy, (16, 16)), NAMES, prepared=(16, 16))
    np.testing.assert_allclose(points.xy, xy[0], atol=0.8)
    (nothing,) = decode_heatmaps(np.full((1, 3, 16, 16), -99.0), NAMES, prepared=(16, 16))
    assert (nothing.scores < 1e-9).all()
    assert (nothing.xy == 0.5).all()


@pytest.mark.parametrize("decode", [decode_simcc, decode_heatmaps])
def test_places_come_back_to_the_picture(decode):
    truth = np.array([[[100.0, 50], [300, 120], [505.5, 199]]])  # in 600 x 200 pixels
    letter = place(600, 200, 128)
    prepared = letter.to_prepared(truth)
    if decode is decode_simcc:
        raw = np.concatenate([line(2 * prepared[..., axis], 256, 2.0) for axis in (0, 1)], axis=2)
    else:
        raw = heat(prepared / 4, (32, 32))
    (points,) = decode(raw, NAMES, prepared=(128, 128), letters=[letter], sources=["a"], edges=((0, 1),))
    np.testing.assert_allclose(points.xy, truth[0], atol=0.5)
    assert (points.size, points.source, points.edges) == ((600, 200), "a", ((0, 1),))
    picture = np.zeros((64, 256, 3), np.uint8)  # it filled what the model saw: stretched
    (points,) = decode(raw, NAMES, prepared=(128, 128), pictures=[picture])
    np.testing.assert_allclose(points.xy, prepared[0] * [2, 0.5], atol=0.2)


@pytest.mark.parametrize("decode", [decode_simcc, decode_heatmaps])
def test_a_batch_is_its_pictures_one_by_one(decode):
    shape = (3, 3, 64) if decode is decode_simcc else (3, 3, 8, 8)
    raw = np.random.default_rng(3).normal(size=shape)
    for number, points in enumerate(decode(raw, NAMES, prepared=(16, 16))):
        alone = decode(raw[number : number + 1], NAMES, prepared=(16, 16))[0]
        assert (alone.xy == points.xy).all() and (alone.scores == points.scores).all()


@pytest.mark.parametrize(
    ("error", "words", "decode", "raw", "options"),
    [
        (ModelError, r"need \(B, 3, 28 x bins", decode_simcc, np.zeros((1, 3, 57)), {"prepared": (12, 16)}),
        (ModelError, r"shape \(1, 2, 56\)", decode_simcc, np.zeros((1, 2, 56)), {}),
        (ModelError, r"shape \(3, 56\)", decode_simcc, np.zeros((3, 56)), {}),
        (ModelError, "input 0 is not finite", decode_simcc, np.full((1, 3, 56), np.nan), {}),
        (ModelError, r"need \(B, 3, h, w\)", decode_heatmaps, np.zeros((1, 2, 8, 8)), {}),
        (ModelError, "input 0 is not finite", decode_heatmaps, np.full((1, 3, 8, 8), np.inf), {}),
        (InputError, "2 sources for 1 outputs", decode_heatmaps, np.zeros((1, 3, 8, 8)), {"sources": "ab"}),
    ],
)
def test_decoding_names_what_is_wrong(error, words, decode, raw, options):
    with pytest.raises(error, match=words):
        decode(raw, NAMES, **({"prepared": (12, 16)} | options))


# ---------------------------------------------------------------------------- drawn


def test_sure_points_are_filled_and_doubtful_ones_are_hollow():
    picture = np.full((96, 96, 3), 50, np.uint8)
    pixels = np.asarray(made(picture=picture).plot())
    assert pixels.shape == (672, 672, 3)  # seven times as large
    for (x, y), sure in zip(XY * 7, made().sure, strict=True):
        assert (tuple(pixels[round(y), round(x)]) == rgb(COLORS[1])) == bool(sure)
    assert tuple(pixels[60 * 7, 45 * 7]) == (50, 50, 50)
