"""Boxes in the same place: the sweep finds what comparing all with all finds, and is quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.box_copies import alike
from macaw.data.box_pairs import same_place
from macaw.data.objects import Objects


def brute(picture: np.ndarray, xyxy: np.ndarray, floor: float) -> list[tuple[int, int]]:
    """All with all, written out."""
    found = []
    for i in range(len(xyxy)):
        for j in range(i + 1, len(xyxy)):
            a, b = xyxy[i], xyxy[j]
            across = min(a[2], b[2]) - max(a[0], b[0])
            down = min(a[3], b[3]) - max(a[1], b[1])
            both = max(0, across) * max(0, down)
            whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
            if picture[i] == picture[j] and whole > 0 and both / whole > floor:
                found.append((i, j))
    return found


@given(
    st.lists(st.tuples(*[st.integers(0, 12)] * 4, st.integers(0, 2)), max_size=25),
    st.sampled_from([0.3, 0.5, 0.8, 0.95]),
)
def test_the_sweep_finds_what_comparing_all_with_all_finds(rows: list[tuple[int, ...]], floor: float):
    corners = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
    xyxy = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    picture = np.array([row[4] for row in rows], np.int64)
    found = same_place(picture, xyxy, floor=floor)
    assert [tuple(pair) for pair in found.tolist()] == brute(picture, xyxy, floor)


def test_of_no_box_there_is_no_pair():
    assert same_place(np.zeros(0, np.int64), np.zeros((0, 4)), floor=0.95).shape == (0, 2)


def test_a_million_boxes_take_seconds():
    noise = np.random.default_rng(0)
    corners = noise.uniform(0, 600, (1_000_000, 2))
    xyxy = np.concatenate([corners, corners + noise.uniform(5, 100, (1_000_000, 2))], axis=1)
    xyxy[-1] = xyxy[0]
    picture = np.sort(noise.integers(0, 100_000, 1_000_000))
    picture[-1] = picture[0]
    began = time.monotonic()
    pairs = same_place(picture, xyxy, floor=0.95)
    assert time.monotonic() - began < 20
    assert (0, 999_999) in map(tuple, pairs.tolist())


@pytest.mark.parametrize(
    ("boxes", "labels", "same"),
    [
        ([[0, 0, 9, 9], [20, 20, 40, 40]], [0, 1], True),
        ([[20, 20, 40, 41], [1, 0, 9, 9]], [1, 0], True),
        ([[20, 20, 40, 41], [1, 0, 9, 9]], [0, 1], False),
        ([[20, 20, 40, 40]], [1], False),
        ([[20, 20, 40, 40], [21, 20, 40, 40]], [1, 1], False),
        ([[60, 60, 70, 70], [20, 20, 40, 40]], [0, 1], False),
    ],
)
def test_annotations_are_alike_whatever_their_order(boxes: list, labels: list, same: bool):
    one = Objects.of([[0, 0, 9, 9], [20, 20, 40, 40]], [0, 1])
    assert alike(one, Objects.of(boxes, labels)) == same
    assert alike(Objects.empty(), Objects.empty())
