"""Rules of key points: all that `macaw check` can find in them, how grave it is, and what to do about it."""

from __future__ import annotations

from functools import partial

from macaw.data import box_rules, rules
from macaw.data.rules import error, finding, note, warning

# What pictures with labels have too, and what to do about it is the same
_SAME = rules.OF_PICTURES
# What the readers of boxes tell, which read key points too
_BOXES = (
    "picture-missing",
    "picture-twice",
    "size-differs",
    "size-turned",
    "label-unmatched",
    "box-number",
    "box-swapped",
    "box-outside",
    "box-normalised",
    "box-clipped",
    "box-small",
    "row-duplicate",
    "row-bad",
    "field-bad",
    "class-unknown",
    "class-blank",
    "id-repeated",
    "polygon-thin",
    "box-row",
    "name-differs",
    "read-as",
    "picture-unlisted",
    "elongated",
    "mixed-sizes",
    "train-missing",
    "label-conflict",
    "conflict-near",
)

RULES = {
    **{code: rules.RULES[code] for code in _SAME},
    **{code: box_rules.RULES[code] for code in _BOXES},
    "rotated": note("fine, if their points fit: macaw turns pictures upright, some programs do not"),
    # Objects
    "object-count": note("fine: training cuts each object out by its box, and leaves out what has no point"),
    "point-none": warning("mark their points, or remove them: nothing is learned from them"),
    # Places
    "point-normalised": error("give pixels, in place of parts of the picture's sides"),
    "point-outside": warning("correct them, or say that they are not labelled: an answer lies inside"),
    "outside-many": error("write them for the pictures as they are: these fit pictures of another size"),
    "point-collapsed": warning("mark them anew, or remove them"),
    "point-twin": warning("look whether one was written twice: they are learned as one"),
    "side-swapped": warning("swap left and right, unless what is seen is turned away or upside down"),
    # Points, over all objects
    "point-never": warning("mark some in train, or leave the point out: its place would be a guess"),
    "point-few": warning("mark more of them: so few can hardly be learned"),
    "flips-unknown": note("fine; names with left and right, in pairs, would let training mirror pictures"),
    "point-conflict": error("keep the copy with the right points"),
    "point-not-in-model": error("name the points as the model does, in its order, or train a model of these"),
}


found = partial(finding, RULES)
