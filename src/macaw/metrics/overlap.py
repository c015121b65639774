"""Overlap: how alike an answer and an object are, pair by pair: IoU of boxes and regions, OKS of key points.

Everything is for pairs (n,), never for a whole table of answers by objects: few pairs share a picture and a
class.

Shapes: D answers, N objects, n pairs, K key points
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from macaw.errors import InputError
from macaw.metrics.box_tables import Answers, Truth

if TYPE_CHECKING:
    from macaw.data.objects import Skeleton

# Rows of answers (n,) and of objects (n,) -> how alike each pair is (n,) 0..1. Pairs of an answer lie side
# by side, and answers of a group, which share their objects, one after another: see `near_pairs`.
Overlap = Callable[[np.ndarray, np.ndarray], np.ndarray]

# How far apart people place a point, in parts of the square root of the object's area, as COCO measured it:
# nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
COCO_SIGMAS = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
    *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
USUAL_SIGMA = 0.067  # the mean of those seventeen, for points that nobody measured


def overlap_of(kind: str, answers: Answers, truth: Truth, sigmas: np.ndarray | None = None) -> Overlap:
    """What compares the rows of two tables as `kind` asks: boxes, regions or points (with `sigmas` (K,))."""
    if kind == "regions":
        return _regions_overlap(answers, truth)
    if kind == "points":
        return _points_overlap(answers, truth, np.asarray(sigmas))
    return lambda one, other: box_iou(answers.xyxy[one], truth.xyxy[other], truth.crowd[other])


def box_iou(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Intersection over union of box i (n, 4) with the other i (n, 4), 0..1; 0 where they share no area.

    Of a crowd (n,), it is the share of the box that lies in it: a group has no box to be as large as.
    """
    area, other = box_area(boxes), box_area(others)
    across = np.minimum(boxes[:, 2], others[:, 2]) - np.maximum(boxes[:, 0], others[:, 0])
    down = np.minimum(boxes[:, 3], others[:, 3]) - np.maximum(boxes[:, 1], others[:, 1])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    whole = area + other - shared
    if crowd is not None:
        whole = np.where(crowd, area, whole)
    return np.asarray(np.divide(shared, whole, out=np.zeros(len(shared)), where=shared > 0))


def box_area(boxes: np.ndarray) -> np.ndarray:
    """The area of boxes (n, 4), (n,) pixels."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def sigmas_of(skeleton: Skeleton | None, points: int) -> tuple[np.ndarray, str]:
    """How exactly each of K points can be placed, (K,), and where that is from, for the reader.

    A skeleton's own; COCO's for seventeen points; else one value for all. Raises InputError.
    """
    if skeleton is not None and skeleton.sigmas is not None:
        if points and len(skeleton.sigmas) != points:
            raise InputError(
                f"{len(skeleton.sigmas)} sigmas for objects of {points} key points; give one each"
            )
        return np.asarray(skeleton.sigmas, np.float64), "the skeleton's own sigmas"
    if points == len(COCO_SIGMAS):
        return np.array(COCO_SIGMAS), "the sigmas of COCO's seventeen points"
    words = f"one sigma of {USUAL_SIGMA} for all {points} points, since the skeleton gives none"
    return np.full(points, USUAL_SIGMA), words


def _points_overlap(answers: Answers, truth: Truth, sigmas: np.ndarray) -> Overlap:
    """Object key point similarity: mean over labelled points of exp(-d^2 / (2 s^2 k^2)), k = 2 sigma.

    s^2 is the object's area (the COCO key point challenge). Where no point is labelled, a point costs what it
    lies outside the box enlarged to three times its sides: such objects are ignored, and so is what is there.
    """
    spreads = (2 * sigmas) ** 2  # (K,)
    found, given = answers.points, truth.points
    margin = truth.xyxy[:, 2:] - truth.xyxy[:, :2]  # (N, 2)

    def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        labelled = given[other, :, 2] > 0  # (n, K)
        number = labelled.sum(axis=1)
        low = (truth.xyxy[other, :2] - margin[other])[:, None]  # (n, 1, 2)
        high = (truth.xyxy[other, :2] + 2 * margin[other])[:, None]
        place = found[one]  # (n, K, 2)
        outside = np.maximum(low - place, 0) + np.maximum(place - high, 0)
        gap = np.where((number > 0)[:, None, None], place - given[other, :, :2], outside)
        scale = (truth.area[other] + np.spacing(1))[:, None]
        alike = np.exp(-((gap**2).sum(axis=2) / spreads / scale / 2))  # (n, K)
        alike[~labelled & (number > 0)[:, None]] = 0
        return np.asarray(alike.sum(axis=1) / np.where(number > 0, number, len(spreads)))

    return overlap


def _regions_overlap(answers: Answers, truth: Truth) -> Overlap:
    """IoU of regions, computed for all answers and objects of a group at once."""
    from macaw.data.regions import iou

    def overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        values = np.zeros(len(one))
        begins = np.flatnonzero(np.diff(one, prepend=-1))  # (m,) the first pair of each answer
        groups = np.flatnonzero(np.diff(other[begins], prepend=-1))  # no two groups share an object
        edges = [*begins[groups], len(one)]
        for low, high in pairwise(edges):
            rows = np.unique(one[low:high])  # answers come in rising order
            things = other[low : low + (high - low) // len(rows)]
            table = iou(
                [answers.regions[i] for i in rows],
                [truth.regions[i] for i in things],
                truth.crowd[things],
            )
            values[low:high] = np.asarray(table).ravel()
        return values

    return overlap
