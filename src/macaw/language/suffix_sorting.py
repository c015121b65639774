"""Suffix sorting: the order of all suffixes of a text, in linear time and five bytes of memory a symbol.

SA-IS of Nong, Zhang and Chan 2011 (DOI 10.1109/TC.2010.188): a suffix is of type S when it is smaller than
the one behind it, else of type L. Those of type S that follow one of type L ("valleys" here, LMS in the
paper) are at most half of all. Once they are in order, one walk up the array puts every L in its place and
one walk down every S. To order the valleys, the same two walks order the pieces between them, each piece is
given a name by its rank, and the text of names, at most half as long, is sorted in the same way. It uses the
part of the array that is still free, so that there is never more than the text, the array and the counts of
the symbols.

A walk looks at the text where the last one did not, which is what takes the time; every entry therefore
keeps in its sign whether the next walk has anything to do with it.

Shapes: N symbols, A alphabet, M valleys
"""

from __future__ import annotations

import numpy as np

from macaw.language.compiled import FAST, compiled


def suffix_order(text: np.ndarray, alphabet: int) -> np.ndarray:
    """(N,) where the suffixes of `text` (N,) start, the smallest suffix first.

    Symbols are 0 .. alphabet - 1; a suffix that ends is smaller than one that goes on. int32, and int64 from
    2^31 symbols on. Without numba it is sorted by doubling, which takes about ten times as long and as much
    memory.
    """
    if not FAST:
        return doubled_order(text)
    order = np.empty(len(text), np.int32 if len(text) < 2**31 else np.int64)
    if len(text):
        _sort(text, order, alphabet)
    return order


def doubled_order(text: np.ndarray) -> np.ndarray:
    """The same by prefix doubling (Manber and Myers 1993, DOI 10.1137/0222058), with numpy's sort.

    Suffixes ordered by their first h symbols are ordered by 2h: the rank of a suffix, then that of the
    suffix h symbols on. N log N for each of the doublings, of which the longest repeat takes its logarithm.
    """
    size, reach = len(text), 1
    rank = np.asarray(text, np.int64)
    order = np.argsort(rank, kind="stable")
    while size:
        second = np.zeros(size, np.int64)  # 0: the text has ended
        second[:-reach] = rank[reach:] + 1
        key = rank * (size + int(rank.max()) + 2) + second
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        rank[order] = np.cumsum(np.concatenate([[0], ordered[1:] != ordered[:-1]]))
        if rank[order[-1]] == size - 1:
            break
        reach *= 2
    return order.astype(np.int32 if size < 2**31 else np.int64)


def _sort(text: np.ndarray, space: np.ndarray, alphabet: int) -> None:
    """Put the order of `text` into the first N entries of `space`, all of which is used."""
    order = space[: len(text)]
    bounds = np.zeros(
        alphabet + 1, space.dtype
    )  # suffixes that start with symbol s: bounds[s] .. bounds[s + 1]
    _count(text, bounds[1:])
    np.cumsum(bounds, out=bounds)
    _seed(text, order, bounds[1:].copy())
    _walk(text, order, bounds[:-1].copy(), bounds[1:].copy())
    valleys = _gather(text, order)
    _measure(text, order, valleys)
    names = _name(text, order, valleys)
    reduced = space[len(space) - valleys :]
    if names < valleys:
        _compact(order, reduced)
        _sort(reduced, space[: len(space) - valleys], names)
        _list_valleys(text, reduced)
        order[:valleys] = reduced[order[:valleys]]
    _plant(text, order, valleys, bounds[1:].copy())
    _walk(text, order, bounds[:-1].copy(), bounds[1:].copy())


@compiled
def _count(text: np.ndarray, counts: np.ndarray) -> None:
    for symbol in text:
        counts[symbol] += 1


@compiled
def _seed(text: np.ndarray, order: np.ndarray, tails: np.ndarray) -> None:
    """Every valley at the end of its symbol's part, in any order; 0 elsewhere, where no valley is."""
    order[:] = 0
    rises = False  # whether the suffix at i + 1 is of type S; the last is of type L
    for i in range(len(text) - 2, -1, -1):
        if text[i] < text[i + 1] or (rises and text[i] == text[i + 1]):
            rises = True
        elif rises:
            rises = False
            tails[text[i + 1]] -= 1
            order[tails[text[i + 1]]] = i + 1


