"""Problems of masks: missing, unmatched, unreadable, of another size, with numbers that mean no class."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from macaw.data.examples import count
from macaw.data.find import entries, is_picture_name, shown
from macaw.data.mask_survey import MaskSurvey
from macaw.data.problems import Problem

_LACKS = "which the table of classes lacks"  # what `read_mask` says of a number or a colour
_WAYS = ("but the table of classes has colours alone", "no table says what colours mean")


def problem_findings(held: MaskSurvey) -> None:
    """Everything that the reader refused or decided, and every mask that cannot be read."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in held.problems:
        groups[problem.rule].append(problem)
    for problem in groups.get("refused", []):
        held.report("refused", 1, _short(held, problem.found))
    missing = groups.get("picture-missing", [])
    _told(held, "mask-missing", map(_place_and_words, missing), "picture", "without a mask")
    _told(
        held,
        "size-differs",
        map(_place_and_words, groups.get("size-differs", [])),
        "mask",
        "of another size than the picture",
    )
    _faults(held)
    _unmatched(held)
    notes = held.data.notes if held.data else ()
    if notes:
        words = notes[0] if len(notes) == 1 else f"{len(notes)} things to know about how the data is read"
        held.report("read-as", len(notes), words, notes[1:] and notes)


def _faults(held: MaskSurvey) -> None:
    """Masks that cannot be read: for what they hold, or as files."""
    values: list[str] = []
    files: list[str] = []
    for words in held.faults.values():
        value = _LACKS in words or any(way in words for way in _WAYS)
        (values if value else files).append(words.rpartition("; ")[0] or words)
    _told(held, "mask-value", values, "mask", "with numbers or colours that the table of classes lacks")
    _told(held, "mask-unreadable", files, "mask", "that cannot be read")


def _unmatched(held: MaskSurvey) -> None:
    """Masks beside those of the pictures, which belong to none."""
    known = {mask for mask in held.masks if isinstance(mask, Path)}
    folders = sorted({mask.parent for mask in known})
    beside = (file for folder in folders for file in entries(folder)[1] if is_picture_name(file.name))
    lost = [str(file) for file in beside if file not in known]
    _told(held, "mask-unmatched", lost, "mask", "without a picture of its name")


def _told(held: MaskSurvey, code: str, places: Iterable[str], noun: str, words: str) -> None:
    some = [_short(held, place) for place in places]
    if some:
        held.report(code, len(some), f"{count(len(some), noun)} {words}", some)


def _place_and_words(problem: Problem) -> str:
    return f"{problem.place}: {problem.found}"


def _short(held: MaskSurvey, words: str) -> str:
    """Words with paths as seen from the data."""
    return words.replace(shown(held.path) + os.sep, "")
