"""Rules of boxes: all that `macaw check` can find in annotated pictures, how grave it is, and what to do."""

from __future__ import annotations

from functools import partial

from macaw.data import problems, rules
from macaw.data.rules import Rule, error, finding, note, warning

# What the readers tell, one object at a time. A picture that cannot be read is told by looking at all of it.
ELSEWHERE = frozenset({"refused", "picture-unreadable", "class-twice", "mask-value"})
_READERS = {
    code: Rule(rule.level, rule.remedy) for code, rule in problems.RULES.items() if code not in ELSEWHERE
}
# What pictures with labels have too, and what to do about it is the same
_SAME = (*rules.OF_PICTURES, "class-alike")

RULES = {
    **{code: rules.RULES[code] for code in _SAME},
    **_READERS,
    "read-as": note("fine, if it is meant so"),
    # Files
    "picture-unlisted": note("fine, if they do not belong to the data; else annotate them"),
    "label-missing": note("fine, if nothing is in them: they are learned as background"),
    "label-unmatched": warning("give label and picture the same name: the objects in it are not read"),
    # Boxes, all together
    "box-form": error("write all numbers as the format asks for, or say which form they are in"),
    "box-turned": error("draw them on the upright picture: macaw turns pictures as EXIF says"),
    # Boxes, each alone and two by two
    "box-again": warning("keep one: of two answers in one place the second counts as wrong"),
    "box-two-classes": warning("choose one class, unless an object really is both"),
    "box-whole": note("fine, where an object fills its picture"),
    "whole-many": warning("draw boxes around objects; for what pictures show as a whole there is classify"),
    "box-unseen": note("fine, if so small ones need not be found"),
    "unseen-many": warning("train at a larger size, or cut the pictures into tiles"),
    "box-elongated": note("fine, if the objects are so long; else a corner slipped"),
    # Outlines
    "outline-missing": warning("outline them too: masks are learned where nearly all objects have one"),
    "outline-empty": warning("draw it anew, or leave it out: there is no pixel to learn"),
    "outline-beyond": warning("correct one of the two: a mask is cut off at its box"),
    "outline-crossed": warning("draw it in one round: where it crosses itself, inside and outside swap"),
    # Pictures
    "crowded": warning("cut them into tiles: a picture has at most 300 answers"),
    "picture-empty": note("fine, if nothing is in them: they are learned as background"),
    "empty-many": warning("annotate them, or remove them: what is not marked is learned to be nothing"),
    "rotated": note("fine, if their boxes fit: macaw turns them upright, some programs do not"),
    "elongated": note("fine: the whole is seen, on grey; cut them if objects become too small"),
    "mixed-sizes": note("fine, if objects of a class are not much larger in some than in others"),
    # Copies
    "label-conflict": error("keep the copy with the right boxes"),
    "conflict-near": warning("look which boxes are right"),
    "box-conflict": error("keep the copy with the right boxes"),
    # Splits and classes
    "train-missing": error("add train, from which a model learns"),
    "class-unlearned": warning("add objects of them to train, or remove the class: none would be found"),
    "class-not-in-split": warning("add objects of these classes: their score is not known without"),
    "class-unused": note("fine, if their objects are to come; else remove them from the table"),
    "class-few": warning("add objects: so few can hardly be learned"),
    "imbalance": warning("add objects of the rare ones: each class counts as much in the score"),
    "class-not-in-model": error("rename them, or train a model with these classes"),
    "class-absent": note("fine, if they were not expected"),
    "sizes-differ": warning("draw splits from the same pictures: what is judged is not what is learned"),
}


found = partial(finding, RULES)
