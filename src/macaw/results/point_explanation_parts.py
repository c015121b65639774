"""The parts of an explanation of a key point: the line of probability behind each of its coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.results.checks import own
from macaw.results.evidence import listed

# Shapes: W bins of a line


class Peak(NamedTuple):
    """Where a line is highest, in pixels of the picture, and the probability about it, 0..1."""

    place: float
    share: float


@dataclass(frozen=True, eq=False)
class Line:
    """How likely each place along one side of the picture is. Bins may lie beyond it, on the bars.

    Raises InputError when the parts do not fit together.
    """

    places: np.ndarray  # (W,) float64, rising: centres of the bins, pixels of the picture
    probs: np.ndarray  # (W,) float64, 0..1, which add up to 1
    extent: int  # pixels of this side of the picture
    peaks: tuple[Peak, ...]  # the highest; and the next, where there is one

    def __post_init__(self) -> None:
        for name in ("places", "probs"):
            object.__setattr__(self, name, own(getattr(self, name), np.float64))
        if self.places.ndim != 1 or self.places.shape != self.probs.shape or not self.places.size:
            raise InputError(f"places {self.places.shape} and probs {self.probs.shape} are no line (W,)")
        if not (self.probs.min() >= 0 and abs(self.probs.sum() - 1) < 1e-6):  # false for NaN too
            raise InputError(f"probs of a line add up to {self.probs.sum():.4g}, not to 1")
        if not self.peaks:
            raise InputError("a line has no peak; its highest bin is one")

    @property
    def mean(self) -> float:
        """Pixels of the picture."""
        return float(self.probs @ self.places)

    @property
    def spread(self) -> float:
        """Standard deviation, pixels of the picture: of all of it, so that two peaks far apart are wide."""
        return float(np.sqrt(self.probs @ (self.places - self.mean) ** 2))

    @property
    def beside(self) -> float:
        """The probability, 0..1, of places beside the picture."""
        out = (self.places < 0) | (self.places > self.extent)
        return float(min(1.0, self.probs[out].sum()))

    def at(self, places: np.ndarray) -> np.ndarray:
        """The line read at any places, pixels of the picture; 0 beyond its ends."""
        return np.asarray(np.interp(places, self.places, self.probs, left=0, right=0))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "places": listed(self.places, 2),
            "probs": listed(self.probs, 6),
            "spread": round(self.spread, 2),
            "beside": round(self.beside, 6),
            "peaks": [{"place": round(one.place, 2), "share": round(one.share, 6)} for one in self.peaks],
        }
