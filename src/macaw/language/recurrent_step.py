"""Recurrent step: an LSTM or GRU in numpy, from the weights that `recurrent` learns; token by token.

The same arithmetic as torch's, within rounding. What a token gives to the gates of the first layer depends on
nothing else, so with few tokens it is a table, and half the work of a small network is done once.

Shapes: T positions, D width of the state, E channels of a token, V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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
        size = (2, self.shape.width) if self.shape.cell == "lstm" else (self.shape.width,)
        state = state or tuple(np.zeros(size, np.float32) for _ in self.layers)
        x, after = self._given(ids), []  # what the first layer's gates are given, before its bias
        for i, layer in enumerate(self.layers):
            given = x if i == 0 else over(layer.input, x)
            x, new = self._through(layer, given + layer.input_bias, state[i])
            after.append(new)
        return self._read(x[-1:] if last else x), tuple(after)

    def _given(self, ids: np.ndarray) -> np.ndarray:
        if self.table is not None:
            given: np.ndarray = self.table[ids]
            return given
        return over(self.layers[0].input, self.embedding[ids])

    def _through(self, layer: _Layer, given: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One layer over all positions: (T, gates * D) -> (T, D) and the state after them."""
        step = _lstm if self.shape.cell == "lstm" else _gru
        outputs = np.empty((len(given), self.shape.width), np.float32)
        for t, row in enumerate(given):
            hidden = state[0] if self.shape.cell == "lstm" else state
            state = step(row, (layer.recurrent @ hidden) + layer.recurrent_bias, state)
            outputs[t] = state[0] if self.shape.cell == "lstm" else state
        return outputs, state

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


def _lstm(given: np.ndarray, back: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Gates (4 D,) from token and state, and h, c (2, D) -> the next h, c."""
    i, f, g, o = (given + back).reshape(4, -1)
    c = _sigmoid(f) * state[1] + _sigmoid(i) * np.tanh(g)
    return np.stack((_sigmoid(o) * np.tanh(c), c))


def _gru(given: np.ndarray, back: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Gates (3 D,) from token and state, and h (D,) -> the next h."""
    (ri, zi, ni), (rh, zh, nh) = given.reshape(3, -1), back.reshape(3, -1)
    z = _sigmoid(zi + zh)
    new: np.ndarray = (1 - z) * np.tanh(ni + _sigmoid(ri + rh) * nh) + z * state
    return new


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    half = np.float32(0.5)
    return half * np.tanh(half * x) + half
