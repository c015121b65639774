"""MaskParity: how alike two ways of computing one segmenter answered, as text and picture."""

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
class MaskParity(Result):
    """What became of a segmenter's answers on another way; `metrics.mask_parity.compare_masks` makes it.

    Raises InputError without a picture, or for shares outside 0..1.
    """

    between: tuple[str, str]  # the two ways: ("onnxruntime, float32", "openvino, int8")
    pictures: str  # what was looked at: "val of street"
    apart: np.ndarray  # (N,) 0..1, the largest difference of a probability among the cells of each picture
    turned: np.ndarray  # (N,) 0..1, the share of each picture's pixels whose class became another
    changed: Interval  # the same of all pictures, a mean over them
    overlap: Change | None = None  # mIoU on pictures with masks

    def __post_init__(self) -> None:
        check_differences(self.apart)
        if self.turned.shape != self.apart.shape or not ((self.turned >= 0) & (self.turned <= 1)).all():
            raise InputError(
                f"turned has shape {self.turned.shape}; it must be {self.apart.shape}, within 0..1"
            )

    def __str__(self) -> str:
        return figures(self.title, self.rows())

    @property
    def title(self) -> str:
        """One line: what was compared with what, on how many pictures."""
        return title_of(self.between, len(self.apart), self.pictures)

    @property
    def headline(self) -> str:
        """The share of pixels that changed, in one line."""
        return f"{self.changed.text} of the pixels changed class"

    @property
    def largest(self) -> float:
        """The largest difference of a probability in any cell, 0..1."""
        return float(self.apart.max())

    def rows(self) -> dict[str, str]:
        """The figures by name, in words."""
        found = {
            "pixels changed": str(self.changed),
            "most in a picture": f"{100 * self.turned.max():.1f} %",
            "largest difference": f"{self.largest:.2g} of a probability",
        }
        if self.overlap:
            before, after, change = self.overlap
            found |= {"mIoU": f"{before.text}, now {after}", "change of mIoU": str(change)}
        return found

    def to_dict(self) -> dict[str, Any]:
        """The figures, with quantiles in place of the differences of single pictures."""
        return {
            "between": list(self.between),
            "pictures": self.pictures,
            "count": len(self.apart),
            "changed": self.changed.to_dict(),
            "most_changed": float(self.turned.max()),
            "largest": self.largest,
            "median_of_largest": float(np.median(self.apart)),
            "overlap": change_dict(self.overlap),
        }

    def plot(self) -> Image:
        """The differences of all pictures in order, on a logarithmic scale, over the figures."""
        words = "largest difference among the probabilities of a picture"
        return difference_sheet(self.apart, words, headline=self.headline, title=self.title, rows=self.rows())
