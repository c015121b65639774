"""The loops of counting: sorting of keys by their digits, grouping of what is equal, search among children.

Shapes: K keys, E entries, Q questions
"""

from __future__ import annotations

import numpy as np

from macaw.language.compiled import compiled

_DIGIT = 11  # bits sorted by at a time: 2048 counters stay in the first cache


@compiled
def sort_keys(keys: np.ndarray, bits: int) -> np.ndarray:
    """(K,) int32: the order of `keys` (K,) int64 below 2 ** bits, equal ones as they stood; sorts `keys` too.

    Least significant digit first: one pass over everything for each 11 bits.
    """
    size = len(keys)
    order = np.arange(size).astype(np.int32)
    spare_keys, spare_order = np.empty_like(keys), np.empty_like(order)
    source, source_order = keys, order
    target, target_order = spare_keys, spare_order
    shift = 0
    while shift < bits:
        places = np.zeros((1 << _DIGIT) + 1, np.int64)
        for i in range(size):
            places[((source[i] >> shift) & ((1 << _DIGIT) - 1)) + 1] += 1
        for digit in range(1 << _DIGIT):
            places[digit + 1] += places[digit]
        for i in range(size):
            digit = (source[i] >> shift) & ((1 << _DIGIT) - 1)
            place = places[digit]
            target[place] = source[i]
            target_order[place] = source_order[i]
            places[digit] = place + 1
        source, target = target, source
        source_order, target_order = target_order, source_order
        shift += _DIGIT
    keys[:] = source
    return source_order


@compiled
def group_sorted(keys: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted `keys` (K,) as the E different ones, how often each comes, and (K,) int32 where each went."""
    size, groups = len(keys), 0
    for i in range(size):
        groups += i == 0 or keys[i] != keys[i - 1]
    unique, counts = np.empty(groups, np.int64), np.zeros(groups, np.int64)
    places = np.empty(size, np.int32)
    group = -1
    for i in range(size):
        if i == 0 or keys[i] != keys[i - 1]:
            group += 1
            unique[group] = keys[i]
        counts[group] += 1
        places[order[i]] = group
    return unique, counts, places


@compiled
def find_children(
    words: np.ndarray, first: np.ndarray, parents: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """(Q,) int64: the entries of words `wanted` (Q,) among the children of `parents` (Q,), -1 for none.

    A parent of -1 has no children.
    """
    found = np.empty(len(parents), np.int64)
    for i in range(len(parents)):
        found[i] = -1
        if parents[i] < 0:
            continue
        low, end = np.int64(first[parents[i]]), np.int64(first[parents[i] + 1])
        high, word = end, wanted[i]
        while low < high:
            middle = (low + high) >> 1
            if words[middle] < word:
                low = middle + 1
            else:
                high = middle
        if low < end and words[low] == word:
            found[i] = low
    return found
