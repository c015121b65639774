"""Rules: everything `macaw check` can find in labelled pictures, how grave it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from macaw.data.find import shown
from macaw.results.found import Finding

KEPT = 100  # places of a finding that are kept: enough to work through, and a report stays readable


class Rule(NamedTuple):
    """One thing that can be wrong."""

    severity: str
    remedy: str


def error(remedy: str) -> Rule:
    """Training would fail, learn what is wrong, or be scored too well."""
    return Rule("error", remedy)


def warning(remedy: str) -> Rule:
    """Worth a look."""
    return Rule("warning", remedy)


def note(remedy: str) -> Rule:
    """Worth knowing."""
    return Rule("note", remedy)


RULES = {
    # The layout: what the readers of training refuse, and what they pass over
    "refused": error("mend it: training stops here with these words"),
    "nested": error("give the inner folder"),
    "split-twice": error("keep one, or merge them"),
    "split-flat": error("sort its pictures into a folder for each class, or list them in a table"),
    "folder-unread": warning("move it into a split, or out of the data set"),
    "class-empty": error("add pictures, or remove the folder"),
    "class-unicode": error("merge the folders: their names are one in two Unicode forms"),
    "picture-outside": warning("move them into the folders of their classes; they are not read"),
    "picture-unnamed": warning("give them the suffix of their format; they are not read"),
    "file-ignored": note("fine, if they do not belong to the data; unpack archives, cut up videos"),
    # Tables
    "table-bad": error("mend the table; its rows were not looked at"),
    "table-ignored": warning("if it should count, call its columns image and label; folders count now"),
    "row-bad": error("mend or remove the rows"),
    "row-missing": error("add the files, or remove the rows"),
    "picture-unlisted": note("fine, if they do not belong to the data; else add rows for them"),
    "label-bar": warning("call the column labels, if '|' parts several labels"),
    "label-none": note("fine, if none of the classes is in them; else label them"),
    # Splits and classes
    "train-missing": error("add train, which gives the class table"),
    "val-missing": note("fine; or put a choice of your own into val"),
    "class-one": error("add pictures of another class: a classifier needs two"),
    "class-not-in-train": error("add the class to train, rename it, or remove it from the other splits"),
    "class-not-in-split": warning("add pictures of these classes: their score is not known without"),
    "class-unknown": error("rename them, or train a model with these classes"),
    "class-absent": note("fine, if they were not expected"),
    "class-alike": warning("merge them if they mean the same: they are learned as different classes"),
    "class-blank": warning("rename the folders: the blanks are part of the name"),
    "class-few": warning("add pictures: from so few a class can hardly be learned"),
    "imbalance": warning("add pictures of the rare ones, or train with --set balance=classes"),
    # Single pictures
    "unreadable": error("replace or remove them"),
    "wrong-suffix": note("fine: macaw looks at the bytes; programs that look at the name may fail"),
    "rotated": note("fine: macaw turns them upright; boxes drawn by other programs may not fit"),
    "blank": warning("remove them: they show nothing"),
    "tiny": warning("replace them: enlarged, they are blurs"),
    "large": note("fine; a copy of them, scaled down once, is read many times faster"),
    "elongated": note("cut them: only the square in the middle is seen"),
    "mixed-sizes": note("fine, if the size has nothing to do with the class"),
    "grey": note("fine, if colour has nothing to do with the class"),
    "alpha": note("fine, if white is right behind them"),
    "cmyk": note("fine: they are converted, by their profile where they have one"),
    "deep": note("fine: what is black and what is white is measured on train and kept with the model"),
    "animated": note("fine, if the first frame is the right one; only it is read"),
    "giveaway": warning("save all pictures alike: this is easier to learn than what they show"),
    # Copies
    "duplicate": warning("keep one of each: copies count twice"),
    "duplicate-near": note("fine, if you know; keep all copies of a picture in one split"),
    "label-conflict": error("keep the copy with the right label; several labels go into one row, as a|b"),
    "conflict-near": warning("look which label is right"),
    "leak-exact": error("remove them from one of the two: what was learned by heart is scored"),
    "leak-near": error("keep all copies in one split: what was learned by heart is scored"),
    "leak-alike": warning("look at them; keep pictures of one scene in one split"),
    "leak-carved": warning("make a val of your own, with each scene or series whole on one side"),
    # Labels
    "label-suspect": warning("look at them, the first first, and relabel those that are wrong, check again"),
}


# What hangs on the picture alone: the linters of boxes, masks and points find it too
OF_PICTURES = (
    "refused", "unreadable", "wrong-suffix", "blank", "tiny", "large", "grey", "alpha", "cmyk", "deep",
    "animated", "duplicate", "duplicate-near", "leak-exact", "leak-near", "leak-alike", "leak-carved",
    "val-missing",
)  # fmt: skip


def finding(
    table: Mapping[str, Rule], code: str, number: int, words: str, where: Iterable[str] = ()
) -> Finding:
    """A finding of the rule `code` of a table; of the places `where` the first KEPT are kept."""
    rule = table[code]
    return Finding(code, rule.severity, number, words, tuple(map(shown, islice(where, KEPT))), rule.remedy)


found = partial(finding, RULES)  # of these rules
