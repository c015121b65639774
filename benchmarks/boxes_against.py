"""Average precision after equal training time: `macaw train detect` beside two detectors of the Hub.

    pip install accelerate
    python -m benchmarks.boxes_against --minutes 2 5
    python -m benchmarks.boxes_against --minutes 20 --only macaw rt_detr --seeds 0 1 2

The same pictures of blood cells for all, at 416 pixels, and one test split, scored by one metric. Ours
begins with the embedded detector's front-end, which has seen no cell, or from scratch; the peers, of which no
weights are at hand, from scratch (benchmarks/hub_detectors.py). Who is charged for what is said in
benchmarks/contest.py.
"""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import torch

import macaw
from benchmarks import hub_detectors
from benchmarks.contest import Book, Row, arguments, begin, intervals, ours, report
from macaw.data.annotated import read_annotated
from macaw.metrics.coco_ap import score_boxes
from macaw.model import Model
from macaw.training.loop import resolve_precision

WAYS = {"macaw": "embedded", "macaw scratch": "scratch", "yolos": "", "rt_detr": ""}  # way -> ours: its start
CALLED = {
    "macaw": "**macaw**, from the embedded front-end",
    "macaw scratch": "macaw, from scratch",
    "yolos": "YOLOS-tiny, transformers' Trainer",
    "rt_detr": "RT-DETR, ResNet-18, transformers' Trainer",
}
METRICS = ("AP", "AP50", "AP75")


def macaws(data: Path, **options: Any) -> Row:
    """Ours, whole."""

    def judge(model: Model) -> Row:
        return intervals(macaw.evaluate(model, data, split="test", board=None), METRICS)

    return ours("detect", data, judge, **options)


def peer(data: Path, kind: str, *, minutes: float, seed: int, size: int, **how: Any) -> Row:
    """One of the peers: its loop by the clock, then what it finds in the test split; `how` is for `fit`."""
    torch.manual_seed(seed)
    read = read_annotated(data, val_share=0.0)
    test = read.splits["test"]
    net, processor = hub_detectors.network(kind, read.names, size)
    pictures = hub_detectors.Prepared.of(read.splits["train"], processor, seed)
    done = hub_detectors.fit(net, pictures, seconds=60 * minutes, seed=seed, **how)
    scores = score_boxes(hub_detectors.find(net, processor, test), test.objects, read.names)
    return {**done, "metrics": intervals(scores, METRICS)}


def main() -> None:
    parser = arguments(__doc__, data="det_bccd", ways=tuple(WAYS), minutes=5.0)
    parser.add_argument("--size", type=int, default=416, help="pixels, of everybody's pictures")
    parser.add_argument("--batch", type=int, default=8, help="of the peers")
    parser.add_argument("--rate", type=float, help="of the peers, in place of their authors'")
    parser.add_argument("--precision", default="auto", help="of the peers")
    chosen = begin(parser)
    keys = ("data", "size", "minutes", "way", "rate", "batch", "seed")
    book = Book(chosen.out / "boxes_against.jsonl", keys)
    for minutes, seed, way in itertools.product(chosen.minutes, chosen.seeds, chosen.only):
        asked: Row = {"size": chosen.size, "minutes": minutes, "seed": seed}
        if start := WAYS[way]:
            measure = partial(macaws, chosen.data, start=start, **asked)
        else:
            asked |= {"rate": chosen.rate or hub_detectors.RATES[way], "batch": chosen.batch}
            asked |= {"precision": resolve_precision(chosen.precision)}
            measure = partial(peer, chosen.data, way, **asked)
        book.keep({"data": chosen.data.name, "way": way, **asked}, measure)
    report(book, chosen.data, called=CALLED, about=("size",))


if __name__ == "__main__":
    main()
