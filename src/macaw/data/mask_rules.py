"""Rules of masks: all that `macaw check` can find in masked pictures, how grave it is, and what to do."""

from __future__ import annotations

from functools import partial

from macaw.data import box_rules, rules
from macaw.data.rules import error, finding, note, warning

# What pictures with labels have too, and what to do about it is the same
_SAME = (*rules.OF_PICTURES, "class-alike")

RULES = {
    **{code: rules.RULES[code] for code in _SAME},
    **{code: box_rules.RULES[code] for code in ("read-as", "elongated", "mixed-sizes", "train-missing")},
    # Files
    "mask-missing": error("add the masks, or remove the pictures"),
    "mask-unreadable": error("save them again, as PNG"),
    "mask-unmatched": warning("give picture and mask the same name: what these masks say is not read"),
    "size-differs": error("make each mask of its picture as it is, upright"),
    "rotated": note("fine, if their masks fit: macaw turns both upright, some programs do not"),
    # What masks hold
    "mask-value": error("add the number or colour to the table of classes, or correct the masks"),
    "mask-empty": warning("label them, or remove them: nothing is learned from them"),
    "unlabelled": note("fine: what is not labelled is neither learned nor scored"),
    "unlabelled-many": warning("label more, unless so much is meant to count for nothing"),
    "one-class": note("fine, if they show nothing else"),
    "one-class-many": warning("look whether the masks are finished: a picture mostly shows several classes"),
    # Copies
    "mask-conflict": error("keep the copy with the right mask"),
    # Splits and classes
    "class-one": error("label pixels of another class: a segmenter needs two"),
    "class-unlearned": warning("label some in train, or remove the class: it would not be found"),
    "class-not-in-split": warning("add pictures with these classes: their score is not known without"),
    "class-unused": note("fine, if they are to come; else remove them from the table"),
    "class-few": warning("add pictures: from so few a class can hardly be learned"),
    "imbalance": warning("add pictures with the rare ones: each class counts as much in the score"),
    "class-not-in-model": error("rename them, or train a model with these classes"),
    "class-absent": note("fine, if they were not expected"),
}


found = partial(finding, RULES)
