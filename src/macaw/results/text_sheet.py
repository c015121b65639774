"""A text on a sheet: lines broken between words, each token on a ground as dark as its surprise.

Shapes: N tokens
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from macaw.results.draw import BLUE, BODY, ELLIPSIS, INK, MUTED, NOTE, Box, Sheet, Style, blend
from macaw.results.shaded import SHADES, Shaded, shade

GROUNDS = tuple(
    f"#{r:02x}{g:02x}{b:02x}" for r, g, b in blend(np.array([0.0, 0.09, 0.2, 0.33, 0.48]), BLUE).tolist()
)
MOST = 56  # lines
LEAD = 600  # characters of what was given, the last ones
_LONG = 240  # characters: no line has more
_WORD = re.compile(r"\S+\s*")


class Row(NamedTuple):
    """A line: where it stands in the text."""

    start: int
    words: str


def draw_shaded(sheet: Sheet, one: Shaded, place: Box, *, pitch: float = 36, lines: int = MOST) -> float:
    """Draw the text from the top of `place`, at most so many lines; gives the `y` below."""
    lead = one.lead if len(one.lead) <= LEAD else ELLIPSIS + one.lead[-LEAD:]
    text = lead + "".join(one.pieces)
    rows = broken(sheet, text, place.width, lines=lines)
    ends = list(accumulate(map(len, one.pieces), initial=len(lead))) if one.known else []
    y = place.y
    for row in rows:
        _ground(sheet, row, one.bits, ends, Box(place.x, y, place.width, pitch))
        _line(sheet, row, len(lead), place.x, y + pitch / 2)
        y += pitch
    return y


def broken(sheet: Sheet, text: str, width: float, *, lines: int = MOST, style: Style = BODY) -> list[Row]:
    """The text in lines of at most `width` pixels, and at most so many; the last may end in an ellipsis."""
    found: list[Row] = []
    for row in _rows(sheet, text, width, style):
        if len(found) == lines:
            last = found[-1]
            words = sheet.fit(f"{last.words} {row.words}", width, style)
            found[-1] = last._replace(words=words if words.endswith(ELLIPSIS) else words + ELLIPSIS)
            break
        found.append(row)
    return found


def legend(sheet: Sheet, x: float, y: float) -> None:
    """What each shade means, in a row whose middle is at `y`."""
    words = [f"under {SHADES[0]:g}", *(f"from {least:g}" for least in SHADES)]
    words[-1] += " bits"
    sheet.text(x, y, "Surprise:", style=NOTE)
    x += sheet.measure("Surprise:", NOTE) + 16
    for ground, word in zip(GROUNDS, words, strict=True):
        wide = sheet.measure(word, NOTE) + 20
        sheet.bar(Box(x, y - 15, wide, 30), ground)
        sheet.text(x + 10, y, word, style=NOTE._replace(color=INK))
        x += wide + 12


def _rows(sheet: Sheet, text: str, width: float, style: Style) -> Iterator[Row]:
    """Every line; a blank one between two paragraphs is kept."""
    at = 0
    for paragraph in text.split("\n"):
        start = len(paragraph) - len(paragraph.lstrip())
        while True:
            rest = paragraph[start : start + _LONG]
            reach = _reach(sheet, rest, width, style)
            yield Row(at + start, rest[:reach])
            start += reach
            if start >= len(paragraph):
                break
        at += len(paragraph) + 1


def _reach(sheet: Sheet, rest: str, width: float, style: Style) -> int:
    """How many characters make a line: whole words with the blanks behind them, of an endless word a part."""
    words = [word.end() for word in _WORD.finditer(rest)]
    count = bisect_right(words, width, key=lambda end: sheet.measure(rest[:end], style))
    if count or not words:
        return words[count - 1] if words else len(rest)
    return max(1, bisect_right(range(1, len(rest)), width, key=lambda n: sheet.measure(rest[:n], style)))


def _ground(sheet: Sheet, row: Row, bits: list[float], ends: list[int], box: Box) -> None:
    """The grounds of the tokens of one line; `ends` (N + 1) are where each begins, and the last ends."""
    stop = row.start + len(row.words.rstrip())
    for surprise, low, high in zip(bits, ends, ends[1:], strict=False):
        left, right = max(low, row.start), min(high, stop)
        if left < right and shade(surprise):
            x, end = (_offset(sheet, row.words[: place - row.start]) for place in (left, right))
            sheet.bar(Box(box.x + x, box.y + 3, end - x, box.height - 6), GROUNDS[shade(surprise)])


def _line(sheet: Sheet, row: Row, given: int, x: float, y: float) -> None:
    """The words of a line: muted as far as they were given."""
    cut = min(max(given - row.start, 0), len(row.words))
    for words, start, color in ((row.words[:cut], 0, MUTED), (row.words[cut:], cut, INK)):
        if words.strip():
            start += len(words) - len(words.lstrip())
            sheet.text(x + _offset(sheet, row.words[:start]), y, words, style=BODY._replace(color=color))


def _offset(sheet: Sheet, words: str) -> float:
    """Where what follows these words begins; a bar behind them keeps the blanks at their end."""
    return sheet.measure(f"{words}|") - sheet.measure("|")
