"""Street scenes after equal training time: `macaw train segment` beside a plain U-Net and a SegFormer.

    python -m benchmarks.segment --minutes 5 20
    python -m benchmarks.segment --minutes 20 --only macaw unet --seeds 0 1 2

The same pictures of CamVid for all, at their own 320 by 240 pixels, moved and recoloured by the same
augmentation, and one test split, scored by one metric. Ours begins with the classifier's front-end, which has
seen no street (the embedded segmenter's has seen these), or from scratch; the peers from scratch: U-Net
(Ronneberger et al. 2015, arXiv 1505.04597) with batch norm and padding, half as wide and a level less deep,
which two cores can train, and a network of the size of SegFormer-B0 (Xie et al. 2021, arXiv 2105.15203). Both
have the usual recipe: AdamW, half a cosine, cross-entropy, with the class weights that ours has. Who is
charged for what is said in benchmarks/contest.py.

Shapes: B pictures, C classes, H and W rows and columns of a picture
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import macaw
from benchmarks.contest import Book, Row, answers, arguments, begin, fit, intervals, ours, report
from macaw import zoo
from macaw.data.masked import IGNORE, Masked, MaskedPictures, read_mask
from macaw.data.maskfolders import read_masked
from macaw.data.pictures import read_picture
from macaw.heads.scene import Scene, classes_of, empty_scene
from macaw.metrics.masks import Confusion
from macaw.model import Model
from macaw.recognition.fit_mask import class_weights
from macaw.training.scene_augment import SceneAugmentation, augment_scenes

CALLED = {
    "macaw": "**macaw**, from the classifier's front-end",
    "macaw scratch": "macaw, from scratch",
    "unet": "U-Net",
    "segformer": "SegFormer-B0",
}
# AdamW's usual one; and ten times the 6e-5 of SegFormer's authors, who mean it for weights that have seen
# ImageNet, and give ten times as much to the head, which has not
RATES = {"unet": 1e-3, "segformer": 6e-4}
WIDTHS = (32, 64, 128, 256)
METRICS = ("mIoU", "pixel accuracy", "boundary F1")
HOW = SceneAugmentation(colour=0.3)  # as ours: mirrored, scaled by 2/3 to 3/2, moved, recoloured


def twice(width: int, out: int) -> nn.Module:
    """Two 3 x 3 convolutions."""
    parts: list[nn.Module] = []
    for inner in (width, out):
        parts += [nn.Conv2d(inner, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts)


class UNet(nn.Module):
    """(B, 3, H, W) -> (B, C, H, W); H and W are multiples of 8."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(itertools.starmap(twice, itertools.pairwise((3, *WIDTHS))))
        steps = list(itertools.pairwise(reversed(WIDTHS)))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(width, out, 2, stride=2) for width, out in steps)
        self.up = nn.ModuleList(twice(2 * out, out) for _, out in steps)
        self.out = nn.Conv2d(WIDTHS[0], labels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for down in self.down:
            x = down(F.max_pool2d(x, 2) if kept else x)
            kept.append(x)
        for grow, up, skip in zip(self.grow, self.up, reversed(kept[:-1]), strict=True):
            x = up(torch.cat((skip, grow(x)), 1))
        raw: torch.Tensor = self.out(x)
        return raw


class SegFormer(nn.Module):
    """(B, 3, H, W) -> (B, C, H / 4, W / 4): the network of transformers, of random weights."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        import transformers as hub

        self.net = hub.SegformerForSemanticSegmentation(hub.SegformerConfig(num_labels=labels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raw: torch.Tensor = self.net(x).logits
        return raw


NETWORKS = {"unet": UNet, "segformer": SegFormer}


def read_split(data: MaskedPictures, some: Masked) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures (H, W, 3) uint8, which must be of one size, and the classes (H, W) uint8 of their pixels."""
    pictures = [read_picture(source) for source in some.sources]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) > 1:
        raise SystemExit(f"pictures of {len(sizes)} sizes; the peers are given them as they are, so of one")
    return pictures, [read_mask(mask, data.legend) for mask in some.masks]


def batches(
    pictures: list[np.ndarray], masks: list[np.ndarray], *, batch: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end: (B, 3, H, W) in 0..255 and (B, H, W) uint8, augmented together."""
    noise, scenes, size = np.random.default_rng(seed), [], pictures[0].shape[:2]
    for mask in masks:
        nothing = empty_scene()
        scenes.append(Scene(nothing.xyxy, nothing.labels, classes=torch.from_numpy(mask)))
    whole = torch.from_numpy(np.stack(pictures))
    while True:
        order = noise.permutation(len(pictures))
        for start in range(0, len(order) - batch + 1, batch):
            some, draw = order[start : start + batch], int(noise.integers(2**31))
            x, moved = augment_scenes(whole[some], [scenes[i] for i in some], HOW, size=size, seed=draw)
            yield x, classes_of(moved)


def loss(raw: torch.Tensor, classes: torch.Tensor, *, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy at the size of the labels, as SegFormer's own."""
    raw = F.interpolate(raw, size=classes.shape[-2:], mode="bilinear", align_corners=False)
    return F.cross_entropy(raw, classes.long(), weight=weights, ignore_index=IGNORE)


def macaws(data: Path, **options: Any) -> Row:
    """Ours, whole."""

    def judge(model: Model) -> Row:
        return intervals(macaw.evaluate(model, data, split="test", board=None), METRICS)

    return ours("segment", data, judge, **options)


def peer(data: Path, kind: str, *, minutes: float, seed: int, batch: int, rate: float) -> Row:
    """One of the peers: its loop by the clock, then its classes of the test split."""
    torch.manual_seed(seed)
    read = read_masked(data, val_share=0.0)
    pictures, masks = read_split(read, read.splits["train"])
    net, drawn = NETWORKS[kind](len(read.names)), batches(pictures, masks, batch=batch, seed=seed)
    weighed = partial(loss, weights=torch.tensor(class_weights(read)))
    done = fit(net, drawn, weighed, rate=rate, seconds=60 * minutes)
    unseen, truth = read_split(read, read.splits["test"])
    confusion = Confusion(read.names)
    for raw, mask in zip(answers(net, unseen), truth, strict=True):
        whole = F.interpolate(raw[None], size=mask.shape, mode="bilinear", align_corners=False)
        confusion.add(mask, whole[0].argmax(0).numpy().astype(np.uint8))
    passes = round(done.pop("seen") / len(pictures), 2)
    return {**done, "passes": passes, "metrics": intervals(confusion.scores(), METRICS)}


def main() -> None:
    parser = arguments(__doc__, data="seg_camvid", ways=tuple(CALLED), minutes=5.0)
    parser.add_argument("--batch", type=int, default=8, help="of the peers")
    parser.add_argument("--rate", type=float, help="of the peers, in place of RATES")
    chosen = begin(parser)
    starts = {"macaw": str(zoo.folder("classify")), "macaw scratch": "scratch"}
    keys = ("data", "minutes", "way", "rate", "batch", "seed")
    book = Book(chosen.out / "segment.jsonl", keys)
    for minutes, seed, way in itertools.product(chosen.minutes, chosen.seeds, chosen.only):
        asked: Row = {"minutes": minutes, "seed": seed}
        if way in starts:
            measure = partial(macaws, chosen.data, start=starts[way], **asked)
        else:
            asked |= {"rate": chosen.rate or RATES[way], "batch": chosen.batch}
            measure = partial(peer, chosen.data, way, **asked)
        book.keep({"data": chosen.data.name, "way": way, **asked}, measure)
    report(book, chosen.data, called=CALLED)


if __name__ == "__main__":
    main()
