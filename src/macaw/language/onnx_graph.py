"""ONNX graph: the nodes and weights of a network, put down one by one, in single precision or with int8.

Only ONNX's own operators, none of one runtime. An int8 matrix has a scale for each output channel, as
`macaw.language.matrices` has it, and a node that widens it before the product: whoever computes by eight bits
fuses the two (ONNX Runtime does), anyone else multiplies in single precision, with the same weights.

Shapes: O outputs, I inputs, N and M of any size
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from macaw.errors import MissingExtra

OPSET, IR = 17, 8  # of 2022: LSTM, GRU and all that a Transformer needs, for old runtimes too
Value = str  # what a node gives, by its name
Sizes = Sequence[int | str]  # of an input or output; a letter where any size will do


class Graph:
    """A graph while it is written: each operator called answers with the names of its outputs.

    `precision` is "float32", or "int8", which concerns matrices alone. Raises MissingExtra without the onnx
    package.
    """

    def __init__(self, precision: str = "float32") -> None:
        self.onnx, self.precision = _onnx(), precision
        self._nodes: list[Any] = []
        self._held: dict[str, np.ndarray] = {}
        self._ends: tuple[list[Any], list[Any]] = [], []  # inputs, outputs

    def add(self, operator: str, *inputs: Value, name: str = "", **attributes: Any) -> Value:
        """The output of a node with one; `name` is what to call it."""
        name = name or f"{operator}.{len(self._nodes)}"
        self._nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def several(self, operator: str, count: int, *inputs: Value, **attributes: Any) -> list[Value]:
        """The `count` outputs of a node."""
        names = [f"{operator}.{len(self._nodes)}.{i}" for i in range(count)]
        self._nodes.append(self.onnx.helper.make_node(operator, inputs, names, **attributes))
        return names

    def held(self, value: np.ndarray, name: str = "") -> Value:
        """A constant; a weight by its name in the model's folder."""
        name = name or f"constant.{len(self._held)}"
        self._held[name] = np.ascontiguousarray(value)
        return name

    def number(self, value: float) -> Value:
        """A float32 that stands alone."""
        return self.held(np.array(value, np.float32))

    def sizes(self, *values: int) -> Value:
        """Whole numbers in a row."""
        return self.held(np.array(values, np.int64))

    def input(self, name: str, sizes: Sizes, kind: type = np.float32) -> Value:
        """A value that comes from outside."""
        self._ends[0].append(self._described(name, sizes, kind))
        return name

    def output(self, value: Value, name: str, sizes: Sizes) -> None:
        """A float32 value that goes outside, under a name of its own."""
        self.add("Identity", value, name=name)
        self._ends[1].append(self._described(name, sizes, np.float32))

    def matrix(self, name: str, weights: np.ndarray) -> Value:
        """Weights (O, I), kept as they are, and (I, O) in float32 when they are used.

        They are turned before they are widened: of that ONNX Runtime makes a product by eight bits. Were it
        the other way round, it would widen all of them for every token.
        """
        if self.precision == "float32":
            return self._turned(self.held(weights.astype(np.float32), name))
        values, scales = rounded(weights)
        held = self._turned(self.held(values, name)), self.held(scales, f"{name}.scale")
        return self.add("DequantizeLinear", *held, axis=1)

    def gates(self, name: str, weights: np.ndarray) -> Value:
        """Weights (O, I) of an LSTM or GRU, which has them as (1, O, I)."""
        if self.precision == "float32":
            return self.held(weights.astype(np.float32)[None], name)
        values, scales = rounded(weights)
        held = self.held(values[None], name), self.held(scales, f"{name}.scale")
        return self.add("DequantizeLinear", *held, axis=1)

    def rows(self, ids: Value, name: str) -> Value:
        """The rows `ids` (N, M) of a matrix (O, I) that is held already: (N, M, I)."""
        rows = self.add("Gather", name, ids)
        if self.precision == "float32":
            return rows
        # Scales that are shared would keep ONNX Runtime from a product by eight bits: a copy of them
        scales = self.add("Gather", self.held(self._held[f"{name}.scale"]), ids)
        scales = self.add("Unsqueeze", scales, self.sizes(-1))
        return self.add("Mul", self.add("Cast", rows, to=self.onnx.TensorProto.FLOAT), scales)

    def _turned(self, name: str) -> Value:
        return self.add("Transpose", name, perm=[1, 0])

    def to_bytes(self, name: str) -> bytes:
        """The whole model, with its weights inside."""
        made = self.onnx.helper
        weights = [self.onnx.numpy_helper.from_array(value, key) for key, value in self._held.items()]
        graph = made.make_graph(self._nodes, name, *self._ends, weights)
        model = made.make_model(graph, opset_imports=[made.make_opsetid("", OPSET)], ir_version=IR)
        whole: bytes = model.SerializeToString()
        return whole

    def _described(self, name: str, sizes: Sizes, kind: type) -> Any:
        helper = self.onnx.helper
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), sizes)


def masked(graph: Graph, logits: Value, *, tokens: int, never: int) -> Value:
    """Logits (..., V) with that of one token at minus infinity, where there is such a token (not -1)."""
    if never < 0:
        return logits
    places = np.zeros(tokens, np.float32)
    places[never] = -np.inf
    return graph.add("Add", logits, graph.held(places))


def rounded(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (O, I) as int8, and the scale (O,) of each output channel, as `matrices.Eighth` rounds them."""
    top = np.abs(weights).max(1, keepdims=True)
    scales = np.where(top > 0, top / 127, 1).astype(np.float32)
    return np.round(weights / scales).astype(np.int8), scales[:, 0]


def widened(weights: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """One of the weights in float32. Raises KeyError."""
    return np.asarray(weights[name], np.float32)


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ModuleNotFoundError as problem:
        raise MissingExtra("export to .onnx", problem.name or "onnx", "train") from problem
    return onnx
