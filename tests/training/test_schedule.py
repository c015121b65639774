"""Schedules: their ends, their direction, their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.training.schedule import ramp, resolution

PROGRESS = st.floats(0, 1)
WARMUP = st.floats(0, 0.9)


@given(progress=PROGRESS, warmup=WARMUP, floor=st.floats(0, 0.5))
def test_ramp_stays_between_zero_and_one(progress: float, warmup: float, floor: float):
    assert 0 <= ramp(progress, warmup=warmup) <= 1
    assert 0 <= ramp(progress, warmup=warmup, floor=floor) <= 1 + 1e-12


@given(warmup=WARMUP)
def test_ramp_rises_to_one_and_falls_to_zero(warmup: float):
    assert ramp(warmup, warmup=warmup) == pytest.approx(1)
    assert ramp(1, warmup=warmup) == 0
    assert ramp(1, warmup=warmup, floor=0.1) == pytest.approx(0.1)
    assert ramp((1 + warmup) / 2, warmup=warmup) == pytest.approx(0.5)  # straight


@given(one=PROGRESS, other=PROGRESS, warmup=WARMUP)
def test_ramp_is_monotone_on_both_sides(one: float, other: float, warmup: float):
    early, late = sorted((one, other))
    if early >= warmup:
        assert ramp(late, warmup=warmup) <= ramp(early, warmup=warmup) + 1e-12
    if late < warmup:
        assert ramp(late, warmup=warmup) >= ramp(early, warmup=warmup)


def test_the_first_step_moves():
    assert ramp(0, warmup=0.1) == 0.02
    assert ramp(0, warmup=0) == 1


@given(progress=PROGRESS, size=st.integers(1, 512), start=st.floats(0.05, 1.5), until=st.floats(0, 1))
def test_resolution_is_within_bounds(progress: float, size: int, start: float, until: float):
    side = resolution(progress, size=size, start=start, until=until)
    assert min(size, 4) <= side <= size
    assert side == size or side % 4 == 0
    assert side >= min(size, start * size - 4)


@given(one=PROGRESS, other=PROGRESS, size=st.integers(1, 512), start=st.floats(0.05, 1.5))
def test_resolution_never_shrinks_and_reaches_the_size(one: float, other: float, size: int, start: float):
    early, late = sorted((one, other))
    assert resolution(early, size=size, start=start) <= resolution(late, size=size, start=start)
    assert resolution(0.7, size=size, start=start) == size
    assert resolution(1, size=size, start=start) == size


def test_resolution_of_64_pixels():
    sides = [resolution(step / 10, size=64) for step in range(11)]
    assert sides == [40, 44, 48, 48, 52, 56, 60, 64, 64, 64, 64]
    assert {resolution(step / 10, size=64, start=1.0) for step in range(11)} == {64}
