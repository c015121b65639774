"""Problems: what is wrong with annotations, one by one, so that a reader can refuse and a linter can list.

An error would make training wrong: the reader goes on to find the rest, then refuses with the first. A note
is a repair: it is made, counted, and told in one line.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from macaw.data.examples import count
from macaw.data.find import shown
from macaw.errors import DataError


class Problem(NamedTuple):
    """One thing found, at one place."""

    level: str  # "error" or "note"
    rule: str  # a key of RULES
    place: str  # file, row and field
    found: str
    remedy: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        told = "; ".join(part for part in (self.found, self.remedy) if part)
        return f"{self.place}: {told}" if self.place else told


class Rule(NamedTuple):
    """How grave a problem is, what to do about it, and how notes of one kind are summed up."""

    level: str
    remedy: str
    summary: tuple[str, str] = ("", "")  # one, and many: `box`, `boxes`
    words: str = ""  # after the number


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


_BOX, _ROW, _PICTURE, _FILE = (("box", "boxes"), ("row", "rows"), ("picture", "pictures"), ("file", "files"))

RULES = {
    "refused": _error(""),  # a reader's own words, remedy and all
    # Pictures
    "picture-missing": _error("add the file, or remove it from the annotations"),
    "picture-unreadable": _error("replace it, or remove it with its annotations"),
    "picture-twice": _error("list it once, with all its objects"),
    "size-differs": _error("annotate the picture as it is, or correct the size"),
    "size-turned": _error("draw the boxes on the upright picture: macaw turns pictures as EXIF says"),
    "label-unmatched": Rule("note", "fine, if they do not belong", _FILE, "without a picture, ignored"),
    # Boxes
    "box-number": _error("give finite numbers"),
    "box-swapped": _error("give left before right and top before bottom; width and height above 0"),
    "box-outside": _error("draw it inside the picture; a whole set of these is in another form or size"),
    "box-normalised": _error("give pixels"),
    "box-clipped": Rule("note", "fine", _BOX, "reached out of the picture by less than 1 px, clipped"),
    "box-small": Rule("note", "fine", _BOX, "with a side under 1 px, left out"),
    "row-duplicate": Rule("note", "fine", _BOX, "given twice in one picture, kept once"),
    # Rows and fields
    "row-bad": _error("correct or remove it"),
    "field-bad": _error("correct it"),
    "class-unknown": _error("add the class to the table, or correct it"),
    "class-blank": _error("name the class"),
    "class-twice": _error("give each class its own name"),
    "id-repeated": Rule(
        "note", "fine here; other tools lose one", _ROW, "repeating the id of another annotation"
    ),
    "polygon-thin": Rule("note", "fine", ("polygon", "polygons"), "of fewer than 3 corners, left out"),
    "box-row": Rule("note", "fine", _ROW, "with a box among polygons, read as rectangles"),
    "name-differs": Rule("note", "fine", _FILE, "naming another picture, matched by its own name"),
    "mask-value": _error("add it to the table of classes, or correct the mask"),
}


class Problems(list[Problem]):
    """What a reader has found so far."""

    def made(self, rule: str, place: str, found: str, remedy: str = "") -> Problem:
        """A problem of the rule; `remedy` stands in for the rule's where it is known better."""
        told = RULES[rule]
        return Problem(told.level, rule, shown(place), shown(found), remedy or told.remedy)

    def report(self, rule: str, place: str, found: str, remedy: str = "") -> None:
        """One more."""
        self.append(self.made(rule, place, found, remedy))

    def refused(self, problem: Exception) -> None:
        """An error in a reader's own words."""
        self.report("refused", "", str(problem))

    def settle(self) -> tuple[str, ...]:
        """The repairs, a line for each kind. Raises DataError with the first error, if there is one."""
        errors = [problem for problem in self if problem.level == "error"]
        if errors:
            more = f" (the first of {len(errors):,} such)" if len(errors) > 1 else ""
            raise DataError(errors[0].line + more)
        notes = []
        for rule, number in Counter(problem.rule for problem in self).items():
            one, many = RULES[rule].summary
            notes.append(f"{count(number, one, many)} {RULES[rule].words}")
        return tuple(notes)
