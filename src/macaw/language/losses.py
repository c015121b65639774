"""Losses of networks over tokens: nats per token, and the one token that is never predicted.

Shapes: B batch, T positions, V vocabulary
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

IGNORED = -100  # a target that costs nothing


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean nats of the targets (B, T) that are not IGNORED, under logits (B, T, V); 0 where all are."""
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def without(logits: torch.Tensor, never: int) -> torch.Tensor:
    """The logits with that of one token at minus infinity, where there is such a token (not -1)."""
    if never < 0:
        return logits
    return logits.index_fill(-1, torch.tensor([never], device=logits.device), -math.inf)
