"""Insides: what of a model an explanation shows: near training pictures, the head's account, feature maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import listed, short

# Shapes: D channels, K shown ones, H and W positions of a map


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A training picture, and how near it is."""

    name: str  # its file, or its place in a pack as in `train.npz[17]`
    labels: tuple[str, ...]  # the classes it was trained as
    likeness: float  # cosine of the angle between the two in feature space, -1..1
    picture: np.ndarray | None = None  # (H, W, 3) uint8; None where the data is not at hand

    def to_dict(self) -> dict[str, Any]:
        """Everything but the picture."""
        return {"name": self.name, "labels": list(self.labels), "likeness": short(self.likeness)}


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest training pictures, nearest first."""

    items: tuple[Neighbour, ...]
    total: int  # training pictures that were compared
    source: str = ""  # what the data set is called

    def share(self, label: str) -> tuple[int, int]:
        """How many of them carry a class, and how many there are."""
        return sum(label in one.labels for one in self.items), len(self.items)

    def to_dict(self) -> dict[str, Any]:
        """The data set's name, how many were compared, and the nearest."""
        near = [one.to_dict() for one in self.items]
        return {"source": self.source, "total": self.total, "nearest": near}


@dataclass(frozen=True, eq=False)
class Ledger:
    """The head's account for one class: each channel's weight times its value, and the bias, make the logit.

    For a contrast the weights and the bias are differences between the two classes. Raises InputError when
    the arrays do not fit.
    """

    weights: np.ndarray  # (D,) float32, the row of the head
    values: np.ndarray  # (D,) float32, the pooled features of this picture
    bias: float
    maps: dict[int, np.ndarray] = field(default_factory=dict)  # channel -> activity (H, W), of the largest

    def __post_init__(self) -> None:
        if self.weights.shape != self.values.shape or self.weights.ndim != 1:
            raise InputError(
                f"{self.weights.shape} weights for {self.values.shape} pooled values; give one for each"
            )

    @property
    def products(self) -> np.ndarray:
        """(D,) what each channel adds to the logit, or takes from it."""
        return np.asarray(self.weights * self.values)

    @property
    def logit(self) -> float:
        """The sum of all products and the bias."""
        return float(self.products.sum(dtype=np.float64)) + self.bias

    def top(self, n: int) -> tuple[int, ...]:
        """The `n` channels that add or take most, in this order."""
        return tuple(int(i) for i in np.argsort(-np.abs(self.products), kind="stable")[:n])

    def rest(self, n: int) -> float:
        """What all channels but those of `top(n)` add together."""
        return self.logit - self.bias - float(self.products[list(self.top(n))].sum(dtype=np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Logit and bias, and the product of every channel."""
        return {
            "logit": short(self.logit), "bias": short(self.bias),
            "weights": listed(self.weights), "values": listed(self.values), "products": listed(self.products),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class LevelView:
    """What the most active channels of one level of the front-end make of the picture."""

    stride: int  # pixels of the model's picture between two positions
    channels: np.ndarray  # (K,) int
    maps: np.ndarray  # (K, H, W) float32, their activity
    width: int  # channels the level has

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or self.channels.shape != self.maps.shape[:1]:
            raise InputError(
                f"{self.channels.shape} channels for maps of shape {self.maps.shape}; give one map for each"
            )

    def to_dict(self) -> dict[str, Any]:
        """Stride, width, size, and the channels; no maps."""
        size = list(self.maps.shape[1:])
        return {"stride": self.stride, "width": self.width, "size": size, "channels": self.channels.tolist()}
