"""Rules of single boxes and of the pictures they are in: too small, too large, twice, too many, none at all.

Shapes: M boxes of all pictures
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from macaw.data.box_forms import quarter_turned
from macaw.data.box_pairs import same_place
from macaw.data.box_survey import SHOWN, BoxSurvey, Sight
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.find import entries, is_picture_name
from macaw.data.yolo import label_file

SAME = 0.95  # intersection over union from which two boxes are in one place
WHOLE, WHOLES = 0.95, 0.5  # share of a picture that is nearly all of it, and of boxes that are placeholders
SIDE = 416  # pixels a picture is prepared to, where nobody says: what training reads at most by itself
# Pixels of the shorter side, so prepared, that are too few: the finest cells of most detectors are 8 apart,
# and less than half of that leaves no shape. And the share of boxes from which the size is wrong.
UNSEEN, UNSEENS = 4.0, 0.1
LONG = 20.0  # times as long as wide; of 5,000 boxes of COCO two are longer, a knife and a book
CROWDED = 300  # answers that a picture can have, unless a card says otherwise
EMPTY = 0.25  # share of a split without objects: COCO has 1 %, and forgotten labels are likelier than so much


def place_findings(held: BoxSurvey, facts: Sequence[Fact], *, size: int | None) -> None:
    """Everything about where boxes are; `size` is the side of a model's sheet, pixels, where it is known."""
    _alone(held, size or SIDE)
    _doubled(held)
    numbers = np.bincount(held.table.picture, minlength=len(held))
    crowded = np.flatnonzero(numbers > CROWDED).tolist()
    held.report_pictures("crowded", crowded, f"with more than {CROWDED} objects")
    _empty(held, numbers)
    _unlisted(held)
    turned = [i for i in quarter_turned(held, facts) if len(held.objects[i])]
    held.sights += [Sight("rotated", i, held.rows_of(i)) for i in turned[:SHOWN]]


def _alone(held: BoxSurvey, size: int) -> None:
    """Rules that look at one box."""
    table = held.table
    real = ~table.crowd
    low, high = table.sides.min(axis=1), table.sides.max(axis=1)
    known = real & (table.frame > 0).all(axis=1)
    whole = known & (table.sides.prod(axis=1) >= WHOLE * table.frame.prod(axis=1))
    many = whole.sum() > WHOLES * max(1, real.sum())
    words = f"covering {100 * WHOLE:.0f} % of the picture or more"
    _boxes(held, "whole-many" if many else "box-whole", whole, words)
    longer = np.maximum(table.frame.max(axis=1, initial=0), 1)
    unseen = known & (low * size / longer < UNSEEN)
    many = unseen.sum() > UNSEENS * max(1, real.sum())
    words = f"less than {UNSEEN:g} px wide or high, in a picture prepared to {size} px"
    _boxes(held, "unseen-many" if many else "box-unseen", unseen, words)
    _boxes(held, "box-elongated", real & (high > LONG * low), f"more than {LONG:g} times as long as wide")


def _boxes(held: BoxSurvey, code: str, chosen: np.ndarray, words: str) -> None:
    rows = [(row,) for row in np.flatnonzero(chosen).tolist()]
    held.report_boxes(code, rows, f"{count(len(rows), 'box', 'boxes')} {words}")


def _doubled(held: BoxSurvey) -> None:
    """Two boxes in one place: the same object twice, or one object with two names."""
    table = held.table
    real = np.flatnonzero(~table.crowd)
    pairs = real[same_place(table.picture[real], table.xyxy[real], floor=SAME)]
    same = table.labels[pairs[:, 0]] == table.labels[pairs[:, 1]]
    for code, chosen, words in (
        ("box-again", pairs[same], "of one class in one place"),
        ("box-two-classes", pairs[~same], "in one place with different classes"),
    ):
        groups = [(one, other) for one, other in chosen.tolist()]
        held.report_boxes(code, groups, f"{count(len(groups), 'pair')} of boxes {words}")


def _empty(held: BoxSurvey, numbers: np.ndarray) -> None:
    """Pictures without objects: some are background, many are forgotten."""
    bare = [i for i in range(len(held)) if numbers[i] == 0]
    many: list[int] = []
    for split in dict.fromkeys(held.splits):
        own = [i for i in bare if held.splits[i] == split]
        many += own if len(own) > EMPTY * held.splits.count(split) else []
    held.report_pictures("empty-many", many, "without objects, more than a quarter of their split")
    few = sorted(set(bare) - set(many))
    lost = {i for i in few if held.data and held.data.kind == "yolo" and not _labelled(held.sources[i])}
    held.report_pictures("label-missing", sorted(lost), "without a label file")
    held.report_pictures("picture-empty", [i for i in few if i not in lost], "without objects")


def _labelled(source: object) -> bool:
    return not isinstance(source, Path) or label_file(source).is_file()


def _unlisted(held: BoxSurvey) -> None:
    """Pictures beside those that are annotated, which nothing names."""
    known = {source for source in held.sources if isinstance(source, Path)}
    folders = sorted({source.parent for source in known})
    beside = (file for folder in folders for file in entries(folder)[1] if is_picture_name(file.name))
    lost = [held.short(file) for file in beside if file not in known]
    if lost:
        words = f"{count(len(lost), 'picture')} beside the others that nothing names"
        held.report("picture-unlisted", len(lost), words, lost)
