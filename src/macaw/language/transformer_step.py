"""Transformer step: a Transformer in numpy, from the weights that `transformer` learns, with a lasting cache.

Keys and values are written into arrays of the context's size, made once; a token then costs one reading of
the weights and little else. A state is a value all the same: it is the arrays and how many positions of them
it knows, so going on from an older state copies the arrays first, and going on from the latest does not. Many
texts of any lengths go through the matrices together, one position behind the other; each looks back alone.

Shapes: T positions of a text, P past positions, N positions of all texts, B texts, L blocks, D width, H heads
of queries, G of keys and values, K channels of a head, F hidden channels, V vocabulary
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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


class Span(NamedTuple):
    """The positions of one text that a pass reads."""

    rows: slice  # where they stand among those of all texts
    start: int  # where they stand in their own text, and in its store
    end: int
    store: _Store


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
        spans = self._spans([ids], [state])
        x = self._through(self.embedding[ids], spans, watch)
        return self.logits(x[-1:] if last else x), Past(spans[0].store, spans[0].end)

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Past | None], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Past]]:
        """`feed` of many texts in one pass over the weights."""
        spans = self._spans(ids, states)
        x = self._through(self.embedding[np.concatenate(ids)], spans)
        ends = np.cumsum([len(one) for one in ids])
        logits = self.logits(x[ends - 1] if last else x)
        parts = np.split(logits, range(1, len(ids)) if last else ends[:-1])
        return parts, [Past(span.store, span.end) for span in spans]

    def _spans(self, ids: Sequence[np.ndarray], states: Sequence[Past | None]) -> list[Span]:
        """Where the positions of each text stand, in stores that may be written there."""
        spans, row = [], 0
        for one, state in zip(ids, states, strict=True):
            start = state.length if state else 0
            end = start + len(one)
            store = (state.store if state else self._empty()).claim(start, end)
            spans.append(Span(slice(row, row + len(one)), start, end, store))
            row += len(one)
        return spans

    def _through(self, x: np.ndarray, spans: Sequence[Span], watch: Watch | None = None) -> np.ndarray:
        """The stream (N, D) of all texts, from embeddings to the last block's end."""
        places = np.concatenate([np.arange(span.start, span.end) for span in spans])
        angles = self.cos[places, None], self.sin[places, None]  # (N, 1, K / 2)
        for i, block in enumerate(self.blocks):
            seen, shares = self._attend(
                block, _normed(x, block.norm), angles, [(one, one.store.pairs[i]) for one in spans]
            )
            x = x + seen
            x = x + self._feed_forward(block, _normed(x, block.forward_norm))
            if watch is not None:
                watch(shares, x)
        return x

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
        self,
        block: _Block,
        x: np.ndarray,
        angles: tuple[np.ndarray, np.ndarray],
        texts: Sequence[tuple[Span, np.ndarray]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) -> (N, D), and of the last text the share of each position in it, (H, T, P + T).

        The texts' keys and values of the block, (2, G, context, K), are written.
        """
        s = self.shape
        heads = over(block.qkv, x).reshape(len(x), -1, s.head)  # (N, H + 2 G, K)
        q = _turned(heads[:, : s.heads], block.query_norm, angles)
        k = _turned(heads[:, s.heads : -s.pairs], block.key_norm, angles)
        v = heads[:, -s.pairs :]
        seen = np.empty(q.shape, np.float32)
        for (rows, start, end, _), pairs in texts:
            pairs[0, :, start:end] = k[rows].transpose(1, 0, 2)
            pairs[1, :, start:end] = v[rows].transpose(1, 0, 2)
            seen[rows], shares = self._look(q[rows], pairs[:, :, :end], start)
        return over(block.out, seen.reshape(len(x), -1)), shares

    def _look(self, q: np.ndarray, pairs: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Queries (T, H, K) into keys and values (2, G, P + T, K): (T, H, K), and shares (H, T, P + T)."""
        s, (keys, values), length, end = self.shape, pairs, len(q), pairs.shape[2]
        q = q.transpose(1, 0, 2).reshape(s.pairs, -1, s.head)  # (G, H / G * T, K)
        scores = (q @ keys.transpose(0, 2, 1)).reshape(s.heads, length, end) * np.float32(s.head**-0.5)
        if length > 1:
            scores[:, ~np.tri(length, end, start, dtype=bool)] = -np.inf
        scores -= scores.max(-1, keepdims=True)
        shares = np.exp(scores, out=scores)
        shares /= shares.sum(-1, keepdims=True)
        seen = (shares.reshape(s.pairs, -1, end) @ values).reshape(s.heads, length, s.head)
        return seen.transpose(1, 0, 2), shares

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


def _turned(heads: np.ndarray, gain: np.ndarray | None, angles: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Heads (N, ., K), normed where the network does, and turned by the angles of their positions."""
    if gain is not None:
        heads = _normed(heads, gain)
    (cos, sin), half = angles, heads.shape[-1] // 2
    a, b = heads[..., :half], heads[..., half:]
    return np.concatenate((a * cos - b * sin, b * cos + a * sin), axis=-1)


def _normed(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    mean = np.einsum("...d,...d->...", x, x)[..., None] / np.float32(x.shape[-1])
    found: np.ndarray = x * (gain / np.sqrt(mean + np.float32(EPSILON)))
    return found
