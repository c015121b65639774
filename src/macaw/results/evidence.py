"""Evidence: maps of where it lies, how they did when tried, and whether they show what was learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from macaw.errors import InputError

# Shapes: S side of the picture as the model saw it, K points of a curve or stages of a cascade
# Rank correlations below which a map depends on the weights, and above which it does not.
LEARNED, UNMOVED = 0.3, 0.6


@dataclass(frozen=True, eq=False)
class MaskCurve:
    """The probability of a class while a picture is hidden, or shown, a few pixels at a time.

    The deletion and insertion metrics of Petsiuk et al. 2018 (RISE, arXiv 1806.07421, section 4.2). Raises
    InputError when the two arrays do not fit.
    """

    shares: np.ndarray  # (K,) share of the pixels that are hidden (or shown), rising from 0 to 1
    probs: np.ndarray  # (K,) probability of the class, 0..1

    def __post_init__(self) -> None:
        if self.shares.shape != self.probs.shape or self.shares.ndim != 1 or len(self.shares) < 2:
            raise InputError(
                f"a curve has {self.shares.shape} shares and {self.probs.shape} probabilities; "
                "give one of each, two or more points"
            )

    @property
    def area(self) -> float:
        """The area under the curve, 0..1: the mean probability on the way."""
        return float(np.trapezoid(self.probs, self.shares))

    def at(self, share: float) -> float:
        """The probability when so much of the picture is hidden (or shown)."""
        return float(np.interp(share, self.shares, self.probs))

    def to_dict(self) -> dict[str, Any]:
        """`area`, and the points."""
        return {"area": short(self.area), "shares": listed(self.shares), "probs": listed(self.probs)}


class Trial(NamedTuple):
    """A map put to the test: its pixels, hottest first, are hidden, and in a second run shown."""

    deletion: MaskCurve  # from the picture to its blur: of a good map it falls fast
    insertion: MaskCurve  # from the blur to the picture: of a good map it rises fast

    def to_dict(self) -> dict[str, Any]:
        """Both curves."""
        return {"deletion": self.deletion.to_dict(), "insertion": self.insertion.to_dict()}


@dataclass(frozen=True, eq=False)
class Heat:
    """Where one method finds the evidence, and how its order of the pixels did when tried.

    Raises InputError for values that are no square map in -1..1.
    """

    by: str  # "gradient" or "occlusion"
    values: np.ndarray  # (S, S) float32, -1..1: 1 speaks most for the class, below 0 against it
    trial: Trial

    def __post_init__(self) -> None:
        shape = self.values.shape
        if len(shape) != 2 or shape[0] != shape[1] or not (np.abs(self.values) <= 1).all():
            raise InputError(f"the map by {self.by} has shape {shape}; it must be square, in -1..1")

    def to_dict(self) -> dict[str, Any]:
        """Method, curves, and the values row by row."""
        return {"by": self.by, **self.trial.to_dict(), "values": listed(self.values, 3)}


@dataclass(frozen=True, eq=False)
class Sanity:
    """Whether a map shows what was learned: the same map of a network whose weights were made random.

    The cascade of Adebayo et al. 2018 (arXiv 1810.03292, section 3): from the head down to the first layer.
    """

    stages: tuple[str, ...]  # what was made random, each together with all before it
    likeness: np.ndarray  # (K,) Spearman's rank correlation with the trained network's map, -1..1

    def __post_init__(self) -> None:
        if self.likeness.shape != (len(self.stages),) or not self.stages:
            raise InputError(
                f"{self.likeness.shape} correlations for {len(self.stages)} stages; give one for each"
            )

    @property
    def verdict(self) -> Literal["learned", "partly", "unmoved"]:
        """What the whole network at random leaves of the map: little, some, or most of it."""
        left = float(self.likeness[-1])
        return "learned" if left < LEARNED else "partly" if left < UNMOVED else "unmoved"

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        left = f"its rank correlation with the map above is {self.likeness[-1]:.2f} (1 would be the same map)"
        return {
            "learned": f"The map shows what was learned: with random weights another comes out; {left}.",
            "partly": f"The map shows what was learned, but not only: with random weights {left}. The rest "
            "is the picture's own structure and the shape of the network.",
            "unmoved": f"Do not trust this map: with random weights {left}, so it shows the picture and the "
            "shape of the network rather than anything that was learned.",
        }[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Verdict, words, and the correlation after each stage."""
        stages = dict(zip(self.stages, listed(self.likeness), strict=True))
        return {"verdict": self.verdict, "words": self.words, "likeness": stages}


def short(value: float) -> float:
    """A number as a report needs it."""
    return round(float(value), 4)


def listed(values: np.ndarray, digits: int = 4) -> Any:
    """An array as lists, rounded."""
    return np.round(np.asarray(values, np.float64), digits).tolist()
