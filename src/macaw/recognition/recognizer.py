"""Recogniser: a front-end and a head, as one module; all of macaw's "see" and "read" is this sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raw: torch.Tensor = self.head(self.frontend(x))
        return raw

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What its graph gives: the head's raw output, and the pooled features (B, D) it was read from."""
        features = self.frontend(x)
        return self.head(features), features.pooled

    def phases(self, pictures: torch.Tensor, targets: torch.Tensor) -> Iterator[Phase]:
        """One phase: pixels in 0..255 (B, 3, H, W) and targets -> the loss over what is not frozen."""
        features = self.frontend((pictures / 255 - self.mean) / self.std)
        loss = self.head.loss(self.head(features), targets, features)
        yield Phase("labels", loss, tuple(p for p in self.parameters() if p.requires_grad))


def build(card: Card) -> Recognizer:
    """The recogniser a card describes, with fresh weights, in the layout that suits convolutions."""
    frontend = FRONTENDS.build(card.frontend["name"], **card.frontend["config"])
    head = HEADS.build(card.head["name"], frontend.width, **card.head["config"])
    model = Recognizer(frontend, head, mean=card.prepare["mean"], std=card.prepare["std"])
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model
