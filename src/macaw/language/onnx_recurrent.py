"""A recurrent network as an ONNX graph that remembers: the hidden state goes in, and the next comes out.

LSTM and GRU are operators of ONNX; they have the gates in another order than torch, and read positions first.
They take no weights of eight bits: with int8 the file is a quarter as large, and no faster.

Shapes: B texts, T positions, D width of the state, E channels of a token, V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from macaw.language.onnx_graph import Graph, Value, masked, widened
from macaw.language.shapes import RecurrentShape

# Of each gate of ONNX, its place in torch: input, output, forget, cell; update, reset, new
_GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
STATES = {"lstm": ("hidden", "cell"), "gru": ("hidden",)}
Weights = Mapping[str, np.ndarray]


def recurrent_graph(shape: RecurrentShape, weights: Weights, *, precision: str = "float32") -> bytes:
    """Inputs `ids` (B, T) and of each layer I `past.I.hidden`, of an LSTM `past.I.cell` too, (B, D); first 0.

    Outputs `logits` (B, T, V) and `present.I.hidden`, `present.I.cell` (B, D), which are the past of the next
    call. Raises KeyError for a weight that is missing, MissingExtra.
    """
    graph, names = Graph(precision), STATES[shape.cell]
    ids = graph.input("ids", ("B", "T"), np.int64)
    pasts = [
        [graph.input(f"past.{i}.{name}", ("B", shape.width)) for name in names] for i in range(shape.depth)
    ]
    embedding = graph.matrix("embedding.weight", weights["embedding.weight"])
    x = graph.rows(graph.add("Transpose", ids, perm=[1, 0]), "embedding.weight")  # (T, B, E)
    present = []
    for i, past in enumerate(pasts):
        x, after = _layer(graph, shape, weights, i, (x, *past))
        present.append(after)
    x = graph.add("Transpose", x, perm=[1, 0, 2])  # (B, T, D)
    if "project.weight" in weights:
        project = graph.matrix("project.weight", weights["project.weight"])
        x = _affine(graph, x, project, weights, "project.bias")
    out = graph.matrix("out", weights["out"]) if "out" in weights else embedding
    logits = _affine(graph, x, out, weights, "out_bias")
    logits = masked(graph, logits, tokens=shape.tokens, never=shape.never)
    graph.output(logits, "logits", ("B", "T", shape.tokens))
    for i, states in enumerate(present):
        for name, value in zip(names, states, strict=True):
            graph.output(value, f"present.{i}.{name}", ("B", shape.width))
    return graph.to_bytes("recurrent")


def _layer(
    graph: Graph, shape: RecurrentShape, weights: Weights, index: int, given: tuple[Value, ...]
) -> tuple[Value, list[Value]]:
    """X (T, B, E or D) and its state, each (B, D) -> (T, B, D) and the state after it."""
    at, first = f"cells.{index}.", graph.sizes(0)
    x, *past = given
    matrices = [graph.gates(at + name, _gates(shape, weights[at + name])) for name in ("input", "recurrent")]
    biases = [_gates(shape, widened(weights, at + name)) for name in ("input_bias", "recurrent_bias")]
    bias = graph.held(np.concatenate(biases)[None], at + "bias")
    states = [graph.add("Unsqueeze", one, first) for one in past]
    # A GRU of torch resets what the state gives, not the state
    how = {"hidden_size": shape.width} | ({"linear_before_reset": 1} if shape.cell == "gru" else {})
    operator = shape.cell.upper()
    x, *after = graph.several(operator, 1 + len(states), x, *matrices, bias, "", *states, **how)
    x = graph.add("Squeeze", x, graph.sizes(1))  # of its one direction
    return x, [graph.add("Squeeze", one, first) for one in after]


def _gates(shape: RecurrentShape, weights: np.ndarray) -> np.ndarray:
    """(gates * D, ...) in ONNX's order."""
    parts = np.split(weights, shape.gates)
    return np.concatenate([parts[place] for place in _GATES[shape.cell]])


def _affine(graph: Graph, x: Value, matrix: Value, weights: Weights, bias: str) -> Value:
    return graph.add("Add", graph.add("MatMul", x, matrix), graph.held(widened(weights, bias), bias))
