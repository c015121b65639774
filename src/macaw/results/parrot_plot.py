"""Parrot as a picture: the four figures, each beside held-out text, and the novelty curves under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.draw import (
    BLUE,
    BODY,
    GOLD,
    HEADING,
    INK,
    MUTED,
    NOTE,
    SCARLET,
    TICK,
    TITLE,
    Box,
    Sheet,
    Style,
)
from macaw.results.figure import Figure
from macaw.results.words import several

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.parrot import Parrot

WIDTH, MARGIN, GAP = 1400, 56, 40  # pixels
_CARD, _CHART, _KEY = 150, 430, 34
_LINES = ((BLUE, "-"), (GOLD, "--"), (MUTED, ":"), (SCARLET, "-."), (INK, (0, (4, 4))))


def plot_parrot(parrot: Parrot) -> Image:
    """Draw it."""
    keys = -(-len(parrot.curves) // 3)
    sheet = Sheet(WIDTH, MARGIN + 110 + _CARD + GAP + 60 + keys * _KEY + _CHART + 90)
    units, documents = parrot.training
    note = f"{parrot.decoding}; against {units:,} {parrot.unit}s, {several(documents, 'document')}"
    room = WIDTH - 2 * MARGIN
    sheet.text(MARGIN, MARGIN + 16, "Where was this read?", style=TITLE)
    sheet.text(MARGIN, MARGIN + 58, sheet.fit(note, room, NOTE), style=NOTE)
    width = (room - 3 * GAP) / 4
    for i, figure in enumerate(parrot.figures):
        _card(sheet, Box(MARGIN + i * (width + GAP), MARGIN + 104, width, _CARD), figure)
    _chart(sheet, parrot, MARGIN + 104 + _CARD + GAP, keys)
    return sheet.picture()


def _card(sheet: Sheet, box: Box, one: Figure) -> None:
    sheet.bar(Box(box.x, box.y, box.width, 3), BLUE)
    sheet.text(box.x, box.y + 28, sheet.fit(one.name, box.width), style=BODY)
    if one.value is None:
        sheet.text(box.x, box.y + 68, "not measured", style=Style(BODY.size, MUTED))
        return
    sheet.text(box.x, box.y + 70, sheet.fit(one.value.text, box.width, TITLE), style=TITLE)
    interval = str(one.value).removeprefix(one.value.text).strip()
    sheet.text(box.x, box.y + 106, sheet.fit(interval, box.width, NOTE), style=NOTE)
    if one.held is not None:
        sheet.text(box.x, box.y + 134, sheet.fit(f"held-out {one.held}", box.width, NOTE), style=NOTE)


def _chart(sheet: Sheet, parrot: Parrot, top: float, keys: int) -> None:
    """The share of new n-grams over n, whose axis is logarithmic."""
    sheet.text(MARGIN, top + 16, "new n-grams", style=HEADING)
    for number, one in enumerate(parrot.curves):
        color, _ = _LINES[number % len(_LINES)]
        x, y = MARGIN + number % 3 * (WIDTH - 2 * MARGIN) / 3, top + 56 + number // 3 * _KEY
        sheet.bar(Box(x, y - 2, 28, 5), color)
        sheet.text(x + 38, y, sheet.fit(one.name, 360, TICK), style=TICK)
    plot = Box(MARGIN + 74, top + 60 + keys * _KEY, WIDTH - 2 * MARGIN - 100, _CHART)
    axes = sheet.axes(plot)
    longest = max(2, max(int(one.lengths[-1]) for one in parrot.curves))
    ticks = [2**k for k in range(12) if 2**k <= longest]
    axes.set_xscale("log", base=2)
    axes.set(xlim=(1, longest), ylim=(0, 1), yticks=[0, 0.5, 1])
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.set_yticklabels(["0 %", "50 %", "100 %"])
    for number, one in reversed([*enumerate(parrot.curves)]):
        color, dashes = _LINES[number % len(_LINES)]
        axes.plot(one.lengths, one.share, color=color, ls=dashes, lw=3, clip_on=False)
        if number < 2:
            axes.fill_between(one.lengths, one.low, one.high, color=color, alpha=0.16, lw=0)
    words = f"{parrot.unit}s of an n-gram"
    sheet.text(plot.x + plot.width / 2, plot.y + plot.height + 52, words, style=TICK, align="center")
