"""COCO's numbers, ours beside pycocotools: the same in every digit that is printed, and the time they take.

    pip install pycocotools
    python -m benchmarks.box_metrics

A set like COCO's val: 5,000 pictures, some 36,000 objects of 80 classes as unevenly as there, crowds, and 100
answers a picture, of which some are near objects. Both get their data ready-made; pycocotools is timed in
`evaluate` and `accumulate`, ours from the arrays to the same numbers, and to all of `score_boxes` with its
intervals. Seconds of one core, in the same process, in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from macaw.data.objects import Objects
from macaw.metrics.box_tables import gather
from macaw.metrics.coco_ap import COLUMNS, class_curves, score_boxes, summary
from macaw.metrics.coco_match import match

CLASSES, OBJECTS, ANSWERS = 80, 7.2, 100  # objects and answers of a picture
NAMES = tuple(f"class {i}" for i in range(CLASSES))
SIDES = (640, 480)
Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes (N, 4), labels (N,), scores (N,)


def random_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    """Boxes on quarters of a pixel, most of them small, as COCO's."""
    sides = np.exp(random.uniform(np.log(8), np.log(300), (count, 2)))
    corner = random.random((count, 2)) * (np.array(SIDES) - np.minimum(sides, 400))
    return np.asarray(np.round(4 * np.hstack([corner, corner + sides])) / 4)


def scene(pictures: int, seed: int) -> tuple[list[Found], list[Objects]]:
    """Answers and objects of so many pictures."""
    random = np.random.default_rng(seed)
    common = 1 / np.arange(1, CLASSES + 1)
    common /= common.sum()
    found, objects = [], []
    for _ in range(pictures):
        kinds = random.choice(CLASSES, 3, p=common)  # a picture shows few classes
        count = int(random.poisson(OBJECTS))
        boxes, labels = random_boxes(random, count), random.choice(kinds, count)
        objects.append(Objects.of(boxes, labels, crowd=random.random(count) < 0.01))
        copies = random.integers(0, count, min(3 * count, ANSWERS)) if count else np.zeros(0, int)
        near = boxes[copies] + np.round(4 * random.normal(size=(len(copies), 4)) * 4) / 4
        mine = np.concatenate([near, random_boxes(random, ANSWERS - len(copies))])
        mine = np.sort(mine.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        guesses = np.concatenate([labels[copies], random.choice(CLASSES, ANSWERS - len(copies), p=common)])
        scores = np.concatenate(
            [random.random(len(copies)) ** 0.5, random.random(ANSWERS - len(copies)) ** 3]
        )
        found.append((mine, guesses, scores))
    return found, objects


def coco_box(box: np.ndarray) -> list[float]:
    left, top, right, bottom = box.tolist()
    return [left, top, right - left, bottom - top]


def their_judge(found: list[Found], objects: list[Objects]) -> Any:
    """COCOeval over the same boxes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1} for i in range(len(objects))],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(NAMES)],
        "annotations": [
            {
                "image_id": picture + 1,
                "category_id": int(one.labels[i]) + 1,
                "bbox": coco_box(one.xyxy[i]),
                "area": float(one.area[i]),
                "iscrowd": int(one.crowd[i]),
            }
            for picture, one in enumerate(objects)
            for i in range(len(one))
        ],
    }
    for number, one in enumerate(truth.dataset["annotations"]):
        one["id"] = number + 1
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        answers = truth.loadRes(
            [
                {
                    "image_id": picture + 1,
                    "category_id": int(labels[i]) + 1,
                    "bbox": coco_box(boxes[i]),
                    "score": float(scores[i]),
                }
                for picture, (boxes, labels, scores) in enumerate(found)
                for i in range(len(scores))
            ]
        )
        return COCOeval(truth, answers, "bbox")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Seconds of processor time: both use one core, and others may be at work on the machine."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def theirs(judge: Any) -> tuple[np.ndarray, np.ndarray]:
    """The twelve numbers, and average precision by class."""
    with contextlib.redirect_stdout(io.StringIO()):
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats, judge.eval["precision"][:, :, :, 0, -1].mean(axis=(0, 1))


def ours(found: list[Found], objects: list[Objects]) -> tuple[np.ndarray, np.ndarray]:
    matches = match(*gather(found, objects, NAMES))
    values = summary(matches, COLUMNS, np.ones((1, len(found))))[0]
    return values, np.nan_to_num(class_curves(matches).mean(axis=(1, 2)), nan=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3, help="of ours; pycocotools runs once")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    found, objects = scene(chosen.pictures, chosen.seed)
    size = {
        "pictures": len(found),
        "objects": sum(map(len, objects)),
        "answers": sum(len(scores) for _, _, scores in found),
    }
    rounds = [timed(lambda: ours(found, objects)) for _ in range(chosen.rounds)]
    (values, averages), seconds = rounds[0][0], float(np.median([took for _, took in rounds]))
    whole, all_seconds = timed(lambda: score_boxes(found, objects, NAMES))
    judge, loading = timed(lambda: their_judge(found, objects))
    (expected, theirs_by_class), their_seconds = timed(lambda: theirs(judge))
    apart = max(float(np.abs(values - expected).max()), float(np.abs(averages - theirs_by_class).max()))
    if apart > 1e-6:
        raise SystemExit(f"the numbers differ by {apart}")
    row = {**size, "AP": round(float(values[0]), 4), "largest difference": apart}
    print(json.dumps({"who": "macaw", "seconds": round(seconds, 2), **row}))
    print(json.dumps({"who": "macaw, with intervals and all", "seconds": round(all_seconds, 2), **row}))
    print(
        json.dumps(
            {"who": "pycocotools", "seconds": round(their_seconds, 2), "loading": round(loading, 2), **row}
        )
    )
    print(json.dumps({"who": "pycocotools / macaw", "times": round(their_seconds / seconds, 1)}))
    print(json.dumps({"who": "interval of AP", "value": str(whole.metrics["AP"])}))


if __name__ == "__main__":
    main()
