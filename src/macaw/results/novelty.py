"""Novelty: of the n-grams of a text, how many the training text does not have, n by n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from macaw.errors import InputError

# Shapes: L lengths of n-grams


@dataclass(frozen=True, eq=False)
class Novelty:
    """One curve and its 95 % interval. Raises InputError when shapes disagree."""

    name: str  # which text it is of
    lengths: np.ndarray  # (L,) n, in symbols, rising
    share: np.ndarray  # (L,) 0..1: of the n-grams of the text, how many are new
    low: np.ndarray  # (L,) 0..1
    high: np.ndarray  # (L,) 0..1

    def __post_init__(self) -> None:
        for name in ("share", "low", "high"):
            shape = getattr(self, name).shape
            if shape != self.lengths.shape or self.lengths.ndim != 1:
                raise InputError(f"{name} has shape {shape}; lengths have {self.lengths.shape}")

    def at(self, length: int) -> float:
        """The share of new n-grams of a length, between two measured ones by a straight line."""
        return float(np.interp(length, self.lengths, self.share))

    @property
    def half(self) -> int:
        """The shortest measured length at which half of the n-grams are new; the longest where none is."""
        above = np.flatnonzero(self.share >= 0.5)
        return int(self.lengths[above[0] if len(above) else -1])

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain lists."""
        values = {
            name: [round(x, 6) for x in getattr(self, name).tolist()] for name in ("share", "low", "high")
        }
        return {"name": self.name, "lengths": self.lengths.tolist(), **values}
