"""Trains the embedded segmenter: eleven classes of a street, from the 367 training pictures of CamVid.

    python -m recipes.segment --minutes 25

The 101 pictures of val choose the best weights; the 233 of test are scored once, at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from macaw import tasks, verbs, zoo
from macaw.data.masked import IGNORE, read_mask
from macaw.data.maskfolders import read_masked
from macaw.metrics.masks import score_masks
from macaw.results.mask_scores import MaskScores
from macaw.training.progress import Bar
from recipes.finishing import finish

SIZE = 320  # pixels: the longer side of the pack's pictures

LIMITS = (
    "Trained on 367 pictures from one car in one English town, by day and dusk: streets elsewhere, at night "
    "or in the rain, and everything that is no street, get the nearest of eleven classes. Poles, signs and "
    "people far away are often missed. For real work reach for a checkpoint trained on Cityscapes, such as "
    "nvidia/segformer-b0-finetuned-cityscapes-1024-1024 on the Hugging Face Hub."
)
TERMS = {
    "code": "Apache-2.0",
    "weights": "trained on pictures whose terms follow: research and education only",
    "data": "CamVid (University of Cambridge) in the split of SegNet: no open licence, research only; the "
    "front-end on Tiny-ImageNet-200 and COCO, non-commercial research and education",
}


def commonest(folder: Path) -> MaskScores:
    """The scores on test of an answer that gives every pixel the commonest class of train."""
    data = read_masked(folder)
    train, test = data.splits["train"], data.splits["test"]

    def masks(some: type(test)) -> Iterator[np.ndarray]:  # type: ignore[valid-type]
        return (read_mask(mask, data.legend) for mask in some.masks)

    counts = sum(np.bincount(mask.ravel(), minlength=256) for mask in masks(train))
    best = int(np.argmax(np.delete(counts, IGNORE)))
    return score_masks(masks(test), (np.full_like(mask, best) for mask in masks(test)), data.names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/seg_camvid"))
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / tasks.find("segment").embedded)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    start = tasks.find("detect").embedded
    with Bar() as bar:
        verbs.train(
            "segment",
            chosen.data,
            out=chosen.out,
            resume=chosen.resume,
            watcher=bar,
            minutes=chosen.minutes,
            start=str(zoo.folder(start)),
            size=SIZE,
        )
    finish(
        chosen.out,
        chosen.data,
        name="camvid-11",
        split="test",
        measured="CamVid test (SegNet's split, 233 pictures of 320 x 240)",
        baselines={"baseline: the commonest class everywhere": commonest(chosen.data).metrics},
        training={
            "data": "367 pictures of CamVid",
            "start": start,
            "command": f"python -m recipes.segment --minutes {chosen.minutes:g}",
        },
        terms=TERMS,
        limits=LIMITS,
    )


if __name__ == "__main__":
    main()
