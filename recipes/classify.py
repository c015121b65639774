"""Trains the embedded classifier: 200 classes of Tiny-ImageNet, 70,000 pictures of 64 pixels.

    python -m recipes.classify --data ../shared/data/tiny_imagenet --minutes 60

`train` and `train_more` of the pack are trained on, but for one picture in 35, by which the best weights and
the temperature are chosen; the pack's official `val` is scored once, at the end; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from macaw import tasks, verbs, zoo
from macaw.card import Card
from macaw.data.hashing import digests, hashed_split
from macaw.data.labelled import Examples, LabelledPictures, read_labelled
from macaw.explanation.index import index_examples
from macaw.files import Stage
from macaw.machine import cpu_count, processor
from macaw.model import Model
from macaw.recognition import fit
from macaw.recognition.fit import Options
from macaw.training.progress import Bar

LIMITS = (
    "Knows 200 classes and nothing else: any picture gets the nearest of them. It was trained on 70,000 "
    "pictures of 64 by 64 pixels in an hour on one processor core, so fine detail is lost on it. For "
    "everyday photographs reach for a checkpoint trained on all of ImageNet, such as "
    "timm/mobilenetv4_conv_small.e2400_r224_in1k on the Hugging Face Hub (1,000 classes, 73.8 % top-1)."
)
TERMS = {
    "code": "Apache-2.0",
    "weights": "trained on pictures whose terms follow: research and education only",
    "data": "Tiny-ImageNet-200 (Stanford CS231n), from ImageNet: non-commercial research and education",
}

NEIGHBOURS = 10_000  # training pictures in the index of neighbours: 50 a class, some 570 kB
GENTLE = {"zoom": 0.0, "cutout": 0.15, "colour": 0.1}  # some fifteen passes: no picture is seen too often


def pictures(folder: Path) -> LabelledPictures:
    """The pack with everything but the official val as train, and a share of that, by content, as val."""
    pack = read_labelled(folder, val_share=0.0)
    parts = [pack.splits["train"], pack.splits["train_more"]]
    sources = [source for part in parts for source in part.sources]
    targets = np.concatenate([part.targets for part in parts])
    inside, outside = hashed_split(digests(sources), targets, share=1 / 35, seed=0)
    whole = Examples(sources, targets)
    return replace(pack, splits={"train": whole.subset(inside), "val": whole.subset(outside)})


def finish(out: Path, folder: Path, minutes: float) -> None:
    """Score on the official val and complete the card."""
    scores = verbs.evaluate(out, folder, split="val")
    print(scores)
    card = Card.load(out)
    cores = cpu_count()
    machine = f"{processor()}, {cores} core{'s' if cores > 1 else ''}, shared with other work"
    metrics = {name: [round(x, 4) for x in (m.value, m.low, m.high)] for name, m in scores.metrics.items()}
    card.replace(
        name="tiny-imagenet-200",
        scores={"tiny_imagenet val (official, 10,000 pictures)": metrics},
        training={
            **card.training,
            "command": f"python -m recipes.classify --minutes {minutes:g}",
            "machine": machine,
        },
        terms=TERMS,
        limits=LIMITS,
    ).save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny_imagenet"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / tasks.find("classify").embedded)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    began = time.monotonic()
    stage = Stage(chosen.out, resume=chosen.resume)
    stage.check()
    with Bar() as bar:
        data = pictures(chosen.data)
        bar.started(data.notes)
        options = Options.of(minutes=chosen.minutes, start="scratch", **GENTLE)
        fit.fit(tasks.find("classify"), data, stage, options=options, watcher=bar, began=began)
        index_examples(Model(chosen.out), data.splits["train"], chosen.data, most=NEIGHBOURS)
    finish(chosen.out, chosen.data, chosen.minutes)


if __name__ == "__main__":
    main()
