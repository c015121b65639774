"""How an n-gram lies on disk: whole, ready to be mapped into memory, or small, to be estimated again.

Whole, every entry has its word, probability, backoff and both counts, 20 bytes or so. Small, it has its word,
its count in a byte and how many entries go on from it, 3 bytes: what follows from the counts is not stored.
Counts beyond a byte's 256 values are rounded by at most a few percent; the probabilities still add up to one
exactly, since they are estimated from the rounded counts.

Shapes: E entries of an order, P contexts
"""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError, ModelError
from macaw.language.counts import Level, edges, linked, smallest
from macaw.language.kneser_ney import Estimated, Tree, estimate
from macaw.language.vocabulary import Vocabulary

NAME = "model.safetensors"
_EXACT = 128  # counts below it are kept as they are


def packed(parts: Estimated, *, small: bool) -> dict[str, np.ndarray]:
    """The arrays of a model's file, by name and order.

    Raises InputError for a small form of a model without counts.
    """
    arrays = _packed_levels(parts.levels, small=small)
    if parts.tree is not None:
        arrays |= _packed_tree(parts.tree, small=small)
    elif small:
        raise InputError(
            "the small form is made of counts, which this n-gram has not; save it in the form 'whole'"
        )
    if not small:
        arrays |= {f"logp.{n}": one for n, one in enumerate(parts.logp, start=1)}
        arrays |= {f"backoff.{n}": one for n, one in enumerate(parts.backoff, start=1)}
        arrays |= {f"seen.{n}": smallest(one) for n, one in enumerate(parts.seen or (), start=1)}
    return arrays


def unpacked(arrays: dict[str, np.ndarray], order: int, vocabulary: Vocabulary) -> Estimated:
    """What `packed` packed. Raises KeyError, IndexError or ModelError where the arrays do not fit."""
    levels = _unpacked_levels(arrays, order, len(vocabulary))
    tree = _unpacked_tree(arrays, levels) if "discounts" in arrays else None
    seen = tuple(arrays[f"seen.{n}"] for n in range(1, order + 1)) if "seen.1" in arrays else None
    if "logp.1" in arrays or tree is None:
        logp = tuple(arrays[f"logp.{n}"] for n in range(1, order + 1))
        backoff = tuple(arrays[f"backoff.{n}"] for n in range(1, order))
    else:
        logp, backoff = estimate(tree, linked(levels), vocabulary.begin)
    if len(logp[0]) != len(vocabulary):
        raise ModelError(f"{len(logp[0])} tokens where the vocabulary has {len(vocabulary)}")
    return Estimated(levels, logp, backoff, tree, seen)


def coded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (E,) as uint8 places in a table of at most 256 values, and the table; small ones are exact."""
    book = np.unique(values).astype(np.int64)
    if len(book) > 256:
        steps = np.rint(np.geomspace(_EXACT, book[-1], 256 - _EXACT)).astype(np.int64)
        book = np.unique(np.concatenate([np.arange(_EXACT), steps]))
    middles = (book[1:] + book[:-1]) / 2
    return np.searchsorted(middles, values, side="right").astype(np.uint8), book


def _packed_levels(levels: tuple[Level, ...], *, small: bool) -> dict[str, np.ndarray]:
    """Words of all orders but the first, and where the entries of each context start, or how many it has."""
    packed = {}
    for n, level in enumerate(levels[1:], start=2):
        packed[f"words.{n}"] = level.words
        packed[f"first.{n}"] = level.first
        if small:
            del packed[f"first.{n}"]
            packed[f"degree.{n}"] = smallest(level.degrees())
    return packed


def _unpacked_levels(arrays: dict[str, np.ndarray], order: int, size: int) -> tuple[Level, ...]:
    """The levels of `_packed_levels`, of a vocabulary of `size`."""
    levels = [Level(np.arange(size), np.array([0, size]))]
    for n in range(2, order + 1):
        first = arrays.get(f"first.{n}")
        levels.append(Level(arrays[f"words.{n}"], edges(arrays[f"degree.{n}"]) if first is None else first))
    return tuple(levels)


def _packed_tree(tree: Tree, *, small: bool) -> dict[str, np.ndarray]:
    """Counts, pruned counts where there are any, and discounts."""
    packed = {"discounts": tree.discounts}
    for n, (used, lost) in enumerate(zip(tree.used, tree.lost, strict=True), start=1):
        parts = {f"used.{n}": used, f"lost.{n}": lost} if lost.any() else {f"used.{n}": used}
        for name, values in parts.items():
            if small:
                packed[name], packed[f"book.{name}"] = coded(values)
            else:
                packed[name] = smallest(values)
    return packed


def _unpacked_tree(arrays: dict[str, np.ndarray], levels: tuple[Level, ...]) -> Tree:
    """The tree of `_packed_tree`."""

    def values(name: str, count: int) -> np.ndarray:
        if name not in arrays:
            return np.broadcast_to(np.int64(0), (count,))
        return arrays[f"book.{name}"][arrays[name]] if f"book.{name}" in arrays else arrays[name]

    used = tuple(values(f"used.{n}", len(level)) for n, level in enumerate(levels, start=1))
    lost = tuple(values(f"lost.{n}", len(level.first) - 1) for n, level in enumerate(levels, start=1))
    return Tree(levels, used, lost, arrays["discounts"])
