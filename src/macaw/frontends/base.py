"""Frontend: turns a batch of inputs into features that every head can read, whatever the input was.

Shapes: B batch, D channels, *S positions (rows and columns of a picture; time of a sound or a text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import nn


@dataclass(frozen=True)
class Features:
    """What a front-end saw: one map per level, fine to coarse, and which positions are real."""

    levels: tuple[torch.Tensor, ...]  # each (B, D, *S)
    valid: torch.Tensor | None = None  # (B, *S of the last level), True where not padding
    summary: torch.Tensor | None = None  # (B, D), of a front-end with its own way to pool: a class token, say

    @property
    def pooled(self) -> torch.Tensor:
        """(B, D): the front-end's summary, else the mean of the coarsest level over its valid positions."""
        if self.summary is not None:
            return self.summary
        last = self.levels[-1].flatten(2)  # (B, D, S)
        if self.valid is None:
            return last.mean(2)
        weight = self.valid.flatten(1).to(last.dtype)  # (B, S)
        return torch.einsum("bds,bs->bd", last, weight) / weight.sum(1, keepdim=True).clamp(min=1)


class Frontend(nn.Module):
    """The contract: `dims`, `widths`, `strides` and `width` describe what `forward` returns.

    A subclass stores its constructor arguments under their own names in `config`, so that
    `type(f)(**f.config)` rebuilds it; its state dict does the rest.
    """

    dims: int  # position axes of its features: 2 for pictures, 1 for text and sound
    widths: tuple[int, ...]  # channels of each level, fine to coarse
    strides: tuple[int, ...]  # input positions per feature position, per level
    config: dict[str, Any]
    sizes: str = "any"  # which pictures its graph takes: "any", or "fixed" to those it was saved with
    frozen: bool = False  # see `freeze`

    @property
    def width(self) -> int:
        """Channels of the pooled features: those of the last level, unless it has its own way to pool."""
        return self.widths[-1]

    def freeze(self) -> None:
        """Stop it learning for good: neither gradients nor the statistics of its norms change it any more."""
        self.frozen = True
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001  (torch's own signature)
        """As of any module, but a frozen one stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def parts(self) -> list[nn.Module]:
        """Its parts from input to output, for rates that differ by depth; by default it is one part."""
        return [self]

    def forward(self, *batch: torch.Tensor) -> Features:
        """One batch of inputs -> Features with `len(widths)` levels."""
        raise NotImplementedError
