"""Rules of key points: all that `macaw check` can find in them, how grave it is, and what to do about it."""

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
    "rotated": _note("fine, if their points fit: macaw turns pictures upright, some programs do not"),
    # Objects
    "object-count": _error("cut each object out into a picture of its own: this model reads one a picture"),
    "point-none": _warning("mark their points, or remove them: nothing is learned from them"),
    # Places
    "point-normalised": _error("give pixels, in place of parts of the picture's sides"),
    "point-outside": _warning("correct them, or say that they are not labelled: an answer lies inside"),
    "outside-many": _error("write them for the pictures as they are: these fit pictures of another size"),
    "point-collapsed": _warning("mark them anew, or remove them"),
    "point-twin": _warning("look whether one was written twice: they are learned as one"),
    "side-swapped": _warning("swap left and right, unless what is seen is turned away or upside down"),
    # Points, over all objects
    "point-never": _warning("mark some in train, or leave the point out: its place would be a guess"),
    "point-few": _warning("mark more of them: so few can hardly be learned"),
    "flips-unknown": _note("fine; names with left and right, in pairs, would let training mirror pictures"),
    "point-conflict": _error("keep the copy with the right points"),
    "point-not-in-model": _error(
        "name the points as the model does, in its order, or train a model of these"
    ),
}


def found(code: str, number: int, words: str, where: Iterable[str] = ()) -> Finding:
    """A finding of the rule `code`; of the places `where` the first KEPT are kept."""
    rule = RULES[code]
    return Finding(code, rule.severity, number, words, tuple(map(shown, islice(where, KEPT))), rule.remedy)
