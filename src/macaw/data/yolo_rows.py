"""Rows of YOLO text: `class x y w h` and its kin, in parts of the picture's sides.

"YOLO format" is not one format. Most programs mean the box's centre and size, some its two corners: both pass
a check of ranges, and the wrong one trains on wrong boxes without a word. A row of nine numbers is a turned
box or a polygon of four corners. Where the rows leave it open they are refused with the question.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from macaw.data.problems import Problems
from macaw.data.reading import Reading
from macaw.data.regions import Region
from macaw.data.rows import Box, Row
from macaw.data.upright import Size
from macaw.errors import DataError, InputError

_BOX = 5  # numbers of a row with a box
_TURNED = 9  # numbers of a row with four corners
_SLACK = 0.01  # parts of a side by which rounding may carry a box out
_MANY = 0.1  # share of boxes out of their pictures from which it is the other form, and not a mistake


class Text(NamedTuple):
    """One row, split into numbers."""

    row: int  # from 1
    values: tuple[float, ...]


def read_text(file: Path, problems: Problems) -> list[Text]:
    """The rows of a label file that are numbers; the others are reported."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        problems.report("row-bad", str(file), f"cannot be read: {(problem.strerror or '').lower()}")
        return []
    except UnicodeDecodeError:
        problems.report("row-bad", str(file), "is no text in UTF-8", "it holds something else; replace it")
        return []
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(Text(number, tuple(map(float, line.split()))))
        except ValueError:
            words = "part its numbers by blanks" if "," in line else "write numbers"
            problems.report("row-bad", f"{file}, row {number}", f"'{line.strip()[:60]}' is no row", words)
    return found


def kind_of(rows: Iterable[Text], reading: Reading, *, posed: bool, where: str) -> str:
    """What the rows hold, one of ROWS: as declared, else as their lengths tell.

    Raises DataError with the question where rows of nine numbers leave it open.
    """
    if reading.rows or posed:
        return reading.rows or "pose"
    lengths = {len(row.values) for row in rows}
    if lengths - {_BOX} == {_TURNED}:
        raise DataError(
            f"{where}: rows of 9 numbers are turned boxes or polygons of 4 corners; which are they? "
            "Say rows='obb' or rows='segment'"
        )
    return "segment" if any(length > _BOX and length % 2 for length in lengths) else "detect"


def form_of(rows: Sequence[Text], reading: Reading, where: str) -> str:
    """How the boxes of rows of five numbers are written, one of FORMS.

    Raises DataError with the question where they only make sense as corners.
    """
    if reading.form:
        return reading.form
    boxes = [row.values[1:] for row in rows if len(row.values) == _BOX]
    outside = sum(_outside(box) for box in boxes)
    as_corners = all(box[2] > box[0] and box[3] > box[1] and max(box) <= 1 + _SLACK for box in boxes)
    if boxes and as_corners and outside >= max(1.0, _MANY * len(boxes)):
        raise DataError(
            f"{where}: {outside:,} of {len(boxes):,} boxes reach out of their pictures if read as centre and "
            "size, none if read as corners; which are they? Say form='corners' or form='centre'"
        )
    return "centre"


def _outside(box: Sequence[float]) -> bool:
    x, y, width, height = box
    low = min(x - width / 2, y - height / 2)
    return low < -_SLACK or max(x + width / 2, y + height / 2) > 1 + _SLACK


