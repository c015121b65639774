"""Scores of key points: hand cases, numerical integration, normalisers, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.metrics.intervals import wilson_interval
from macaw.metrics.points import Normaliser, area_under, between, box_diagonal, box_side, score_points
from macaw.testing import check_result

NAMES = ("left eye", "right eye", "nose", "mouth")
FACE = np.array([[10.0, 10, 2], [30, 10, 2], [20, 20, 1], [20, 30, 0]])  # the mouth is not labelled


def faces(count, seed=0, spread=1.0, points=68):
    random = np.random.default_rng(seed)
    truth = np.concatenate(
        [random.random((count, points, 2)) * 100, np.full((count, points, 1), 2.0)], axis=2
    )
    found = truth[:, :, :2] + random.normal(size=(count, points, 2)) * spread * random.random((count, 1, 1))
    return (
        found,
        truth,
        tuple(f"point {i}" for i in range(points)),
        Normaliser("box side", np.full(count, 50.0)),
    )


def test_one_face_by_hand():
    """Eyes 20 px apart; the left one lies 3-4-5 off, the nose 1, the mouth counts for nothing."""
    found = FACE[None, :, :2] + np.array([[3, 4], [0, 0], [1, 0], [50, 50]])
    scores = score_points(found, FACE[None], NAMES, normaliser=between(FACE[None], (0, 1)))
    error = (5 + 0 + 1) / 3 / 20
    assert scores.errors.tolist() == pytest.approx([error])
    values = {name: one.value for name, one in scores.metrics.items()}
    assert values == pytest.approx(
        {
            "NME, inter-ocular": error,
            "failures above 8 %": 1.0,
            "failures above 10 %": 0.0,
            "area up to 8 %": 0.0,
            "area up to 10 %": 0.0,
            "PCK 5 %": 2 / 3,
            "PCK 10 %": 2 / 3,
            "PCK 20 %": 2 / 3,
        }
    )
    assert [one.error for one in scores.per_point] == [5 / 20, 0, 1 / 20, None]
    assert [(one.count, one.within) for one in scores.per_point] == [(1, 0), (1, 1), (1, 1), (0, None)]
    assert scores.headline.startswith("NME, inter-ocular: 10.0")


def test_normalisers_by_hand():
    boxes = np.array([[0, 0, 3, 4], [1, 1, 5, 10]], float)
    assert box_diagonal(boxes).lengths.tolist() == pytest.approx([5, 97**0.5])
    assert box_side(boxes).lengths.tolist() == pytest.approx([12**0.5, 6])
    named = between(np.stack([FACE, FACE * [2, 2, 1]]), (0, 2), name="eye to nose")
    assert (named.name, named.lengths.tolist()) == ("eye to nose", pytest.approx([200**0.5, 800**0.5]))
    assert between(FACE[None, :, :2], (0, 3)).lengths.tolist() == pytest.approx(
        [500**0.5]
    )  # without v: all there


@settings(max_examples=30)
@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=40), st.sampled_from([0.05, 0.08, 0.1]))
def test_the_area_is_that_under_the_cumulative_curve(errors, end):
    errors = np.array(errors)
    steps = (np.arange(20_000) + 0.5) * end / 20_000
    curve = np.searchsorted(np.sort(errors), steps, side="right") / len(errors)
    assert area_under(errors, end) == pytest.approx(curve.mean(), abs=2e-4)


def test_shares_are_shares():
    found, truth, names, normaliser = faces(300, spread=8.0)
    scores = score_points(found, truth, names, normaliser=normaliser)
    gaps = np.linalg.norm(found - truth[:, :, :2], axis=2) / 50
    assert scores.metrics["NME, box side"].value == pytest.approx(gaps.mean())
    for share in (5, 10, 20):
        assert scores.metrics[f"PCK {share} %"].value == pytest.approx((gaps <= share / 100).mean())
    for end in (8, 10):
        failed = int((gaps.mean(axis=1) > end / 100).sum())
        assert scores.metrics[f"failures above {end} %"] == wilson_interval(failed, 300)
    assert scores.worst(1) == (int(gaps.mean(axis=1).argmax()),)


def test_intervals_hold_their_value_narrow_with_pictures_and_follow_the_seed():
    def measured(count, seed=0):
        found, truth, names, normaliser = faces(count)
        return score_points(found, truth, names, normaliser=normaliser, seed=seed).metrics

    few, many = measured(20), measured(500)
    assert all(0 <= one.low <= one.value <= one.high for one in (*few.values(), *many.values()))
    name = "NME, box side"
    assert many[name].high - many[name].low < 0.4 * (few[name].high - few[name].low)
    assert measured(20) == few
    assert measured(20, seed=1)[name].low != few[name].low


def test_pictures_without_a_label_count_for_nothing():
    found, truth, names, normaliser = faces(6, points=4)
    truth[2, :, 2] = 0
    scores = score_points(found, truth, names, normaliser=normaliser)
    rest = np.delete(np.arange(6), 2)
    alone = score_points(found[rest], truth[rest], names, normaliser=Normaliser("box side", np.full(5, 50.0)))
    assert scores.metrics == alone.metrics
    assert np.isnan(scores.errors[2]) and "1 of 6 pictures have no labelled point" in str(scores)
    check_result(scores)
    truth[:, :, 2] = 0
    bare = score_points(found, truth, names, normaliser=normaliser)
    assert (bare.metrics, bare.missing, bare.headline) == ({}, tuple(scores.metrics), "NME, box side: n/a")
    assert "NaN" not in json.dumps(bare.to_dict(), allow_nan=False)
    check_result(bare)


def test_text_page_and_picture(tmp_path):
    found, truth, names, normaliser = faces(50)
    scores = score_points(found, truth, names, normaliser=normaliser, seconds=5.0)
    check_result(scores)
    assert scores.title == "68 points in 50 pictures, 10.0 pictures a second"
    page = scores.save(tmp_path / "scores.html").read_text()
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert scores.save(tmp_path / "scores.csv").read_text().splitlines()[1].startswith("point 0,50,")
    far = score_points(found + 500, truth, names, normaliser=normaliser)
    assert far.metrics["NME, box side"].value > 1
    check_result(far)  # beyond 100 % of the normaliser a sheet must still be drawn


@pytest.mark.parametrize(
    ("found", "truth", "lengths", "words"),
    [
        (np.zeros((1, 4)), FACE[None], [1.0], r"found has shape \(1, 4\)"),
        (np.zeros((1, 3, 2)), FACE[None], [1.0], "found has 3 points and there are 4 names"),
        (np.zeros((2, 4, 2)), FACE[None], [1.0], "2 answers, 1 truths and 1 lengths"),
        (np.zeros((1, 4, 2)), FACE[None], [1.0, 2.0], "2 lengths of the box side"),
        (np.full((1, 4, 2), np.nan), FACE[None], [1.0], "the answer of picture 0"),
        (np.zeros((1, 4, 2)), FACE[None] + np.inf, [1.0], "the truth of picture 0"),
        (np.zeros((0, 4, 2)), np.zeros((0, 4, 3)), [], "no picture to score"),
    ],
)
def test_wrong_points_are_named(found, truth, lengths, words):
    with pytest.raises(InputError, match=words):
        score_points(found, truth, NAMES, normaliser=Normaliser("box side", np.array(lengths)))


def test_lengths_must_be_lengths():
    with pytest.raises(InputError, match="box diagonal of picture 1 is 0 px"):
        box_diagonal(np.array([[0, 0, 1, 1], [5, 5, 5, 5]], float))
    with pytest.raises(InputError, match="inter-ocular of picture 0 is nan px"):
        Normaliser("inter-ocular", np.array([np.nan]))
    with pytest.raises(InputError, match="no label for both points"):
        between(FACE[None], (0, 3))
    with pytest.raises(InputError, match="name two of the K points"):
        between(FACE[None], (0, 9))
    with pytest.raises(InputError, match="boxes of shape"):
        box_side(np.zeros(4))
