"""Crops with boxes: objects of each class with some room around, and pictures with the boxes in question.

Shapes: N boxes, S pixels of a crop's side
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from macaw.data.box_survey import BoxSurvey, Sight
from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.letterbox import GREY
from macaw.data.pictures import DETAIL, read_picture
from macaw.results.found import Crop, Pair
from macaw.results.palette import BLACK, colors, rgb

SIDE, SMALL = 192, 96  # pixels of a crop: of a picture in question, and of an example of a class
ROOM = 1.6  # times the longer side of a box that a close view shows
LEAST = 16.0  # pixels of the picture that a close view shows at least
MOST = 400  # examples of all classes together
_LINE, _RIM = 2, 1  # pixels: a box in its colour, and black on both sides of it
_DOT = 5  # pixels that a box is drawn with at least
_RANKS = (0.05, 0.35, 0.65, 0.9)  # of a class's boxes, the largest first, those that are shown
_AHEAD = 100  # boxes among which one in another picture is looked for


class View(NamedTuple):
    """A square part of a picture, in its pixels; it may reach out of it."""

    left: float
    top: float
    side: float


def class_crops(held: BoxSurvey, facts: Sequence[Fact]) -> tuple[Crop, ...]:
    """Some objects of each class, the largest first, and how many there are; in the order of the names."""
    table, chosen = held.table, _examples(held, facts)

    def one(place: int) -> Crop:
        row, note = chosen[place]
        picture, name = int(table.picture[row]), held.names[table.labels[row]]
        view = close_view(table.xyxy[row], held.frames[picture])
        return Crop(drawn(held, picture, view, (row,), side=SMALL), name, note)

    return tuple(_many(one, len(chosen)))


def sight_pairs(held: BoxSurvey, facts: Sequence[Fact]) -> tuple[Pair, ...]:
    """Each place worth a picture: the whole with the boxes in question, and beside it a closer view."""
    sights = [sight for sight in held.sights if _clear(held, facts, sight.picture)]
    return tuple(_many(lambda place: _pair(held, sights[place]), len(sights)))


def both_pairs(held: BoxSurvey, couples: Sequence[Couple]) -> tuple[Pair, ...]:
    """Both pictures of each couple with all their boxes."""

    def one(place: int) -> Pair:
        code, *pictures = couples[place]
        left, right = (_whole(held, Sight(code, i, held.rows_of(i))) for i in pictures)
        return Pair(code, left, right)

    return tuple(_many(one, len(couples)))


def close_view(box: np.ndarray, frame: tuple[int, int]) -> View:
    """A square around a box (4,), with some room; inside the picture as far as that is large enough."""
    left, top, right, bottom = box.tolist()
    side = min(max(ROOM * max(right - left, bottom - top), LEAST), float(max(frame)))
    corner = []
    for middle, whole in (((left + right) / 2, frame[0]), ((top + bottom) / 2, frame[1])):
        low, high = sorted((0.0, whole - side))  # a side longer than the picture shows all of it
        corner.append(min(max(middle - side / 2, low), high))
    return View(corner[0], corner[1], side)


def whole_view(frame: tuple[int, int]) -> View:
    """The whole picture, in the middle of its square."""
    side = float(max(frame))
    return View((frame[0] - side) / 2, (frame[1] - side) / 2, side)


def drawn(held: BoxSurvey, picture: int, view: View, rows: Sequence[int], *, side: int) -> np.ndarray:
    """A part of a picture with these boxes of the table: (S, S, 3) uint8, grey where there is no picture."""
    frame, scale = held.frames[picture], side / view.side
    need = math.ceil(min(frame) * scale) if scale < 1 else None
    sheet = _cut(read_picture(held.sources[picture], at_least=need), frame, view, side)
    pen, shades = ImageDraw.Draw(sheet), colors(held.names)
    for row in rows:
        corner = np.array([view.left, view.top] * 2)
        box = (held.table.xyxy[row] - corner) * scale
        _outline(pen, box, rgb(shades[held.names[held.table.labels[row]]]))
    return np.asarray(sheet)


def _cut(pixels: np.ndarray, frame: tuple[int, int], view: View, side: int) -> Image.Image:
    """The view, scaled to `side`; `pixels` may be a smaller copy of the picture of size `frame`."""
    sheet = Image.new("RGB", (side, side), (GREY, GREY, GREY))
    source, target = [], []  # where along each axis the part begins and ends, there and here
    for whole, have, start in zip(frame, pixels.shape[1::-1], view[:2], strict=True):
        low, high = max(0.0, start), min(float(whole), start + view.side)
        source.append((low * have / whole, min(high * have / whole, have)))
        target.append([round((end - start) * side / view.side) for end in (low, high)])
    (left, right), (top, bottom) = source
    (x, over), (y, under) = target
    size = max(1, over - x), max(1, under - y)
    part = Image.fromarray(pixels).resize(
        size, Image.Resampling.BICUBIC, (left, top, right, bottom), reducing_gap=DETAIL
    )
    sheet.paste(part, (x, y))
    return sheet


def _outline(pen: ImageDraw.ImageDraw, box: np.ndarray, color: tuple[int, int, int]) -> None:
    """A box of its colour between black lines; one that is too small is drawn as large as can be seen."""
    grow = np.maximum(_DOT - (box[2:] - box[:2]), 0) / 2
    left, top, right, bottom = np.rint(np.concatenate([box[:2] - grow, box[2:] + grow])).tolist()
    rim = (left - _RIM, top - _RIM, right - 1 + _RIM, bottom - 1 + _RIM)
    pen.rectangle(rim, outline=rgb(BLACK), width=_LINE + 2 * _RIM)
    pen.rectangle((left, top, right - 1, bottom - 1), outline=color, width=_LINE)


def _pair(held: BoxSurvey, sight: Sight) -> Pair:
    rows, table, frame = sight.rows, held.table, held.frames[sight.picture]
    if 0 < len(rows) <= 2:
        boxes = table.xyxy[list(rows)]
        view = close_view(np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]), frame)
        sides = (f"{round(side, int(side < 10)):g}" for side in table.sides[rows[0]].tolist())
        note = f"{' x '.join(sides)} px"
    else:
        middle = np.array(frame, np.float64)
        view = close_view(np.concatenate([middle, middle]) * (0.375, 0.375, 0.625, 0.625), frame)
        note = "the middle"
    close = Crop(drawn(held, sight.picture, view, rows, side=SIDE), "the same, closer", note)
    return Pair(sight.code, _whole(held, sight), close)


def _examples(held: BoxSurvey, facts: Sequence[Fact]) -> list[tuple[int, str]]:
    """Rows of the table that show each class, of train where it has any, with what to write below."""
    table = held.table
    fine = np.array([_clear(held, facts, i) for i in range(len(held))], bool)
    rows = np.flatnonzero(fine[table.picture] & ~table.crowd)
    learned = np.array([split == "train" for split in held.splits], bool)[table.picture[rows]]
    order = np.lexsort((-table.sides[rows].prod(axis=1), ~learned, table.labels[rows]))
    rows, learned = rows[order], learned[order]
    bounds = np.searchsorted(table.labels[rows], np.arange(len(held.names) + 1)).tolist()
    each = max(1, min(len(_RANKS), MOST // max(1, len(held.names))))
    chosen = []
    for start, end in pairwise(bounds):
        first = int(learned[start:end].sum()) or end - start
        places = _apart(table.picture[rows[start : start + first]], _RANKS[:each])
        notes = (count(end - start, "object") if place == 0 else "" for place in range(each))
        chosen += [(int(rows[start + place]), note) for place, note in zip(places, notes, strict=False)]
    return chosen


def _apart(pictures: np.ndarray, ranks: Sequence[float]) -> list[int]:
    """Places along a list at these ranks, 0..1, or a little later, so that no picture comes twice."""
    chosen: dict[int, int] = {}
    for rank in ranks:
        start = int(rank * len(pictures))
        near = pictures[start : start + _AHEAD].tolist()
        place = next((k for k, picture in enumerate(near) if picture not in chosen), None)
        if place is not None:
            chosen[near[place]] = start + place
    return sorted(chosen.values())


def _clear(held: BoxSurvey, facts: Sequence[Fact], picture: int) -> bool:
    """Whether a picture can be shown."""
    return not facts[picture].problem and min(held.frames[picture]) > 0


def _whole(held: BoxSurvey, sight: Sight) -> Crop:
    names = sorted({held.names[label] for label in held.table.labels[list(sight.rows)]})
    note = ", ".join(names) if len(sight.rows) <= 2 else f"{len(sight.rows):,} objects"
    picture = drawn(held, sight.picture, whole_view(held.frames[sight.picture]), sight.rows, side=SIDE)
    return Crop(picture, held.name(sight.picture), note or "no object")


def _many(one: Callable[[int], Any], number: int) -> list[Any]:
    """What `one` makes of each place, in a few threads."""
    with quiet():
        parts = in_chunks(lambda part: [one(place) for place in part], number, chunk=8)
        return [item for _, some in parts for item in some]
