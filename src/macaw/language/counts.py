"""Counts of n-grams: every run of 1 to N tokens that occurs in a text, sorted, as a tree of plain arrays.

Every order is made from the one below it: the number of an n-gram's first n - 1 tokens and its last token are
one whole number, so equal n-grams are equal numbers; they are sorted by their digits and grouped. Sorted so,
the n-grams that go on from one context lie side by side: the arrays are the tree.

Shapes: M tokens, V vocabulary, E entries of an order, P entries of the order below (its contexts), Q
questions
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from macaw.errors import InputError

_SMALL = 20_000  # below it numpy has the answer before the loops would be loaded


@dataclass(frozen=True)
class Level:
    """The n-grams of one order, by context and then by last token."""

    words: np.ndarray  # (E,) the last token of each entry, rising within a context
    first: np.ndarray  # (P + 1,) the entries of context p are first[p] .. first[p + 1] - 1

    def __len__(self) -> int:
        return len(self.words)

    def children(self, context: int) -> slice:
        """The entries that go on from one context."""
        return slice(int(self.first[context]), int(self.first[context + 1]))

    def parents(self) -> np.ndarray:
        """(E,) int64: the context of every entry."""
        return np.repeat(np.arange(len(self.first) - 1), self.degrees())

    def degrees(self) -> np.ndarray:
        """(P,) int64: how many entries each context has."""
        starts = self.first.astype(np.int64)
        return starts[1:] - starts[:-1]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(P,) the sum of `values` (E,) over the entries of every context."""
        running = np.concatenate([np.zeros(1, values.dtype), np.cumsum(values)])
        return np.asarray(running[self.first[1:]] - running[self.first[:-1]])

    def find(self, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
        """(Q,) int64: the entries of `words` (Q,) in `contexts` (Q,); -1 for none, and for no context."""
        if len(contexts) < _SMALL:
            return _find(self, contexts, words)
        from macaw.language.compiled import FAST
        from macaw.language.count_loops import find_children

        if not FAST:
            return _find(self, contexts, words)
        return find_children(self.words, self.first, contexts, np.asarray(words, np.int64))


@dataclass(frozen=True)
class Counted:
    """What a text holds, by order; index 0 is order 1, whose entries are all V tokens."""

    levels: tuple[Level, ...]
    seen: tuple[np.ndarray, ...]  # (E,) how often each n-gram occurs
    used: tuple[np.ndarray, ...]  # (E,) what Kneser-Ney counts in its place
    suffixes: tuple[np.ndarray, ...]  # (E,) the entry, one order below, of the n-gram without its first token


def count(documents: Iterable[np.ndarray], *, order: int, size: int, start: int) -> Counted:
    """Count the n-grams of up to `order` tokens below `size`; `start` is put in front of each document.

    The documents are read once. No n-gram reaches across two of them, and the `start` put in front is never
    counted as something that follows. Raises InputError for an order below 1, for no tokens, and for ids that
    are none.
    """
    if order < 1:
        raise InputError(f"order {order} is no length of n-grams; give 1 or more")
    tokens, room = _joined(documents, size, start)
    first = np.flatnonzero(np.concatenate([[True], room[:-1] == 1]))  # where documents start
    seen = [np.bincount(tokens, minlength=size) - np.bincount(tokens[first], minlength=size)]
    levels = [Level(np.arange(size), np.array([0, size]))]
    suffixes: list[np.ndarray] = [np.zeros(size, np.int64)]
    ids = tokens  # of the n-gram that starts at each token
    for n in range(2, order + 1):
        at = np.flatnonzero(room >= n)
        keys, counts, places = _grouped(ids[at].astype(np.int64) * size + tokens[at + n - 1])
        levels.append(_level(keys, size, len(levels[-1])))
        suffix = np.empty(len(keys), np.int32)
        suffix[places] = ids[at + 1]
        ids = np.full(len(tokens), -1, np.int32)
        ids[at] = places
        suffixes.append(suffix)
        seen.append(counts.astype(np.int32))
    return Counted(tuple(levels), tuple(seen), adjusted(levels, seen, suffixes, start), tuple(suffixes))


def adjusted(
    levels: list[Level], seen: list[np.ndarray], suffixes: list[np.ndarray], start: int
) -> tuple[np.ndarray, ...]:
    """Kneser and Ney's counts: below the highest order, in how many different tokens' wake an n-gram comes.

    What starts a document follows nothing, so there it is how often.
    """
    used = []
    leading = np.arange(len(levels[0])) == start  # of each entry: whether it starts a document
    for n, level in enumerate(levels):
        leading = leading if n == 0 else leading[level.parents()]
        if n == len(levels) - 1:
            used.append(seen[n])
            continue
        before = np.bincount(suffixes[n + 1], minlength=len(level)).astype(np.int32)
        used.append(before if n == 0 else np.where(leading, seen[n], before))
    return tuple(used)


def linked(levels: tuple[Level, ...]) -> tuple[np.ndarray, ...]:
    """The suffixes of every entry, by search: for trees that were not counted here."""
    links = [np.zeros(len(levels[0]), np.int64)]
    for below, level in pairwise(levels):
        links.append(below.find(links[-1][level.parents()], level.words))
    return tuple(links)


def smallest(values: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 on, in the smallest unsigned type that holds them."""
    most = int(values.max(initial=0))
    return values.astype(next(kind for kind in _KINDS if most <= np.iinfo(kind).max))


def edges(degrees: np.ndarray) -> np.ndarray:
    """(P + 1,) where the entries of each of P contexts start, from how many each has."""
    running = np.concatenate([[0], np.cumsum(degrees, dtype=np.int64)])
    return running.astype(np.uint32) if running[-1] < 2**32 else running


_KINDS = (np.uint8, np.uint16, np.uint32, np.int64)


def _joined(documents: Iterable[np.ndarray], size: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    """All tokens (M,) int32, each document led by `start`, and (M,) how many are left in its document."""
    parts, lengths = [], []
    for body in documents:
        if len(body) == 0:
            continue
        parts.append(np.concatenate([[start], body]).astype(np.int32))
        lengths.append(len(parts[-1]))
    if not parts:
        raise InputError("the text is empty: there are no n-grams to count; give some text")
    tokens, sizes = np.concatenate(parts), np.array(lengths)
    if tokens.min() < 0 or tokens.max() >= size:
        worst = int(tokens.max() if tokens.max() >= size else tokens.min())
        raise InputError(
            f"id {worst} is not in the vocabulary of {size:,} tokens; encode the text with this vocabulary"
        )
    return tokens, np.repeat(np.cumsum(sizes), sizes) - np.arange(len(tokens))


def _grouped(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different keys, rising, how often each comes, and where each key went."""
    if len(keys) >= _SMALL:
        from macaw.language.compiled import FAST
        from macaw.language.count_loops import group_sorted, sort_keys

        if FAST:
            order = sort_keys(keys, int(keys.max()).bit_length())
            return group_sorted(keys, order)
    unique, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return unique, counts, places


def _level(keys: np.ndarray, size: int, contexts: int) -> Level:
    """The level of sorted keys: context times V plus last token."""
    return Level(smallest(keys % size), edges(np.bincount(keys // size, minlength=contexts)))


def _find(level: Level, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
    """`Level.find` by halving all questions' ranges at once."""
    if not len(level):  # all was pruned
        return np.full(len(contexts), -1)
    known = contexts >= 0
    at = np.where(known, contexts, 0)
    low, end = level.first[at].astype(np.int64), level.first[at + 1].astype(np.int64)
    high = end.copy()
    while (open_ := low < high).any():
        middle = (low + high) >> 1
        below = open_ & (level.words[np.minimum(middle, len(level) - 1)] < words)
        low, high = np.where(below, middle + 1, low), np.where(open_ & ~below, middle, high)
    hit = known & (low < end)
    hit &= level.words[np.minimum(low, len(level) - 1)] == words
    return np.where(hit, low, -1)
