"""A completion, and a scored text, as one picture: the text by its surprise, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.completion_words import cost, drawn, figures, hardest, lede
from macaw.results.draw import BLUE, BODY, HEADING, NOTE, TITLE, TRACK, Box, Sheet
from macaw.results.explanation_sheet import MARGIN, TALL, WIDTH
from macaw.results.text_sheet import draw_shaded, legend

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.completion import Completion
    from macaw.results.scored import Scored

INNER = WIDTH - 2 * MARGIN
ROW, HARDEST = 38, 8  # pixels from row to row, and tokens, of the list below


def draw_completion(one: Completion) -> Image:
    """The sheet; it is as high as its text."""
    sheet, y = _titled("A text goes on", lede(one))
    y = draw_shaded(sheet, one.shaded, Box(MARGIN, y, INNER, 0)) + 36
    legend(sheet, MARGIN, y)
    for words in (cost(one), f"Drawn with {drawn(one)}."):
        y += 34
        sheet.text(MARGIN, y + 8, sheet.fit(words, INNER, NOTE), style=NOTE)
    return _cut(sheet, y + 26)


def draw_scored(one: Scored) -> Image:
    """The sheet; below the text are its hardest tokens."""
    sheet, y = _titled("How likely is this text?", f"{one.model or 'The model'}: {figures(one)}")
    y = draw_shaded(sheet, one.shaded, Box(MARGIN, y, INNER, 0), lines=40) + 36
    legend(sheet, MARGIN, y)
    y += 60
    sheet.text(MARGIN, y, "Its hardest tokens, in bits", style=HEADING)
    hard = hardest(one.shaded, HARDEST)
    for name, bits, before in hard:
        y += ROW
        share = bits / max(1.0, hard[0][1])
        sheet.text(MARGIN, y, sheet.fit(name, 220), style=BODY)
        track = Box(MARGIN + 240, y - 7, 400, 14)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=max(1.0, 400 * min(1.0, share))), BLUE)
        sheet.text(MARGIN + 730, y, f"{bits:.1f}", align="right")
        words = sheet.fit(f"after {before}" if before else "", INNER - 760, NOTE)
        sheet.text(MARGIN + 760, y, words, style=NOTE)
    return _cut(sheet, y + 26)


def _titled(title: str, words: str) -> tuple[Sheet, float]:
    """A sheet with its title and a line below it, and where the rest begins."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, title, style=TITLE)
    sheet.text(MARGIN, MARGIN + 56, sheet.fit(words, INNER, NOTE), style=NOTE)
    return sheet, MARGIN + 92.0


def _cut(sheet: Sheet, y: float) -> Image:
    return sheet.picture().crop((0, 0, WIDTH, round(min(TALL, y + MARGIN / 2))))
