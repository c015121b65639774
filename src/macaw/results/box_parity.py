"""BoxParity: how alike two ways of computing one detector answered, as text and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Kept(NamedTuple):
    """The boxes in the answers of two ways."""

    before: int
    after: int
    both: int  # those before that are there after as well: of the class, and at the place


@dataclass(frozen=True, eq=False)
class BoxParity(Result):
    """What became of a detector's answers on another way; `metrics.box_parity.compare_boxes` makes it.

    Raises InputError without a picture, or for differences that cannot be.
    """

    between: tuple[str, str]  # the two ways: ("onnxruntime, float32", "openvino, int8")
    pictures: str  # what was looked at: "val of blood"
    apart: np.ndarray  # (N,) 0..1, the largest difference of a class score among the cells of each picture
    moved: np.ndarray  # (N,) pixels of the prepared picture: how far an edge moved at most, in sure cells
    score: float  # 0..1, from which a cell is sure: the threshold of the model's card
    changed: Interval  # share of the pictures whose answer became another
    boxes: Kept  # in all answers
    precision: Change | None = None  # AP on annotated pictures

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
        """How many boxes are still there, in one line: of a crowd some answer always changes."""
        before, after, both = self.boxes
        if not before:
            return f"no box before, {after:,} now"
        return f"{100 * both / before:.1f} % of {before:,} boxes kept"

    @property
    def largest(self) -> float:
        """The largest difference of a class score in any cell, 0..1."""
        return float(self.apart.max())

    def rows(self) -> dict[str, str]:
        """The figures by name, in words."""
        before, after, both = self.boxes
        kept = f", {100 * both / before:.1f} % of them kept" if before else ""
        found = {
            "answers changed": str(self.changed),
            "boxes": f"{before:,}, now {after:,}{kept}",
            "largest difference": f"{self.largest:.2g} of a score",
            "edges moved": f"at most {self.moved.max():.3g} px where the score is {self.score:g} or more",
        }
        if self.precision:
            old, new, change = self.precision
            found |= {"AP": f"{old.text}, now {new}", "change of AP": str(change)}
        return found

    def to_dict(self) -> dict[str, Any]:
        """The figures, with quantiles in place of the differences of single pictures."""
        return {
            "between": list(self.between),
            "pictures": self.pictures,
            "count": len(self.apart),
            "changed": self.changed.to_dict(),
            "boxes": self.boxes._asdict(),
            "largest": self.largest,
            "median_of_largest": float(np.median(self.apart)),
            "moved": float(self.moved.max()),
            "median_of_moved": float(np.median(self.moved)),
            "score": self.score,
            "precision": change_dict(self.precision),
        }

    def plot(self) -> Image:
        """The differences of all pictures in order, on a logarithmic scale, over the figures."""
        words = "largest difference among the scores of a picture"
        return difference_sheet(self.apart, words, headline=self.headline, title=self.title, rows=self.rows())
