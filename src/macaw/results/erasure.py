"""Erasure: how much an answer changes without each of the tokens before it, in bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import listed

# Shapes: N tokens that were left out, one at a time


@dataclass(frozen=True, eq=False)
class Erasure:
    """What each of the last tokens does for the next one.

    Raises InputError for shapes that do not fit.
    """

    names: tuple[str, ...]  # (N,) the tokens, oldest first
    target: str  # the token whose probability is watched
    changes: np.ndarray  # (N,) bits, 0 or more: how far all probabilities move without it
    drops: np.ndarray  # (N,) bits the target loses without it; below 0 it gains

    def __post_init__(self) -> None:
        if self.changes.shape != (len(self.names),) or self.drops.shape != self.changes.shape:
            shapes = f"changes {self.changes.shape} and drops {self.drops.shape}"
            raise InputError(f"{len(self.names)} tokens were left out, but there are {shapes}")

    @property
    def reach(self) -> int:
        """How many tokens back nine tenths of all change lie; 0 where nothing changes."""
        total = float(self.changes.sum())
        return int(np.searchsorted(np.cumsum(self.changes[::-1]), 0.9 * total) + 1) if total > 1e-9 else 0

    def to_dict(self) -> dict[str, Any]:
        """The tokens and what each does, as plain values."""
        return {
            "target": self.target,
            "tokens": list(self.names),
            "changes": listed(self.changes),
            "drops": listed(self.drops),
            "reach": self.reach,
        }
