"""Trains the embedded detector of blood cells: red ones, white ones and platelets, from 205 pictures.

    python -m recipes.cells --minutes 15

The 87 pictures of the official val choose the best weights; the 72 of test are scored once, at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from macaw import tasks, verbs, zoo
from macaw.data.annotated import read_annotated
from macaw.training.progress import Bar
from recipes.finishing import finish, usual_boxes

LIMITS = (
    "Trained on 205 pictures of stained smears from one microscope. Another stain, another magnification or "
    "another animal is another task: train on your own pictures. It counts; it does not diagnose."
)
TERMS = {
    "code": "Apache-2.0",
    "weights": "cells MIT; front-end trained on pictures whose terms follow: research and education only",
    "data": "BCCD (MIT); the front-end on Tiny-ImageNet-200 and COCO, non-commercial research and education",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/det_bccd"))
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / "blood-cells")
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    start, data = tasks.find("detect").embedded, read_annotated(chosen.data)
    with Bar() as bar:
        verbs.train(
            "detect",
            chosen.data,
            out=chosen.out,
            resume=chosen.resume,
            watcher=bar,
            minutes=chosen.minutes,
            start=str(zoo.folder(start)),
        )
    finish(
        chosen.out,
        chosen.data,
        name="blood-cells",
        split="test",
        measured="BCCD test (official, 72 pictures of 416 x 312)",
        baselines={"baseline: a hundred boxes of train in every picture": usual_boxes(data, "test").metrics},
        training={
            "data": "205 pictures of BCCD",
            "start": start,
            "command": f"python -m recipes.cells --minutes {chosen.minutes:g}",
        },
        terms=TERMS,
        limits=LIMITS,
    )


if __name__ == "__main__":
    main()
