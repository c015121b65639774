"""Compiled step: a Transformer whose single tokens go through one kernel; longer pieces go the way of numpy.

Single tokens of many texts share the reading of the weights where these are too many for the caches; where
they are not, each text goes through the kernel by itself, which is as fast. The bits are the same both ways.

Shapes: B texts, L blocks, V vocabulary, O outputs, I inputs
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from macaw.language.batching import feed_in_turn
from macaw.language.matrices import Eighth, Half, Matrix, Single, kernels, most_threads
from macaw.language.shapes import TransformerShape
from macaw.language.transformer_step import Past, Span, TransformerStep, Watch

_FIRST, _AGAIN = 8, 256  # tokens until all threads are tried, and until they are tried again
_TRIED = 4  # tokens of a trial, of which the best counts
_CACHED = 1 << 23  # bytes of weights up to which caches hold them: reading them again costs nothing
_HOPELESS = 3  # times one thread's seconds, at which all are given up at once


class CompiledStep(TransformerStep):
    """A `TransformerStep` that reads one token in one call.

    Raises MissingExtra without numba. The first token ever takes some seconds: the kernel is compiled.
    """

    def __init__(
        self, shape: TransformerShape, weights: Mapping[str, np.ndarray], *, precision: str = "float32"
    ) -> None:
        super().__init__(shape, weights, precision=precision)
        self._kernels = kernels()
        self._paces: dict[int, Pace] = defaultdict(lambda: Pace(most_threads()))  # by how many texts
        self._join()

    def _join(self) -> None:
        """Put the weights of all blocks one behind the other, where the kernel looks for them."""
        names = ("qkv", "out", "up", "down")
        found = [_stacked([getattr(block, name) for block in self.blocks]) for name in names]
        *held, (last, scales) = _halved([*found, _stacked([self.out])])
        for name, (whole, each) in zip(names, held, strict=True):
            parts: list[Any] = [_part(w, s) for w, s in zip(whole, each, strict=True)]
            self.blocks = [replace(b, **{name: part}) for b, part in zip(self.blocks, parts, strict=True)]
        self._matrices = (*held, (last[0], scales[0]))
        self._size = sum(weights.nbytes for weights, _ in self._matrices)
        self.out = _part(last[0], scales[0])
        blocks, none = self.blocks, np.ones(self.shape.head, np.float32)
        self._gains = (
            np.stack([b.norm for b in blocks]),
            np.stack([b.forward_norm for b in blocks]),
            np.stack([none if b.query_norm is None else b.query_norm for b in blocks]),
            np.stack([none if b.key_norm is None else b.key_norm for b in blocks]),
            np.ascontiguousarray(self.norm, np.float32),
        )

    def feed(
        self, ids: np.ndarray, state: Past | None = None, *, last: bool = False, watch: Watch | None = None
    ) -> tuple[np.ndarray, Past]:
        """Logits (T, V) float32 of ids (T,), of the last alone if asked, and the state after them."""
        if len(ids) > 1 or watch is not None:
            return super().feed(ids, state, last=last, watch=watch)
        place = state.length if state else 0
        store = (state.store if state else self._empty()).claim(place, place + 1)
        s, logits = self.shape, np.empty((1, self.shape.tokens), np.float32)
        how = (s.activation == "swiglu", s.qk_norm == "yes", self.cos[place], self.sin[place], s.heads)
        x = self.embedding[ids[0]].copy()
        with self._paces[1].chosen(self._kernels.set_threads):
            self._kernels.token(x, self._matrices, self._gains, store.pairs, place, how, logits[0])
        return self._said(logits), Past(store, place + 1)

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Past | None], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Past]]:
        """`feed` of many texts in one pass over the weights; sums may be taken in another order."""
        if max(map(len, ids)) > 1:
            return super().feed_many(ids, states, last=last)
        if len(ids) == 1 or self._size < _CACHED:
            return feed_in_turn(self, ids, states, last=last)
        spans = self._spans(ids, states)
        with self._paces[len(ids)].chosen(self._kernels.set_threads):
            logits = self._said(self._tokens(self.embedding[np.concatenate(ids)], spans))
        return list(logits[:, None]), [Past(span.store, span.end) for span in spans]

    def _tokens(self, x: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
        """A token of each text, x (B, D), which is changed: logits (B, V)."""
        s, kernels, texts = self.shape, self._kernels, len(x)
        places = np.array([span.start for span in spans])
        how = (s.qk_norm == "yes", self.cos[places], self.sin[places], s.heads)
        heads = np.empty((texts, s.heads + 2 * s.pairs, s.head), np.float32)
        seen, logits = np.empty((texts, s.heads, s.head), np.float32), np.empty((texts, s.tokens), np.float32)
        for block in range(s.depth):
            kernels.before(block, x, self._matrices, self._gains, how, heads)
            for b, span in enumerate(spans):
                kernels.look(block, heads[b], span.store.pairs, span.start, seen[b])
            kernels.after(block, x, seen, self._matrices, self._gains, s.activation == "swiglu")
        kernels.said(x, self._matrices, self._gains, logits)
        return logits


class Pace:
    """Whether one thread or all are faster just now: all are tried now and then, and left where they lose.

    Threads wait for each other after every product. On a machine that is busy otherwise, two took hundreds of
    times as long as one; on one that is not, two thirds. How many there are changes no bit of the answer, for
    each output is one thread's.
    """

    def __init__(self, most: int) -> None:
        self.most, self.best = most, 1
        self._alone = self._together = math.inf  # seconds of one thread and of all, the best lately
        self._waits, self._pause = _FIRST, _AGAIN  # tokens until all are tried, and after they have lost

    @contextmanager
    def chosen(self, set_threads: Callable[[int], None]) -> Iterator[int]:
        """Set the number of threads for the block, and learn from how long it takes."""
        self._waits -= 1
        trial = self._waits < _TRIED  # the first of them wakes the threads up
        threads = self.most if trial or self.best > 1 else 1
        set_threads(threads)
        began = time.perf_counter()
        try:
            yield threads
        finally:
            set_threads(self.most)
        self._learn(threads, time.perf_counter() - began)

    def _learn(self, threads: int, seconds: float) -> None:
        if threads == 1:
            self._alone = min(1.02 * self._alone, seconds)  # which slowly forgets
            return
        self._together = min(self._together, seconds)
        if seconds > _HOPELESS * self._alone:
            self.best, self._pause = 1, min(8 * self._pause, 1 << 20)
            self._waits, self._together = self._pause, math.inf
        elif self._waits == 0:
            self.best = self.most if self._together < self._alone else 1
            self._waits, self._pause, self._together = _AGAIN, _AGAIN, math.inf


def _stacked(some: Sequence[Matrix]) -> tuple[np.ndarray, np.ndarray]:
    """Weights (L, O, I) and scales (L, O), which are one in single precision."""
    weights = np.stack([m.weights for m in some if isinstance(m, Single | Eighth)])
    ones = np.ones(weights.shape[:2], np.float32)
    scales = [m.scales for m in some if isinstance(m, Eighth)]
    return weights, np.stack(scales) if scales else ones


def _halved(found: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and scales; those in single precision, of which half is in use, in half the bytes.

    All or none, since the kernel is compiled for each mixture of kinds.
    """
    if found[0][0].dtype == np.int8:
        return found
    halves = [(Half.bits(weights), scales) for weights, scales in found]
    packed = [(bits, scales) for bits, scales in halves if bits is not None]
    return packed if len(packed) == len(found) else found


def _part(weights: np.ndarray, scales: np.ndarray) -> Matrix:
    kinds: dict[Any, Any] = {np.dtype(np.int8): Eighth, np.dtype(np.uint16): Half}
    return kinds[weights.dtype](weights, scales) if weights.dtype in kinds else Single(weights)
