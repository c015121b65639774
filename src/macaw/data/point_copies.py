"""Copies with other points: one picture, byte for byte, that is marked in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from macaw.data.box_survey import SHOWN
from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.objects import Objects
from macaw.data.point_survey import PointSurvey

OTHER = 0.1  # mean distance, in parts of the points' span, from which two people mean different places


def conflict_findings(held: PointSurvey, facts: Sequence[Fact]) -> list[Couple]:
    """Equal pictures whose points differ; answers the pairs that are worth a picture."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, fact in enumerate(facts):
        if not fact.problem:
            groups[fact.digest].append(index)
    pairs = [pair for group in groups.values() if (pair := _conflict(held, group))]
    if pairs:
        words = f"{count(len(pairs), 'picture')} with different points in equal copies"
        held.report("point-conflict", len(pairs), words, (" = ".join(map(held.name, pair)) for pair in pairs))
    return [Couple("point-conflict", *pair) for pair in pairs[:SHOWN]]


def _conflict(held: PointSurvey, group: Sequence[int]) -> tuple[int, int] | None:
    first, *others = group
    for other in others:
        if held.labels[other] == held.labels[first] and not alike(held.objects[first], held.objects[other]):
            return first, other
    return None


def alike(one: Objects, other: Objects) -> bool:
    """Whether two markings of one picture are nearly the same; of several objects only the number counts."""
    if one.points is None or other.points is None or len(one) != 1 or len(other) != 1:
        return len(one) == len(other)
    both = (one.points[0, :, 2] > 0) & (other.points[0, :, 2] > 0)
    if not both.any():
        return True
    first, second = one.points[0, both, :2], other.points[0, both, :2]
    span = max(float(np.ptp(first, axis=0).max()), 1.0)
    return float(np.linalg.norm(first - second, axis=1).mean()) <= OTHER * span
