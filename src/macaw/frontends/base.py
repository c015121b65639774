"""Frontend: turns a batch of inputs into features that every head can read, whatever the input was.

Shapes: B batch, D channels, *S positions (rows and columns of a picture; time of a sound or a text).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Features:
    """What a front-end saw: one map per level, fine to coarse, and which positions are real."""

    levels: tuple[torch.Tensor, ...]  # each (B, D, *S)
    valid: torch.Tensor | None = None  # (B, *S of the last level), True where not padding

    @property
    def pooled(self) -> torch.Tensor:
        """(B, D): the mean of the coarsest level over its valid positions."""
        last = self.levels[-1].flatten(2)  # (B, D, S)
        if self.valid is None:
            return last.mean(2)
        weight = self.valid.flatten(1).to(last.dtype)  # (B, S)
        return torch.einsum("bds,bs->bd", last, weight) / weight.sum(1, keepdim=True).clamp(min=1)


class Frontend(nn.Module):
    """The contract: the four attributes describe what `forward` returns.

    A subclass stores its constructor arguments under their own names in `config`, so that
    `type(f)(**f.config)` rebuilds it; its state dict does the rest.
    """

    dims: int  # position axes of its features: 2 for pictures, 1 for text and sound
    widths: tuple[int, ...]  # channels of each level, fine to coarse
    strides: tuple[int, ...]  # input positions per feature position, per level
    config: dict[str, float | int]

    def forward(self, *batch: torch.Tensor) -> Features:
        """One batch of inputs -> Features with `len(widths)` levels."""
        raise NotImplementedError
