"""Outlined: whether a data set has outlines that are worth learning, on nearly all of its objects."""

from __future__ import annotations

import numpy as np

from macaw.data.objects import Annotated, Objects
from macaw.errors import InputError

NEARLY = 0.95  # share of the objects with an outline from which outlines are learned
BOXY = 0.98  # share of their boxes from which outlines say no more than boxes do
_LOOKED = 100  # outlines whose area is looked at


def learns_outlines(train: Annotated, masks: str) -> bool:
    """Whether outlines are learned: where the user says so, or "auto" finds them on nearly all objects.

    Outlines that fill their boxes are none. Raises InputError where they are wanted and not there.
    """
    if masks == "no":
        return False
    bare = [_bare(objects) for objects in train.objects]
    total, lacking = sum(int((~objects.crowd).sum()) for objects in train.objects), sum(bare)
    enough = lacking <= (1 - NEARLY) * total
    if masks == "yes" and not enough:
        first = train.label(next(place for place, number in enumerate(bare) if number))
        raise InputError(
            f"masks='yes': {lacking:,} of {total:,} objects of train have no outline, the first in "
            f"'{first}'; outline them, or take masks='no'"
        )
    return enough and (masks == "yes" or not _boxy(train))


def _bare(objects: Objects) -> int:
    """How many objects have no region; crowds are no objects."""
    known = objects.regions or (None,) * len(objects)
    return sum(region is None for region, crowd in zip(known, objects.crowd, strict=True) if not crowd)


def _boxy(train: Annotated) -> bool:
    """Whether outlines are but the boxes again, as some tools export them."""
    pairs = [
        (region, xyxy)
        for objects in train.objects
        for region, xyxy in zip(objects.regions, objects.xyxy, strict=False)
        if region is not None
    ]
    some = pairs[:: max(1, len(pairs) // _LOOKED)]
    areas = np.array([[region.area, np.prod(xyxy[2:] - xyxy[:2])] for region, xyxy in some]).reshape(-1, 2)
    return bool((areas[:, 0] >= BOXY * areas[:, 1]).all())