@compiled
def _walk(text: np.ndarray, order: np.ndarray, heads: np.ndarray, tails: np.ndarray) -> None:
    """From valleys at the ends of their parts: all of type L by a walk up, then all of type S by one down.

    An entry is complemented, hence negative, when the suffix before it is not of the type that is being
    placed.
    """
    size = len(text)
    last = text[size - 1]
    order[heads[last]] = ~(size - 1) if size > 1 and text[size - 2] < last else size - 1
    heads[last] += 1
    for i in range(size):
        at = order[i]
        order[i] = ~at
        if at > 0:
            at -= 1
            symbol = text[at]
            order[heads[symbol]] = ~at if at > 0 and text[at - 1] < symbol else at
            heads[symbol] += 1
    for i in range(size - 1, -1, -1):
        at = order[i]
        if at <= 0:
            order[i] = ~at
            continue
        at -= 1
        symbol = text[at]
        tails[symbol] -= 1
        order[tails[symbol]] = ~at if at == 0 or text[at - 1] > symbol else at


@compiled
def _gather(text: np.ndarray, order: np.ndarray) -> int:
    """The valleys, in the order that they have, to the front; 0 behind them. Says how many there are."""
    size, found = len(text), 0
    for i in range(size):
        at = order[i]
        if at > 0 and text[at - 1] > text[at]:
            ahead = at + 1
            while ahead < size and text[ahead] == text[at]:
                ahead += 1
            if ahead < size and text[at] < text[ahead]:
                order[found] = at
                found += 1
    order[found:] = 0
    return found


@compiled
def _measure(text: np.ndarray, order: np.ndarray, valleys: int) -> None:
    """Behind the valleys, at half the place of each: how long its piece is, the next valley included."""
    rises, after = False, len(text)
    for i in range(len(text) - 2, -1, -1):
        if text[i] < text[i + 1] or (rises and text[i] == text[i + 1]):
            rises = True
        elif rises:
            rises = False
            order[valleys + (i + 1) // 2] = after - i
            after = i + 1


@compiled
def _name(text: np.ndarray, order: np.ndarray, valleys: int) -> int:
    """In place of its length the rank of each piece, from 1; equal ones have one. Says how many there are."""
    size, names, before, long = len(text), 0, 0, 0
    for i in range(valleys):
        at = order[i]
        length = order[valleys + at // 2]
        same = length == long and max(at, before) + length <= size  # the last piece ends with the text
        if same:
            for k in range(length):
                if text[at + k] != text[before + k]:
                    same = False
                    break
        if not same:
            names += 1
            before, long = at, length
        order[valleys + at // 2] = names
    return names


@compiled
def _compact(order: np.ndarray, reduced: np.ndarray) -> None:
    """The names in the order of the text, from 0, into `reduced`, which may lie over the end of `order`."""
    valleys = len(reduced)
    left = valleys
    for i in range(len(order) - 1, valleys - 1, -1):
        if order[i] != 0:
            left -= 1
            reduced[left] = order[i] - 1


@compiled
def _list_valleys(text: np.ndarray, found: np.ndarray) -> None:
    """Where the valleys are, in the order of the text."""
    rises, left = False, len(found)
    for i in range(len(text) - 2, -1, -1):
        if text[i] < text[i + 1] or (rises and text[i] == text[i + 1]):
            rises = True
        elif rises:
            rises = False
            left -= 1
            found[left] = i + 1


@compiled
def _plant(text: np.ndarray, order: np.ndarray, valleys: int, tails: np.ndarray) -> None:
    """The valleys from the front to the ends of their parts, in the order that they have; 0 elsewhere."""
    order[valleys:] = 0
    for i in range(valleys - 1, -1, -1):
        at = order[i]
        order[i] = 0
        tails[text[at]] -= 1
        order[tails[text[at]]] = at
