"""Turns: works get a step each in turn, one that nobody waits for is dropped, and none spoils another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest

pytest.importorskip("fastapi")

from macaw.server.turns import Over, Turn, Turns


class Told:
    """What works told, in order, and when all of them have ended."""

    def __init__(self, works: int) -> None:
        self.every: list = []
        self.left, self.ended = works, threading.Event()

    def __call__(self, one) -> None:
        self.every.append(one)
        if isinstance(one, Over):
            self.left -= 1
            if not self.left:
                self.ended.set()


def counted(name: str, count: int, seen: list | None = None) -> Iterator[str]:
    for number in range(count):
        if seen is not None:
            seen.append(number)
        yield f"{name}{number}"


def test_each_work_gets_a_step_in_turn():
    turns, told, gate = Turns(), Told(2), threading.Event()

    def first() -> Iterator[str]:
        gate.wait(5)
        yield from counted("a", 4)

    turns.put(Turn(first(), told))
    turns.put(Turn(counted("b", 2), told))
    gate.set()
    assert told.ended.wait(5)
    assert told.every == ["a0", "b0", "a1", "b1", "a2", Over(), "a3", Over()]
    turns.close()


def test_close_does_what_waits_and_ends_the_thread():
    turns, told = Turns(), Told(1)
    turns.put(Turn(counted("a", 100), told))
    turns.close()
    assert len(told.every) == 101 and len(turns) == 0
    assert "macaw-turns" not in {thread.name for thread in threading.enumerate()}


def test_turns_that_had_no_work_close():
    Turns().close()


def test_a_work_that_fails_says_why_and_the_others_go_on():
    turns, told = Turns(), Told(2)

    def broken() -> Iterator[str]:
        yield "x"
        raise ZeroDivisionError

    turns.put(Turn(broken(), told))
    turns.put(Turn(counted("b", 3), told))
    assert told.ended.wait(5)
    (problem,) = [one.problem for one in told.every if isinstance(one, Over) and one.problem]
    assert isinstance(problem, ZeroDivisionError)
    assert {"b0", "b1", "b2"} < {one for one in told.every if isinstance(one, str)}
    turns.close()


def test_a_walk_gives_each_step_and_what_is_raised():
    def broken() -> Iterator[int]:
        yield from range(3)
        raise ZeroDivisionError

    async def walked() -> list[int]:
        turns, found = Turns(), []
        end = asyncio.get_running_loop().time() + 5
        with pytest.raises(ZeroDivisionError):
            async for one in turns.walk(broken(), end=end):
                found.append(one)
        turns.close()
        return found

    assert asyncio.run(walked()) == [0, 1, 2]


def test_nothing_is_computed_for_who_has_left():
    seen: list[int] = []

    async def walked() -> None:
        turns = Turns()
        end = asyncio.get_running_loop().time() + 5

        def slowly() -> Iterator[str]:
            for one in counted("a", 10_000, seen):
                time.sleep(0.005)
                yield one

        async with aclosing(turns.walk(slowly(), end=end)) as steps:
            async for _ in steps:
                break
        await asyncio.to_thread(turns.close)

    asyncio.run(walked())
    assert 1 <= len(seen) < 20


def test_a_walk_ends_at_its_time():
    async def walked() -> int:
        turns, count = Turns(), 0
        end = asyncio.get_running_loop().time() + 0.1

        def slowly() -> Iterator[int]:
            for number in range(10_000):
                time.sleep(0.005)
                yield number

        with pytest.raises(TimeoutError):
            async for _ in turns.walk(slowly(), end=end):
                count += 1
        await asyncio.to_thread(turns.close)
        return count

    assert 1 <= asyncio.run(walked()) <= 20


def test_work_whose_loop_has_ended_is_dropped():
    turns = Turns()
    seen: list[int] = []

    async def begun() -> None:
        end = asyncio.get_running_loop().time() + 5
        steps = turns.walk(counted("a", 3, seen), end=end)
        assert await anext(steps) == "a0"
        await steps.aclose()

    asyncio.run(begun())
    turns.close()
