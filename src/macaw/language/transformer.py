"""Transformer: every token looks back on those before it; the small recipe of today, which two cores can run.

What is in it, and from where: rotary positions (arXiv 2104.09864), RMS norm (1910.07467) before each half of
a block, norms of queries and keys (2302.05442), SwiGLU (2002.05202) or squared ReLU (2109.08668), one matrix
for embeddings and output (1608.05859), projections back into the stream that begin at zero, so that a block
begins as nothing. With SwiGLU the block is Qwen3's (2505.09388), weight for weight: `parts` and benchmarks
compare it with transformers.

Shapes: B batch, T positions, P past positions, D width, H heads of queries, G of keys and values, K channels
of a head, F hidden channels, V vocabulary
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from macaw.errors import InputError
from macaw.language.losses import Output, linear_loss
from macaw.language.shapes import EPSILON, TransformerShape
from macaw.training.optimizers import Phase

Cache = tuple[tuple[torch.Tensor, torch.Tensor], ...]  # of each block: keys, values (B, G, P, K)


class Norm(nn.Module):
    """x / root of its mean square * gain, over the last axis."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, x.shape[-1:], self.gain.to(x.dtype), EPSILON)  # autocast leaves them apart


class Attention(nn.Module):
    """(B, T, D) -> (B, T, D), and keys and values of past and present, (B, G, P + T, K) each."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.shape = shape
        rows = shape.width, shape.pairs * shape.head, shape.pairs * shape.head
        self.qkv = nn.Linear(shape.width, sum(rows), bias=False)
        self.qkv.weight.stacked = rows  # type: ignore[attr-defined]  # Muon takes them one by one
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        normed = shape.qk_norm == "yes"
        self.query_norm: nn.Module = Norm(shape.head) if normed else nn.Identity()
        self.key_norm: nn.Module = Norm(shape.head) if normed else nn.Identity()

    def forward(
        self, x: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor], mask: torch.Tensor | None,
        past: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:  # fmt: skip
        s = self.shape
        heads = self.qkv(x).unflatten(-1, (-1, s.head)).transpose(1, 2)  # (B, H + 2 G, T, K)
        q, k, v = heads.split((s.heads, s.pairs, s.pairs), dim=1)
        q, k = turn(self.query_norm(q), angles), turn(self.key_norm(k), angles)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        times = s.heads // s.pairs
        every_k, every_v = (t.repeat_interleave(times, dim=1) if times > 1 else t for t in (k, v))
        causal = mask is None and q.shape[2] > 1  # one query alone sees all there is
        seen = F.scaled_dot_product_attention(q, every_k, every_v, attn_mask=mask, is_causal=causal)
        return self.out(seen.transpose(1, 2).flatten(2)), (k, v)


class FeedForward(nn.Module):
    """(B, T, D) -> (B, T, D), each position by itself."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.gated = shape.activation == "swiglu"
        rows = (shape.hidden,) * (2 if self.gated else 1)
        self.up = nn.Linear(shape.width, sum(rows), bias=False)
        self.up.weight.stacked = rows  # type: ignore[attr-defined]
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.up(x)
        if self.gated:
            gate, x = x.chunk(2, dim=-1)
            x = F.silu(gate) * x
        else:
            x = _SquaredReLU.apply(x)  # type: ignore[no-untyped-call]
        out: torch.Tensor = self.down(x)
        return out


