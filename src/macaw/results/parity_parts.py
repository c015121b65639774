"""What the proofs of labels, boxes and masks share: title, figures as lines, and the sheet of differences.

Shapes: N pictures
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.measures import Interval

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.draw import Box, Sheet

MARGIN, WIDTH = 56, 1200  # pixels of the picture
FLOOR = 1e-8  # differences below it are drawn there: less than float32 can tell of a probability near 1
Change = tuple[Interval, Interval, Interval]  # of a score on known pictures: before, after, difference


def check_differences(apart: np.ndarray) -> None:
    """Refuse, with InputError, differences that are none for each picture, or outside 0..1."""
    if apart.ndim != 1 or len(apart) == 0:
        raise InputError(f"apart has shape {apart.shape}; it must be (N,), one for each picture")
    if not ((apart >= 0) & (apart <= 1)).all():
        raise InputError(f"differences lie between {apart.min():.3g} and {apart.max():.3g}, outside 0..1")


def title_of(between: tuple[str, str], count: int, pictures: str) -> str:
    """One line: what was compared with what, on how many pictures."""
    return f"{between[1]} against {between[0]}, {count:,} pictures ({pictures})"


def figures(title: str, rows: Mapping[str, str]) -> str:
    """The title, and below it each figure in a line, names in one column."""
    width = max(map(len, rows))
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows.items())])


def change_dict(change: Change | None) -> dict[str, Any] | None:
    """`before`, `after` and `difference`."""
    if change is None:
        return None
    names = ("before", "after", "difference")
    return {name: each.to_dict() for name, each in zip(names, change, strict=True)}


def difference_sheet(
    apart: np.ndarray, words: str, *, headline: str, title: str, rows: Mapping[str, str]
) -> Image:
    """Differences (N,) of all pictures in order, on a logarithmic scale, over the figures.

    `words` say what a difference is.
    """
    from macaw.results.draw import BODY, NOTE, TITLE, Box, Sheet

    sheet = Sheet(WIDTH, 620 + 40 * len(rows))
    sheet.text(MARGIN, MARGIN + 16, headline, style=TITLE)
    sheet.text(MARGIN, MARGIN + 58, sheet.fit(title, WIDTH - 2 * MARGIN, NOTE), style=NOTE)
    _draw(sheet, Box(MARGIN + 90, MARGIN + 130, WIDTH - 2 * MARGIN - 90, 310), apart, words)
    for number, (name, value) in enumerate(rows.items()):
        y = MARGIN + 530 + 40 * number
        sheet.text(MARGIN, y, name)
        sheet.text(MARGIN + 290, y, value, style=BODY._replace(weight="bold"))
    return sheet.picture()


def _draw(sheet: Sheet, box: Box, apart: np.ndarray, words: str) -> None:
    from macaw.results.draw import BLUE, PALE_BLUE, TICK

    values = np.maximum(np.sort(apart), FLOOR)
    share = (np.arange(len(values)) + 0.5) / len(values)
    axes = sheet.axes(box)
    axes.set_yscale("log")
    axes.set(xlim=(0, 1), ylim=(FLOOR, 1), yticks=[1e-8, 1e-6, 1e-4, 1e-2, 1], xticks=[])
    axes.minorticks_off()
    axes.set_yticklabels(["0", "0.000001", "0.0001", "0.01", "1"])
    axes.fill_between(share, FLOOR, values, color=PALE_BLUE, lw=0, step="mid")
    axes.step(share, values, color=BLUE, lw=3, where="mid")
    sheet.text(box.x - 90, box.y - 26, words, style=TICK)
    below = box.y + box.height + 22
    sheet.text(box.x, below, "most alike", style=TICK)
    sheet.text(box.x + box.width / 2, below, "the median picture", style=TICK, align="center")
    sheet.text(box.x + box.width, below, "least alike", style=TICK, align="right")
