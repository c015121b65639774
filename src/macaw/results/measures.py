"""What scores are made of: a value with its interval, one class's figures, a confusion, a calibration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from macaw.errors import InputError

# Shapes: B bins
FRACTION = "fraction"  # a unit: the value lies in 0..1 and is shown in per cent


@dataclass(frozen=True)
class Interval:
    """A measured value and the interval that holds the true one with 95 % confidence.

    Raises InputError unless low <= value <= high, all finite.
    """

    value: float
    low: float
    high: float
    unit: str = FRACTION  # or what the value counts, such as "nats"

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low <= self.value <= self.high):
            raise InputError(
                f"an interval needs low <= value <= high, got {self.low}, {self.value}, {self.high}"
            )

    def __str__(self) -> str:
        value, low, high = (self._number(x) for x in (self.value, self.low, self.high))
        return f"{value} {self.symbol} [{low}, {high}]"

    @property
    def symbol(self) -> str:
        """The unit as it is printed: `%` for fractions."""
        return "%" if self.unit == FRACTION else self.unit

    @property
    def text(self) -> str:
        """The value alone with its unit, as in `12.3 %`."""
        return f"{self._number(self.value)} {self.symbol}"

    def to_dict(self) -> dict[str, Any]:
        """`value`, `low`, `high` (0..1 for fractions) and `unit`."""
        return asdict(self)

    def _number(self, x: float) -> str:
        if self.unit != FRACTION:
            return f"{x:.3f}"
        # One decimal, and more where the interval is so narrow that one would not show it.
        width = 100 * (self.high - self.low)
        return f"{100 * x:.{1 if width >= 0.2 or width == 0 else 2}f}"


@dataclass(frozen=True)
class ClassScore:
    """How well one class is recognised; None, never 0, where a figure does not exist.

    A class without an example has no figure at all; one that was never the answer has no precision.
    """

    name: str
    count: int  # examples of this class
    precision: float | None  # 0..1: of the answers that say this class, how many are right
    recall: float | None  # 0..1: of its examples, how many are found
    f1: float | None  # 0..1: their harmonic mean

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Confused:
    """One way to be wrong: examples of `truth` to which the answer was `answer`."""

    truth: str
    answer: str
    count: int  # how many
    share: float  # 0..1, of all examples of `truth`

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The reliability curve: do answers of 80 % confidence come true 80 times in a hundred?

    Guo et al. 2017 (arXiv 1706.04599), section 2. Empty bins hold NaN in `confidence` and `accuracy`.
    Raises InputError when shapes disagree.
    """

    edges: np.ndarray  # (B + 1,) 0..1, rising; a bin holds its upper edge, not its lower one
    confidence: np.ndarray  # (B,) mean confidence of the answers in the bin
    accuracy: np.ndarray  # (B,) share of them that is right
    counts: np.ndarray  # (B,) answers

    def __post_init__(self) -> None:
        bins = len(self.edges) - 1
        for name in ("confidence", "accuracy", "counts"):
            shape = getattr(self, name).shape
            if shape != (bins,):
                raise InputError(f"{name} has shape {shape}; {bins + 1} edges need ({bins},)")

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1: the mean gap between confidence and accuracy, by answers."""
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((gaps * self.counts[filled]).sum() / max(1, self.counts.sum()))

    def to_dict(self) -> dict[str, Any]:
        """The arrays as lists; None for empty bins."""
        return {
            "edges": _numbers(self.edges),
            "confidence": _numbers(self.confidence),
            "accuracy": _numbers(self.accuracy),
            "counts": self.counts.tolist(),
        }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [round(float(x), 6) if np.isfinite(x) else None for x in values]
