"""Losses of networks over tokens: nats per token, and the one token that is never predicted.

Shapes: B batch, T positions, V vocabulary
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

IGNORED = -100  # a target that costs nothing
_AT_ONCE = 1 << 20  # logits that are computed together: 4 MB, which stay near the processor


@dataclass(frozen=True)
class Output:
    """The layer that makes logits of the last features; what `linear_loss` needs to know of it."""

    weight: torch.Tensor  # (V, D)
    bias: torch.Tensor | None = None  # (V,)
    softcap: float = 0.0  # logits are cap * tanh(logits / cap); 0: as they are
    never: int = -1  # the token that is never predicted, or -1

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(..., D) -> (..., V) float32."""
        logits = F.linear(x, self.weight, self.bias).float()
        if self.softcap:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        return without(logits, self.never)


def token_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean nats of the targets (B, T) that are not IGNORED, under logits (B, T, V); 0 where all are."""
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def without(logits: torch.Tensor, never: int) -> torch.Tensor:
    """The logits with that of one token at minus infinity, where there is such a token (not -1)."""
    if never < 0:
        return logits
    return logits.index_fill(-1, torch.tensor([never], device=logits.device), -math.inf)


def linear_loss(x: torch.Tensor, targets: torch.Tensor, output: Output) -> torch.Tensor:
    """`token_loss(output.logits(x), targets)` of x (B, T, D), without ever holding all of the logits.

    They are the largest array of a step by far. Some rows at a time, they become their own gradient while
    they are still near the processor (Hsu et al. 2024, arXiv 2410.10989, section 3.2).
    """
    flat = targets.flatten()
    loss: torch.Tensor = _Fused.apply(x.flatten(0, 1), output.weight, output.bias, flat, output)  # type: ignore[no-untyped-call]
    return loss


class _Fused(torch.autograd.Function):
    """The gradient is made on the way forward: backward has only to scale it."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor,
        output: Output,
    ) -> torch.Tensor:  # fmt: skip
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            total, grads = _in_parts(x.to(dtype), weight.to(dtype), bias, targets, output)
        ctx.save_for_backward(*grads)
        ctx.dtypes = x.dtype, weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, scale: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        grads = [grad * scale for grad in ctx.saved_tensors]
        bias = grads[2] if len(grads) > 2 else None
        return grads[0].to(ctx.dtypes[0]), grads[1].to(ctx.dtypes[1]), bias, None, None


def _in_parts(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor, output: Output
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Mean nats, and the gradients of x (N, D), weight (V, D) and, where there is one, bias (V,)."""
    kept = targets != IGNORED
    share = kept.float() / kept.sum().clamp(min=1)  # (N,) of each row in the mean
    places = targets.clamp(min=0)
    total = x.new_zeros((), dtype=torch.float32)
    of_x, of_weight = torch.empty_like(x), torch.zeros_like(weight, dtype=torch.float32)
    of_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
    rows = max(1, _AT_ONCE // len(weight))
    for start in range(0, len(x), rows):
        some = slice(start, start + rows)
        logits = (x[some] @ weight.T).float()
        if bias is not None:
            logits += bias
        if output.softcap:
            logits = output.softcap * torch.tanh(logits / output.softcap)
            slope = 1 - (logits / output.softcap).square()
        if output.never >= 0:
            logits[:, output.never] = -math.inf
        logp, at = logits.log_softmax(1), places[some, None]
        total -= (logp.gather(1, at)[:, 0] * share[some]).nan_to_num(0.0, neginf=-math.inf).sum()
        grad = logp.exp_()
        grad.scatter_add_(1, at, grad.new_full(at.shape, -1.0))
        grad *= share[some, None]
        if output.softcap:
            grad *= slope
        if of_bias is not None:
            of_bias += grad.sum(0)
        grad = grad.to(x.dtype)
        of_x[some] = grad @ weight
        of_weight += grad.T @ x[some]
    return total, [of_x, of_weight, *([] if of_bias is None else [of_bias])]
