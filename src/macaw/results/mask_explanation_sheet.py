"""An explanation of a mask as one picture: the answer, two maps, and which classes are at odds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.draw import BODY, HEADING, INK, NOTE, TITLE, TRACK, Box, Sheet, Style
from macaw.results.explanation_sheet import COLUMNS, GAP, HALF, MARGIN, TALL, WIDTH
from macaw.results.explanation_words import percent
from macaw.results.mask_explanation_pictures import answer_picture, bits_picture, peak, probs_picture
from macaw.results.mask_explanation_words import doubted, taken, where
from macaw.results.palette import colors

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.mask_explanation import MaskExplanation

INNER = WIDTH - 2 * MARGIN
ROW, LINE = 52, 32  # pixels from one class, and from one line of text, to the next
LISTED, PAIRS = 6, 6


def draw_mask_explanation(why: MaskExplanation) -> Image:
    """The sheet; it is as high as what it holds."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(why.question, INNER, TITLE), style=TITLE)
    about = " · ".join(filter(None, (why.model, why.answer.source.replace("\\", "/").rpartition("/")[2])))
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(about, INNER, NOTE), style=NOTE)
    y = MARGIN + 84.0
    for draw in (_found, _maps, _contests):
        y = draw(sheet, why, y)
    return sheet.picture().crop((0, 0, WIDTH, round(y + MARGIN - GAP)))


# Each part is drawn from `y` on, and gives the `y` where the next begins.


def _tall(why: MaskExplanation) -> float:
    """The height of the photograph in its half of the sheet; a tall one is made narrower."""
    height, width = why.picture.shape[:2]
    return float(min(HALF * height / width, HALF))


def _found(sheet: Sheet, why: MaskExplanation, y: float) -> float:
    """The answer, and the classes with their shares."""
    sheet.paste(answer_picture(why), Box(COLUMNS[0], y, HALF, _tall(why)))
    tones, below, x = colors(why.answer.names), y, COLUMNS[1]
    for name, share in list(why.answer.shares.items())[:LISTED]:
        style = Style(22, INK, "bold" if name == why.target else "normal")
        sheet.bar(Box(x, below + 5, 22, 22), tones[name])
        sheet.text(x + 36, below + 16, sheet.fit(name, HALF - 170, style), style=style)
        sheet.text(x + HALF, below + 16, percent(share), style=style, align="right")
        sheet.bar(Box(x + 36, below + 34, HALF - 36, 6), TRACK)
        sheet.bar(Box(x + 36, below + 34, (HALF - 36) * share, 6), tones[name])
        below += ROW
    if (more := len(why.answer.shares) - LISTED) > 0:
        sheet.text(x, below + 10, f"and {more:,} more", style=NOTE)
        below += LINE
    for words in (taken(why), doubted(why)):
        for line in sheet.wrap(words, HALF, lines=5):
            sheet.text(x, below + 16, line, style=BODY)
            below += LINE
        below += 8
    return max(y + _tall(why), below) + GAP


def _maps(sheet: Sheet, why: MaskExplanation, y: float) -> float:
    """The probability and the doubt side by side, each over its scale."""
    maps = (
        (f"Probability of “{why.target}”", probs_picture(why), ("0 %", "100 %")),
        ("Doubt between all classes", bits_picture(why), ("sure", f"{peak(why):.2g} bits")),
    )
    below = y + 44 + _tall(why) + 24
    for x, (title, drawn, ends) in zip(COLUMNS, maps, strict=True):
        sheet.text(x, y + 14, sheet.fit(title, HALF, HEADING), style=HEADING)
        sheet.paste(drawn, Box(x, y + 44, HALF, _tall(why)))
        _scale(sheet, x, below, ends)
    return below + 14 + GAP


def _scale(sheet: Sheet, x: float, y: float, ends: tuple[str, str]) -> None:
    """The colours of the maps, with words at both ends."""
    start = x + sheet.measure(ends[0], NOTE) + 16
    colored: np.ndarray = heat.scale(480)[240:]
    sheet.text(x, y, ends[0], style=NOTE)
    sheet.cells(colored[None].repeat(14, axis=0), Box(start, y - 7, 240, 14))
    sheet.text(start + 256, y, ends[1], style=NOTE)


def _contests(sheet: Sheet, why: MaskExplanation, y: float) -> float:
    """A line for each pair of classes that has contested pixels."""
    some = [one for one in why.contests if one.pixels][:PAIRS]
    if not some:
        return y
    sheet.text(MARGIN, y + 14, "Between which classes", style=HEADING)
    y += 48
    for one in some:
        sheet.text(MARGIN, y + 12, sheet.fit(f"{one.name} | {one.other}", 380), style=BODY)
        sheet.text(MARGIN + 500, y + 12, percent(one.pixels / why.bits.size), style=BODY, align="right")
        sheet.text(MARGIN + 530, y + 12, sheet.fit(where(why, one), INNER - 530, NOTE), style=NOTE)
        y += LINE + 4
    return y + GAP
