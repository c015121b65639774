"""The baseline of the embedded classifier: a plain ResNet-18 on the same pictures for the same minutes.

    python -m benchmarks.tiny_imagenet --minutes 60 --card src/macaw/zoo/classify

It has the usual ImageNet stem, the quicker one: with the CIFAR stem it would see a fraction of the
pictures. Scored on the official val, by which nothing is chosen. With --card the figures are written beside
the embedded model's own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks import peers
from macaw.card import Card
from macaw.data.labelled import read_labelled
from macaw.data.pixels import load_pixels
from macaw.metrics.labels import score_labels
from recipes.classify import pictures

BASELINE = "the same, a plain ResNet-18 after the same {:g} minutes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny_imagenet"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--card", type=Path, help="the folder of the model that it is the baseline of")
    chosen = parser.parse_args()
    train = pictures(chosen.data).splits["train"]
    official = read_labelled(chosen.data, val_share=0.0)
    val = official.splits["val"]
    x, unseen = load_pixels(train, 64), load_pixels(val, 64)
    net = peers.resnet18(len(official.names), stem="imagenet")
    done = peers.train_for(net, "resnet18", x, train.targets.astype(np.int64), seconds=60 * chosen.minutes)
    scores = score_labels(peers.probabilities(net, unseen), val.targets, official.names)
    metrics = {k: [round(m.value, 4), round(m.low, 4), round(m.high, 4)] for k, m in scores.metrics.items()}
    print(json.dumps({"who": "resnet18", "minutes": chosen.minutes, **done, "scores": metrics}))
    if chosen.card:
        card = Card.load(chosen.card)
        card.replace(scores={**card.scores, BASELINE.format(chosen.minutes): metrics}).save(chosen.card)


if __name__ == "__main__":
    main()
