"""Rows: what a reader takes from its file for one object, checked, repaired where that is safe, gathered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from macaw.data.objects import Objects
from macaw.data.problems import Problems
from macaw.data.regions import Region
from macaw.data.upright import Size

EDGE = 1.0  # pixels by which a box may reach out of its picture and be clipped: rounding, not another format
SMALLEST = 0.999  # pixels of a box's shorter side; what is smaller is left out: one pixel, but for rounding

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Row(NamedTuple):
    """One object as a reader found it."""

    number: int  # by which the reader finds the place again, for messages
    label: int
    xyxy: Box
    crowd: bool = False
    difficult: bool = False
    area: float | None = None  # as the file gives it
    region: Region | None = None
    points: Sequence[Sequence[float]] | None = None  # K times x, y, v


Place = Callable[[int], str]  # a row's number -> file, row and field


def places(before: str, after: str = "") -> Place:
    """Where rows are: their numbers between these words."""
    return lambda number: f"{before}{number}{after}"


def gathered(
    rows: Sequence[Row], size: Size, place: Place, problems: Problems, *, points: int | None = None
) -> Objects:
    """The objects of one picture of `size`, (0, 0) where unknown; `points` is K where there are key points.

    Wrong rows are reported and left out; a box that reaches out by less than EDGE is clipped.
    """
    kept: list[Row] = []
    seen: dict[tuple[int, Box, bool], list[Row]] = {}
    for row in rows:
        box = _fitting(row, size, place, problems)
        if box is None:
            continue
        row = row if box is row.xyxy else row._replace(xyxy=box)
        twins = seen.setdefault((row.label, box, row.crowd), [])
        if any(_alike(row, twin) for twin in twins):
            problems.report("row-duplicate", place(row.number), f"the box {worded(box)} again")
            continue
        twins.append(row)
        kept.append(row)
    return objects_of(kept, points)


def objects_of(rows: Sequence[Row], points: int | None = None) -> Objects:
    """The rows, which are sound, as arrays."""
    if not rows:
        return Objects.empty(points)
    return Objects(
        np.array([row.xyxy for row in rows], np.float64),
        np.array([row.label for row in rows], np.int64),
        np.array([row.crowd for row in rows], bool),
        np.array([row.difficult for row in rows], bool),
        np.array([_area(row) for row in rows], np.float64),
        tuple(row.region for row in rows) if any(row.region is not None for row in rows) else (),
        None if points is None else _points(rows, points),
    )


def worded(box: Sequence[float]) -> str:
    """A box as messages show it."""
    return ", ".join(f"{value:.6g}" for value in box)


def _fitting(row: Row, size: Size, place: Place, problems: Problems) -> Box | None:
    """The box, clipped where it needs to be; None, and a problem, where it cannot be used."""
    box = row.xyxy
    left, top, right, bottom = box
    if not all(map(math.isfinite, box)):
        problems.report("box-number", place(row.number), f"the box {worded(box)}")
        return None
    if right < left or bottom < top:
        problems.report("box-swapped", place(row.number), f"the box {worded(box)} is turned inside out")
        return None
    width, height = size
    if width and (left < 0 or top < 0 or right > width or bottom > height):
        if left < -EDGE or top < -EDGE or right > width + EDGE or bottom > height + EDGE:
            where = f"reaches out of its picture of {width} x {height} px"
            problems.report("box-outside", place(row.number), f"the box {worded(box)} {where}")
            return None
        problems.report("box-clipped", place(row.number), f"the box {worded(box)}")
        box = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if box[2] - box[0] < SMALLEST or box[3] - box[1] < SMALLEST:
        problems.report("box-small", place(row.number), f"the box {worded(box)}")
        return None
    return box


def _area(row: Row) -> float:
    if row.area is not None:
        return row.area
    if row.region is not None:
        return row.region.area
    return (row.xyxy[2] - row.xyxy[0]) * (row.xyxy[3] - row.xyxy[1])


def _points(rows: Sequence[Row], points: int) -> np.ndarray:
    """(N, K, 3); an object without key points has none that is labelled."""
    blank = [(0.0, 0.0, 0.0)] * points
    return np.array([blank if row.points is None else row.points for row in rows], np.float64)


def _alike(one: Row, other: Row) -> bool:
    """Whether two rows of the same box and label are the same object written twice."""
    if one.points != other.points or (one.region is None) != (other.region is None):
        return False
    if one.region is None or other.region is None:
        return True
    if len(one.region.polygons) != len(other.region.polygons):
        return False
    pairs = zip(one.region.polygons, other.region.polygons, strict=True)
    same = all(np.array_equal(first, second) for first, second in pairs)
    return same and (bool(one.region.polygons) or np.array_equal(one.region.counts, other.region.counts))
