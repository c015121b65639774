"""More parts of a score sheet: curves over a share, and shares of classes or points as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from macaw.results import panels
from macaw.results.draw import BLUE, BODY, GOLD, MUTED, NOTE, SCARLET, TICK, TITLE, TRACK, Box, Sheet, Style
from macaw.results.measures import FRACTION, Interval

COLORS = (BLUE, GOLD, SCARLET)
MARGIN, GAP = 56, 64  # pixels of a score sheet
ROW = panels.ROW


class Curve(NamedTuple):
    """One line of a plot, both axes shares."""

    name: str
    across: np.ndarray  # (K,)
    up: np.ndarray  # (K,) 0..1


def curves(sheet: Sheet, box: Box, lines: Sequence[Curve], *, across: str, up: str, end: float = 1.0) -> None:
    """Up to three curves over 0..`end`, their names in a row above."""
    x = box.x + 74.0
    for one, color in zip(lines, COLORS, strict=False):
        sheet.bar(Box(x, box.y + 12, 28, 5), color)
        sheet.text(x + 36, box.y + 14, one.name, style=TICK)
        x += 36 + sheet.measure(one.name, TICK) + 32
    plot = Box(box.x + 74, box.y + 44, box.width - 100, box.height - 44 - 62)
    axes = sheet.axes(plot)
    axes.set(xlim=(0, end), ylim=(0, 1), xticks=[0, end / 2, end], yticks=[0, 0.5, 1])
    axes.set_xticklabels([f"{100 * tick:g} %" for tick in (0, end / 2, end)])
    axes.set_yticklabels(["0 %", "50 %", "100 %"])
    for one, color in zip(lines, COLORS, strict=False):
        axes.plot(one.across, one.up, color=color, lw=3, clip_on=False)
    sheet.text(plot.x + plot.width / 2, box.y + box.height - 8, across, style=TICK, align="center")
    sheet.text(box.x + 6, plot.y + plot.height / 2, up, style=TICK, align="center", turn=90)


def bars(
    sheet: Sheet,
    box: Box,
    rows: Sequence[tuple[str, float | None]],
    *,
    decimals: int = 1,
    full: float = 1.0,
) -> None:
    """Named shares as bars, `n/a` where there is none; `full` is the longest."""
    names = min(max((sheet.measure(name) for name, _ in rows), default=0), 0.45 * box.width)
    pitch = min(ROW, box.height / max(1, len(rows)))
    for i, (name, share) in enumerate(rows):
        y = box.y + (i + 0.5) * pitch
        sheet.text(box.x + names, y, sheet.fit(name, names), align="right")
        track = Box(box.x + names + 18, y - 6, box.width - names - 18 - 100, 12)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=track.width * min(1, (share or 0) / full)), BLUE)
        words = "n/a" if share is None else f"{100 * share:.{decimals}f} %"
        sheet.text(box.x + box.width, y, words, style=NOTE, align="right")


def scores(sheet: Sheet, box: Box, metrics: Mapping[str, Interval], missing: Sequence[str] = ()) -> float:
    """The metrics with their intervals under a heading; returns where they end."""
    box = panels.heading(sheet, box, "Scores", "with 95 % intervals")
    if metrics:
        # A fraction above 1, as of a distance, has no place on a track that ends at 100 %.
        shown = {
            name: one if one.unit != FRACTION or one.high <= 1 else replace(one, unit="times")
            for name, one in metrics.items()
        }
        panels.whiskers(sheet, box, shown)
    y = box.y + ROW * len(metrics) + (34 if metrics else 0)
    for name in missing:
        sheet.text(box.x, y + ROW / 2, name, style=BODY._replace(color=MUTED))
        sheet.text(box.x + box.width, y + ROW / 2, "n/a", style=NOTE, align="right")
        y += ROW
    return y


def scores_height(metrics: Mapping[str, Interval], missing: Sequence[str] = ()) -> float:
    """How much room `scores` takes, in pixels."""
    return 78 + ROW * (len(metrics) + len(missing)) + 34


def titled(sheet: Sheet, headline: str, note: str) -> float:
    """The headline, and the note under it; returns where the sheet begins below them."""
    sheet.text(MARGIN, MARGIN + 16, sheet.fit(headline, sheet.width - 2 * MARGIN, TITLE), style=TITLE)
    sheet.text(MARGIN, MARGIN + 58, sheet.fit(note, sheet.width - 2 * MARGIN, NOTE), style=NOTE)
    return MARGIN + 104.0


def quiet(sheet: Sheet, box: Box, words: str) -> None:
    """A line where a drawing would be."""
    sheet.text(box.x, box.y + ROW / 2, sheet.fit(words, box.width), style=Style(BODY.size, MUTED))
