"""An explanation of a key point as one picture: heat between its two lines, and a table of all points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results.draw import (
    BLUE,
    BODY,
    HEADING,
    INK,
    NOTE,
    PALE_BLUE,
    SCARLET,
    TITLE,
    Box,
    Sheet,
    Style,
    inside,
)
from macaw.results.explanation_sheet import GAP, MARGIN, TALL, WIDTH
from macaw.results.explanation_words import percent
from macaw.results.point_explanation_pictures import heat_picture
from macaw.results.point_explanation_words import lede, sentences

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.point_explanation import PointExplanation
    from macaw.results.point_explanation_parts import Line

INNER = WIDTH - 2 * MARGIN
PHOTO, EDGE = 640, 96  # pixels of the photograph's longer side, and of the height of a line's hill
LINE, ROWS = 34, 16  # pixels from line to line, and points that have one
_COLUMNS = (250, 350, 450)  # pixels from the left of the table to where its numbers end


def draw_point_explanation(why: PointExplanation) -> Image:
    """The sheet; it is as high as what it holds."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(why.question, INNER, TITLE), style=TITLE)
    about = " · ".join(filter(None, (why.model, why.answer.source.replace("\\", "/").rpartition("/")[2])))
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(about, INNER, NOTE), style=NOTE)
    y = MARGIN + 84.0
    below = max(_edges(sheet, why, y), _table(sheet, why, y)) + GAP / 2
    for words in (lede(why), *sentences(why)):
        for line in sheet.wrap(words, INNER, lines=3):
            sheet.text(MARGIN, below + 12, line, style=BODY)
            below += LINE
    return sheet.picture().crop((0, 0, WIDTH, round(below + MARGIN)))


def _edges(sheet: Sheet, why: PointExplanation, y: float) -> float:
    """The photograph under heat, the line along x above it, that along y beside it; gives the `y` below."""
    drawn = heat_picture(why)
    place = inside(drawn.size, Box(MARGIN, y + EDGE + 8, PHOTO, PHOTO))
    place = Box(MARGIN, y + EDGE + 8, place.width, place.height)
    sheet.paste(drawn, place)
    _hill(sheet, Box(place.x, y, place.width, EDGE), why.across, why.point.x)
    right = Box(place.x + place.width + 8, place.y, EDGE, place.height)
    _hill(sheet, right, why.down, why.point.y, turn=True)
    return place.y + place.height


def _hill(sheet: Sheet, box: Box, line: Line, place: float, *, turn: bool = False) -> None:
    """A line as a hill on the picture's edge, dashed where the point is; `turn`: on its right side."""
    axes = sheet.axes(box, spines=())
    along = np.linspace(0, line.extent, 512)
    tall, top = line.at(along), 1.04 * float(line.probs.max())
    axes.set(xticks=[], yticks=[])
    if turn:
        axes.set(xlim=(0, top), ylim=(line.extent, 0))
        axes.fill_betweenx(along, tall, color=PALE_BLUE, lw=0)
        axes.plot(tall, along, color=BLUE, lw=2)
        axes.axhline(place, color=SCARLET, lw=2, ls=(0, (3, 2)))
        return
    axes.set(xlim=(0, line.extent), ylim=(0, top))
    axes.fill_between(along, tall, color=PALE_BLUE, lw=0)
    axes.plot(along, tall, color=BLUE, lw=2)
    axes.axvline(place, color=SCARLET, lw=2, ls=(0, (3, 2)))


def _table(sheet: Sheet, why: PointExplanation, y: float) -> float:
    """All points, the least sure first; gives the `y` below."""
    x = MARGIN + PHOTO + EDGE + 8 + GAP
    sheet.text(x, y + 14, "All points, the least sure first", style=HEADING)
    for end, words in zip(_COLUMNS, ("score", "± x", "± y"), strict=True):
        sheet.text(x + end, y + 52, words, style=NOTE, align="right")
    y += 70
    for place in why.order[:ROWS].tolist():
        name, score, *_ = why.answer[place]
        style = Style(20, INK, "bold" if name == why.target else "normal")
        sheet.text(x, y + 14, sheet.fit(name, _COLUMNS[0] - 90, style), style=style)
        numbers = percent(score), *(f"{value:.1f}" for value in why.spreads[place].tolist())
        for end, words in zip(_COLUMNS, numbers, strict=True):
            sheet.text(x + end, y + 14, words, style=style, align="right")
        y += LINE
    if (more := len(why.answer) - ROWS) > 0:
        sheet.text(x, y + 14, f"and {more:,} more", style=NOTE)
        y += LINE
    return y
