"""Test error on CIFAR-10 after 1, 3 and 10 minutes of training from scratch, ours and two peers.

    python -m benchmarks.cifar10 --data ../shared/data/cifar10_EVAL_ONLY

Ours is the whole `macaw train` process on the wall clock: imports, reading 50,000 files, a tenth of which
it keeps for validation, saving and exporting. The peers (benchmarks/peers.py) train on all 50,000 and are
charged for their training loop alone. Everything runs one after the other; nothing else should.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import macaw
from benchmarks import peers
from macaw.data.labelled import read_labelled
from macaw.data.pixels import load_pixels
from macaw.metrics.labels import score_labels


def ours(data: Path, minutes: float, seed: int) -> dict[str, object]:
    """`macaw train classify`, then its error on the test split."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        words = ["train", "classify", str(data), "--out", str(out)]
        words += ["--minutes", str(minutes), "--seed", str(seed), "--start", "scratch"]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "macaw.cli", *words], check=True, stderr=subprocess.DEVNULL)
        wall = time.monotonic() - began
        model = macaw.load(out)
        error = macaw.evaluate(model, data, split="test", board=None).metrics["top-1 error"]
    epochs = model.card.training["epochs"]
    return {"wall_s": wall, "epochs": epochs, "error": (error.value, error.low, error.high)}


def peer(kind: str, data: Path, minutes: float, seed: int) -> dict[str, object]:
    """A peer of benchmarks/peers.py on the same pictures."""
    splits = read_labelled(data, val_share=0.0)
    train, test = splits.splits["train"], splits.splits["test"]
    pictures, unseen = load_pixels(train, 32), load_pixels(test, 32)
    net = peers.resnet18(10, stem="cifar") if kind == "resnet18" else peers.keras_cnn(10)
    targets = train.targets.astype(np.int64)
    done = peers.train_for(net, kind, pictures, targets, seconds=60 * minutes, seed=seed)
    scores = score_labels(peers.probabilities(net, unseen), test.targets, splits.names)
    error = scores.metrics["top-1 error"]
    return {"wall_s": 60 * minutes, "epochs": done["epochs"], "error": (error.value, error.low, error.high)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cifar10_EVAL_ONLY"))
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 3, 10])
    parser.add_argument("--who", nargs="+", default=["macaw", "resnet18", "keras_cnn"])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for minutes in chosen.minutes:
        for who in chosen.who:
            how = chosen.data, minutes, chosen.seed
            row = ours(*how) if who == "macaw" else peer(who, *how)
            print(json.dumps({"minutes": minutes, "who": who, **row}), flush=True)


if __name__ == "__main__":
    main()
