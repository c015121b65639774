"""How alike two sets of answers are, against counts by hand and the published examples of the interval."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.metrics.intervals import wilson_interval
from macaw.metrics.parity import compare, paired_difference

TWO = ("onnxruntime, float32", "onnxruntime, int8")
BEFORE = np.array(
    [[0.7, 0.2, 0.1, 0.0, 0.0, 0.0], [0.1, 0.5, 0.4, 0.0, 0.0, 0.0], [0.3, 0.3, 0.1, 0.1, 0.1, 0.1]]
)
AFTER = np.array(
    [[0.6, 0.3, 0.1, 0.0, 0.0, 0.0], [0.1, 0.4, 0.5, 0.0, 0.0, 0.0], [0.3, 0.3, 0.0, 0.1, 0.1, 0.2]]
)


def test_the_figures_are_those_counted_by_hand():
    found = compare(BEFORE, AFTER, between=TWO, pictures="three")
    assert found.apart == pytest.approx([0.1, 0.1, 0.1])
    assert found.largest == pytest.approx(0.1)
    assert found.mean == pytest.approx(0.6 / 18)
    assert found.changed == wilson_interval(1, 3)  # the second one
    # Of equal probability the earlier class ranks first: only the third picture's five differ, in one class
    assert found.common == pytest.approx(14 / 15)
    assert found.errors is None


def test_labels_give_the_errors_and_what_was_lost():
    found = compare(BEFORE, AFTER, between=TWO, pictures="three", targets=np.array([0, 1, 2]))
    before, after, loss = found.errors
    assert (before, after) == (wilson_interval(1, 3), wilson_interval(2, 3))
    assert loss.value == pytest.approx(1 / 3)


def test_several_labels_change_when_any_of_them_does():
    before, after = (
        np.array([[0.9, 0.4], [0.6, 0.6], [0.1, 0.1]]),
        np.array([[0.8, 0.6], [0.6, 0.7], [0.2, 0.0]]),
    )
    targets = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
    found = compare(before, after, between=TWO, pictures="three", targets=targets, multi=True)
    assert found.changed == wilson_interval(1, 3)
    assert [one.value for one in found.errors] == pytest.approx([1 / 3, 2 / 3, 1 / 3])


def test_the_same_answers_are_perfect():
    found = compare(BEFORE, BEFORE, between=TWO, pictures="three", targets=np.array([0, 1, 0]))
    assert (found.largest, found.mean, found.changed.value, found.common) == (0, 0, 0, 1)
    assert found.errors[2].value == 0


@pytest.mark.parametrize("shapes", [((2, 3), (3, 3)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_what_cannot_be_compared(shapes: tuple[tuple[int, ...], tuple[int, ...]]):
    with pytest.raises(InputError, match="of both"):
        compare(*map(np.zeros, shapes), between=TWO, pictures="none")


def fourfold(both: int, only: int, other: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Yes and no `after` and `before`, by how many examples have which."""
    after = np.repeat([True, True, False, False], [both, only, other, neither])
    return after, np.repeat([True, False, True, False], [both, only, other, neither])


# Newcombe 1998, Statistics in Medicine 17, 2635-2650, table II, method 10
PUBLISHED = {
    (36, 12, 2, 0): (0.2000, 0.0569, 0.3404),
    (53, 1, 0, 0): (0.0185, -0.0496, 0.0977),
    (0, 0, 0, 54): (0.0000, -0.0664, 0.0664),
}


@pytest.mark.parametrize("counts", PUBLISHED)
def test_the_interval_of_a_difference_is_the_published_one(counts: tuple[int, int, int, int]):
    after, before = fourfold(*counts)
    found = paired_difference(before, after)
    assert (found.value, found.low, found.high) == pytest.approx(PUBLISHED[counts], abs=6e-5)


def test_the_interval_of_a_difference_turns_with_it():
    after, before = fourfold(120, 9, 4, 67)
    one, other = paired_difference(before, after), paired_difference(after, before)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says():
    random, held = np.random.default_rng(0), 0
    chances = [0.40, 0.05, 0.03, 0.52]  # so after is 2 points above before
    for _ in range(1000):
        found = paired_difference(*reversed(fourfold(*random.multinomial(500, chances))))
        held += found.low <= 0.02 <= found.high
    assert 930 <= held <= 985
