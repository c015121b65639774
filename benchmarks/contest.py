"""What the benchmarks of equal time share: a clock, rows kept as they come, a table, a plain training loop.

Ours is the whole of `macaw.train`, reading, validation, saving and export included, within so many minutes.
Everybody else is charged for the training loop alone, on pictures read beforehand: the rate falls to nothing
as the minutes end, with the last step. One runs after the other, each on the same number of threads; scoring
is nobody's time. A row that is kept already is not measured again, so that a long table is made in parts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import math
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import macaw
from macaw.machine import cpu_count, processor
from macaw.model import Model
from macaw.runtime.eager import load_module
from macaw.training.loop import resolve_precision

Row = dict[str, Any]
WARM_UP = 0.05  # share of the minutes in which a peer's rate rises
_ABOUT = ("way", "parameters", "passes")  # columns of every table, before those of the metrics
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass
class Clock:
    """So many seconds of training, from when it is made, or started again."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began

    @property
    def progress(self) -> float:
        """Share of the time that is over, 0..1."""
        return min(1.0, self.spent / self.seconds)

    def scale(self) -> float:
        """Of a rate: a short rise, then half a cosine down to nothing as the time ends."""
        progress = self.progress
        rise, fall = max(progress / WARM_UP, 0.1), (progress - WARM_UP) / (1 - WARM_UP)
        return min(rise, 0.5 * (1 + math.cos(math.pi * max(0.0, fall))))


@dataclass(frozen=True)
class Book:
    """The rows of a benchmark, a line of JSON each in a file that outlives a crash."""

    file: Path
    keys: tuple[str, ...]  # the fields that say which measurement a row is of

    def rows(self) -> list[Row]:
        """All there are, the latest of each measurement."""
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.is_file() else []
        held = {self._key(row): row for row in map(json.loads, lines)}
        return list(held.values())

    def keep(self, asked: Row, measure: Callable[[], Row]) -> None:
        """Measure what is `asked`, unless there is a row of it, and add the row at once."""
        if self._key(asked) in map(self._key, self.rows()):
            return
        line = json.dumps({**machine(), **asked, **measure()})
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, file=sys.stderr, flush=True)

    def _key(self, row: Row) -> tuple[Any, ...]:
        return tuple(row.get(key) for key in self.keys)


def machine() -> Row:
    """What a figure was measured on."""
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "precision": resolve_precision("auto"),
        "torch": torch.__version__,
    }


def arguments(
    about: str | None, *, data: str, ways: Sequence[str], minutes: float
) -> argparse.ArgumentParser:
    """The options that all of these benchmarks have."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, default=Path("../shared/data") / data)
    parser.add_argument("--minutes", type=float, nargs="+", default=[minutes])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="*", default=ways, choices=ways, help="none: only the table")
    parser.add_argument("--threads", type=int, default=cpu_count())
    parser.add_argument("--out", type=Path, default=Path("scratch/benchmarks"), help="where rows are kept")
    return parser


def begin(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What was chosen; the libraries are quiet from now on, and everybody has the same threads."""
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(chosen.threads)
    return chosen


def ours(task: str, data: Path, judge: Callable[[Model], Row], **options: Any) -> Row:
    """`macaw.train` from first to last, and what `judge` says of the model it made."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = macaw.train(task, data, out=Path(folder) / "model", **options)
        wall, card = time.monotonic() - began, model.card
        module = load_module(model.folder, card)
        told = {"parameters": parameters(module), "passes": card.training["epochs"], "wall_s": round(wall, 1)}
        return {**told, "loop_s": round(60 * card.training["minutes"], 1), "metrics": judge(model)}


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def intervals(scores: Any, names: Iterable[str]) -> Row:
    """Some of the metrics of scores: value, low, high."""
    found = ((name, scores.metrics[name]) for name in names)
    return {name: [round(x, 5) for x in (one.value, one.low, one.high)] for name, one in found}


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) in 0..255 -> the same, standardised as is usual, channels last."""
    mean, std = (255 * torch.tensor(one).view(1, 3, 1, 1) for one in _IMAGENET)
    return ((pictures.float() - mean) / std).contiguous(memory_format=torch.channels_last)


def fit(
    net: nn.Module,
    batches: Iterator[tuple[torch.Tensor, Any]],
    loss: Callable[[torch.Tensor, Any], torch.Tensor],
    *,
    rate: float,
    seconds: float,
) -> Row:
    """Train a peer by AdamW on batches (B, 3, H, W) in 0..255 until the time is over; what was done."""
    net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), rate)
    native, seen, clock = resolve_precision("auto") == "bfloat16", 0, Clock(seconds)
    while clock.progress < 1:
        x, targets = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = rate * clock.scale()
        with torch.autocast("cpu", torch.bfloat16, enabled=native):
            raw = net(as_input(x))
        value = loss(raw.float(), targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen += len(x)
    return {"parameters": parameters(net), "seen": seen, "wall_s": round(clock.spent, 1)}


def answers(net: nn.Module, pictures: Sequence[np.ndarray], *, batch: int = 16) -> Iterator[torch.Tensor]:
    """The raw output of a peer for each picture (H, W, 3) uint8, all of one size."""
    net.eval()
    for start in range(0, len(pictures), batch):
        some = torch.from_numpy(np.stack(pictures[start : start + batch])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            raw = net(as_input(some)).float()
        yield from raw


def table(rows: Sequence[Row], *, called: dict[str, str], about: Sequence[str] = ()) -> str:
    """One row in Markdown for each way, in the order of `called`, and for what `about` names; seeds together.

    Fractions in percent: of one seed with its 95 % interval, of several their mean and, in round brackets,
    the least and the greatest.
    """
    keys, order = ("minutes", *about, "way", "rate"), list(called)

    def key(row: Row) -> tuple[Any, ...]:
        return tuple(order.index(row[one]) if one == "way" else row.get(one) or 0.0 for one in keys)

    metrics = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    columns = ["minutes", *about, *_ABOUT, *metrics, "seeds"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for _, group in itertools.groupby(sorted(rows, key=key), key=key):
        some = list(group)
        way = called[some[0]["way"]] + (f", rate {some[0]['rate']:g}" if some[0].get("rate") else "")
        count, passes = some[0].get("parameters"), [row["passes"] for row in some if "passes" in row]
        cells = [*(f"{some[0][name]:g}" for name in keys[:-2]), way]
        cells += [f"{count / 1e6:.1f} M" if count else "", f"{np.mean(passes):.1f}" if passes else ""]
        cells += [_cell([row["metrics"].get(name) for row in some]) for name in metrics]
        lines.append("| " + " | ".join([*cells, ", ".join(str(row["seed"]) for row in some)]) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[Sequence[float] | None]) -> str:
    found = [one for one in values if one is not None]
    if len(found) < 2:
        return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * x for x in found[0])) if found else ""
    alone = [100 * one[0] for one in found]
    return f"{np.mean(alone):.1f} ({min(alone):.1f}, {max(alone):.1f})"


def report(book: Book, data: Path, **how: Any) -> None:
    """Print the command, what the rows of this data were measured on, and the `table` of them."""
    rows = [row for row in book.rows() if row["data"] == data.name]
    print(" ".join(["python -m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]))
    for name, threads, precision, version in sorted({tuple(row[one] for one in machine()) for row in rows}):
        print(f"{name}, {threads} threads, {precision}, torch {version}")
    print("\n" + (table(rows, **how) if rows else "no row yet"))
