"""Recurrent step: an LSTM or GRU in numpy, from the weights that `recurrent` learns; token by token.

The same arithmetic as torch's, within rounding. What a token gives to the gates of the first layer depends on
nothing else, so with few tokens it is a table, and half the work of a small network is done once. Many texts
go side by side: the first token of each, the second of each, until they end.

Shapes: T positions of a text, N positions of all texts, B texts, D width of the state, E channels of a token,
V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from macaw.language.batching import feed_in_turn
from macaw.language.matrices import Matrix, matrix, over
from macaw.language.shapes import RecurrentShape

_TABLE = 2048  # tokens up to which the first layer's share is a table
Hidden = tuple[np.ndarray, ...]  # of each layer: (D,), or of an LSTM h and c, (2, D)


@dataclass(frozen=True, eq=False)
class _Layer:
    input: Matrix
    recurrent: Matrix
    input_bias: np.ndarray  # (gates * D,)
    recurrent_bias: np.ndarray


class RecurrentStep:
    """The weights of a `Recurrent`, by their names there, as something that feeds on ids."""

    context = None

    def __init__(
        self, shape: RecurrentShape, weights: Mapping[str, np.ndarray], *, precision: str = "float32"
    ) -> None:
        self.shape, self.weights = shape, weights  # which explaining by gradient reads
        self.embedding = np.ascontiguousarray(weights["embedding.weight"], np.float32)
        self.layers = [_layer(weights, i, precision) for i in range(shape.depth)]
        self.project = matrix(weights["project.weight"], precision) if "project.weight" in weights else None
        self.project_bias = weights.get("project.bias")
        self.out = matrix(weights.get("out", self.embedding), precision)
        self.out_bias = weights["out_bias"]
        self.table = self.layers[0].input @ self.embedding if shape.tokens <= _TABLE else None

    def feed(
        self, ids: np.ndarray, state: Hidden | None = None, *, last: bool = False
    ) -> tuple[np.ndarray, Hidden]:
        """Logits (T, V) float32 of ids (T,), of the last alone if asked, and the state after them."""
        x, after = self._side_by_side(ids, [state or self._fresh()], [1] * len(ids))
        return self._read(x[-1:] if last else x), tuple(one[0] for one in after)

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Hidden | None], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Hidden]]:
        """`feed` of many texts in one pass over the weights."""
        if len(ids) == 1:
            return feed_in_turn(self, ids, states, last=last)
        lengths = np.array([len(one) for one in ids])
        order, rows, counts = abreast(lengths)
        x, after = self._side_by_side(
            np.concatenate(ids)[rows], [states[place] or self._fresh() for place in order], counts.tolist()
        )
        ends, back = np.cumsum(lengths), np.empty_like(x)
        back[rows] = x
        logits = self._read(back[ends - 1] if last else back)
        reached = dict(zip(order.tolist(), zip(*after, strict=True), strict=True))
        parts = np.split(logits, range(1, len(ids)) if last else ends[:-1])
        return parts, [reached[place] for place in range(len(ids))]

    def _side_by_side(
        self, ids: np.ndarray, states: Sequence[Hidden], counts: Sequence[int]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Ids (N,) in the order of `abreast` -> last layer's output (N, D), each layer's states (B, ...)."""
        x, after = self._given(ids), []  # what the first layer's gates are given, before its bias
        for i, layer in enumerate(self.layers):
            given = x if i == 0 else over(layer.input, x)
            after.append(np.stack([one[i] for one in states]))
            x = self._through(layer, given + layer.input_bias, after[-1], counts)
        return x, after

    def _fresh(self) -> Hidden:
        size = (2, self.shape.width) if self.shape.cell == "lstm" else (self.shape.width,)
        return tuple(np.zeros(size, np.float32) for _ in self.layers)

    def _given(self, ids: np.ndarray) -> np.ndarray:
        if self.table is not None:
            given: np.ndarray = self.table[ids]
            return given
        return over(self.layers[0].input, self.embedding[ids])

    def _through(
        self, layer: _Layer, given: np.ndarray, state: np.ndarray, counts: Sequence[int]
    ) -> np.ndarray:
        """One layer over all positions: (N, gates * D) -> (N, D); `state` (B, ...) is changed."""
        lstm, row = self.shape.cell == "lstm", 0
        step = _lstm if lstm else _gru
        outputs = np.empty((len(given), self.shape.width), np.float32)
        for count in counts:
            some = state[:count]
            hidden = some[:, 0] if lstm else some
            some[:] = step(
                given[row : row + count], over(layer.recurrent, hidden) + layer.recurrent_bias, some
            )
            outputs[row : row + count] = hidden
            row += count
        return outputs

    def _read(self, x: np.ndarray) -> np.ndarray:
        if self.project is not None:
            x = over(self.project, x) + self.project_bias
        logits: np.ndarray = over(self.out, x) + self.out_bias
        if self.shape.never >= 0:
            logits[:, self.shape.never] = -np.inf
        return logits


def _layer(weights: Mapping[str, np.ndarray], index: int, precision: str) -> _Layer:
    at = f"cells.{index}."
    return _Layer(
        matrix(weights[at + "input"], precision),
        matrix(weights[at + "recurrent"], precision),
        weights[at + "input_bias"],
        weights[at + "recurrent_bias"],
    )


def abreast(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How texts of some lengths (B,) go side by side: the first token of each, then the second of each.

    Their order (B,), the longest first; where each token stands (N,) among those of all texts in a row; and
    how many texts have a token at each position (T,), which are the first in that order.
    """
    order = np.argsort(-lengths, kind="stable")
    steps = np.arange(lengths[order[0]])[:, None]
    there = lengths[order] > steps  # (T, B)
    places = (np.cumsum(lengths) - lengths)[order] + steps
    return order, places[there], there.sum(axis=1)


def _lstm(given: np.ndarray, back: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Gates (B, 4 D) from token and state, and h, c (B, 2, D) -> the next h, c."""
    i, f, g, o = (given + back).reshape(len(given), 4, -1).swapaxes(0, 1)
    c = _sigmoid(f) * state[:, 1] + _sigmoid(i) * np.tanh(g)
    return np.stack((_sigmoid(o) * np.tanh(c), c), axis=1)


def _gru(given: np.ndarray, back: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Gates (B, 3 D) from token and state, and h (B, D) -> the next h."""
    ri, zi, ni = given.reshape(len(given), 3, -1).swapaxes(0, 1)
    rh, zh, nh = back.reshape(len(back), 3, -1).swapaxes(0, 1)
    z = _sigmoid(zi + zh)
    new: np.ndarray = (1 - z) * np.tanh(ni + _sigmoid(ri + rh) * nh) + z * state
    return new


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    half = np.float32(0.5)
    return half * np.tanh(half * x) + half
