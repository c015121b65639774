"""What COCO matches with what: every answer and object, at ten overlaps and in four ranges of area.

The rules are those of COCOeval, ties and all (Lin et al. 2014, arXiv 1405.0312).

Shapes: P pictures, D answers, N objects, M answers near an object, T overlaps, A ranges of area
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from macaw.metrics.box_tables import Answers, Truth
from macaw.metrics.matching import assign, near_pairs, places
from macaw.metrics.overlap import Overlap, box_area, overlap_of

FLOORS = np.linspace(0.5, 0.95, 10)  # the overlaps that a match must reach
HUGE = 1e10  # pixels: larger objects are ignored, as by COCOeval
AREAS = {"all": (0.0, HUGE), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, HUGE)}
LIMITS = (1, 10, 100)  # answers of a picture and class that count
POINT_LIMIT = 20  # of key points, where there is no "small" either
EXACT = 1 - 1e-10  # an overlap of 1 may come out a little below it


@dataclass(frozen=True, eq=False)
class Matches:
    """What was matched with what: all that precision and recall need to be added up."""

    answers: Answers  # by class, the surest first; of a picture and class no more than the limit
    truth: Truth
    areas: tuple[str, ...]  # A names of ranges, "all" first
    place: np.ndarray  # (D,) from 0: how many answers of its picture and class are surer
    within: np.ndarray  # (D, A) bool: whether its own area lies in the range
    counted: np.ndarray  # (N, A) bool: whether the object must be found
    rows: np.ndarray  # (M,) answers near an object, rising
    mates: np.ndarray  # (M, T, A) int32 the objects they took, -1 for none
    overlap: Overlap  # by which they were compared, of the rows of both tables


def match(
    answers: Answers, truth: Truth, *, kind: str = "boxes", sigmas: np.ndarray | None = None
) -> Matches:
    """Match all answers with the objects of their picture and class, the surest answer first.

    Objects outside a range of area, crowds, and objects without a labelled key point need not be found: who
    takes one is neither right nor wrong.
    """
    areas = tuple(area for area in AREAS if not (kind == "points" and area == "small"))
    answers, place = _sorted(answers, truth.pictures, POINT_LIMIT if kind == "points" else LIMITS[-1])
    keys = answers.labels * truth.pictures + answers.picture
    ranges = np.array([AREAS[area] for area in areas])  # (A, 2)
    counted = _must_be_found(truth, kind)[:, None] & _between(truth.area, ranges)
    overlap = overlap_of(kind, answers, truth, sigmas)

    by = np.argsort(keys, kind="stable")  # groups side by side, each with its surest answer first
    pairs = near_pairs(
        keys[by],
        truth.labels * truth.pictures + truth.picture,
        lambda one, other: overlap(by[one], other),
        float(FLOORS[0]),
    )
    found = assign(pairs, keys[by], crowd=truth.crowd, ignored=~counted, floors=np.minimum(FLOORS, EXACT))
    back = np.argsort(by[found.rows])
    return Matches(
        answers=answers,
        truth=truth,
        areas=areas,
        place=place,
        within=_between(_areas(answers, kind), ranges),
        counted=counted,
        rows=by[found.rows][back],
        mates=found.mates[back],
        overlap=overlap,
    )


def _sorted(answers: Answers, pictures: int, limit: int) -> tuple[Answers, np.ndarray]:
    """Answers by class, the surest first, equals as they came; and each one's place in its picture, (D,)."""
    answers = answers.take(np.lexsort((-answers.scores, answers.labels)))
    keys = answers.labels * pictures + answers.picture
    order = np.argsort(keys, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = places(keys[order])
    keep = np.flatnonzero(place < limit)
    return answers.take(keep), place[keep]


def _must_be_found(truth: Truth, kind: str) -> np.ndarray:
    """(N,) bool: no crowd, and of key points at least one labelled."""
    if kind == "points" and len(truth):
        return np.asarray(~truth.crowd & (truth.points[:, :, 2] > 0).any(axis=1))
    return ~truth.crowd


def _between(areas: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Whether each area (n,) lies in each range (A, 2), both ends included: (n, A)."""
    return np.asarray((areas[:, None] >= ranges[:, 0]) & (areas[:, None] <= ranges[:, 1]))


def _areas(answers: Answers, kind: str) -> np.ndarray:
    """The area of each answer, (D,) pixels; of key points, that of the box around them."""
    if kind == "regions":
        return np.array([region.area for region in answers.regions], np.float64)
    if kind == "points" and len(answers):
        return np.asarray(np.ptp(answers.points, axis=1).prod(axis=1))
    return box_area(answers.xyxy)
