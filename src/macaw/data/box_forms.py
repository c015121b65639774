"""Forms of boxes: where many do not fit their pictures, which other way of writing them would explain it.

Programs write a box as two corners, as a corner and a size, or as a centre and a size, and some draw it on
the picture as it lies in its file, before EXIF turns it. Read in the wrong form most boxes are merely
somewhere else; those that reach out of their pictures, or turn inside out, give the whole set away.

Shapes: M boxes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from macaw.data.box_survey import BoxSurvey
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.problems import Problem
from macaw.data.rows import EDGE

MANY, LEAST = 0.1, 3  # share and number of boxes that do not fit, from which it is the form and not a slip
_SURE = 0.95  # share of all boxes that must fit in another form
# What `macaw.data.rows` says of the boxes that it leaves out
_SAID = re.compile(
    r"the box (?P<box>[-+.e\d, ]+) "
    r"(reaches out of its picture of (?P<width>\d+) x (?P<height>\d+) px|is turned inside out)"
)
_Form = tuple[str, Callable[[np.ndarray], np.ndarray]]  # words, and boxes (M, 4) as they would be in it


class _Wrong(NamedTuple):
    """Boxes that cannot be used."""

    xyxy: np.ndarray  # (M, 4) float64 pixels, as read
    frame: np.ndarray  # (M, 2) float64 width and height of the picture; 0 where unknown


def form_findings(held: BoxSurvey, facts: Sequence[Fact]) -> None:
    """Whether boxes are written in another form than they are read in, or drawn on pictures before a turn."""
    wrong = _wrong(held.reading.problems)
    _turned(held, facts, wrong)
    number, total = len(wrong.xyxy), len(wrong.xyxy) + len(held.table.labels)
    if number >= max(LEAST, MANY * total):
        what = f"{number:,} of {count(total, 'box', 'boxes')} reach out of their picture or are inside out"
        held.report("box-form", number, f"{what}; {_guess(held, wrong)}")


def quarter_turned(held: BoxSurvey, facts: Sequence[Fact]) -> list[int]:
    """The pictures whose sides EXIF swaps."""
    stored = ((fact.height, fact.width) for fact in facts)  # what they are upright, then
    pairs = zip(held.frames, stored, facts, strict=True)
    return [i for i, (size, other, fact) in enumerate(pairs) if fact.turned and size == other != other[::-1]]


def _wrong(problems: Iterable[Problem]) -> _Wrong:
    """The boxes that the reader left out, from what it said of them."""
    boxes, frames = [], []
    for problem in problems:
        if problem.rule in {"box-outside", "box-swapped"} and (said := _SAID.search(problem.found)):
            boxes.append([float(value) for value in said["box"].split(",")])
            frames.append([float(said["width"] or 0), float(said["height"] or 0)])
    return _Wrong(np.array(boxes).reshape(-1, 4), np.array(frames).reshape(-1, 2))


def _turned(held: BoxSurvey, facts: Sequence[Fact], wrong: _Wrong) -> None:
    turned = {held.frames[i] for i in quarter_turned(held, facts)}
    own = np.array([(w, h) in turned for w, h in wrong.frame.tolist()], bool)
    number = int((own & _fits(wrong.xyxy, wrong.frame[:, ::-1])).sum())
    if number:
        words = "reaching out of their picture, which fit it as it lies in its file, before EXIF turns it"
        held.report("box-turned", number, f"{count(number, 'box', 'boxes')} {words}")


def _guess(held: BoxSurvey, wrong: _Wrong) -> str:
    boxes = np.concatenate([wrong.xyxy, held.table.xyxy])
    frame = np.concatenate([wrong.frame, held.table.frame])
    for words, change in _FORMS.get(held.data.kind if held.data else "", ()):
        if _fits(change(boxes), frame).mean() >= _SURE:
            return f"they fit if read as {words}"
    return "they may be drawn on pictures of another size, or written in another form"


def _fits(xyxy: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(M,) bool: whether a box rises and lies inside its picture, as far as its size is known."""
    room = np.where(frame > 0, frame, np.inf) + EDGE
    inside = (xyxy[:, :2] >= -EDGE) & (xyxy[:, 2:] <= room) & (xyxy[:, 2:] > xyxy[:, :2])
    return np.asarray(inside.all(axis=1))


def _corner_and_size(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.concatenate([first, first + second], axis=1)


# By layout: what the numbers could mean that are read as corner and size, as centre and size, as corners.
_COCO: tuple[_Form, ...] = (
    ("two corners", lambda b: np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1)),
    ("centre, width and height", lambda b: b - np.tile((b[:, 2:] - b[:, :2]) / 2, 2)),
)
_YOLO: tuple[_Form, ...] = (
    ("two corners", lambda b: np.concatenate([(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], axis=1)),
    ("left, top, width and height", lambda b: b + np.tile((b[:, 2:] - b[:, :2]) / 2, 2)),
)
_CORNERS: tuple[_Form, ...] = (
    ("left, top, width and height", lambda b: _corner_and_size(b[:, :2], b[:, 2:])),
)
_FORMS = {"coco": _COCO, "yolo": _YOLO, "voc": _CORNERS, "table": _CORNERS}
