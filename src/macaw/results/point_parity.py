"""PointParity: how alike two ways of computing one model of key points answered, as text and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.measures import Interval
from macaw.results.parity_parts import (
    Change,
    change_dict,
    check_differences,
    difference_sheet,
    figures,
    title_of,
)

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: N pictures


@dataclass(frozen=True, eq=False)
class PointParity(Result):
    """What became of key points on another way; `metrics.point_parity.compare_points` makes it.

    Raises InputError without a picture, or for differences that cannot be.
    """

    between: tuple[str, str]  # the two ways: ("onnxruntime, float32", "openvino, int8")
    pictures: str  # what was looked at: "val of faces"
    apart: np.ndarray  # (N,) 0..1, the largest difference of a point's score in each picture
    moved: np.ndarray  # (N,) how far a point moved at most, in parts of the picture's longer side
    far: float  # from where on a point is taken to have moved, in the same parts
    changed: Interval  # share of the pictures with such a point
    errors: Change | None = None  # NME on pictures whose points are known
    normaliser: str = ""  # the length that divides those errors

    def __post_init__(self) -> None:
        check_differences(self.apart)
        if self.moved.shape != self.apart.shape or not (self.moved >= 0).all():
            shape = self.apart.shape
            raise InputError(f"moved has shape {self.moved.shape}; it must be {shape}, distances from 0 on")

    def __str__(self) -> str:
        return figures(self.title, self.rows())

    @property
    def title(self) -> str:
        """One line: what was compared with what, on how many pictures."""
        return title_of(self.between, len(self.apart), self.pictures)

    @property
    def headline(self) -> str:
        """The share of answers that changed, in one line."""
        return f"{self.changed.text} of {len(self.apart):,} answers changed"

    @property
    def largest(self) -> float:
        """The largest difference of a score anywhere, 0..1."""
        return float(self.apart.max())

    def rows(self) -> dict[str, str]:
        """The figures by name, in words."""
        far, most = 100 * self.far, 100 * self.moved.max()
        found = {
            "answers changed": f"{self.changed}, by {far:g} % of the side or more",
            "points moved": f"at most {most:.3g} % of the picture's longer side",
            "largest difference": f"{self.largest:.2g} of a score",
        }
        if self.errors:
            before, after, change = self.errors
            found["NME"] = f"{before.text}, now {after} of the {self.normaliser}"
            found["change of NME"] = str(change)
        return found

    def to_dict(self) -> dict[str, Any]:
        """The figures, with quantiles in place of the differences of single pictures."""
        return {
            "between": list(self.between),
            "pictures": self.pictures,
            "count": len(self.apart),
            "changed": self.changed.to_dict(),
            "far": self.far,
            "moved": float(self.moved.max()),
            "median_of_moved": float(np.median(self.moved)),
            "largest": self.largest,
            "median_of_largest": float(np.median(self.apart)),
            "errors": change_dict(self.errors),
            "normaliser": self.normaliser,
        }

    def plot(self) -> Image:
        """The differences of all pictures in order, on a logarithmic scale, over the figures."""
        words = "largest difference among the scores of a picture"
        return difference_sheet(self.apart, words, headline=self.headline, title=self.title, rows=self.rows())
