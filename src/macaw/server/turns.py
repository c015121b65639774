"""Turns: texts that are written at the same time get a token each in turn, from one thread a model.

A model computes one thing at a time, and what goes on from a text is a value: so a long story may wait
between two of its tokens while a short answer, which came later, is written and done.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple


class Over(NamedTuple):
    """The end of some work: nothing more comes of it, or a problem is why."""

    problem: BaseException | None = None


class Turn:
    """Work that is done step by step, and who is told each: `tell` gets them, and then Over."""

    def __init__(self, steps: Iterator[Any], tell: Callable[[Any], None]) -> None:
        self.steps, self.tell = steps, tell
        self.left = False  # set by whoever waits no more: no further step is computed

    def go(self) -> bool:
        """One step; answers whether there may be another."""
        told: Any
        try:
            told = Over() if self.left else next(self.steps)
        except StopIteration:
            told = Over()
        except BaseException as problem:
            told = Over(problem)
        with suppress(RuntimeError):  # the loop of whoever waits has ended, and so has the wait
            self.tell(told)
        return not isinstance(told, Over)


class Turns:
    """The work of one model, and the thread that does a step of each in turn.

    The thread starts with the first work and ends with `close`, once everything is done.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Turn] = deque()
        self._closed = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """Works that wait for their next turn."""
        return len(self._waiting)

    def put(self, turn: Turn) -> Turn:
        """Queue some work for its first turn."""
        with self._changed:
            self._waiting.append(turn)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="macaw-turns", daemon=True)
                self._thread.start()
            self._changed.notify()
        return turn

    async def walk(self, steps: Iterator[Any], *, end: float) -> AsyncGenerator[Any, None]:
        """The steps, each as soon as it is computed; closing this stops the work.

        Raises TimeoutError at `end` of the loop's clock, and what a step raises.
        """
        loop, told = asyncio.get_running_loop(), asyncio.Queue[Any]()

        def tell(one: Any) -> None:
            loop.call_soon_threadsafe(told.put_nowait, one)

        turn = self.put(Turn(steps, tell))
        try:
            while True:
                async with asyncio.timeout_at(end):
                    one = await told.get()
                if not isinstance(one, Over):
                    yield one
                elif one.problem:
                    raise one.problem
                else:
                    return
        finally:
            turn.left = True

    def close(self) -> None:
        """Do what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while turn := self._next():
            if turn.go():
                with self._changed:
                    self._waiting.append(turn)

    def _next(self) -> Turn | None:
        """The work whose turn it is; nothing once all is done and no more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None
