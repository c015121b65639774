"""What the benchmarks of language models share: ours by the clock, processes of their own, tables of seeds.

Ours is the loop of `macaw train`, with its recipe and its sizes, in memory: imports, reading the text, saving
and scoring the model are nobody's time, checkpoints and evaluations on the way are ours. The rate falls to
nothing as the seconds end. Rows are measured one after the other; one that is kept already is not measured
again (benchmarks/contest.py).

Shapes: T tokens
"""

from __future__ import annotations

import argparse
import ast
import importlib
import itertools
import json
import logging
import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.contest import Book, Row, machine, parameters
from macaw.language.modules import build
from macaw.language.networks import Network, open_core
from macaw.language.token_options import TokenOptions
from macaw.language.token_run import TokenRun
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import packed
from macaw.machine import cpu_count
from macaw.training.loop import Score
from macaw.training.progress import Silent


def arguments(about: str | None, *, ways: Sequence[str], seeds: int) -> argparse.ArgumentParser:
    """The options that these benchmarks have in common."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, formatter_class=shape)
    known, split = ", ".join(ways), lambda words: words.split(",")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the packs")
    parser.add_argument("--seeds", type=int, default=seeds, help="how many, from 0")
    parser.add_argument(
        "--only", type=split, default=list(ways), help=f"some of {known}, with commas between"
    )
    parser.add_argument("--with", nargs="*", default=[], dest="numbers", metavar="NAME=VALUE", help="of ours")
    parser.add_argument("--threads", type=int, default=cpu_count())
    parser.add_argument("--out", type=Path, help="the file of rows")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what there is")
    return parser


def begin(parser: argparse.ArgumentParser, *, name: str, ways: Sequence[str]) -> argparse.Namespace:
    """What was chosen; `numbers` are values from now on, and `told` the words that they were given in."""
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.only) - set(ways)):
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(ways)}")
    torch.set_num_threads(chosen.threads)
    chosen.out = chosen.out or Path("scratch/benchmarks") / f"{name}.jsonl"
    chosen.told, chosen.numbers = " ".join(chosen.numbers), _values(chosen.numbers)
    return chosen


def _values(words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def fitted(
    text: str, vocabulary: Vocabulary, *, seconds: float, score: Score | None = None, **options: Any
) -> tuple[Network, Row]:
    """Ours, trained on a text for so long, and what was done; `options` are those of TokenOptions.

    `score` chooses the best weights of the run; without it the last ones are kept, and nothing is chosen.
    """
    chosen = TokenOptions.of(minutes=seconds / 60, **options)
    data = packed([text], vocabulary, chosen.recipe(1).length)
    recipe = chosen.recipe(len(data.ids), vocabulary=len(vocabulary))
    shape = chosen.shape(len(vocabulary), recipe, never=vocabulary.begin)
    torch.manual_seed(chosen.seed)
    run = TokenRun(build(shape), data, recipe, score=score or _latest(), vocabulary=vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        run.fit(Path(folder), watcher=Silent(), seconds=seconds)
    done = {"size": parameters(run.best) / 1e6, "passes": round(run.state.history[-1]["epoch"], 2)}
    weights = {name: held.numpy() for name, held in run.best.state_dict().items()}
    network = Network(open_core(shape, weights, engine="torch"), vocabulary)
    return network, {**done, "train_s": round(run.state.seconds, 1)}


def _latest() -> Score:
    """Every evaluation is better than the one before it, so that the last weights are kept."""
    places = itertools.count()
    return lambda _: {"score": -float(next(places))}


def apart(measure: Callable[..., Row], threads: int, **asked: Any) -> Row:
    """What `measure` finds, in a process of its own on so many threads."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_alone, (measure, threads), asked)


def _alone(measure: Callable[..., Row], threads: int, /, **asked: Any) -> Row:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(threads)
    importlib.import_module("torch._dynamo")  # seconds, which the first step of an optimizer takes otherwise
    return measure(**asked)


def together(rows: Iterable[Row], *, keys: Sequence[str], figures: Sequence[str]) -> list[Row]:
    """Seeds as one row: for each of the `figures` its mean, and the least and greatest where they differ."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    found = []
    for key, some in groups.items():
        row = {**dict(zip(keys, key, strict=True)), "seeds": sorted(one["seed"] for one in some)}
        for name in figures:
            values = [one[name] for one in some if name in one]
            row |= {name: [round(float(f(values)), 5) for f in (np.mean, min, max)]} if values else {}
        found.append(row)
    return found


def cells(row: Row, digits: dict[str, int]) -> list[str]:
    """Figures with so many digits: a mean, in round brackets least and greatest where they differ."""
    found = []
    for name, count in digits.items():
        mean, low, high = (f"{one:,.{count}f}" for one in row[name]) if name in row else ("", "", "")
        found.append(mean if low == high else f"{mean} ({low}, {high})")
    return found


def report(book: Book, found: list[Row], columns: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print the command, what it ran on and a table in Markdown; keep `found` as JSON beside the rows."""
    book.file.parent.mkdir(parents=True, exist_ok=True)
    book.file.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(" ".join(["python -m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]))
    for name, threads, precision, version in sorted(
        {tuple(row[k] for k in machine()) for row in book.rows()}
    ):
        print(f"{name}, {threads} threads, {precision}, torch {version}")
    rows = [columns, ["---"] * len(columns), *lines]
    print("\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows))
