"""What models made of their past at one turn, on the sheet of a text: lens, heads, pull, counts.

Shapes: L blocks, P past tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from macaw.results.autoregression_words import percent
from macaw.results.draw import BLUE, HEADING, INK, MUTED, NOTE, PALE_BLUE, Box, Sheet, Style, blend
from macaw.results.explanation_sheet import GAP, MARGIN, WIDTH

if TYPE_CHECKING:
    from macaw.results.autoregression import Autoregression
    from macaw.results.glance import Attention, Glance, Ladder, Lens, Pull

INNER = WIDTH - 2 * MARGIN
LINE, CELL, BARS = 32, 30, 120  # pixels of a row of words, of a row of cells, and of the bars' height
TOKENS, CHOICES, LABEL = 24, 4, 96  # past tokens and choices of a block, pixels of a label
_TURNED = 78  # pixels below cells and bars for names that are turned


def draw_inside(sheet: Sheet, why: Autoregression, y: float) -> float:
    """All glances of the text, one below the other; gives the `y` below."""
    for one in why.inside:
        words = f"Inside {one.model}, at turn {one.step}: {one.token}"
        sheet.text(MARGIN, y + 14, sheet.fit(words, INNER, HEADING), style=HEADING)
        y = _glance(sheet, one, y + 34) + GAP / 2
    return y


def _glance(sheet: Sheet, one: Glance, y: float) -> float:
    if one.shares:
        parts = ", ".join(f"{part.name} brought {percent(part.brought)}" for part in one.shares)
        sheet.text(MARGIN, y + 14, sheet.fit(f"Of its probability {parts}.", INNER, NOTE), style=NOTE)
        y += LINE
    if one.lens:
        y = _lens(sheet, one.lens, one.token, y)
    if one.attention:
        y = _attention(sheet, one.attention, y)
    if one.pull:
        y = _pull(sheet, one.pull, y)
    return _ladder(sheet, one.ladder, y) if one.ladder else y


def _lens(sheet: Sheet, lens: Lens, token: str, y: float) -> float:
    """A row of choices for each block, the token that came in bold."""
    choices = min(CHOICES, len(lens.names[0]))
    wide = (INNER - LABEL) / choices
    came = f"{token} {percent(float(lens.came[-1]))}, rank {int(lens.ranks[-1]):,}"
    words = f"What it would have said after each block; in the end {came}"
    sheet.text(MARGIN, y + 14, sheet.fit(words, INNER, NOTE), style=NOTE)
    for block, (names, probs) in enumerate(zip(lens.names, lens.probs, strict=True), start=1):
        row = y + block * LINE
        sheet.text(MARGIN, row + 14, f"block {block}", style=NOTE)
        tints = blend(0.55 * np.sqrt(probs[None, :choices]), BLUE)
        sheet.cells(tints, Box(MARGIN + LABEL, row, INNER - LABEL, LINE - 3))
        for place, (name, prob) in enumerate(zip(names[:choices], probs[:choices].tolist(), strict=True)):
            style = Style(18, INK, "bold" if name == token else "normal")
            words = sheet.fit(f"{name}  {percent(prob)}", wide - 16, style)
            sheet.text(MARGIN + LABEL + place * wide + 8, row + 14, words, style=style)
    return y + (len(lens.names) + 1) * LINE + 12


def _attention(sheet: Sheet, attention: Attention, y: float) -> float:
    """A row of cells for each block, by the mean over its heads, over the names of the past tokens."""
    mean, tokens = attention.mean[:, -TOKENS:], attention.tokens[-TOKENS:]
    sheet.text(MARGIN, y + 14, "Where its heads looked, mean over the heads of a block", style=NOTE)
    place = Box(MARGIN + LABEL, y + LINE, INNER - LABEL, CELL * len(mean))
    sheet.cells(blend(np.sqrt(mean), BLUE), place, gap=2)
    for block in range(len(mean)):
        sheet.text(MARGIN, place.y + (block + 0.5) * CELL, f"block {block + 1}", style=NOTE)
    return _names(sheet, tokens, place)


def _pull(sheet: Sheet, pull: Pull, y: float) -> float:
    """A bar for each of the last tokens, over their names."""
    values, tokens = pull.values[-TOKENS:], pull.tokens[-TOKENS:]
    sheet.text(MARGIN, y + 14, f"Which past tokens move it, by {pull.by}", style=NOTE)
    place = Box(MARGIN + LABEL, y + LINE, INNER - LABEL, BARS)
    axes = sheet.axes(place, spines=("bottom",))
    axes.bar(range(len(values)), values, color=PALE_BLUE, width=0.8)
    axes.set(xlim=(-0.5, len(values) - 0.5), xticks=[], yticks=[])
    return _names(sheet, tokens, place)


def _names(sheet: Sheet, tokens: Sequence[str], place: Box) -> float:
    """The names of tokens below the even columns of a place, turned; gives the `y` below."""
    pitch, style = place.width / len(tokens), Style(16, MUTED)
    for number, token in enumerate(tokens):
        words = sheet.fit(token, _TURNED + 12, style)
        x = place.x + (number + 0.5) * pitch
        sheet.text(x, place.y + place.height + 8, words, style=style, align="right", turn=50)
    return place.y + place.height + _TURNED


def _ladder(sheet: Sheet, ladder: Ladder, y: float) -> float:
    """A row for each context: counts, and what they add."""
    sheet.text(MARGIN, y + 14, f"From which counts its {percent(ladder.prob)} were made", style=NOTE)
    for rung in ladder.rungs:
        y += LINE
        after = f"after “{rung.context}”" if rung.context else "anywhere"
        firsts = ", ".join(f"{name} {count:,}" for name, count in rung.firsts)
        style = Style(18, INK)
        words = sheet.fit(f"{rung.times:,} of {rung.total:,} {after}: {firsts}", INNER - 160, style)
        sheet.text(MARGIN, y + 14, words, style=style)
        adds = f"adds {percent(rung.adds)}"
        sheet.text(MARGIN + INNER, y + 14, adds, style=style, align="right")
    return y + LINE + 12
