"""Transfer against the clock: a probe, fine-tuning and training from scratch, ours and the usual tutorial's.

    python -m benchmarks.transfer --data ../shared/data/sat_ucmerced
    python -m benchmarks.transfer --data ../shared/data/faces_utk

Ours is the whole `macaw train` process on the wall clock, with an empty cache of features; the second probe
finds it full. The tutorial is PyTorch's on transfer learning, in plain torch: random crops and flips, SGD
0.001 with momentum 0.9, a tenth of the rate after 7, 14 and 21 of 25 parts, the best on validation kept. It
gets our embedded front-end, the same pictures for validation, pictures decoded beforehand, and is charged for
its loop alone. A ResNet-18 with the usual recipe stands for training from scratch. One after the other; the
error is that of the test split. Faces are told apart by age: up to 3 years, 17, 40, 65, and over.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import macaw
from benchmarks import peers
from macaw.data.labelled import LabelledPictures, read_labelled
from macaw.data.pixels import load_pixels
from macaw.metrics.labels import score_labels
from macaw.recognition.plan import size_of
from macaw.recognition.start import open_start
from macaw.tasks import TASKS
from macaw.training.loop import resolve_precision

AGES = {"0-3": 3, "4-17": 17, "18-40": 40, "41-65": 65, "66-116": 116}


def as_folders(pack: Path, folder: Path) -> Path:
    """The pack of faces as folders of files, one for each group of ages; any other as it is."""
    if (pack / "classes.txt").is_file():
        return pack
    for split in ("train", "test"):
        arrays = np.load(pack / f"{split}.npz")
        blob, off = arrays["blob"], arrays["off"]
        groups = np.searchsorted(list(AGES.values()), arrays["age"])
        for i, group in enumerate(groups):
            place = folder / split / list(AGES)[group] / f"{i:05}.webp"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(blob[off[i] : off[i + 1]].tobytes())
    return folder


def ours(data: Path, cache: Path, words: list[str]) -> dict[str, Any]:
    """`macaw train classify`, then its error on the test split."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model"
        command = [sys.executable, "-m", "macaw.cli", "train", "classify", str(data), "--out", str(out)]
        where = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        began = time.monotonic()
        subprocess.run([*command, *words], check=True, stderr=subprocess.DEVNULL, env=where)
        wall = time.monotonic() - began
        model = macaw.load(out)
        error = macaw.evaluate(model, data, split="test", board=None).metrics["top-1 error"]
    passes = model.card.training["epochs"]
    return {"wall_s": round(wall, 1), "passes": passes, "error": (error.value, error.low, error.high)}


