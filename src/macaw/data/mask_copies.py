"""Copies with other masks: one picture, byte for byte, that is labelled in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.mask_survey import SHOWN, MaskSurvey
from macaw.data.masked import IGNORE

OTHER = 0.02  # share of the pixels labelled in both from which two masks say different things


def conflict_findings(held: MaskSurvey, facts: Sequence[Fact]) -> list[Couple]:
    """Equal pictures whose masks differ; answers the pairs that are worth a picture."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, fact in enumerate(facts):
        if not fact.problem and held.read[index]:
            groups[fact.digest].append(index)
    pairs = [pair for group in groups.values() if (pair := _conflict(held, group))]
    if pairs:
        words = f"{count(len(pairs), 'picture')} with different masks in equal copies"
        held.report("mask-conflict", len(pairs), words, (" = ".join(map(held.name, pair)) for pair in pairs))
    return [Couple("mask-conflict", *pair) for pair in pairs[:SHOWN]]


def _conflict(held: MaskSurvey, group: Sequence[int]) -> tuple[int, int] | None:
    """The first picture of the group, and the first that is labelled differently."""
    first, *others = group
    own = held.mask(first) if others else np.zeros((0, 0), np.uint8)
    return next(((first, other) for other in others if not alike(own, held.mask(other))), None)


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two masks say the same, but for some pixels along the edges."""
    if one.shape != other.shape:
        return False
    both = (one != IGNORE) & (other != IGNORE)
    return bool(((one != other) & both).sum() <= OTHER * both.sum())
