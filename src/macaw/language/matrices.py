"""Matrices of a network that runs without torch: products with one vector, where only bytes moved count.

A token at a time reads every weight once, so half the bytes is nearly half the time. In single precision a
product is BLAS's; with weights of int8 (a scale for each output channel) or float16 it is a small kernel of
numba's, which turns some into floats while the next are fetched. Products with many vectors are bound by
arithmetic instead: with more than a few, all weights are turned into floats once, and BLAS does the rest.

Shapes: O outputs, I inputs, T vectors
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Protocol

import numpy as np

from macaw.errors import MissingExtra, UnknownName, did_you_mean
from macaw.machine import cpu_count

PRECISIONS = ("float32", "int8")
_FEW = 32  # vectors up to which the kernel beats turning all weights into floats


class Matrix(Protocol):
    """A linear map, ready to be used token by token."""

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        """(I,) -> (O,), or (T, I) -> (T, O), float32."""
        ...


class Single:
    """Weights (O, I) in single precision."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = self.weights @ x if x.ndim == 1 else x @ self.weights.T
        return found


class Packed:
    """Weights (O, I) in fewer bytes, with a scale for each output channel; the kernel unpacks them."""

    def __init__(self, weights: np.ndarray, scales: np.ndarray) -> None:
        self.weights, self.scales = weights, scales  # (O, I) int8 or uint16, (O,)
        self._kernels = kernels()

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        if len(x) <= _FEW or x.ndim == 1:
            out = np.empty((*x.shape[:-1], len(self.weights)), np.float32)
            product = self._kernels.product if x.ndim == 1 else self._kernels.products
            product(self.weights, self.scales, np.ascontiguousarray(x), out)
            return out
        found: np.ndarray = (x @ self.unpacked().T) * self.scales
        return found

    def unpacked(self) -> np.ndarray:
        """(O, I) float32, without the scales."""
        return self.weights.astype(np.float32)


class Eighth(Packed):
    """Weights (O, I) as int8; a quarter of the bytes.

    The scale maps the largest weight of a channel to 127, so an error is at most 1/254 of that weight.
    """

    @classmethod
    def rounded(cls, weights: np.ndarray) -> Eighth:
        """The nearest to weights (O, I) in single precision."""
        top = np.abs(weights).max(1, keepdims=True)
        scales = np.where(top > 0, top / 127, 1).astype(np.float32)
        return cls(np.ascontiguousarray(np.round(weights / scales).astype(np.int8)), scales[:, 0].copy())


class Half(Packed):
    """Weights (O, I) as the bits of float16, as saved models have them: half the bytes, nothing is lost."""

    @staticmethod
    def bits(weights: np.ndarray) -> np.ndarray | None:
        """(...) uint16 of weights in single precision; None where they are not all of half of it."""
        with np.errstate(over="ignore"):
            halves = weights.astype(np.float16)
        return halves.view(np.uint16) if (halves == weights).all() else None

    def unpacked(self) -> np.ndarray:
        """(O, I) float32."""
        return self.weights.view(np.float16).astype(np.float32)


def matrix(weights: np.ndarray, precision: str = "float32") -> Matrix:
    """A Matrix of weights (O, I).

    Raises UnknownName for another precision, MissingExtra where int8 is asked for without numba.
    """
    if precision not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise UnknownName(f"no precision '{precision}': {known}.{did_you_mean(precision, PRECISIONS)}")
    return Single(weights) if precision == "float32" else Eighth.rounded(weights)


def over(product: Matrix, x: np.ndarray) -> np.ndarray:
    """(T, I) -> (T, O); one position takes the way of a vector, which reads the weights once."""
    return (product @ x[0])[None] if len(x) == 1 else product @ x


@cache
def kernels() -> ModuleType:
    """The module of compiled kernels, imported when first asked for. Raises MissingExtra."""
    try:
        import numba
    except ModuleNotFoundError as problem:
        raise MissingExtra("int8, and the engine 'compiled',", "numba", "train") from problem
    from macaw.language import token_kernel

    numba.set_num_threads(most_threads())
    return token_kernel


def most_threads() -> int:
    """Threads that compiled loops may have: as many as there are processors, or as numba was told."""
    import numba

    return int(min(cpu_count(), numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
