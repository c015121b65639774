"""Watchers of a run: one that says nothing, and one that draws it in the terminal."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from macaw.files import Stage


class Watcher(Protocol):
    """Sees a training or an evaluation go by; of the latter only how it started and what is read."""

    def started(self, notes: tuple[str, ...]) -> None:
        """Once, with what the user should know about the data."""
        return

    def said(self, words: str) -> None:
        """Now and then, with what was found or decided, in a line."""
        return

    def read(self, done: int, total: int, unit: str = "pictures") -> None:
        """Now and then while pictures, or other units, are read; a total of 0 is not known."""
        return

    def step(self, progress: float, row: dict[str, float]) -> None:
        """After each update: share of the run done; epoch, running loss and pictures or tokens per second."""
        return

    def scored(self, row: dict[str, float], better: bool) -> None:  # noqa: FBT001  (told, never asked)
        """After each evaluation: the new row of the history."""
        return

    def ended(self, out: Path, *, finished: bool) -> None:
        """Once, when the model's folder is there; `finished` is False when Ctrl-C cut the run short."""
        return


class Silent(Watcher):
    """Watches and says nothing."""


class Bar(Watcher):
    """A line with loss, score, throughput and time left, on standard error; a context manager.

    Where that is no terminal there is no such line. In both, notes and evaluations are printed, a line each.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.interrupted = False  # whether Ctrl-C ended the run
        self._console = Console(stderr=True, soft_wrap=True, markup=False, emoji=False, highlight=False)
        columns = TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.fields[words]}")
        self._bar = Progress(
            *columns,
            console=self._console,
            transient=True,
            refresh_per_second=4,
            disable=not self._console.is_terminal,
        )
        self._line: Any = self._bar.add_task("reading", total=1.0, words="")
        self._start: tuple[float, float] | None = None  # when the first step was seen, and its progress
        self._error = ""

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def started(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            self._console.print(f"note: {note}")

    def said(self, words: str) -> None:
        self._console.print(words)

    def read(self, done: int, total: int, unit: str = "pictures") -> None:
        words = f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"
        self._bar.update(self._line, completed=done / max(1, total), words=words)

    def step(self, progress: float, row: dict[str, float]) -> None:
        now = time.monotonic()
        began, first = self._start = self._start or (now, progress)  # a resumed run does not begin at 0
        left = (now - began) * (1 - progress) / (progress - first) if progress > first else 0.0
        words = f"loss {row['loss']:.3f}{self._error}  {_speed(row)}  {_clock(left)} left"
        self._bar.update(self._line, description=f"epoch {row['epoch']:.1f}", completed=progress, words=words)

    def scored(self, row: dict[str, float], better: bool) -> None:  # noqa: FBT001
        self._error = f"  {_judged(row)}"
        words = (
            f"{_clock(row['minutes'] * 60)}  epoch {row['epoch']:5.1f}  loss {row['loss']:.3f}",
            f"validation loss {row['val_loss']:.3f}{self._error}",
            _speed(row),
            *(["best so far"] if better else []),
        )
        self._console.print("  ".join(words))

    def ended(self, out: Path, *, finished: bool) -> None:
        self._bar.stop()
        self.interrupted = not finished
        more = "; --resume goes on" if Stage(out).unfinished else ""
        self._console.print(f"saved: {out}" if finished else f"stopped: {out} is the best model so far{more}")


def _speed(row: dict[str, float]) -> str:
    """How many of what a second."""
    unit = "tokens" if "tokens_per_second" in row else "pictures"
    return f"{row[f'{unit}_per_second']:,.0f} {unit}/s"


def _judged(row: dict[str, float]) -> str:
    """The figure beside the loss: the error of a classifier, bits per byte of a language model."""
    if "val_error" in row:
        return f"error {row['val_error']:.1%}"
    return f"{row['bits_per_byte']:.3f} bits per byte" if "bits_per_byte" in row else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
