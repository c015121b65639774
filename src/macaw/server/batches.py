"""Batches: requests that wait at the same time are computed together, by one thread.

Nobody waits for company that is not on its way: a lone picture is computed at once, and only while others are
being decoded does the thread hold back, for `patience` at the most.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

PATIENCE = 0.002  # seconds; about what a small picture takes to decode

Work = Callable[[list[Any]], Sequence[Any]]  # pictures, in whatever form they were put -> an answer each


class Batches:
    """The queue before one model, and the thread that empties it. `most` pictures are computed at once.

    The thread starts with the first picture and ends with `close`, once everything that waits is answered.
    """

    def __init__(self, work: Work, *, most: int, patience: float = PATIENCE) -> None:
        self._work, self._most, self._patience = work, most, patience
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Any, Future[Any]]] = deque()
        self._coming = 0  # announced and not put yet
        self._closed = False
        self._thread: threading.Thread | None = None
        self.pictures = self.batches = 0  # computed so far

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._waiting)

    def announce(self) -> None:
        """One more is on its way: `put` or `forget` must follow."""
        with self._changed:
            self._coming += 1

    def forget(self) -> None:
        """One that was announced does not come."""
        with self._changed:
            self._coming -= 1
            self._changed.notify()

    def put(self, prepared: Any) -> Future[Any]:
        """Queue a prepared picture that was announced; the future holds its answer or why not.

        One that is cancelled while it waits is not computed.
        """
        future: Future[Any] = Future()
        with self._changed:
            self._coming -= 1
            self._waiting.append((prepared, future))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="macaw-batches", daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while taken := self._gather():
            wanted = [(one, future) for one, future in taken if future.set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _gather(self) -> list[tuple[Any, Future[Any]]]:
        """The next batch, as large as company makes it; nothing once the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            end = time.monotonic() + self._patience
            while 0 < len(self._waiting) < self._most and self._coming and time.monotonic() < end:
                self._changed.wait(end - time.monotonic())
            return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

    def _answer(self, wanted: Sequence[tuple[Any, Future[Any]]]) -> None:
        """Compute one batch. When it fails each picture is tried alone: one must not spoil the others."""
        try:
            answers = self._work([one for one, _ in wanted])
        except Exception as problem:
            if len(wanted) == 1:
                wanted[0][1].set_exception(problem)
                return
            for pair in wanted:
                self._answer([pair])
            return
        self.batches, self.pictures = self.batches + 1, self.pictures + len(wanted)
        for (_, future), answer in zip(wanted, answers, strict=True):
            future.set_result(answer)
