"""Parity: how alike two ways of computing one model answered the same pictures, as text and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.labels import SHOWN
from macaw.results.measures import Interval

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.draw import Box, Sheet

__all__ = ["SHOWN", "Parity"]

# Shapes: N pictures
MARGIN, WIDTH = 56, 1200  # pixels of the picture
FLOOR = 1e-8  # differences below it are drawn there: less than float32 can tell of a probability near 1


@dataclass(frozen=True, eq=False)
class Parity(Result):
    """What became of one model's answers on another way; `macaw.metrics.parity.compare` makes it.

    Raises InputError without a picture, or for differences outside 0..1.
    """

    between: tuple[str, str]  # the two ways: ("onnxruntime, float32", "openvino, int8")
    pictures: str  # what was looked at: "val of shapes"
    apart: np.ndarray  # (N,) 0..1, the largest difference among the probabilities of each picture
    mean: float  # 0..1, the mean difference over all pictures and classes
    changed: Interval  # share of the pictures whose answer became another
    common: float  # 0..1, share of the five most probable classes that both have
    errors: tuple[Interval, Interval, Interval] | None = None  # of labelled ones: before, after, difference

    def __post_init__(self) -> None:
        if self.apart.ndim != 1 or len(self.apart) == 0:
            raise InputError(f"apart has shape {self.apart.shape}; it must be (N,), one for each picture")
        if not ((self.apart >= 0) & (self.apart <= 1)).all():
            raise InputError(
                f"differences lie between {self.apart.min():.3g} and {self.apart.max():.3g}, outside 0..1"
            )

    def __str__(self) -> str:
        rows = self.rows()
        width = max(map(len, rows))
        return "\n".join([self.title, *(f"  {name:<{width}}  {value}" for name, value in rows.items())])

    @property
    def title(self) -> str:
        """One line: what was compared with what, on how many pictures."""
        return f"{self.between[1]} against {self.between[0]}, {len(self.apart):,} pictures ({self.pictures})"

    @property
    def headline(self) -> str:
        """The share of answers that changed, in one line."""
        return f"{self.changed.text} of {len(self.apart):,} answers changed"

    @property
    def largest(self) -> float:
        """The largest difference of a probability anywhere, 0..1."""
        return float(self.apart.max())

    def rows(self) -> dict[str, str]:
        """The figures by name, in words."""
        found = {
            "answers changed": str(self.changed),
            "largest difference": f"{self.largest:.2g} of a probability",
            "mean difference": f"{self.mean:.2g}",
            "top five in common": f"{100 * self.common:.1f} %",
        }
        if self.errors:
            before, after, loss = self.errors
            found |= {"error": f"{before.text}, now {after}", "loss of accuracy": str(loss)}
        return found

    def to_dict(self) -> dict[str, Any]:
        """The figures, with quantiles in place of the differences of single pictures."""
        errors = None
        if self.errors:
            names = ("before", "after", "difference")
            errors = {name: each.to_dict() for name, each in zip(names, self.errors, strict=True)}
        return {
            "between": list(self.between),
            "pictures": self.pictures,
            "count": len(self.apart),
            "changed": self.changed.to_dict(),
            "largest": self.largest,
            "mean": self.mean,
            "median_of_largest": float(np.median(self.apart)),
            "top_in_common": self.common,
            "errors": errors,
        }

    def plot(self) -> Image:
        """The differences of all pictures in order, on a logarithmic scale, over the figures."""
        from macaw.results.draw import BODY, NOTE, TITLE, Box, Sheet

        rows = self.rows()
        sheet = Sheet(WIDTH, 620 + 40 * len(rows))
        sheet.text(MARGIN, MARGIN + 16, self.headline, style=TITLE)
        sheet.text(MARGIN, MARGIN + 58, sheet.fit(self.title, WIDTH - 2 * MARGIN, NOTE), style=NOTE)
        self._draw_differences(sheet, Box(MARGIN + 90, MARGIN + 130, WIDTH - 2 * MARGIN - 90, 310))
        for number, (name, value) in enumerate(rows.items()):
            y = MARGIN + 530 + 40 * number
            sheet.text(MARGIN, y, name)
            sheet.text(MARGIN + 290, y, value, style=BODY._replace(weight="bold"))
        return sheet.picture()

    def _draw_differences(self, sheet: Sheet, box: Box) -> None:
        from macaw.results.draw import BLUE, PALE_BLUE, TICK

        values = np.maximum(np.sort(self.apart), FLOOR)
        share = (np.arange(len(values)) + 0.5) / len(values)
        axes = sheet.axes(box)
        axes.set_yscale("log")
        axes.set(xlim=(0, 1), ylim=(FLOOR, 1), yticks=[1e-8, 1e-6, 1e-4, 1e-2, 1], xticks=[])
        axes.minorticks_off()
        axes.set_yticklabels(["0", "0.000001", "0.0001", "0.01", "1"])
        axes.fill_between(share, FLOOR, values, color=PALE_BLUE, lw=0, step="mid")
        axes.step(share, values, color=BLUE, lw=3, where="mid")
        words = "largest difference among the probabilities of a picture"
        sheet.text(box.x - 90, box.y - 26, words, style=TICK)
        below = box.y + box.height + 22
        sheet.text(box.x, below, "most alike", style=TICK)
        sheet.text(box.x + box.width / 2, below, "the median picture", style=TICK, align="center")
        sheet.text(box.x + box.width, below, "least alike", style=TICK, align="right")
