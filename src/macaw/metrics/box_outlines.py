"""Outlines beside boxes: the same answers scored once more by their masks, in the same table.

Shapes: P pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from macaw.metrics.coco_ap import score_boxes
from macaw.results.box_scores import BoxScores

if TYPE_CHECKING:
    from macaw.data.objects import Objects

SCORED = ("AP", "AP50", "AP75")  # of masks; how sizes differ the boxes tell


def with_outlines(scores: BoxScores, found: Sequence[Any], objects: Sequence[Objects]) -> BoxScores:
    """The scores of boxes, and beside each of SCORED that of masks: "AP mask" is AP by the overlap of masks.

    `found` holds the answers (P,) with their regions, `objects` (P,) what is annotated. Where not every
    object has a region a note says so, and nothing is added. Raises what `score_boxes` raises.
    """
    regions = [one.regions or (None,) * len(one) for one in objects]
    bare = sum(region is None for some in regions for region in some)
    if bare:
        total = sum(map(len, regions))
        note = f"masks are not scored: {bare:,} of {total:,} objects have no outline"
        return replace(scores, notes=(*scores.notes, note))
    masks = score_boxes(found, objects, scores.names, kind="regions")
    added = {f"{name} mask": masks.metrics[name] for name in SCORED if name in masks.metrics}
    first = {name: one for name, one in scores.metrics.items() if name in SCORED}
    note = "AP is of boxes, AP mask of the same answers by the overlap of their masks"
    return replace(scores, metrics={**first, **added, **scores.metrics}, notes=(*scores.notes, note))


def crowding(objects: Sequence[Objects], most: int) -> tuple[str, ...]:
    """A note where pictures hold more objects than answers of theirs count, as COCO's rules have it."""
    numbers = [int((~one.crowd).sum()) for one in objects]
    many = [number for number in numbers if number > most]
    if not many:
        return ()
    lost = sum(number - most for number in many)
    which = f"{len(many):,} of {len(numbers):,} pictures hold more than {most} objects, up to {max(many):,}"
    return (
        f"{which}: by COCO's rules {most} answers of a picture count, so that {lost:,} of "
        f"{sum(numbers):,} objects cannot be found",
    )