class Tutorial:
    """What the tutorial does with our front-end, `frozen` or not."""

    def __init__(self, data: LabelledPictures, *, frozen: bool, batch: int, seed: int) -> None:
        torch.manual_seed(seed)
        train, val = data.splits["train"], data.splits["val"]
        self.size = size_of(train)
        found = open_start(TASKS["classify"], "embedded")
        assert found is not None  # noqa: S101
        start = found.at(self.size)
        self.how, self.frozen, self.batch = start.prepare, frozen, batch
        self.backbone, self.head = start.frontend, nn.Linear(start.frontend.width, len(data.names))
        for p in self.backbone.parameters():
            p.requires_grad_(not frozen)
        self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.native = resolve_precision("auto") == "bfloat16"
        self.noise = np.random.default_rng(seed)
        self.pictures, self.targets = load_pixels(train, self.size), torch.from_numpy(train.targets)
        self.unseen, self.labels = load_pixels(val, self.size), val.targets

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.native):
            pooled = self.backbone(x).pooled
        out: torch.Tensor = self.head(pooled.float())
        return out

    def train_for(self, seconds: float) -> dict[str, float]:
        """The tutorial's loop, its 25 epochs stretched or pressed into so many seconds of training."""
        learning = [p for p in [*self.backbone.parameters(), *self.head.parameters()] if p.requires_grad]
        optimizer = torch.optim.SGD(learning, 0.001, momentum=0.9)
        best, kept, began, seen, scoring = 2.0, self._state(), time.monotonic(), 0, 0.0
        while (progress := (time.monotonic() - began - scoring) / seconds) < 1:
            self.backbone.train()  # the tutorial does so where it is frozen, too
            for x, y in self._epoch():
                progress = (time.monotonic() - began - scoring) / seconds
                if progress >= 1:
                    break
                for group in optimizer.param_groups:
                    group["lr"] = 0.001 * 0.1 ** int(progress * 25 / 7)
                loss = F.cross_entropy(self.forward(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                seen += len(x)
            paused = time.monotonic()
            error = float((self.probabilities(self.unseen).argmax(1) != self.labels).mean())
            scoring += time.monotonic() - paused  # not charged
            if error < best:
                best, kept = error, self._state()
        self._load(kept)
        return {"passes": round(seen / len(self.pictures), 2)}

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """(N, C) float32."""
        self.backbone.eval()
        with torch.inference_mode():
            parts = [
                self.forward(self._input(torch.from_numpy(pictures[i : i + 64]).permute(0, 3, 1, 2))).softmax(
                    1
                )
                for i in range(0, len(pictures), 64)
            ]
        return torch.cat(parts).numpy()

    def _epoch(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = self.noise.permutation(len(self.pictures))
        for i in range(0, len(order) - self.batch + 1, self.batch):
            some = order[i : i + self.batch]
            x = torch.stack([self._cropped(self.pictures[one]) for one in some])
            yield self._input(x), self.targets[some]

    def _cropped(self, picture: np.ndarray) -> torch.Tensor:
        """A crop of 8 to 100 % of the picture, scaled to the whole size; half of them mirrored."""
        side, noise = self.size, self.noise
        area, aspect = (
            side * side * noise.uniform(0.08, 1),
            np.exp(noise.uniform(np.log(3 / 4), np.log(4 / 3))),
        )
        width, height = (max(1, min(side, round(np.sqrt(area * one)))) for one in (aspect, 1 / aspect))
        left, top = noise.integers(0, side - width + 1), noise.integers(0, side - height + 1)
        x = torch.from_numpy(picture[top : top + height, left : left + width]).permute(2, 0, 1)[None].float()
        x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)[0]
        return x.flip(2) if noise.random() < 0.5 else x

    def _input(self, x: torch.Tensor) -> torch.Tensor:
        mean, std = (torch.tensor(self.how[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        return ((x.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)

    def _state(self) -> list[dict[str, torch.Tensor]]:
        return [{k: v.clone() for k, v in one.state_dict().items()} for one in (self.backbone, self.head)]

    def _load(self, kept: list[dict[str, torch.Tensor]]) -> None:
        for one, state in zip((self.backbone, self.head), kept, strict=True):
            one.load_state_dict(state)


def tutorial(data: Path, minutes: float, *, frozen: bool, batch: int, seed: int) -> dict[str, Any]:
    """The tutorial's test error after so many minutes."""
    splits = read_labelled(data)
    made = Tutorial(splits, frozen=frozen, batch=batch, seed=seed)
    done = made.train_for(60 * minutes)
    test = splits.splits["test"]
    scores = score_labels(made.probabilities(load_pixels(test, made.size)), test.targets, splits.names)
    error = scores.metrics["top-1 error"]
    return {"wall_s": 60 * minutes, **done, "error": (error.value, error.low, error.high)}


def resnet(data: Path, minutes: float, seed: int) -> dict[str, Any]:
    """The test error of a ResNet-18 trained from scratch for so many minutes, on all training pictures."""
    splits = read_labelled(data, val_share=0.0)
    train, test = splits.splits["train"], splits.splits["test"]
    size = size_of(train)
    pictures, unseen = load_pixels(train, size), load_pixels(test, size)
    net = peers.resnet18(len(splits.names), stem="imagenet")
    targets = train.targets.astype(np.int64)
    done = peers.train_for(net, "resnet18", pictures, targets, seconds=60 * minutes, seed=seed)
    scores = score_labels(peers.probabilities(net, unseen), test.targets, splits.names)
    error = scores.metrics["top-1 error"]
    passes = round(done["epochs"], 2)
    return {"wall_s": 60 * minutes, "passes": passes, "error": (error.value, error.low, error.high)}


def rows(
    data: Path, minutes: list[float], who: list[str], *, batch: int, seed: int
) -> Iterator[dict[str, Any]]:
    """One row for each way and time."""
    with tempfile.TemporaryDirectory() as cache:
        for name in [one for one in ("probe", "probe again") if one in who]:
            words = ["--set", "tune=probe", "--seed", str(seed)]
            yield {"way": f"macaw, {name}", **ours(data, Path(cache), words)}
        for allowed in minutes:
            words = ["--minutes", str(allowed), "--seed", str(seed)]
            if "fine-tuned" in who:
                with tempfile.TemporaryDirectory() as empty:
                    yield {"minutes": allowed, "way": "macaw, fine-tuned", **ours(data, Path(empty), words)}
            if "scratch" in who:
                found = ours(data, Path(cache), [*words, "--start", "scratch"])
                yield {"minutes": allowed, "way": "macaw, from scratch", **found}
            for name in [one for one in ("tutorial frozen", "tutorial") if one in who]:
                found = tutorial(data, allowed, frozen=name != "tutorial", batch=batch, seed=seed)
                yield {"minutes": allowed, "way": name, **found}
            if "resnet" in who:
                yield {"minutes": allowed, "way": "ResNet-18, from scratch", **resnet(data, allowed, seed)}


WAYS = ("probe", "probe again", "fine-tuned", "scratch", "tutorial frozen", "tutorial", "resnet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sat_ucmerced"))
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 3])
    parser.add_argument("--who", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--batch", type=int, default=4, help="of the tutorial, which has 4")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = as_folders(chosen.data, Path(folder))
        for row in rows(data, chosen.minutes, chosen.who, batch=chosen.batch, seed=chosen.seed):
            print(json.dumps({"data": chosen.data.name, **row}), flush=True)


if __name__ == "__main__":
    main()
