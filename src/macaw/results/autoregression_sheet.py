"""A text token by token as one picture: the text, the surprise of its tokens, the last turns, the inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.autoregression_words import compared, lede, percent, product
from macaw.results.draw import (
    BLUE,
    BODY,
    GOLD,
    HAIRLINE,
    HEADING,
    INK,
    MUTED,
    NOTE,
    PALE_BLUE,
    TITLE,
    TRACK,
    Box,
    Sheet,
    Style,
)
from macaw.results.explanation_sheet import GAP, MARGIN, TALL, WIDTH
from macaw.results.glance_sheet import draw_inside

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.autoregression import Autoregression
    from macaw.results.turns import Turn

INNER = WIDTH - 2 * MARGIN
LINE, CHART = 34, 170  # pixels from line to line, and of the chart's height
COLUMNS, TURNS, ROWS = 3, 6, 6  # turns side by side, turns shown, alternatives of each
BARS = 64  # tokens that have a bar


def draw_autoregression(why: Autoregression) -> Image:
    """The sheet; it is as high as what it holds."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, "One token at a time", style=TITLE)
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(lede(why), INNER, NOTE), style=NOTE)
    y = MARGIN + 96.0
    for line in sheet.wrap(why.headline, INNER, lines=4):
        sheet.text(MARGIN, y, line, style=BODY)
        y += LINE
    y = _chart(sheet, why, y + GAP / 2)
    for words in (f"P = {product(why)}", compared(why)):
        sheet.text(MARGIN, y, sheet.fit(words, INNER, NOTE), style=NOTE)
        y += LINE
    below = draw_inside(sheet, why, _turns(sheet, why, y + GAP / 2))
    return sheet.picture().crop((0, 0, WIDTH, round(below + MARGIN / 2)))


def _chart(sheet: Sheet, why: Autoregression, y: float) -> float:
    """A bar of bits for each of the last tokens; gives the `y` below."""
    others = " and ".join(one.name for one in why.turns[0].opinions)
    words = "Surprise of each token, in bits" + (f"; the marks: {others}" if others else "")
    sheet.text(MARGIN, y + 8, sheet.fit(words, INNER, HEADING), style=HEADING)
    shown = why.turns[-BARS:]
    axes = sheet.axes(Box(MARGIN + 40, y + 36, INNER - 40, CHART), spines=("left", "bottom"))
    shades = {"given": HAIRLINE, "drawn": PALE_BLUE, "taken": GOLD}
    axes.bar(
        range(len(shown)),
        [min(24.0, turn.bits) for turn in shown],
        color=[shades[t.how] for t in shown],
        width=0.8,
    )
    for place in range(len(why.turns[0].opinions)):
        bits = [min(24.0, turn.opinions[place].bits) for turn in shown]
        axes.plot(range(len(shown)), bits, color=(GOLD, INK)[place % 2], lw=0, marker="_", ms=10, mew=2)
    axes.set(xlim=(-0.6, len(shown) - 0.4), xticks=[])
    return y + 36 + CHART + GAP / 2 + 16


def _turns(sheet: Sheet, why: Autoregression, y: float) -> float:
    """The last turns in columns; gives the `y` below."""
    wide = (INNER - (COLUMNS - 1) * GAP) / COLUMNS
    tall = (ROWS + 1) * LINE + GAP / 2
    shown = list(enumerate(why.turns, start=1))[-TURNS:]
    for place, (number, turn) in enumerate(shown):
        x = MARGIN + (place % COLUMNS) * (wide + GAP)
        _turn(sheet, turn, number, Box(x, y + (place // COLUMNS) * tall, wide, tall))
    return y + -(-len(shown) // COLUMNS) * tall


def _turn(sheet: Sheet, turn: Turn, number: int, box: Box) -> None:
    title = f"{number}  {turn.name}  {percent(turn.prob)}"
    sheet.text(box.x, box.y + 12, sheet.fit(title, box.width, HEADING), style=HEADING)
    rows = sorted({*range(min(ROWS - 1, len(turn.names))), turn.place})
    for line, row in enumerate(rows, start=1):
        y = box.y + 10 + line * LINE
        style = Style(19, MUTED if turn.cut[row] else INK, "bold" if row == turn.place else "normal")
        sheet.text(box.x, y, sheet.fit(turn.names[row], 0.32 * box.width, style), style=style)
        track = Box(box.x + 0.36 * box.width, y - 8, 0.4 * box.width, 16)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=max(1.0, track.width * float(turn.probs[row]))), PALE_BLUE)
        if turn.rules:
            share = max(1.0, track.width * float(turn.drawn[row]))
            sheet.bar(track._replace(y=y + 2, height=6, width=share), BLUE)
        words = turn.cut[row].replace("_", "-") or percent(float(turn.drawn[row]))
        sheet.text(box.x + box.width, y, words, style=style, align="right")
