"""Parity: how alike two ways of computing one model answered the same pictures, as text and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.results.base import Result
from macaw.results.labels import SHOWN
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

__all__ = ["SHOWN", "Parity"]

# Shapes: N pictures


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
    errors: Change | None = None  # of labelled ones

    def __post_init__(self) -> None:
        check_differences(self.apart)

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
        return {
            "between": list(self.between),
            "pictures": self.pictures,
            "count": len(self.apart),
            "changed": self.changed.to_dict(),
            "largest": self.largest,
            "mean": self.mean,
            "median_of_largest": float(np.median(self.apart)),
            "top_in_common": self.common,
            "errors": change_dict(self.errors),
        }

    def plot(self) -> Image:
        """The differences of all pictures in order, on a logarithmic scale, over the figures."""
        words = "largest difference among the probabilities of a picture"
        return difference_sheet(self.apart, words, headline=self.headline, title=self.title, rows=self.rows())
