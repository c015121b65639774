"""Suffix queries: where in a sorted text a piece of another occurs, and how far each suffix of that matches.

The rows of a suffix array that share a prefix lie together, so a binary search finds them; what both ends of
the rows still in question share with the piece is not compared again (Manber and Myers 1993, DOI
10.1137/0222058). The text ends with symbol 0, which no query has, so that no comparison runs past its end or
a document's.

Shapes: N symbols of the text, T of the query, K pieces of the query
"""

from __future__ import annotations

import numpy as np

from macaw.language.compiled import compiled

FOLLOWED = 1024  # symbols; a longer match is followed where it was found, not looked for anew at each symbol


@compiled
def longest(text: np.ndarray, order: np.ndarray, query: np.ndarray, at: int, end: int) -> tuple[int, int]:
    """The length of the longest prefix of `query[at:end]` in `text`, and a row of `order` that has it."""
    low, high, below, above = 0, len(order), 0, 0  # below, above: symbols shared with rows low - 1 and high
    best, row = 0, 0
    while low < high:
        middle = (low + high) // 2
        place = order[middle]
        shared = min(below, above)
        while at + shared < end and text[place + shared] == query[at + shared]:
            shared += 1
        if shared > best:
            best, row = shared, middle
        if at + shared == end:
            break
        if text[place + shared] < query[at + shared]:
            low, below = middle + 1, shared
        else:
            high, above = middle, shared
    return best, row


@compiled
def starts_with(text: np.ndarray, place: int, query: np.ndarray, at: int, length: int) -> bool:
    """Whether `text[place:]` starts with `length` symbols of `query[at:]`."""
    for k in range(length):
        if text[place + k] != query[at + k]:
            return False
    return True


@compiled
def rows_around(
    text: np.ndarray, order: np.ndarray, query: np.ndarray, at: int, length: int, row: int
) -> tuple[int, int]:
    """The rows low .. high - 1 that start with `length` symbols of `query[at:]`, of which `row` is one.

    Steps double away from the row, since long matches are rare ones; the last step is then halved.
    """
    low, step = row, 1
    while low - step >= 0 and starts_with(text, order[low - step], query, at, length):
        low -= step
        step *= 2
    outside = max(-1, low - step)
    while low - outside > 1:
        middle = (low + outside) // 2
        if starts_with(text, order[middle], query, at, length):
            low = middle
        else:
            outside = middle
    high, step = row, 1
    while high + step < len(order) and starts_with(text, order[high + step], query, at, length):
        high += step
        step *= 2
    outside = min(len(order), high + step)
    while outside - high > 1:
        middle = (high + outside) // 2
        if starts_with(text, order[middle], query, at, length):
            high = middle
        else:
            outside = middle
    return low, high + 1


@compiled
def find_pieces(
    text: np.ndarray, order: np.ndarray, query: np.ndarray, pieces: np.ndarray, rows: np.ndarray
) -> None:
    """For pieces (K, 2), each `query[start:end]`, the rows (K, 2) that start with all of it; none: 0, 0."""
    for k in range(len(pieces)):
        at, end = pieces[k, 0], pieces[k, 1]
        length, row = longest(text, order, query, at, end)
        rows[k, 0] = rows[k, 1] = 0
        if length == end - at and length > 0:
            rows[k, 0], rows[k, 1] = rows_around(text, order, query, at, length, row)


@compiled
def match_all(text: np.ndarray, order: np.ndarray, query: np.ndarray, found: np.ndarray) -> None:
    """Into found (T, 3), for each suffix of the query: length of its longest match, how many, one place."""
    length, count, place = 0, 0, 0
    for at in range(len(query)):
        if length > FOLLOWED:  # still within a long match
            length -= 1
            place += 1
        else:
            length, row = longest(text, order, query, at, min(len(query), at + FOLLOWED))
            count, place = 0, 0
            if length > 0:
                low, high = rows_around(text, order, query, at, length, row)
                count, place = high - low, order[low]
            if length == FOLLOWED:
                while at + length < len(query) and text[place + length] == query[at + length]:
                    length += 1
        found[at, 0], found[at, 1], found[at, 2] = length, count, place
