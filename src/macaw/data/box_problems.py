"""Problems of boxes: what the readers found one by one becomes one finding for each rule, with its places."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

from macaw.data.box_rules import ELSEWHERE
from macaw.data.box_survey import BoxSurvey
from macaw.data.examples import count
from macaw.data.find import shown
from macaw.data.problems import RULES, Problem

# One, many, and what is wrong with them; what the readers repair they sum up in words of their own.
_WORDS = {
    "picture-missing": ("picture", "pictures", "annotated, but not there"),
    "picture-twice": ("picture", "pictures", "listed twice"),
    "size-differs": ("picture", "pictures", "of another size than the annotations say"),
    "size-turned": ("picture", "pictures", "annotated as they lie in their file, before EXIF turns them"),
    "box-number": ("box", "boxes", "with a number that is not finite"),
    "box-swapped": ("box", "boxes", "turned inside out"),
    "box-outside": ("box", "boxes", "reaching out of their picture"),
    "box-normalised": ("file", "files", "with parts of the picture's sides in place of pixels"),
    "row-bad": ("row", "rows", "that cannot be read"),
    "field-bad": ("field", "fields", "with a wrong value"),
    "class-unknown": ("object", "objects", "of a class that is not in the table"),
    "class-blank": ("object", "objects", "without a class"),
}


def problem_findings(held: BoxSurvey) -> None:
    """Everything that the reader refused, repaired or decided."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in held.reading.problems:
        groups[problem.rule].append(problem)
    _refused(held, groups.get("refused", []))
    for code, some in groups.items():
        if code not in ELSEWHERE:
            held.report(code, len(some), _words(code, len(some)), (_told(held, one) for one in some))
    notes = held.reading.notes
    if notes:
        words = notes[0] if len(notes) == 1 else f"{len(notes)} things to know about how the data is read"
        held.report("read-as", len(notes), words, notes[1:] and notes)


def _refused(held: BoxSurvey, some: Sequence[Problem]) -> None:
    """What a reader refuses in its own words, a file or a row at a time."""
    if len(some) == 1:
        held.report("refused", 1, _told(held, some[0]))
    elif some:
        words = f"{count(len(some), 'place')} that training refuses"
        held.report("refused", len(some), words, (_told(held, one) for one in some))


def _words(code: str, number: int) -> str:
    rule = RULES[code]
    one, many, words = _WORDS[code] if code in _WORDS else (*rule.summary, rule.words)
    return f"{count(number, one, many)} {words}"


def _told(held: BoxSurvey, problem: Problem) -> str:
    """Where, what was found, and what to do where the rule says less; paths as seen from the data."""
    home = shown(held.home) + os.sep
    remedy = problem.remedy.removeprefix(RULES[problem.rule].remedy).lstrip(". ")
    what = "; ".join(filter(None, (problem.found.replace(home, "", 1), remedy)))
    return ": ".join(filter(None, (problem.place.removeprefix(home), what)))
