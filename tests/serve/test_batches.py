"""Batches: who waits together is computed together, a lone one at once, and one that fails fails alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait

import numpy as np
import pytest

pytest.importorskip("fastapi")

from macaw.server.batches import Batches


class Recorded:
    """Doubles what it is given, notes each batch, and holds it until it may go on."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, some: list[np.ndarray]) -> list[float]:
        prepared = np.concatenate(some)
        self.batches.append(prepared[:, 0].tolist())
        assert self.gate.wait(10)
        if (prepared < 0).any():
            raise ArithmeticError("below zero")
        return (2 * prepared[:, 0]).tolist()


def put(batches: Batches, *numbers: float) -> list[Future]:
    for _ in numbers:
        batches.announce()
    return [batches.put(np.array([[number]])) for number in numbers]


def behind(work: Recorded, batches: Batches) -> Future:
    """A picture that is being computed, behind which others wait."""
    work.gate.clear()
    (first,) = put(batches, 0.0)
    while not work.batches:
        time.sleep(0.001)
    return first


@pytest.fixture
def work() -> Recorded:
    return Recorded()


@pytest.fixture
def batches(work: Recorded):
    made = Batches(work, most=4)
    yield made
    work.gate.set()
    made.close()


def test_those_that_wait_are_taken_together_in_their_order(work, batches):
    first = behind(work, batches)
    rest = put(batches, *range(1, 8))
    assert len(batches) == 7
    work.gate.set()
    assert [one.result(5) for one in [first, *rest]] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]
    assert (batches.batches, batches.pictures) == (3, 8)


def test_a_lone_one_waits_for_nobody(work):
    batches = Batches(work, most=4, patience=60)
    (only,) = put(batches, 3.0)
    assert only.result(5) == 6
    batches.close()


def test_one_that_was_announced_is_waited_for_but_not_longer_than_patience(work):
    batches = Batches(work, most=4, patience=60)
    batches.announce()
    (first,) = put(batches, 1.0)
    assert not wait([first], 0.1).done  # the announced one may come any moment
    second = batches.put(np.array([[2.0]]))
    assert (first.result(5), second.result(5)) == (2, 4)
    assert work.batches == [[1, 2]]
    batches.announce()
    (third,) = put(batches, 3.0)
    batches.forget()
    assert third.result(5) == 6
    batches.close()
    hasty = Batches(work, most=4, patience=0.01)
    hasty.announce()
    assert put(hasty, 4.0)[0].result(5) == 8
    hasty.close()


def test_one_that_fails_spoils_no_other(work, batches):
    behind(work, batches)
    good, bad, fine = put(batches, 1.0, -1.0, 2.0)
    work.gate.set()
    assert (good.result(5), fine.result(5)) == (2, 4)
    with pytest.raises(ArithmeticError, match="below zero"):
        bad.result(5)


def test_one_that_is_given_up_while_it_waits_is_not_computed(work, batches):
    behind(work, batches)
    kept, given_up = put(batches, 1.0, 2.0)
    assert given_up.cancel()
    work.gate.set()
    assert kept.result(5) == 2
    assert work.batches == [[0], [1]]


def test_closing_answers_what_waits(work):
    batches = Batches(work, most=2)
    first = behind(work, batches)
    rest = put(batches, 1.0, 2.0, 3.0)
    closing = threading.Thread(target=batches.close)
    closing.start()
    work.gate.set()
    closing.join(5)
    assert [one.result(0) for one in [first, *rest]] == [0, 2, 4, 6]


def test_closing_one_that_never_began_is_no_trouble(work):
    Batches(work, most=2).close()