class _SquaredReLU(torch.autograd.Function):
    """max(x, 0) ** 2 (So et al. 2021, arXiv 2109.08668), with half the passes over memory of its parts."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        x = x.relu()
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        slope: torch.Tensor = (grad * x).mul_(2)
        return slope


class Block(nn.Module):
    """Attention, then feed-forward, each added to the stream that passes through."""

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.norm, self.attention = Norm(shape.width), Attention(shape)
        self.forward_norm, self.feed_forward = Norm(shape.width), FeedForward(shape)
        self.drop = nn.Dropout(shape.dropout)

    def forward(
        self, x: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor], mask: torch.Tensor | None,
        past: tuple[torch.Tensor, torch.Tensor] | None,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:  # fmt: skip
        seen, pair = self.attention(self.norm(x), angles, mask, past)
        x = x + self.drop(seen)
        return x + self.drop(self.feed_forward(self.forward_norm(x))), pair


class Transformer(nn.Module):
    """ids (B, T) -> logits (B, T, V), and the keys and values that the next call goes on from.

    Raises InputError where past and present are more than `shape.context` positions.
    """

    cos: torch.Tensor  # (context, K / 2)
    sin: torch.Tensor
    carries = False  # what a window leaves behind is not handed to the next one in training

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.tokens, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = Norm(shape.width)
        rates = shape.theta ** (-torch.arange(0, shape.head, 2).float() / shape.head)
        turns = torch.arange(shape.context).float().outer(rates)
        self.register_buffer("cos", turns.cos(), persistent=False)
        self.register_buffer("sin", turns.sin(), persistent=False)
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        """Embeddings of 0.02, as GPT-2's; matrices of variance 1 / D; what leads back begins at zero."""
        nn.init.normal_(self.embedding.weight, std=0.02)
        for name, p in self.blocks.named_parameters():
            if name.endswith(("out.weight", "down.weight")):
                nn.init.zeros_(p)
            elif p.ndim == 2:
                bound = math.sqrt(3 / p.shape[1])
                nn.init.uniform_(p, -bound, bound)
            if p.ndim == 2:
                p.matrix = True  # type: ignore[attr-defined]  # Muon steps it

    def forward(
        self, ids: torch.Tensor, state: Cache | None = None, *, documents: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Cache]:
        """`documents` (B, T): positions of another number are not looked at; only without `state`."""
        x, pairs = self.features(ids, state, documents=documents)
        return self.output.logits(x), pairs

    @property
    def output(self) -> Output:
        """The embeddings once more, which make logits of features."""
        return Output(self.embedding.weight, None, self.shape.softcap, self.shape.never)

    def features(
        self, ids: torch.Tensor, state: Cache | None = None, *, documents: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Cache]:
        """What `forward` makes logits of, (B, T, D), and the keys and values."""
        past = state[0][0].shape[2] if state else 0
        end = past + ids.shape[1]
        if end > self.shape.context:
            raise InputError(f"{end} tokens in a context of {self.shape.context}; give fewer at a time")
        angles = self.cos[past:end], self.sin[past:end]
        mask = _mask(ids, past, documents)
        x = self.drop(self.embedding(ids))
        pairs = []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, angles, mask, state[i] if state else None)
            pairs.append(pair)
        return self.norm(x), tuple(pairs)

    def phases(self, ids: torch.Tensor, targets: torch.Tensor, start: int) -> Iterator[Phase]:
        """One phase: ids and targets (B, T); a document, which begins with `start`, sees itself alone."""
        documents = (ids == start).cumsum(1)
        several = bool((documents[:, -1:] != documents[:, :1]).any())
        x, _ = self.features(ids, documents=documents if several else None)
        yield Phase("tokens", linear_loss(x, targets, self.output), tuple(self.parameters()))


def turn(x: torch.Tensor, angles: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Rotate channel i and channel i + K/2 of each position by its angle; (..., T, K) -> the same.

    Equation 34 of Su et al. 2021 (arXiv 2104.09864), with halves in place of neighbours, as GPT-NeoX has it.
    """
    cos, sin = angles
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def _mask(ids: torch.Tensor, past: int, documents: torch.Tensor | None) -> torch.Tensor | None:
    """What each query may see, True where it may; None where that is simply what stands before it."""
    length = ids.shape[1]
    if documents is not None:
        same = documents[:, None, :, None] == documents[:, None, None, :]  # (B, 1, T, T)
        return same & same.new_ones(length, length).tril()
    if past and length > 1:
        return torch.ones(length, past + length, dtype=torch.bool, device=ids.device).tril(past)
    return None
