"""Intervals: published values, coverage measured on synthetic trials, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.metrics.intervals import (
    bootstrap_draws,
    bootstrap_interval,
    interval_of_draws,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes, count, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    interval = wilson_interval(successes, count)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    assert interval.value == successes / count


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0.5, 0.999))
def test_wilson_holds_the_proportion_and_mirrors(count, share, level):
    successes = round(share * count)
    interval = wilson_interval(successes, count, level=level)
    mirror = wilson_interval(count - successes, count, level=level)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert (mirror.low, mirror.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-9)


@pytest.mark.parametrize(("successes", "count"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_proportion(successes, count):
    with pytest.raises(InputError, match=f"{successes} of {count}"):
        wilson_interval(successes, count)


def test_bootstrap_and_wilson_cover_the_truth_as_often_as_they_say():
    """400 trials of 150 coins: 95 % coverage has a standard deviation of 1.1 points."""
    random = np.random.default_rng(7)
    held = {"bootstrap": 0, "wilson": 0}
    widths = []
    for trial in range(400):
        coins = (random.random(150) < 0.3).astype(np.float32)
        boot = bootstrap_interval(lambda w, c=coins: w @ c / 150, 150, seed=trial, resamples=300)
        wilson = wilson_interval(int(coins.sum()), 150)
        held["bootstrap"] += boot.low <= 0.3 <= boot.high
        held["wilson"] += wilson.low <= 0.3 <= wilson.high
        widths.append((boot.high - boot.low) / (wilson.high - wilson.low))
    assert 0.91 <= held["bootstrap"] / 400 <= 0.985
    assert 0.92 <= held["wilson"] / 400 <= 0.985
    assert np.mean(widths) == pytest.approx(1, abs=0.04)


def test_bias_is_corrected_twice():
    """A sum of absolute gaps grows under resampling; its interval must still reach down to the truth."""
    random = np.random.default_rng(3)
    held = 0
    for trial in range(60):
        noise = random.normal(size=(400, 10)).astype(np.float32)  # the true gaps are 0.05 each

        def gaps(weights, noise=noise):
            return np.abs(weights @ (noise + 0.05) / 400).mean(axis=1)

        interval = bootstrap_interval(gaps, 400, seed=trial, resamples=300)
        held += interval.low <= 0.05 <= interval.high
    assert held >= 50


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 2**31))
def test_the_interval_holds_its_value_and_stays_in_range(values, seed):
    data = np.array(values, np.float32)
    interval = bootstrap_interval(lambda w: w @ data / len(data), len(data), seed=seed, resamples=50)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_draws_are_means_of_real_resamples():
    draws = bootstrap_draws(lambda w: w.sum(axis=1), 30, resamples=20)
    assert (draws == 30).all()  # every resample has as many examples as the sample
    data = np.arange(2000) % 2
    spread = bootstrap_draws(lambda w: w @ data / 2000, 2000, seed=1, resamples=2000).std()
    assert spread == pytest.approx((0.25 / 2000) ** 0.5, rel=0.06)  # the standard error of a proportion


def test_seeds_decide_the_draws():
    def mean(weights):
        return weights @ np.arange(40)

    first, again, other = (bootstrap_draws(mean, 40, seed=seed, resamples=30) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="resamples"):
        bootstrap_draws(lambda w: w.sum(axis=1), 10, resamples=0)
    with pytest.raises(InputError, match="between 0 and 1"):
        interval_of_draws(0.5, np.array([0.4, 0.6]), level=95)
