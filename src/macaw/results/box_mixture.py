"""Mixture: how the outline of a box came about, the strongest of its prototypes and what they add up to.

Shapes: K prototypes, n of them shown, h and w cells of the part of the picture around the box
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import listed, short

if TYPE_CHECKING:
    from macaw.results.heat import Frame


@dataclass(frozen=True, eq=False)
class Mixture:
    """What the cell of a box takes of each prototype, and the sum (YOLACT, arXiv 1904.02689, section 3.2).

    Raises InputError for shapes that do not fit.
    """

    weights: np.ndarray  # (K,) float32, -1..1: how much is taken of each
    shown: np.ndarray  # (n,) int64: those that say most in the box, the strongest first
    parts: np.ndarray  # (n, h, w) float32 logits: each of these, times its weight
    outline: np.ndarray  # (h, w) float32, 0..1: the sigmoid of the sum of all K
    frame: Frame  # where they lie on the picture: left, top, right, bottom, in its pixels
    alike: float  # 0..1: overlap, in the box, of the mask that the shown ones alone give with that of all

    def __post_init__(self) -> None:
        if self.parts.shape != (len(self.shown), *self.outline.shape) or self.weights.ndim != 1:
            shapes = f"parts {self.parts.shape}, outline {self.outline.shape}, weights {self.weights.shape}"
            raise InputError(f"{len(self.shown)} prototypes are shown, but there are {shapes}")

    def to_dict(self) -> dict[str, Any]:
        """The weights, which prototypes are shown, and how well these alone would do."""
        return {
            "frame": listed(np.asarray(self.frame), 2),
            "weights": listed(self.weights),
            "strongest": self.shown.tolist(),
            "strongest_alone": short(self.alike),
        }
