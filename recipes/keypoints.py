"""Trains the embedded model of key points: 68 points of a face, from 3,114 faces of 96 pixels.

    python -m recipes.keypoints --minutes 20

A tenth of the official train chooses the best weights; the 770 faces of test are scored once, at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from macaw import tasks, verbs, zoo
from macaw.data.pointfiles import read_points
from macaw.metrics.points import box_side, score_points
from macaw.results.point_scores import PointScores
from macaw.training.progress import Bar
from recipes.finishing import finish

SIZE = 96  # pixels: that of the pack's faces

LIMITS = (
    "Knows one face at a time, cut out as a square 1.35 times as wide as its points; it does not find the "
    "face. Trained on 3,114 frames of videos, many of them blurred, whose points were set by a program: it "
    "is no more exact than that, and every person of the test is in train too. Faces in profile and hidden "
    "ones are beyond it. For real work reach for a model made for faces, such as MediaPipe's face landmarks."
)
TERMS = {
    "code": "Apache-2.0",
    "weights": "trained on pictures whose terms follow: research and education only",
    "data": "P1_Facial_Keypoints (MIT, Udacity), frames of YouTube Faces (research use); the front-end on "
    "Tiny-ImageNet-200 and COCO, non-commercial research and education",
}


def mean_face(folder: Path) -> PointScores:
    """The scores on test of an answer that gives every face the mean points of train."""
    data = read_points(folder)
    train, test = data.splits["train"], data.splits["test"]
    mean = np.concatenate([objects.points for objects in train.objects])[..., :2].mean(0)
    truth = np.concatenate([objects.points for objects in test.objects])
    side = box_side(np.concatenate([objects.xyxy for objects in test.objects]))
    names = data.skeleton.names if data.skeleton else ()
    return score_points(np.broadcast_to(mean, truth[..., :2].shape), truth, names, normaliser=side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/kp_face68"))
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / tasks.find("keypoints").embedded)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    start = tasks.find("detect").embedded
    with Bar() as bar:
        verbs.train(
            "keypoints",
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
        name="faces-68",
        split="test",
        measured="faces of the official test (770; every person is in train too)",
        baselines={"baseline: the mean face of train": mean_face(chosen.data).metrics},
        training={
            "data": "3,114 faces of P1_Facial_Keypoints",
            "start": start,
            "command": f"python -m recipes.keypoints --minutes {chosen.minutes:g}",
        },
        terms=TERMS,
        limits=LIMITS,
    )


if __name__ == "__main__":
    main()
