"""Recogniser: a front-end and a head, as one module; all of macaw's "see" and "read" is this sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from macaw.card import Card
from macaw.frontends.base import Frontend
from macaw.heads.base import Head, check_pair
from macaw.registry import FRONTENDS, HEADS
from macaw.training.optimizers import Phase


class Recognizer(nn.Module):
    """Prepared pictures (B, 3, H, W), normalised, -> the head's raw output.

    `mean` and `std` (of pictures in 0..1, one number a channel) let `phases` take raw pixels.
    """

    mean: torch.Tensor  # (1, 3, 1, 1)
    std: torch.Tensor

    def __init__(
        self, frontend: Frontend, head: Head, *, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        check_pair(frontend, head)
        self.frontend = frontend
        self.head = head
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    @property
    def sizes(self) -> str:
        """Which pictures its graph takes: "any", or "fixed" to those it was made for."""
        return "fixed" if "fixed" in {self.frontend.sizes, self.head.sizes} else "any"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoded(x)[0]

    def decoded(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The head's raw output, and what else decoding reads."""
        found: tuple[torch.Tensor, ...] = self.head.decoded(self.frontend(x))
        return found

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What its graph gives: the raw output, the pooled features (B, D), what else decoding reads."""
        features = self.frontend(x)
        raw, *more = self.head.decoded(features)
        return (raw, features.pooled, *more)

    def phases(self, pictures: torch.Tensor, targets: Any) -> Iterator[Phase]:
        """One phase: pixels in 0..255 (B, 3, H, W) and targets -> the loss over what is not frozen."""
        features = self.frontend((pictures / 255 - self.mean) / self.std)
        loss = self.head.loss(self.head(features), targets, features)
        yield Phase("labels", loss, tuple(p for p in self.parameters() if p.requires_grad))


def head_on(frontend: Frontend, name: str, **config: Any) -> Head:
    """A head, with fresh weights, for what this front-end gives."""
    levels = getattr(HEADS.get(name), "reads", "pooled") == "levels"
    head: Head = HEADS.build(name, frontend.widths if levels else frontend.width, **config)
    return head


def build(card: Card) -> Recognizer:
    """The recogniser a card describes, with fresh weights, in the layout that suits convolutions."""
    frontend = FRONTENDS.build(card.frontend["name"], **card.frontend["config"])
    head = head_on(frontend, card.head["name"], **card.head["config"])
    model = Recognizer(frontend, head, mean=card.prepare["mean"], std=card.prepare["std"])
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
