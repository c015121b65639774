"""An explanation of a box as one picture: the boxes, the scores of every level, the map by covering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from macaw.results import heat
from macaw.results.box_explanation_pictures import found_picture, heat_picture, level_picture, peak
from macaw.results.box_explanation_words import claimed, headline, held, missed, mixed, percent, removed
from macaw.results.box_mixture_page import mixture_pictures
from macaw.results.draw import BLUE, BODY, HEADING, INK, NOTE, PALE_BLUE, TITLE, TRACK, Box, Sheet, Style
from macaw.results.explanation_sheet import COLUMNS, GAP, HALF, MARGIN, TALL, WIDTH

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from macaw.results.box_explanation import BoxExplanation

INNER = WIDTH - 2 * MARGIN
ROW, LINE = 64, 32  # pixels from one bar, and from one line of text, to the next
LISTED = 5


def draw_box_explanation(why: BoxExplanation) -> Image:
    """The sheet; parts that the explanation lacks take no room."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(headline(why), INNER, TITLE), style=TITLE)
    about = " · ".join(filter(None, (why.model, why.answer.source.replace("\\", "/").rpartition("/")[2])))
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(about, INNER, NOTE), style=NOTE)
    y = MARGIN + 84.0
    for draw in (_found, _levels, _mixed, _held):
        y = draw(sheet, why, y)
    return sheet.picture().crop((0, 0, WIDTH, round(y + MARGIN - GAP)))


# Each part is drawn from `y` on, and gives the `y` where the next begins.


def _tall(why: BoxExplanation, width: float) -> float:
    """The height of the photograph in a column of `width`; a tall one is made narrower."""
    height, across = why.picture.shape[:2]
    return float(min(width * height / across, width))


def _found(sheet: Sheet, why: BoxExplanation, y: float) -> float:
    """The photograph with its boxes, and the list of them."""
    tall = _tall(why, HALF)
    sheet.paste(found_picture(why), Box(COLUMNS[0], y, HALF, tall))
    rows = [(one.name, one.score, rank == why.place) for rank, one in enumerate(why.answer, start=1)]
    shown = [row for rank, row in enumerate(rows, start=1) if rank <= LISTED or rank == why.place]
    below = y
    if not shown:
        sheet.text(COLUMNS[1], y + 14, "Nothing reached the threshold.")
        below += LINE
    for row in shown:
        below = _bar(sheet, below, *row)
    if more := len(rows) - len(shown):
        sheet.text(COLUMNS[1], below + 10, f"and {more:,} more", style=NOTE)
        below += LINE
    words = filter(None, (removed(why), missed(why)))
    below = _said(sheet, COLUMNS[1], below + 12, HALF, list(words))
    return max(y + tall, below) + GAP


def _bar(sheet: Sheet, y: float, name: str, score: float, mine: bool) -> float:  # noqa: FBT001  (a row)
    style = Style(24, INK, "bold" if mine else "normal")
    sheet.text(COLUMNS[1] + HALF, y + 16, percent(score), style=style, align="right")
    sheet.text(COLUMNS[1], y + 16, sheet.fit(name, HALF - 130, style), style=style)
    sheet.bar(Box(COLUMNS[1], y + 38, HALF, 10), TRACK)
    sheet.bar(Box(COLUMNS[1], y + 38, HALF * score, 10), BLUE if mine else PALE_BLUE)
    return y + ROW


def _levels(sheet: Sheet, why: BoxExplanation, y: float) -> float:
    """The scores of each level side by side, one scale for all."""
    if not why.levels:
        return y
    title = sheet.fit(f"What each cell gives “{why.box.name}”", INNER, HEADING)
    sheet.text(MARGIN, y + 14, title, style=HEADING)
    gap = GAP / 2
    wide = (INNER - gap * (len(why.levels) - 1)) / len(why.levels)
    tall = _tall(why, wide)
    for place, level in enumerate(why.levels):
        x = MARGIN + place * (wide + gap)
        rows, columns = level.scores.shape
        highest = percent(float(level.scores.max()))
        words = f"stride {level.stride}, {columns} × {rows} cells, highest {highest}"
        sheet.text(x, y + 50, sheet.fit(words, wide, NOTE), style=NOTE)
        drawn = level_picture(why, level)
        sheet.paste(drawn, Box(x, y + 72, wide, tall))
    below = y + 72 + tall + 24
    _scale(sheet, below, heat.scale(480)[240:], ("0 %", percent(peak(why))))
    return _said(sheet, MARGIN, below + 22, INNER, [claimed(why)]) + GAP


def _mixed(sheet: Sheet, why: BoxExplanation, y: float) -> float:
    """The strongest prototypes of the outline side by side, one scale for all, and their sum."""
    if why.mixture is None:
        return y
    sheet.text(MARGIN, y + 14, "What its outline is mixed from", style=HEADING)
    pictures, gap = mixture_pictures(why, why.mixture), GAP / 2
    wide = (INNER - gap * (len(pictures) - 1)) / len(pictures)
    tall = 0.0
    for place, (words, drawn) in enumerate(pictures):
        x, high = MARGIN + place * (wide + gap), min(wide, wide * drawn.height / drawn.width)
        sheet.text(x, y + 50, sheet.fit(words, wide, NOTE), style=NOTE)
        sheet.paste(drawn, Box(x, y + 72, wide, high))
        tall = max(tall, high)
    below = y + 72 + tall + 24
    _scale(sheet, below, heat.scale(240), ("not the object", "the object"))
    return _said(sheet, MARGIN, below + 22, INNER, [mixed(why)]) + GAP


def _held(sheet: Sheet, why: BoxExplanation, y: float) -> float:
    """The map by covering, and what else the box could have been."""
    below = [y, y]
    if why.heat is not None:
        sheet.text(MARGIN, y + 14, "By covering", style=HEADING)
        drawn = heat_picture(why, why.heat)
        tall = min(HALF, HALF * drawn.height / drawn.width)
        sheet.paste(drawn, Box(MARGIN, y + 44, HALF, tall))
        _scale(sheet, y + 44 + tall + 24, heat.scale(240), ("helps to cover", "hurts to cover"))
        below[0] = y + 44 + tall + 44
    if why.classes:
        sheet.text(COLUMNS[1], y + 14, "What its cell gives each class", style=HEADING)
        below[1] = y + 44
        for name, score in why.classes:
            below[1] = _bar(sheet, below[1], name, score, name == why.box.name)
    if why.heat is not None:
        below[1] = _said(sheet, COLUMNS[1], below[1] + 8 if why.classes else y + 44, HALF, [held(why)])
    return max(below) + (GAP if max(below) > y else 0)


def _said(sheet: Sheet, x: float, y: float, width: float, sentences: Sequence[str]) -> float:
    """Sentences, each in as many lines as it needs, up to six; returns the `y` below them."""
    for words in filter(None, sentences):
        for line in sheet.wrap(words, width, lines=6):
            sheet.text(x, y + 12, line, style=BODY)
            y += LINE
        y += 8
    return y


def _scale(sheet: Sheet, y: float, colors: np.ndarray, ends: tuple[str, str]) -> None:
    """Colours (K, 3), with words at both ends."""
    before, after = ends
    x = MARGIN + sheet.measure(before, NOTE) + 16
    sheet.text(MARGIN, y, before, style=NOTE)
    sheet.cells(colors[None].repeat(14, axis=0), Box(x, y - 7, 240, 14))
    sheet.text(x + 256, y, after, style=NOTE)
