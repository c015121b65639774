"""A Transformer as an ONNX graph that remembers: keys and values of the past go in, and come out longer.

Step by step what `macaw.language.transformer` does, with the angles reckoned from the positions, so that one
graph serves a prompt, a single token after it, and many texts side by side.

Shapes: B texts, T positions, P past positions, D width, H heads of queries, G of keys and values, K channels
of a head, F hidden channels, V vocabulary
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from macaw.language.onnx_graph import Graph, Value, masked, widened
from macaw.language.shapes import EPSILON, TransformerShape

Weights = Mapping[str, np.ndarray]


class _Places(NamedTuple):
    """What all blocks know of the positions."""

    cos: Value  # (T, K / 2)
    sin: Value
    mask: Value  # (T, P + T): 0 where a position may look, minus infinity where not


def transformer_graph(shape: TransformerShape, weights: Weights, *, precision: str = "float32") -> bytes:
    """Inputs `ids` (B, T) and `past.I.keys`, `past.I.values` (B, G, P, K) of each block I, where P may be 0.

    Outputs `logits` (B, T, V), and of each block `present.I.keys`, `present.I.values` (B, G, P + T, K), which
    are the past of the next call. Raises KeyError for a weight that is missing, MissingExtra.
    """
    graph = Graph(precision)
    ids = graph.input("ids", ("B", "T"), np.int64)
    pairs = [
        [graph.input(f"past.{i}.{name}", ("B", shape.pairs, "P", shape.head)) for name in ("keys", "values")]
        for i in range(shape.depth)
    ]
    places = _places(graph, shape, ids, pairs[0][0])
    embedding = graph.matrix("embedding.weight", weights["embedding.weight"])
    x = graph.rows(ids, "embedding.weight")  # (B, T, D)
    present = []
    for i, past in enumerate(pairs):
        block = _Block(graph, shape, weights, i)
        seen, pair = block.attend(x, places, past)
        x = graph.add("Add", x, seen)
        x = graph.add("Add", x, block.feed_forward(x))
        present.append(pair)
    logits = graph.add("MatMul", _normed(graph, x, widened(weights, "norm.gain"), "norm.gain"), embedding)
    graph.output(_said(graph, shape, logits), "logits", ("B", "T", shape.tokens))
    for i, pair in enumerate(present):
        for name, value in zip(("keys", "values"), pair, strict=True):
            graph.output(value, f"present.{i}.{name}", ("B", shape.pairs, "P + T", shape.head))
    return graph.to_bytes("transformer")


def _places(graph: Graph, shape: TransformerShape, ids: Value, keys: Value) -> _Places:
    """Angles and mask of T positions after P."""
    zero, one = (graph.held(np.array(number, np.int64)) for number in (0, 1))

    def size(value: Value, axis: int) -> Value:
        return graph.add("Gather", graph.add("Shape", value), graph.held(np.array(axis, np.int64)))

    start = size(keys, 2)
    end = graph.add("Add", start, size(ids, 1))
    here = graph.add("Unsqueeze", graph.add("Range", start, end, one), graph.sizes(1))  # (T, 1)
    there = graph.add("Unsqueeze", graph.add("Range", zero, end, one), graph.sizes(0))  # (1, P + T)
    mask = graph.add(
        "Where", graph.add("GreaterOrEqual", here, there), graph.number(0), graph.number(-np.inf)
    )
    rates = shape.theta ** (-np.arange(0, shape.head, 2, dtype=np.float32) / shape.head)
    places = graph.add("Cast", here, to=graph.onnx.TensorProto.FLOAT)
    turns = graph.add("Mul", places, graph.held(rates.astype(np.float32)[None]))  # (T, K / 2)
    return _Places(graph.add("Cos", turns), graph.add("Sin", turns), mask)


class _Block:
    """One block: the two halves, each without what passes by."""

    def __init__(self, graph: Graph, shape: TransformerShape, weights: Weights, index: int) -> None:
        self.graph, self.shape, self._weights, self._at = graph, shape, weights, f"blocks.{index}."

    def attend(self, x: Value, places: _Places, past: list[Value]) -> tuple[Value, tuple[Value, Value]]:
        """(B, T, D) -> (B, T, D), and keys and values (B, G, P + T, K)."""
        g, s = self.graph, self.shape
        widths = g.sizes(s.heads * s.head, s.pairs * s.head, s.pairs * s.head)
        heads = self._over("attention.qkv.weight", self._norm(x, "norm.gain"))  # (B, T, (H + 2 G) K)
        q, k, v = g.several("Split", 3, heads, widths, axis=2)
        q = self._turned(self._heads(q, s.heads), "attention.query_norm.gain", places)  # (B, H, T, K)
        k = self._turned(self._heads(k, s.pairs), "attention.key_norm.gain", places)
        k = g.add("Concat", past[0], k, axis=2)  # (B, G, P + T, K)
        v = g.add("Concat", past[1], self._heads(v, s.pairs), axis=2)
        q = g.add("Reshape", q, g.sizes(0, s.pairs, s.heads // s.pairs, -1, s.head))  # (B, G, H / G, T, K)
        every_k, every_v = (g.add("Unsqueeze", each, g.sizes(2)) for each in (k, v))
        scores = g.add("MatMul", q, g.add("Transpose", every_k, perm=[0, 1, 2, 4, 3]))
        scores = g.add("Add", g.add("Mul", scores, g.number(s.head**-0.5)), places.mask)
        seen = g.add("MatMul", g.add("Softmax", scores, axis=-1), every_v)
        seen = g.add("Reshape", seen, g.sizes(0, s.heads, -1, s.head))
        seen = g.add("Reshape", g.add("Transpose", seen, perm=[0, 2, 1, 3]), g.sizes(0, 0, s.width))
        return self._over("attention.out.weight", seen), (k, v)

    def feed_forward(self, x: Value) -> Value:
        """(B, T, D) -> (B, T, D)."""
        g, s = self.graph, self.shape
        x = self._over("feed_forward.up.weight", self._norm(x, "forward_norm.gain"))
        if s.activation == "swiglu":
            gate, x = g.several("Split", 2, x, g.sizes(s.hidden, s.hidden), axis=2)
            x = g.add("Mul", g.add("Mul", gate, g.add("Sigmoid", gate)), x)
        else:
            x = g.add("Relu", x)
            x = g.add("Mul", x, x)
        return self._over("feed_forward.down.weight", x)

    def _over(self, name: str, x: Value) -> Value:
        weights = self.graph.matrix(self._at + name, self._weights[self._at + name])
        return self.graph.add("MatMul", x, weights)

    def _norm(self, x: Value, name: str) -> Value:
        return _normed(self.graph, x, widened(self._weights, self._at + name), self._at + name)

    def _heads(self, x: Value, count: int) -> Value:
        """(B, T, count * K) -> (B, count, T, K)."""
        apart = self.graph.add("Reshape", x, self.graph.sizes(0, 0, count, self.shape.head))
        return self.graph.add("Transpose", apart, perm=[0, 2, 1, 3])

    def _turned(self, heads: Value, gain: str, places: _Places) -> Value:
        """Normed where the network does, and turned by the angles of their positions."""
        g, half = self.graph, self.shape.head // 2
        if self.shape.qk_norm == "yes":
            heads = self._norm(heads, gain)
        a, b = g.several("Split", 2, heads, g.sizes(half, half), axis=3)
        left = g.add("Sub", g.add("Mul", a, places.cos), g.add("Mul", b, places.sin))
        right = g.add("Add", g.add("Mul", b, places.cos), g.add("Mul", a, places.sin))
        return g.add("Concat", left, right, axis=3)


def _normed(graph: Graph, x: Value, gain: np.ndarray, name: str) -> Value:
    """X / root of its mean square * gain, over the last axis."""
    squares = graph.add("Pow", x, graph.number(2))
    mean = graph.add("ReduceMean", squares, axes=[-1], keepdims=1)
    root = graph.add("Sqrt", graph.add("Add", mean, graph.number(EPSILON)))
    return graph.add("Mul", graph.add("Div", x, root), graph.held(gain, name))


def _said(graph: Graph, shape: TransformerShape, logits: Value) -> Value:
    """Logits (B, T, V) as the model says them."""
    if cap := shape.softcap:
        held = graph.number(cap)
        logits = graph.add("Mul", graph.add("Tanh", graph.add("Div", logits, held)), held)
    return masked(graph, logits, tokens=shape.tokens, never=shape.never)
