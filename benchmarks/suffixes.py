"""Was this seen in training, and how long a piece of it? A suffix array, and the obvious sets of n-grams.

    python -m benchmarks.suffixes --megabytes 1 5
    python -m benchmarks.suffixes --megabytes 100 --only suffixes

The obvious way keeps a Python set of all n-grams for each n asked about; it knows nothing of longer ones,
nor of how often and where. The suffix array answers for every n at once, with counts and documents. Text:
the novels of `lm_novels`, its beginning; of more than it has, the other packs too, each of which is other
text. Queries: for each position of its held-out novels the longest match, by the sets up to their longest n.
Both give the same lengths, or the benchmark stops. Each is built in a process of its own, so that the peak
of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import lzma
import multiprocessing
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from macaw.language.compiled import FAST
from macaw.language.suffixes import Suffixes
from macaw.machine import processor

Row = dict[str, Any]
LENGTHS = (4, 8, 12, 16, 24, 32)  # n-grams that the sets hold
WAYS = ("suffixes", "sets")
MORE = (
    "lm_wikitext2/train.txt.xz", "stories_children/stories.jsonl.xz", "lm_ptb_EVAL_ONLY/train.txt.xz",
    "lm_tinystories/lower.jsonl.xz", "lm_tinyshakespeare/input.txt.xz", "lm_novels/valid.txt.xz",
    "lm_wikitext2/valid.txt.xz", "lm_wikitext2/test.txt.xz", "lm_tinystories/cased.jsonl.xz",
    "lm_ptb_EVAL_ONLY/valid.txt.xz", "lm_ptb_EVAL_ONLY/test.txt.xz",
)  # fmt: skip


def corpus(data: Path, size: int) -> list[bytes]:
    """Documents of so many bytes in all, or of as many as there are."""
    documents, left = [], size
    for name in ("lm_novels/train.txt.xz", *MORE):
        if left <= 0:
            break
        with lzma.open(data / name) as file:
            text = file.read(left)
        left -= len(text)
        documents += text.split(b"\n<|")
    return documents


def sets_of(documents: list[bytes]) -> list[set[bytes]]:
    return [{one[i : i + n] for one in documents for i in range(len(one) - n + 1)} for n in LENGTHS]


def by_sets(sets: list[set[bytes]], query: bytes) -> np.ndarray:
    """(T,) the longest of LENGTHS that matches at each position, 0 where none does."""
    found = np.zeros(len(query), np.int64)
    for at in range(len(query)):
        for n, grams in zip(LENGTHS, sets, strict=True):
            if at + n > len(query) or query[at : at + n] not in grams:
                break
            found[at] = n
    return found


def by_suffixes(suffixes: Suffixes, query: bytes) -> np.ndarray:
    return suffixes.match(query).lengths


def measure(way: str, megabytes: float, data: Path, queries: int) -> tuple[Row, np.ndarray]:
    """One way, in a process of its own: seconds to build, memory above the text's, time of a position."""
    documents = corpus(data, int(1e6 * megabytes))
    with lzma.open(data / "lm_novels/test.txt.xz") as file:
        query = file.read(5000 + queries)[5000:]
    build, ask = {"suffixes": (Suffixes.of, by_suffixes), "sets": (sets_of, by_sets)}[way]
    if way == "suffixes":
        Suffixes.of([b"warm up", b"banana"]).match(b"an")  # compiled once and kept on disk
    before, start, used = _peak(), time.perf_counter(), time.process_time()
    index: Any = build(documents)
    row = {"wall_s": round(time.perf_counter() - start, 2), "cpu_s": round(time.process_time() - used, 2)}
    start, used = time.perf_counter(), time.process_time()
    found = ask(index, query)
    each = (time.process_time() - used) / len(query)
    size = sum(map(len, documents))
    memory = {"peak_mb": round(_peak()), "text_mb": round(size / 1e6, 1), "built_mb": round(_peak() - before)}
    row = {"way": way, "processor": processor(), "compiled": FAST, **memory, **row}
    return {**row, "query_us": round(1e6 * each, 2), "mean_length": round(float(found.mean()), 2)}, found


def _peak() -> float:
    """Megabytes of memory that this process held at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--queries", type=int, default=20_000, help="positions that are looked up")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    chosen = parser.parse_args()
    for megabytes in chosen.megabytes:
        lengths = {}
        for way in chosen.only:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                row, lengths[way] = pool.apply(measure, (way, megabytes, chosen.data, chosen.queries))
            print(json.dumps(row), flush=True)
        if len(lengths) == len(WAYS):
            steps = np.array([0, *LENGTHS])
            rounded = steps[np.searchsorted(steps, lengths["suffixes"], side="right") - 1]
            if not np.array_equal(rounded, lengths["sets"]):
                raise SystemExit("the lengths differ")


if __name__ == "__main__":
    main()
