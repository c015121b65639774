"""An explanation as one picture: the photograph, its maps and their test, near pictures, the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.draw import (
    BLUE,
    GOLD,
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
from macaw.results.evidence import MaskCurve
from macaw.results.explanation_inside import spot
from macaw.results.explanation_words import CENTRE, METHODS, found, near, subject

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.explanation import Explanation

WIDTH, TALL, MARGIN, GAP = 1400, 3000, 56, 48  # pixels; what is not used of the height is cut off
HALF = (WIDTH - 2 * MARGIN - GAP) / 2
COLUMNS = (MARGIN, MARGIN + HALF + GAP)
STROKES = (
    (BLUE, "solid"),
    (GOLD, (0, (5, 2))),
    (MUTED, (0, (1, 2))),
)  # of the curves; as in results/charts.py
PLOT, SMALL = 170, 130  # heights of the curves and of small pictures
CHANNELS = 8


def draw_explanation(why: Explanation) -> Image:
    """The sheet; parts that the explanation lacks take no room."""
    sheet = Sheet(WIDTH, TALL)
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(why.question, WIDTH - 2 * MARGIN, TITLE), style=TITLE)
    about = " · ".join(filter(None, (why.model, why.answer.source.rpartition("/")[2])))
    sheet.text(MARGIN, MARGIN + 54, sheet.fit(about, WIDTH - 2 * MARGIN, NOTE), style=NOTE)
    y = MARGIN + 80.0
    for draw in (_answer, _maps, _curves, _near, _head):
        y = draw(sheet, why, y)
    return sheet.picture().crop((0, 0, WIDTH, round(y + MARGIN - GAP)))


# Each part is drawn from `y` on, and gives the `y` where the next begins.


def _photo(why: Explanation) -> float:
    """The height of the photograph in its half of the sheet; a tall one is made narrower."""
    height, width = why.picture.shape[:2]
    return float(min(HALF * height / width, HALF))


def _answer(sheet: Sheet, why: Explanation, y: float) -> float:
    tall = max(_photo(why), 5 * 60.0)
    drawn = heat.dimmed(why.picture, why.frame, side=round(HALF))
    sheet.paste(drawn, Box(COLUMNS[0], y, HALF, _photo(why)))
    pitch = min(76.0, tall / 5)
    for rank, (name, prob) in enumerate(why.answer.top(5)):
        top, mine = y + rank * pitch, name == why.target
        style = Style(24, INK, "bold" if mine else "normal")
        sheet.text(COLUMNS[1] + HALF, top + 18, f"{100 * prob:.1f} %", style=style, align="right")
        sheet.text(COLUMNS[1], top + 18, sheet.fit(name, HALF - 130, style), style=style)
        sheet.bar(Box(COLUMNS[1], top + 42, HALF, 10), TRACK)
        sheet.bar(Box(COLUMNS[1], top + 42, HALF * prob, 10), BLUE if mine else PALE_BLUE)
    return y + tall + GAP


def _maps(sheet: Sheet, why: Explanation, y: float) -> float:
    if not why.maps:
        return y
    below = y + 44 + _photo(why) + 26
    for x, one in zip(COLUMNS, why.maps, strict=False):
        sheet.text(x, y + 14, METHODS[one.by].title.capitalize(), style=HEADING)
        drawn = heat.overlay(why.picture, one.values, why.frame, side=round(HALF))
        sheet.paste(drawn, Box(x, y + 44, HALF, _photo(why)))
    _scale(sheet, below)
    for words in sheet.wrap(found(why), WIDTH - 2 * MARGIN, lines=3):
        below += 32
        sheet.text(MARGIN, below + 12, words)
    return below + 24 + GAP


def _scale(sheet: Sheet, y: float) -> None:
    """The colours of the maps, with words at both ends."""
    before, after = "speaks against it", "speaks for it"
    x = MARGIN + sheet.measure(before, NOTE) + 16
    sheet.text(MARGIN, y, before, style=NOTE)
    sheet.cells(heat.scale(240)[None].repeat(14, axis=0), Box(x, y - 7, 240, 14))
    sheet.text(x + 256, y, after, style=NOTE)


def _curves(sheet: Sheet, why: Explanation, y: float) -> float:
    """The two tests side by side, and below them which stroke is whose."""
    if not why.maps:
        return y
    trials = {METHODS[one.by].title: one.trial for one in why.maps}
    if why.guess:
        trials[CENTRE] = why.guess
    for x, kind in zip(COLUMNS, ("hidden", "shown"), strict=True):
        sheet.text(x, y + 14, f"The hottest {kind} first", style=HEADING)
        words = sheet.fit(f"{subject(why)} against the share of the picture that is {kind}", HALF, NOTE)
        sheet.text(x, y + 44, words, style=NOTE)
        curves = [one.deletion if kind == "hidden" else one.insertion for one in trials.values()]
        _plot(sheet, Box(x + 70, y + 74, HALF - 104, PLOT), curves)
    below, x = y + 74 + PLOT + 54, float(MARGIN)
    for name, (color, dashes) in zip(trials, STROKES, strict=False):
        line = sheet.axes(Box(x, below - 6, 44, 12), spines=())
        line.set(xlim=(0, 1), ylim=(-1, 1), xticks=[], yticks=[])
        line.plot([0, 1], [0, 0], color=color, ls=dashes, lw=3.5)
        sheet.text(x + 56, below, name, style=NOTE)
        x += 56 + sheet.measure(name, NOTE) + 40
    return below + 14 + GAP


def _plot(sheet: Sheet, box: Box, curves: Sequence[MaskCurve]) -> None:
    axes = sheet.axes(box)
    axes.set(xlim=(0, 1), ylim=(0, max(0.1, *(float(curve.probs.max()) for curve in curves)) * 1.02))
    axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    for curve, (color, dashes) in reversed([*zip(curves, STROKES, strict=False)]):
        axes.plot(curve.shares, curve.probs, color=color, ls=dashes, lw=3.5, clip_on=False)


def _near(sheet: Sheet, why: Explanation, y: float) -> float:
    if why.neighbours is None:
        return y
    sheet.text(MARGIN, y + 14, sheet.fit(near(why), WIDTH - 2 * MARGIN, HEADING), style=HEADING)
    if all(one.picture is None for one in why.neighbours.items):  # a row of empty tiles says less
        words = "The pictures are not at hand: name a copy of the training data to see them."
        sheet.text(MARGIN, y + 48, words, style=NOTE)
        return y + 62 + GAP
    lines = [(", ".join(one.labels) or "no label", f"{one.likeness:.2f}") for one in why.neighbours.items]
    return _strip(sheet, y + 44, [one.picture for one in why.neighbours.items], lines)


def _head(sheet: Sheet, why: Explanation, y: float) -> float:
    ledger = why.ledger
    if ledger is None:
        return y
    top = ledger.top(CHANNELS)
    sheet.text(MARGIN, y + 14, f"What the head adds up to the logit {ledger.logit:+.2f}", style=HEADING)
    others = len(ledger.products) - len(top)
    rest = f"the other {others:,} channels {ledger.rest(CHANNELS):+.2f}, the bias {ledger.bias:+.2f}"
    sheet.text(WIDTH - MARGIN, y + 14, rest, style=NOTE, align="right")
    drawn = [spot(why, ledger, c, side=2 * SMALL) if c in ledger.maps else None for c in top]
    return _strip(sheet, y + 44, drawn, [(f"channel {c}", f"{ledger.products[c]:+.2f}") for c in top])


def _strip(
    sheet: Sheet, y: float, pictures: Sequence[np.ndarray | None], lines: Sequence[tuple[str, str]]
) -> float:
    """A row of small pictures with two lines below each; one that is missing leaves an empty place."""
    pitch = (WIDTH - 2 * MARGIN + 16) / max(len(lines), 1)
    side = min(pitch - 16, SMALL)
    for i, (picture, (first, second)) in enumerate(zip(pictures, lines, strict=True)):
        x = MARGIN + i * pitch
        if picture is None:
            sheet.bar(Box(x, y, side, side), TRACK)
        else:
            sheet.paste(picture, Box(x, y, side, side))
        sheet.text(x, y + side + 20, sheet.fit(first, pitch - 16, NOTE), style=NOTE._replace(color=INK))
        sheet.text(x, y + side + 44, second, style=NOTE)
    return y + side + 56 + GAP
