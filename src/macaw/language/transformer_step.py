"""Transformer step: a Transformer in numpy, from the weights that `transformer` learns, with a lasting cache.

Keys and values are written into arrays of the context's size, made once; a token then costs one reading of
the weights and little else. A state is a value all the same: it is the arrays and how many positions of them
it knows, so going on from an older state copies the arrays first, and going on from the latest does not.

Shapes: T positions, P past positions, L blocks, D width, H heads of queries, G of keys and values, K channels
of a head, F hidden channels, V vocabulary
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from macaw.language.matrices import Matrix, matrix, over
from macaw.language.shapes import EPSILON, TransformerShape

Watch = Callable[[np.ndarray, np.ndarray], None]  # of each block: attention (H, T, P + T), the stream (T, D)


@dataclass(eq=False)
class _Store:
    """Keys and values of all blocks, filled from the front; a position is written once."""

    pairs: np.ndarray  # (L, 2, G, context, K)
    filled: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, start: int, end: int) -> _Store:
        """A store whose positions from `start` to `end` may be written: this, or a copy of what it knows."""
        with self.lock:
            if self.filled == start:
                self.filled = end
                return self
        pairs = np.empty_like(self.pairs)
        pairs[:, :, :, :start] = self.pairs[:, :, :, :start]
        return _Store(pairs, end)


@dataclass(frozen=True, eq=False)
class Past:
    """How far a text has been read: the first `length` positions of a store."""

    store: _Store
    length: int


@dataclass(frozen=True, eq=False)
class _Block:
    norm: np.ndarray  # (D,)
    qkv: Matrix  # D -> (H + 2 G) K
    query_norm: np.ndarray | None  # (K,)
    key_norm: np.ndarray | None
    out: Matrix  # D -> D
    forward_norm: np.ndarray  # (D,)
    up: Matrix  # D -> 2 F of SwiGLU, F of squared ReLU
    down: Matrix  # F -> D


class TransformerStep:
    """The weights of a `Transformer`, by their names there, as something that feeds on ids."""

    def __init__(
        self, shape: TransformerShape, weights: Mapping[str, np.ndarray], *, precision: str = "float32"
    ) -> None:
        self.shape, self.context = shape, shape.context
        self.embedding = np.ascontiguousarray(weights["embedding.weight"], np.float32)
        self.blocks = [_block(weights, i, precision) for i in range(shape.depth)]
        self.norm = weights["norm.gain"]
        self.out = matrix(self.embedding, precision)
        rates = shape.theta ** (-np.arange(0, shape.head, 2, dtype=np.float32) / shape.head)
        turns = np.outer(np.arange(shape.context, dtype=np.float32), rates.astype(np.float32))
        self.cos, self.sin = np.cos(turns), np.sin(turns)  # (context, K / 2)

    def feed(
        self, ids: np.ndarray, state: Past | None = None, *, last: bool = False, watch: Watch | None = None
    ) -> tuple[np.ndarray, Past]:
        """Logits (T, V) float32 of ids (T,), of the last position alone if asked, and the state after them.

        Past and present together are `context` positions at most. `watch` is called after each block.
        """
        start = state.length if state else 0
        end = start + len(ids)
        store = (state.store if state else self._empty()).claim(start, end)
        x = self.embedding[ids]  # (T, D)
        for block, pairs in zip(self.blocks, store.pairs, strict=True):
            seen, shares = self._attend(block, _normed(x, block.norm), pairs, start)
            x = x + seen
            x = x + self._feed_forward(block, _normed(x, block.forward_norm))
            if watch is not None:
                watch(shares, x)
        return self.logits(x[-1:] if last else x), Past(store, end)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """What a stream (T, D) would say if it were the last: (T, V)."""
        return self._said(over(self.out, _normed(x, self.norm)))

    def _said(self, logits: np.ndarray) -> np.ndarray:
        if cap := self.shape.softcap:
            logits = np.float32(cap) * np.tanh(logits / np.float32(cap))
        if self.shape.never >= 0:
            logits[:, self.shape.never] = -np.inf
        return logits

    def _empty(self) -> _Store:
        s = self.shape
        return _Store(np.empty((s.depth, 2, s.pairs, s.context, s.head), np.float32))

    def _attend(
        self, block: _Block, x: np.ndarray, pairs: np.ndarray, start: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(T, D) -> (T, D), and the share of each position in it, (H, T, P + T); `pairs` are written."""
        s, length = self.shape, len(x)
        end = start + length
        heads = over(block.qkv, x).reshape(length, -1, s.head).transpose(1, 0, 2)  # (H + 2 G, T, K)
        q, k, v = np.split(heads, (s.heads, s.heads + s.pairs))
        pairs[0, :, start:end] = self._turned(k, block.key_norm, start)
        pairs[1, :, start:end] = v
        q = self._turned(q, block.query_norm, start).reshape(s.pairs, -1, s.head)  # (G, H / G * T, K)
        keys, values = pairs[0, :, :end], pairs[1, :, :end]
        scores = (q @ keys.transpose(0, 2, 1)).reshape(s.heads, length, end) * np.float32(s.head**-0.5)
        if length > 1:
            scores[:, ~np.tri(length, end, start, dtype=bool)] = -np.inf
        scores -= scores.max(-1, keepdims=True)
        shares = np.exp(scores, out=scores)
        shares /= shares.sum(-1, keepdims=True)
        seen = (shares.reshape(s.pairs, -1, end) @ values).reshape(s.heads, length, s.head)
        return over(block.out, seen.transpose(1, 0, 2).reshape(length, -1)), shares

    def _turned(self, heads: np.ndarray, gain: np.ndarray | None, start: int) -> np.ndarray:
        """Normed where the network does, and turned by the angles of their positions; (H, T, K)."""
        if gain is not None:
            heads = _normed(heads, gain)
        half, end = self.shape.head // 2, start + heads.shape[1]
        cos, sin = self.cos[start:end], self.sin[start:end]
        a, b = heads[..., :half], heads[..., half:]
        return np.concatenate((a * cos - b * sin, b * cos + a * sin), axis=-1)

    def _feed_forward(self, block: _Block, x: np.ndarray) -> np.ndarray:
        x = over(block.up, x)
        if self.shape.activation == "swiglu":
            gate, x = np.split(x, 2, axis=-1)
            x = gate * x * (np.float32(0.5) * np.tanh(np.float32(0.5) * gate) + np.float32(0.5))
        else:
            x = np.square(np.maximum(x, 0))
        return over(block.down, x)


def _block(weights: Mapping[str, np.ndarray], index: int, precision: str) -> _Block:
    at = f"blocks.{index}."
    return _Block(
        norm=weights[at + "norm.gain"],
        qkv=matrix(weights[at + "attention.qkv.weight"], precision),
        query_norm=weights.get(at + "attention.query_norm.gain"),
        key_norm=weights.get(at + "attention.key_norm.gain"),
        out=matrix(weights[at + "attention.out.weight"], precision),
        forward_norm=weights[at + "forward_norm.gain"],
        up=matrix(weights[at + "feed_forward.up.weight"], precision),
        down=matrix(weights[at + "feed_forward.down.weight"], precision),
    )


def _normed(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    mean = np.einsum("...d,...d->...", x, x)[..., None] / np.float32(x.shape[-1])
    found: np.ndarray = x * (gain / np.sqrt(mean + np.float32(EPSILON)))
    return found
