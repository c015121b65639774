"""Scores of maps against closed forms: a model that counts, boxes that are known, SciPy's ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from macaw.errors import InputError
from macaw.metrics.maps import (
    blur,
    centre_map,
    deletion_curve,
    insertion_curve,
    pointing_hit,
    rank_correlation,
    trial,
)
from macaw.results.evidence import MaskCurve

SIDE = 16


def white_spot() -> np.ndarray:
    """A black picture (3, 16, 16) with a white square of 4 x 4 in its upper left corner."""
    picture = np.zeros((3, SIDE, SIDE), np.float32)
    picture[:, :4, :4] = 1
    return picture


def whiteness(pictures: np.ndarray) -> np.ndarray:
    """How much of the square is white: a model whose evidence is known."""
    return np.asarray(pictures[:, :, :4, :4].mean(axis=(1, 2, 3)))


def test_a_perfect_map_takes_the_answer_away_with_its_first_pixels():
    picture = white_spot()
    curve = deletion_curve(picture[0], picture, whiteness, steps=16)
    blank = blur(picture, SIDE / 8)
    assert curve.probs[0] == 1
    assert curve.at(1 / 16) == pytest.approx(whiteness(blank[None])[0])  # 16 of 256 pixels are the square
    assert curve.probs[1:] == pytest.approx(curve.probs[-1])
    back = insertion_curve(picture[0], picture, whiteness, steps=16)
    assert back.probs[0] == pytest.approx(curve.probs[-1])
    assert back.probs[1:] == pytest.approx(1)


def test_a_perfect_map_scores_better_than_any_random_one_and_its_reverse_worst():
    picture, noise = white_spot(), np.random.default_rng(0)
    best, worst = trial(picture[0], picture, whiteness), trial(-picture[0], picture, whiteness)
    for _ in range(5):
        other = trial(noise.random((SIDE, SIDE)), picture, whiteness)
        assert best.deletion.area < other.deletion.area < worst.deletion.area
        assert best.insertion.area > other.insertion.area > worst.insertion.area


def test_only_the_order_of_a_map_counts():
    picture, heat = white_spot(), np.random.default_rng(0).random((SIDE, SIDE))
    one = deletion_curve(heat, picture, whiteness)
    other = deletion_curve(np.exp(5 * heat) - 3, picture, whiteness)
    assert (one.probs == other.probs).all()


def test_the_area_is_that_of_the_trapezoids():
    curve = MaskCurve(np.array([0, 0.5, 1]), np.array([1.0, 0.5, 0.0]))
    assert curve.area == 0.5
    assert MaskCurve(np.array([0, 0.25, 1]), np.array([1.0, 0.0, 0.0])).area == 0.125
    assert curve.at(0.25) == 0.75


def test_a_map_of_another_size_is_refused():
    with pytest.raises(InputError, match="scale it first"):
        deletion_curve(np.zeros((8, 8)), white_spot(), whiteness)
    with pytest.raises(InputError, match="give 1 or more"):
        deletion_curve(np.zeros((SIDE, SIDE)), white_spot(), whiteness, steps=0)


def test_the_pointing_game_counts_the_edges_of_the_box_in():
    heat = np.zeros((8, 8))
    heat[2, 5] = 1
    assert pointing_hit(heat, np.array([5, 2, 5, 2], np.uint8))
    assert not pointing_hit(heat, np.array([0, 0, 4, 7], np.uint8))
    assert not pointing_hit(heat, np.array([2, 5, 2, 5], np.uint8))  # column first


def test_a_map_of_one_value_points_at_the_centre():
    flat = np.ones((8, 8))
    assert pointing_hit(flat, np.array([3, 3, 4, 4]))
    assert not pointing_hit(flat, np.array([0, 0, 3, 3]))
    assert pointing_hit(centre_map(9), np.array([4, 4, 4, 4]))


def test_the_centre_map_falls_with_the_distance_from_the_centre():
    heat = centre_map(8)
    assert heat[3, 3] == heat.max() == heat[4, 4]
    assert heat[0, 0] == 0
    assert (heat == heat.T).all() and (heat == heat[::-1]).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=3, max_size=40))
def test_rank_correlation_is_spearmans_with_ties(pairs: list[tuple[int, int]]):
    one, other = np.array(pairs, float).T
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert rank_correlation(one, other) == 0
    else:
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_blur_is_scipys_away_from_the_edges_and_keeps_a_flat_picture():
    picture = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    ours, theirs = blur(picture, 2.0), gaussian_filter(picture, (0, 2, 2), truncate=10)
    assert ours[:, 12:-12, 12:-12] == pytest.approx(theirs[:, 12:-12, 12:-12], abs=1e-5)
    assert blur(np.full((3, 9, 9), 0.7, np.float32), 3.0) == pytest.approx(0.7)
