"""Where to cut: the score of the best F1, what is right, wrong and missed there, what is taken for what.

Everything is at an overlap of 0.5 and over objects of every size.

Shapes: D answers, N objects, C classes
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from macaw.metrics.coco_match import FLOORS, Matches
from macaw.metrics.matching import assign, near_pairs


class Operating(NamedTuple):
    """What a user sees who keeps the answers of this score or a higher one."""

    threshold: float | None  # None where no answer is right: then all are kept
    objects: np.ndarray  # (C,) int64 to be found
    right: np.ndarray  # (C,) int64 of them found
    wrong: np.ndarray  # (C,) int64 answers that are no such object
    confusion: np.ndarray  # (C + 1, C + 1) int64, rows truth, columns answer, background last


def operate(matches: Matches) -> Operating:
    """The best threshold for all classes together, and the counts and the confusion at it.

    An answer of the wrong class that overlaps an object nobody found is a confusion of the two; other wrong
    answers are background taken for a class, other missed objects a class taken for background.
    """
    classes = matches.truth.classes
    right, wrong, mates = _verdicts(matches)
    counted = matches.counted[:, 0]
    threshold = _best_threshold(matches.answers.scores, right, wrong, int(counted.sum()))
    if threshold is not None:
        kept = matches.answers.scores >= threshold
        right, wrong = right & kept, wrong & kept
    labels, truth = matches.answers.labels, matches.truth.labels
    left = counted.copy()  # objects that no right answer took
    left[mates[right]] = False
    answers, things = _confused(matches, np.flatnonzero(wrong), np.flatnonzero(left))
    table = np.zeros((classes + 1, classes + 1), np.int64)
    np.add.at(table, (labels[right], labels[right]), 1)
    np.add.at(table, (truth[things], labels[answers]), 1)
    wrong_alone, left_alone = wrong.copy(), left.copy()
    wrong_alone[answers] = left_alone[things] = False
    np.add.at(table, (classes, labels[wrong_alone]), 1)
    np.add.at(table, (truth[left_alone], classes), 1)
    objects, found, lies = (
        np.bincount(some, minlength=classes) for some in (truth[counted], labels[right], labels[wrong])
    )
    return Operating(threshold, objects, found, lies, table)


def _verdicts(matches: Matches) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right and wrong, (D,) bool each, neither where the object need not be found; and that object, (D,)."""
    mates = np.full(len(matches.answers), -1)
    mates[matches.rows] = matches.mates[:, 0, 0]
    right, wrong = np.zeros(len(mates), bool), (mates < 0) & matches.within[:, 0]
    right[mates >= 0] = matches.counted[mates[mates >= 0], 0]
    return right, wrong, mates


def _best_threshold(scores: np.ndarray, right: np.ndarray, wrong: np.ndarray, objects: int) -> float | None:
    """The score of the best F1; of equal ones the highest. None where no answer is right."""
    if not right.any():
        return None
    order = np.argsort(-scores, kind="stable")
    found, given = np.cumsum(right[order]), np.cumsum((right | wrong)[order])
    f1 = 2 * found / (given + objects)
    ends = np.append(np.diff(scores[order]) != 0, True)  # equal scores are kept or dropped together
    return float(scores[order][np.where(ends, f1, -1).argmax()])


def _confused(matches: Matches, rows: np.ndarray, things: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the answers `rows` took which of `things`, of any class: rows of both tables, (n,) each."""
    answers, truth = matches.answers, matches.truth
    rows = rows[np.lexsort((-answers.scores[rows], answers.picture[rows]))]
    keys = answers.picture[rows]
    pairs = near_pairs(
        keys,
        truth.picture[things],
        lambda one, other: matches.overlap(rows[one], things[other]),
        float(FLOORS[0]),
    )
    nobody = np.zeros(len(things), bool)
    found = assign(pairs, keys, crowd=nobody, ignored=nobody[:, None], floors=FLOORS[:1])
    mates = found.mates[:, 0, 0]
    return rows[found.rows[mates >= 0]], things[mates[mates >= 0]]
