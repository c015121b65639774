"""Rules of boxes: all that `macaw check` can find in annotated pictures, how grave it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from macaw.data import problems, rules
from macaw.data.find import shown
from macaw.data.rules import KEPT, Rule
from macaw.results.found import Finding


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


def _warning(remedy: str) -> Rule:
    return Rule("warning", remedy)


def _note(remedy: str) -> Rule:
    return Rule("note", remedy)


# What the readers tell, one object at a time. A picture that cannot be read is told by looking at all of it.
ELSEWHERE = frozenset({"refused", "picture-unreadable", "class-twice", "mask-value"})
_READERS = {
    code: Rule(rule.level, rule.remedy) for code, rule in problems.RULES.items() if code not in ELSEWHERE
}
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
    **_READERS,
    "read-as": _note("fine, if it is meant so"),
    # Files
    "picture-unlisted": _note("fine, if they do not belong to the data; else annotate them"),
    "label-missing": _note("fine, if nothing is in them: they are learned as background"),
    "label-unmatched": _warning("give label and picture the same name: the objects in it are not read"),
    # Boxes, all together
    "box-form": _error("write all numbers as the format asks for, or say which form they are in"),
    "box-turned": _error("draw them on the upright picture: macaw turns pictures as EXIF says"),
    # Boxes, each alone and two by two
    "box-again": _warning("keep one: of two answers in one place the second counts as wrong"),
    "box-two-classes": _warning("choose one class, unless an object really is both"),
    "box-whole": _note("fine, where an object fills its picture"),
    "whole-many": _warning("draw boxes around objects; for what pictures show as a whole there is classify"),
    "box-unseen": _note("fine, if so small ones need not be found"),
    "unseen-many": _warning("train at a larger size, or cut the pictures into tiles"),
    "box-elongated": _note("fine, if the objects are so long; else a corner slipped"),
    # Pictures
    "crowded": _warning("cut them into tiles: a picture has at most 300 answers"),
    "picture-empty": _note("fine, if nothing is in them: they are learned as background"),
    "empty-many": _warning("annotate them, or remove them: what is not marked is learned to be nothing"),
    "rotated": _note("fine, if their boxes fit: macaw turns them upright, some programs do not"),
    "elongated": _note("fine: the whole is seen, on grey; cut them if objects become too small"),
    "mixed-sizes": _note("fine, if objects of a class are not much larger in some than in others"),
    # Copies
    "label-conflict": _error("keep the copy with the right boxes"),
    "conflict-near": _warning("look which boxes are right"),
    "box-conflict": _error("keep the copy with the right boxes"),
    # Splits and classes
    "train-missing": _error("add train, from which a model learns"),
    "class-unlearned": _warning("add objects of them to train, or remove the class: none would be found"),
    "class-not-in-split": _warning("add objects of these classes: their score is not known without"),
    "class-unused": _note("fine, if their objects are to come; else remove them from the table"),
    "class-few": _warning("add objects: so few can hardly be learned"),
    "imbalance": _warning("add objects of the rare ones: each class counts as much in the score"),
    "class-not-in-model": _error("rename them, or train a model with these classes"),
    "class-absent": _note("fine, if they were not expected"),
    "sizes-differ": _warning("draw splits from the same pictures: what is judged is not what is learned"),
}


def found(code: str, number: int, words: str, where: Iterable[str] = ()) -> Finding:
    """A finding of the rule `code`; of the places `where` the first KEPT are kept."""
    rule = RULES[code]
    return Finding(code, rule.severity, number, words, tuple(map(shown, islice(where, KEPT))), rule.remedy)
