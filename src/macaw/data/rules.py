"""Rules: everything `macaw check` can find in labelled pictures, how grave it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from macaw.data.find import shown
from macaw.results.found import Finding

KEPT = 100  # places of a finding that are kept: enough to work through, and a report stays readable


class Rule(NamedTuple):
    """One thing that can be wrong."""

    severity: str
    remedy: str


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


def _warning(remedy: str) -> Rule:
    return Rule("warning", remedy)


def _note(remedy: str) -> Rule:
    return Rule("note", remedy)


RULES = {
    # The layout: what the readers of training refuse, and what they pass over
    "refused": _error("mend it: training stops here with these words"),
    "nested": _error("give the inner folder"),
    "split-twice": _error("keep one, or merge them"),
    "split-flat": _error("sort its pictures into a folder for each class, or list them in a table"),
    "folder-unread": _warning("move it into a split, or out of the data set"),
    "class-empty": _error("add pictures, or remove the folder"),
    "class-unicode": _error("merge the folders: their names are one in two Unicode forms"),
    "picture-outside": _warning("move them into the folders of their classes; they are not read"),
    "picture-unnamed": _warning("give them the suffix of their format; they are not read"),
    "file-ignored": _note("fine, if they do not belong to the data; unpack archives, cut up videos"),
    # Tables
    "table-bad": _error("mend the table; its rows were not looked at"),
    "table-ignored": _warning("if it should count, call its columns image and label; folders count now"),
    "row-bad": _error("mend or remove the rows"),
    "row-missing": _error("add the files, or remove the rows"),
    "picture-unlisted": _note("fine, if they do not belong to the data; else add rows for them"),
    "label-bar": _warning("call the column labels, if '|' parts several labels"),
    "label-none": _note("fine, if none of the classes is in them; else label them"),
    # Splits and classes
    "train-missing": _error("add train, which gives the class table"),
    "val-missing": _note("fine; or put a choice of your own into val"),
    "class-one": _error("add pictures of another class: a classifier needs two"),
    "class-not-in-train": _error("add the class to train, rename it, or remove it from the other splits"),
    "class-not-in-split": _warning("add pictures of these classes: their score is not known without"),
    "class-unknown": _error("rename them, or train a model with these classes"),
    "class-absent": _note("fine, if they were not expected"),
    "class-alike": _warning("merge them if they mean the same: they are learned as different classes"),
    "class-blank": _warning("rename the folders: the blanks are part of the name"),
    "class-few": _warning("add pictures: from so few a class can hardly be learned"),
    "imbalance": _warning("add pictures of the rare ones, or train with --set balance=classes"),
    # Single pictures
    "unreadable": _error("replace or remove them"),
    "wrong-suffix": _note("fine: macaw looks at the bytes; programs that look at the name may fail"),
    "rotated": _note("fine: macaw turns them upright; boxes drawn by other programs may not fit"),
    "blank": _warning("remove them: they show nothing"),
    "tiny": _warning("replace them: enlarged, they are blurs"),
    "large": _note("fine; a copy of them, scaled down once, is read many times faster"),
    "elongated": _note("cut them: only the square in the middle is seen"),
    "mixed-sizes": _note("fine, if the size has nothing to do with the class"),
    "grey": _note("fine, if colour has nothing to do with the class"),
    "alpha": _note("fine, if white is right behind them"),
    "cmyk": _note("fine: they are converted, by their profile where they have one"),
    "deep": _note("fine: what is black and what is white is measured on train and kept with the model"),
    "animated": _note("fine, if the first frame is the right one; only it is read"),
    "giveaway": _warning("save all pictures alike: this is easier to learn than what they show"),
    # Copies
    "duplicate": _warning("keep one of each: copies count twice"),
    "duplicate-near": _note("fine, if you know; keep all copies of a picture in one split"),
    "label-conflict": _error("keep the copy with the right label; several labels go into one row, as a|b"),
    "conflict-near": _warning("look which label is right"),
    "leak-exact": _error("remove them from one of the two: what was learned by heart is scored"),
    "leak-near": _error("keep all copies in one split: what was learned by heart is scored"),
    "leak-alike": _warning("look at them; keep pictures of one scene in one split"),
    "leak-carved": _warning("make a val of your own, with each scene or series whole on one side"),
    # Labels
    "label-suspect": _warning("look at them, the first first, and relabel those that are wrong, check again"),
}


def found(code: str, number: int, words: str, where: Iterable[str] = ()) -> Finding:
    """A finding of the rule `code`; of the places `where` the first KEPT are kept."""
    rule = RULES[code]
    return Finding(code, rule.severity, number, words, tuple(map(shown, islice(where, KEPT))), rule.remedy)