class Rows:
    """Makes rows of text into rows of pixels, by what they hold."""

    def __init__(
        self,
        kind: str,
        form: str,
        labels: Sequence[int],  # of each class number
        shape: tuple[int, int] | None,
        problems: Problems,
    ) -> None:
        self.kind, self.form, self.labels, self.shape = kind, form, labels, shape
        self.problems = problems

    def row(self, file: Path, text: Text, size: Size) -> Row | None:
        """One row in pixels of a picture of `size`; None, and a problem, where it cannot be used."""
        place = f"{file}, row {text.row}"
        number, *values = text.values
        if wrong := self._wrong(number, values):
            self.problems.report(wrong[0], place, wrong[1], wrong[2])
            return None
        label = self.labels[int(number)]
        width, height = size
        points = [(x * width, y * height) for x, y in zip(values[0::2], values[1::2], strict=False)]
        if self.kind in {"segment", "obb"} and len(text.values) > _BOX:
            return self._outlined(place, text.row, label, points, size)
        box = _scaled(values[:4], self.form, size)
        if self.kind == "pose":
            return Row(text.row, label, box, points=self._points(values[4:], size))
        if self.kind == "segment":
            self.problems.report("box-row", place, "a box among polygons")
            left, top, right, bottom = box
            points = [(left, top), (right, top), (right, bottom), (left, bottom)]
            return self._outlined(place, text.row, label, points, size)
        return Row(text.row, label, box)

    def _wrong(self, label: float, values: list[float]) -> tuple[str, str, str] | None:
        """Rule, found and remedy of the first thing wrong with a row."""
        if not all(map(math.isfinite, (label, *values))):
            return "box-number", "a number that is not finite", ""
        if label != int(label) or label < 0:
            return "class-unknown", f"class {label:g}", "classes are the whole numbers from 0"
        if label >= len(self.labels):
            return "class-unknown", f"class {label:g}, but the table names 0 to {len(self.labels) - 1}", ""
        if wrong := self._length(len(values) + 1):
            return "row-bad", *wrong
        far = max(map(abs, self._coordinates(values)), default=0)
        if far > 2:
            return "field-bad", f"{far:g}, beyond the picture", "give parts of its sides, 0 to 1, not pixels"
        return None

    def _coordinates(self, values: list[float]) -> list[float]:
        """What of a row is a part of a side: all but the visibility of key points."""
        if self.kind != "pose" or self.shape is None or self.shape[1] == 2:
            return values
        return [*values[:4], *values[4::3], *values[5::3]]

    def _length(self, length: int) -> tuple[str, str] | None:
        """Found and remedy where a row has too many numbers, or too few."""
        if self.kind == "pose":
            number, each = self.shape or (0, 0)
            if length == _BOX + number * each:
                return None
            told = f"a class, a box and {number} points of {each} are {_BOX + number * each}"
            return f"{length} numbers; {told}", "correct the row, or kpt_shape"
        if length == _BOX and self.kind != "obb":
            return None
        if self.kind == "segment" and length >= 7 and length % 2:
            return None
        if self.kind == "obb" and length == _TURNED:
            return None
        wanted = {"detect": "5", "obb": "9", "segment": "5, or 7, 9, 11 and so on"}[self.kind]
        if length in (_BOX + 1, _TURNED + 1) or (self.kind == "segment" and length > 7):
            remedy = "the last may be the confidence of a prediction: such files are no labels"
            return f"{length} numbers; expected are {wanted}", remedy
        return f"{length} numbers; expected are {wanted}", "correct the row, or say what rows hold by rows="

    def _outlined(
        self, place: str, number: int, label: int, points: Sequence[tuple[float, float]], size: Size
    ) -> Row | None:
        across, down = zip(*points, strict=True)
        box = (min(across), min(down), max(across), max(down))
        if 0 in size:  # the picture could not be read, which has been said
            return None
        try:
            region = Region.of_polygons([[value for point in points for value in point]], (size[1], size[0]))
        except InputError as problem:
            self.problems.report("row-bad", place, str(problem))
            return None
        return Row(number, label, box, region=region)

    def _points(self, values: Sequence[float], size: Size) -> list[tuple[float, float, float]]:
        """K times x, y, v; without visibility, a point at the very corner is one that is not labelled."""
        width, height = size
        if self.shape and self.shape[1] == 3:
            triples = zip(values[0::3], values[1::3], values[2::3], strict=True)
            return [(x * width, y * height, float(min(2, max(0, round(v))))) for x, y, v in triples]
        pairs = zip(values[0::2], values[1::2], strict=True)
        return [(x * width, y * height, 2.0 if x or y else 0.0) for x, y in pairs]


def _scaled(values: Sequence[float], form: str, size: Size) -> Box:
    first, second, third, fourth = values
    width, height = size
    if form == "corners":
        return first * width, second * height, third * width, fourth * height
    return (
        (first - third / 2) * width,
        (second - fourth / 2) * height,
        (first + third / 2) * width,
        (second + fourth / 2) * height,
    )
