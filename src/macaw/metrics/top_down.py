"""Top-down: a model of key points is asked about every object of a split, each cut out by its given box.

The boxes are the annotated ones, not a detector's: the score is of the points alone, and a note says so. A
picture that was made for its one object is looked at as a whole, as in training.

Shapes: P pictures, N objects of all of them, n of one, K points
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from macaw.data.apart import is_single, usable
from macaw.data.objects import Annotated, Objects, Skeleton
from macaw.errors import InputError
from macaw.metrics.coco_ap import score_boxes
from macaw.metrics.points import box_side, score_points
from macaw.model import Model
from macaw.results.point_scores import PointScores

OKS = ("AP", "AP50", "AP75", "AR")  # of COCO's protocol for key points, by their overlap OKS

Progress = Callable[[int, int], None]


def score_objects(
    model: Model, some: Annotated, skeleton: Skeleton, *, batch: int = 64, progress: Progress | None = None
) -> PointScores:
    """Errors in parts of the boxes' sides; COCO's AP beside them where the spreads of points are known.

    Raises InputError where no object has a labelled point.
    """
    whole = "margin" not in model.card.decode and is_single(some)
    kept = [one if whole else one[usable(one)] for one in some.objects]
    if not any(map(len, kept)):
        raise InputError("no object has a labelled point, so there is nothing to score; mark some")
    began, answers = time.monotonic(), []
    for answer in _whole(model, some, batch) if whole else _cut(model, some, kept, batch):
        answers.append(answer)
        if progress:
            progress(len(answers), len(some))
    scores = score_points(
        np.concatenate(answers),
        np.concatenate([one.points for one in kept if len(one)]),
        skeleton.names,
        normaliser=box_side(np.concatenate([one.xyxy for one in kept])),
        seconds=time.monotonic() - began,
    )
    if not whole:
        words = f"boxes given: {scores.count:,} objects of {len(some):,} pictures, each cut out by its own"
        scores = replace(scores, notes=(words, *scores.notes))
    return scores if skeleton.sigmas is None else _with_oks(scores, answers, kept, some, skeleton)


def _whole(model: Model, some: Annotated, batch: int) -> Iterator[np.ndarray]:
    """(1, K, 3) x, y, score for each picture."""
    for answer in model.stream(some.sources, batch=batch):
        yield np.column_stack([answer.xy, answer.scores])[None]


def _cut(model: Model, some: Annotated, kept: Sequence[Objects], batch: int) -> Iterator[np.ndarray]:
    """(n, K, 3) x, y, score for each picture; one without objects is not read."""
    for source, one in zip(some.sources, kept, strict=True):
        if len(one):
            yield np.asarray(model.at(source, one.xyxy, batch=batch).points)
        else:
            yield np.zeros((0, len(model.card.names), 3))


def _with_oks(
    scores: PointScores,
    answers: Sequence[np.ndarray],
    kept: Sequence[Objects],
    some: Annotated,
    skeleton: Skeleton,
) -> PointScores:
    """With COCO's numbers: answers are ranked by the mean score of their points."""
    found = [
        (one.xyxy, np.zeros(len(one), np.int64), points[..., 2].mean(axis=1), (), points)
        for one, points in zip(kept, answers, strict=True)
    ]
    truth = [replace(one, labels=np.zeros(len(one), np.int64)) for one in some.objects]
    oks = score_boxes(found, truth, ("object",), kind="points", skeleton=skeleton)
    more = {f"{name}, OKS": oks.metrics[name] for name in OKS if name in oks.metrics}
    sides = np.concatenate([one.xyxy[:, 2:] - one.xyxy[:, :2] for one in kept])
    boxed = np.allclose(np.concatenate([one.area for one in kept]), sides.prod(axis=1))
    areas = ("no areas given: OKS takes those of boxes, which is kinder than COCO's",) if boxed else ()
    return replace(scores, metrics={**scores.metrics, **more}, notes=(*scores.notes, *areas, *oks.notes[:1]))
