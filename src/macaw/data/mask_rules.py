"""Rules of masks: all that `macaw check` can find in masked pictures, how grave it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from macaw.data import box_rules, rules
from macaw.data.find import shown
from macaw.data.rules import KEPT, Rule
from macaw.results.found import Finding


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


def _warning(remedy: str) -> Rule:
    return Rule("warning", remedy)


def _note(remedy: str) -> Rule:
    return Rule("note", remedy)


# What pictures with labels have too, and what to do about it is the same
_SAME = (
    "refused",
    "class-alike",
    "unreadable",
    "wrong-suffix",
    "blank",
    "tiny",
    "large",
    "grey",
    "alpha",
    "cmyk",
    "deep",
    "animated",
    "duplicate",
    "duplicate-near",
    "leak-exact",
    "leak-near",
    "leak-alike",
    "leak-carved",
    "val-missing",
)

RULES = {
    **{code: rules.RULES[code] for code in _SAME},
    **{code: box_rules.RULES[code] for code in ("read-as", "elongated", "mixed-sizes", "train-missing")},
    # Files
    "mask-missing": _error("add the masks, or remove the pictures"),
    "mask-unreadable": _error("save them again, as PNG"),
    "mask-unmatched": _warning("give picture and mask the same name: what these masks say is not read"),
    "size-differs": _error("make each mask of its picture as it is, upright"),
    "rotated": _note("fine, if their masks fit: macaw turns both upright, some programs do not"),
    # What masks hold
    "mask-value": _error("add the number or colour to the table of classes, or correct the masks"),
    "mask-empty": _warning("label them, or remove them: nothing is learned from them"),
    "unlabelled": _note("fine: what is not labelled is neither learned nor scored"),
    "unlabelled-many": _warning("label more, unless so much is meant to count for nothing"),
    "one-class": _note("fine, if they show nothing else"),
    "one-class-many": _warning("look whether the masks are finished: a picture mostly shows several classes"),
    # Copies
    "mask-conflict": _error("keep the copy with the right mask"),
    # Splits and classes
    "class-one": _error("label pixels of another class: a segmenter needs two"),
    "class-unlearned": _warning("label some in train, or remove the class: it would not be found"),
    "class-not-in-split": _warning("add pictures with these classes: their score is not known without"),
    "class-unused": _note("fine, if they are to come; else remove them from the table"),
    "class-few": _warning("add pictures: from so few a class can hardly be learned"),
    "imbalance": _warning("add pictures with the rare ones: each class counts as much in the score"),
    "class-not-in-model": _error("rename them, or train a model with these classes"),
    "class-absent": _note("fine, if they were not expected"),
}


def found(code: str, number: int, words: str, where: Iterable[str] = ()) -> Finding:
    """A finding of the rule `code`; of the places `where` the first KEPT are kept."""
    rule = RULES[code]
    return Finding(code, rule.severity, number, words, tuple(map(shown, islice(where, KEPT))), rule.remedy)
