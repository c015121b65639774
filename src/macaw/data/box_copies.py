"""Copies with other boxes: one picture, byte for byte, that is annotated in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from macaw.data.box_pairs import same_place
from macaw.data.box_survey import SHOWN, BoxSurvey
from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.objects import Objects

SAME = 0.5  # intersection over union from which two people mean the same object (PASCAL VOC's)


def conflict_findings(held: BoxSurvey, facts: Sequence[Fact]) -> list[Couple]:
    """Equal pictures with the same classes but other boxes; those with other classes are told among copies.

    Answers the pairs that are worth a picture.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, fact in enumerate(facts):
        if not fact.problem:
            groups[fact.digest].append(index)
    pairs = [pair for group in groups.values() if (pair := _conflict(held, group))]
    if pairs:
        words = f"{count(len(pairs), 'picture')} with different boxes in equal copies"
        where = (" = ".join(map(held.name, pair)) for pair in pairs)
        held.report("box-conflict", len(pairs), words, where)
    return [Couple("box-conflict", *pair) for pair in pairs[:SHOWN]]


def _conflict(held: BoxSurvey, group: Sequence[int]) -> tuple[int, int] | None:
    """The first picture of the group, and the first with the same classes and other boxes."""
    first, *others = group
    for other in others:
        if held.labels[other] == held.labels[first] and not alike(held.objects[first], held.objects[other]):
            return first, other
    return None


def alike(one: Objects, other: Objects) -> bool:
    """Whether each object of one is in the other too: of the same class, in the same place."""
    number = len(one)
    if number != len(other):
        return False
    labels, boxes = (np.concatenate([getattr(o, name) for o in (one, other)]) for name in ("labels", "xyxy"))
    pairs = same_place(labels, boxes, floor=SAME)
    across = pairs[(pairs[:, 0] < number) & (pairs[:, 1] >= number)]
    return len(np.unique(across)) == 2 * number
