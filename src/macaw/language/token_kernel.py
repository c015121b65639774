"""One token through a whole Transformer, as numba compiles it; imported only where that is asked for.

Between two products of a small network Python alone takes longer than reading int8 weights does: here nothing
stands between them. Large products are shared by all threads. Weights are float32, or int8, or the bits
of float16 as uint16, which are turned into floats sixteen at a time; each output is scaled.

Of many texts, a token of each goes through a block in two calls, with a call for each text's attention in
between: a weight is read once for all. It is all one module, since numba keeps the code it made until the
file of the calling function changes.

Shapes: B texts, L blocks, D width, H heads of queries, G of keys and values, K channels of a head, F hidden
channels, P positions, V vocabulary, O outputs, I inputs
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.extending import overload

from macaw.language.shapes import EPSILON

_SHARED = 1 << 18  # weights from which the threads are worth their start
_TILE = 16  # outputs that are computed of all texts before the next
_FAST: dict[str, Any] = {"fastmath": True, "nogil": True, "cache": True, "error_model": "numpy"}
Function = TypeVar("Function", bound=Callable[..., Any])
_ONE, _EPSILON = np.float32(1), np.float32(EPSILON)
_TO_SINGLE = np.float32(2.0 ** (127 - 15))


def _plain(function: Function) -> Function:
    """As machine code, kept on disk; it lets other threads run."""
    return cast(Function, numba.njit(**_FAST)(function))


def _threaded(function: Function) -> Function:
    """The same, with its `prange` shared by all threads."""
    return cast(Function, numba.njit(parallel=True, **_FAST)(function))


def _float(weight: Any) -> Any:
    """A weight as float32; numba takes what is below for its type."""
    return np.float32(weight)


@overload(_float)
def _float_of(weight: Any) -> Callable[[Any], Any]:
    def plain(weight: Any) -> Any:
        return np.float32(weight)

    def half(weight: Any) -> Any:
        # Its digits stand 13 places on in float32, whose exponent is 127 above, not 15
        digits = ((weight & 0x8000) << 16) | ((weight & 0x7FFF) << 13)
        return np.uint32(digits).view(np.float32) * _TO_SINGLE

    return half if weight == numba.uint16 else plain


@_plain
def _row(weights: np.ndarray, x: np.ndarray) -> Any:
    total = np.float32(0)
    for i in range(len(x)):
        total += _float(weights[i]) * x[i]
    return total


@_threaded
def _shared(weights: np.ndarray, scales: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    for o in numba.prange(len(weights)):
        out[o] = scales[o] * _row(weights[o], x)


@_plain
def product(weights: np.ndarray, scales: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """Weights (O, I) * scales (O,) times x (I,) float32, into out (O,)."""
    if weights.size >= _SHARED:
        _shared(weights, scales, x, out)
    else:
        for o in range(len(weights)):
            out[o] = scales[o] * _row(weights[o], x)


@_plain
def _unpack(weights: np.ndarray, held: np.ndarray) -> None:
    for i in range(len(held)):
        held[i] = _float(weights[i])


@_plain
def _tile(first: int, weights: np.ndarray, scales: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """Some outputs of all texts: what is written stands together."""
    held = np.empty(x.shape[1], np.float32)
    for o in range(first, min(first + _TILE, len(weights))):
        _unpack(weights[o], held)
        for b in range(len(x)):
            out[b, o] = scales[o] * _row(held, x[b])


@_threaded
def _shared_by_many(weights: np.ndarray, scales: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    for tile in numba.prange((len(weights) + _TILE - 1) // _TILE):
        _tile(tile * _TILE, weights, scales, x, out)


@_plain
def products(weights: np.ndarray, scales: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """`product` of each x (B, I), into out (B, O); the weights are read once."""
    if weights.size >= _SHARED:
        _shared_by_many(weights, scales, x, out)
    else:
        for first in range(0, len(weights), _TILE):
            _tile(first, weights, scales, x, out)


@_plain
def _normed(x: np.ndarray, gain: np.ndarray, out: np.ndarray) -> None:
    scale = _ONE / np.float32(math.sqrt(_row(x, x) / np.float32(len(x)) + _EPSILON))
    for i in range(len(x)):
        out[i] = x[i] * scale * gain[i]


@_plain
def _turned(x: np.ndarray, cos: np.ndarray, sin: np.ndarray, out: np.ndarray) -> None:
    half = len(cos)
    for i in range(half):
        a, b = x[i], x[i + half]
        out[i] = a * cos[i] - b * sin[i]
        out[i + half] = b * cos[i] + a * sin[i]


@_plain
def _look(query: np.ndarray, keys: np.ndarray, values: np.ndarray, out: np.ndarray) -> None:
    """One head: query (K,), keys and values (P, K), into out (K,)."""
    shares = np.empty(len(keys), np.float32)
    scale, top = _ONE / np.float32(math.sqrt(len(query))), np.float32(-np.inf)
    for p in range(len(keys)):
        shares[p] = _row(keys[p], query) * scale
        top = max(top, shares[p])
    out[:] = np.float32(0)
    total = np.float32(0)
    for p in range(len(keys)):
        share = np.float32(math.exp(shares[p] - top))
        total += share
        for i in range(len(out)):
            out[i] += share * values[p, i]
    for i in range(len(out)):
        out[i] /= total


def set_threads(count: int) -> None:
    """How many threads share what is shared, of calls from this thread."""
    numba.set_num_threads(count)


@_threaded
def _look_shared(queries: np.ndarray, pairs: np.ndarray, end: int, out: np.ndarray) -> None:
    times = len(queries) // pairs.shape[1]
    for h in numba.prange(len(queries)):
        _look(queries[h], pairs[0, h // times, :end], pairs[1, h // times, :end], out[h])


@_plain
def _attend(queries: np.ndarray, pairs: np.ndarray, end: int, out: np.ndarray) -> None:
    """Queries (H, K), pairs (2, G, context, K) of which the first `end` positions count, into out (H, K)."""
    times = len(queries) // pairs.shape[1]
    if queries.size * end >= _SHARED:
        _look_shared(queries, pairs, end, out)
    else:
        for h in range(len(queries)):
            _look(queries[h], pairs[0, h // times, :end], pairs[1, h // times, :end], out[h])


@_plain
def _activate(x: np.ndarray, hidden: np.ndarray, gated: Any) -> None:
    """SwiGLU of x (2 F,), or squares of x (F,) where it is above 0, into hidden (F,)."""
    size = len(hidden)
    for i in range(size):
        if gated:
            hidden[i] = x[i] / (_ONE + np.float32(math.exp(-x[i]))) * x[i + size]
        else:
            hidden[i] = max(x[i], np.float32(0)) ** 2


@_plain
def _project(heads: np.ndarray, gain: np.ndarray, normed: Any, angles: Any, out: np.ndarray) -> None:
    """Norm, where the network does, and turn: heads (N, K), into out (N, K)."""
    held = np.empty(heads.shape[1], np.float32)
    for h in range(len(heads)):
        if normed:
            _normed(heads[h], gain, held)
        else:
            held[:] = heads[h]
        _turned(held, angles[0], angles[1], out[h])


@_plain
def token(
    x: np.ndarray, matrices: Any, gains: Any, store: np.ndarray, place: int, how: Any, logits: np.ndarray
) -> None:
    """One token, x (D,), at `place`; x is changed, keys and values into store (L, 2, G, context, K).

    `matrices`: qkv, out, up, down of all blocks (L, O, I), and the output (V, D), each with scales; `gains`:
    of the norms before both halves (L, D), of queries and keys (L, K), and the last (D,); `how`: gated,
    normed, cos and sin (K / 2,) of the place, H.
    """
    (qkv, qkv_scales), (out, out_scales), (up, up_scales), (down, down_scales), (last, last_scales) = matrices
    gated, normed, cos, sin, count = how
    groups, size, width = store.shape[2], store.shape[4], len(x)
    held, turned, after = (
        np.empty(width, np.float32),
        np.empty((count, size), np.float32),
        np.empty(width, np.float32),
    )
    heads = np.empty((count + 2 * groups, size), np.float32)
    seen = np.empty((count, size), np.float32)
    inner, hidden = np.empty(up.shape[1], np.float32), np.empty(down.shape[2], np.float32)
    for block in range(len(qkv)):
        _normed(x, gains[0][block], held)
        product(qkv[block], qkv_scales[block], held, heads.reshape(-1))
        _project(heads[:count], gains[2][block], normed, (cos, sin), turned)
        _project(
            heads[count : count + groups], gains[3][block], normed, (cos, sin), store[block, 0, :, place]
        )
        store[block, 1, :, place] = heads[count + groups :]
        _attend(turned, store[block], place + 1, seen)
        product(out[block], out_scales[block], seen.reshape(-1), after)
        x += after
        _normed(x, gains[1][block], held)
        product(up[block], up_scales[block], held, inner)
        _activate(inner, hidden, gated)
        product(down[block], down_scales[block], hidden, after)
        x += after
    _normed(x, gains[4], held)
    product(last, last_scales, held, logits)


@_plain
def before(block: int, x: np.ndarray, matrices: Any, gains: Any, how: Any, heads: np.ndarray) -> None:
    """What a block does until its tokens look back: x (B, D), into heads (B, H + 2 G, K).

    They are queries and keys, turned, and values. `how`: normed, cos and sin (B, K / 2) of the places, H.
    """
    (weights, scales), (normed, cos, sin, count) = matrices[0], how
    held, keys = np.empty_like(x), (heads.shape[1] - count) // 2
    for b in range(len(x)):
        _normed(x[b], gains[0][block], held[b])
    products(weights[block], scales[block], held, heads.reshape(len(x), -1))
    for b in range(len(x)):
        queries, others = heads[b, :count], heads[b, count : count + keys]
        _project(queries, gains[2][block], normed, (cos[b], sin[b]), queries)
        _project(others, gains[3][block], normed, (cos[b], sin[b]), others)


@_plain
def look(block: int, heads: np.ndarray, store: np.ndarray, place: int, seen: np.ndarray) -> None:
    """One text's token at `place`: heads (H + 2 G, K), with store (L, 2, G, context, K), into seen (H, K)."""
    count, keys = len(seen), store.shape[2]
    store[block, 0, :, place] = heads[count : count + keys]
    store[block, 1, :, place] = heads[count + keys :]
    _attend(heads[:count], store[block], place + 1, seen)


@_plain
def after(block: int, x: np.ndarray, seen: np.ndarray, matrices: Any, gains: Any, gated: Any) -> None:
    """What a block does once its tokens have looked: x (B, D) is changed by seen (B, H, K)."""
    (out, out_scales), (up, up_scales), (down, down_scales) = matrices[1], matrices[2], matrices[3]
    texts, held = len(x), np.empty_like(x)
    inner, hidden = np.empty((texts, up.shape[1]), np.float32), np.empty((texts, down.shape[2]), np.float32)
    products(out[block], out_scales[block], seen.reshape(texts, -1), held)
    x += held
    for b in range(texts):
        _normed(x[b], gains[1][block], held[b])
    products(up[block], up_scales[block], held, inner)
    for b in range(texts):
        _activate(inner[b], hidden[b], gated)
    products(down[block], down_scales[block], hidden, held)
    x += held


@_plain
def said(x: np.ndarray, matrices: Any, gains: Any, logits: np.ndarray) -> None:
    """What streams x (B, D) say after the last block, into logits (B, V)."""
    (weights, scales), held = matrices[4], np.empty_like(x)
    for b in range(len(x)):
        _normed(x[b], gains[4], held[b])
    products(weights, scales, held, logits)
