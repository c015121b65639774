"""Mask explanation: where a segmenter is sure of a class and where not, as values, page and picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.checks import own
from macaw.results.mask import Mask
from macaw.results.mask_explanation_parts import Contest

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: H and W pixels of the picture


@dataclass(frozen=True, eq=False)
class MaskExplanation(Result):
    """What the raw output of a segmenter says beyond its answer, for one class and for all together.

    Raises InputError when the parts do not fit together.
    """

    answer: Mask  # with its picture
    target: str  # the class whose probability is shown
    probs: np.ndarray  # (H, W) float32, 0..1: the probability of `target`
    bits: np.ndarray  # (H, W) float32: entropy of the probabilities of all classes; 1 between two even ones
    contested: (
        np.ndarray
    )  # (H, W) bool: where the second class has half the probability of the first, or more
    contests: tuple[Contest, ...] = ()  # pairs of classes, the largest contested area first
    cell: float = 1.0  # pixels of the picture for one cell of the raw output: no border is told more sharply
    asked: bool = False  # whether somebody chose `target`
    model: str = ""  # what its card calls it

    def __post_init__(self) -> None:
        if self.answer.picture is None:
            raise InputError("the answer holds no picture; an explanation is drawn over one")
        if self.target not in self.answer.names:
            raise InputError(f"the class '{self.target}' is not one that the answer knows")
        kinds: dict[str, type[np.generic]] = {"probs": np.float32, "bits": np.float32, "contested": np.bool_}
        for name, kind in kinds.items():
            object.__setattr__(self, name, own(getattr(self, name), kind))
            if (shape := getattr(self, name).shape) != self.answer.labels.shape:
                raise InputError(f"{name} has shape {shape}; the answer has {self.answer.labels.shape}")
        if not (self.probs.min() >= 0 and self.probs.max() <= 1):  # false for NaN too
            raise InputError(f"probs lie between {self.probs.min():.4g} and {self.probs.max():.4g}, not 0..1")
        if not self.bits.min() >= 0:
            raise InputError(f"bits go down to {self.bits.min():.4g}; no uncertainty is below 0")

    @property
    def question(self) -> str:
        """What is explained, as a question."""
        return f"Where is “{self.target}”, and how sure?"

    @property
    def headline(self) -> str:
        """The question, how much of the picture the class takes and how surely, and how much is contested."""
        from macaw.results.mask_explanation_words import headline

        return headline(self)

    @property
    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8: the photograph, perhaps smaller than it is."""
        return np.asarray(self.answer.picture)

    @property
    def share(self) -> float:
        """The share of the picture, 0..1, whose largest class is `target`."""
        return self.answer.shares.get(self.target, 0.0)

    @property
    def expected(self) -> float:
        """The mean probability of `target`, 0..1: its share if every pixel counted by its probability."""
        return float(self.probs.mean(dtype=np.float64))

    @property
    def doubt(self) -> float:
        """The share of the picture, 0..1, that is contested."""
        return float(self.contested.mean())

    def __str__(self) -> str:
        from macaw.results.mask_explanation_words import sentences

        return "\n  ".join([self.headline, *sentences(self)])

    def to_dict(self) -> dict[str, Any]:
        """Everything but maps and pictures, as plain values."""
        inside = self.probs[self.answer[self.target]]
        return {
            "question": self.question,
            "model": self.model,
            "answer": self.answer.to_dict(),
            "target": self.target,
            "asked": self.asked,
            "share": round(self.share, 6),
            "expected": round(self.expected, 6),
            "prob": round(float(inside.mean(dtype=np.float64)), 4) if inside.size else None,
            "highest": round(float(self.probs.max()), 4),
            "bits": {
                "mean": round(float(self.bits.mean(dtype=np.float64)), 4),
                "highest": round(float(self.bits.max()), 4),
            },
            "contested": round(self.doubt, 6),
            "cell": round(self.cell, 3),
            "contests": [one.to_dict(self.bits.size) for one in self.contests],
        }

    def plot(self) -> Image:
        """One sheet: the answer, the map of the class, the map of the doubt, and who is at odds."""
        from macaw.results.mask_explanation_sheet import draw_mask_explanation

        return draw_mask_explanation(self)

    def to_html(self) -> str:
        """One self-contained page for whoever wants to know why; loads nothing and runs no script."""
        from macaw.results.mask_explanation_page import mask_explanation_page

        return mask_explanation_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The maps and what they say, for a page that shows several answers."""
        from macaw.results.mask_explanation_page import mask_explanation_fragment

        return mask_explanation_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (the values), `.png`, `.jpg` or `.webp` (a sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save an explanation as '{path.name}': use .html, .png, .jpg or .json")
        return super().save(path)
