"""Matching: which answer takes which object, the surest first; for all pictures and thresholds at once.

COCO's greedy matching (Lin et al. 2014, arXiv 1405.0312, and its evaluation code) looks at one answer after
another. Here every group (a picture and a class) takes its turn together: round r gives the r-th answer of
each group its object, and no two groups share one.

Shapes: D answers, N objects, n pairs, M answers near an object, T thresholds, A ranges of area
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from macaw.metrics.overlap import Overlap

CHUNK = 2_000_000  # pairs compared at a time


class Pairs(NamedTuple):
    """Answers and objects of one group that are alike enough to be matched, by answer, then by overlap."""

    answer: np.ndarray  # (n,) rows, rising
    thing: np.ndarray  # (n,) rows of objects
    overlap: np.ndarray  # (n,) rising within an answer; of equal ones the later object is last


class Matched(NamedTuple):
    """Who took what."""

    rows: np.ndarray  # (M,) the answers that are near an object, rising
    mates: np.ndarray  # (M, T, A) int32: the object that each took, -1 for none


def near_pairs(answer_keys: np.ndarray, object_keys: np.ndarray, overlap: Overlap, floor: float) -> Pairs:
    """All pairs of equal key whose overlap is `floor` or more; `answer_keys` (D,) must rise."""
    order = np.argsort(object_keys, kind="stable")
    first = np.searchsorted(object_keys[order], answer_keys, side="left")  # (D,)
    counts = np.searchsorted(object_keys[order], answer_keys, side="right") - first
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]  # so that there is always one
    for rows in _chunks(counts):
        answer, thing = np.repeat(rows, counts[rows]), order[ranges(first[rows], counts[rows])]
        value = overlap(answer, thing)
        near = value >= floor
        parts.append((answer[near], thing[near], value[near]))
    answer, thing, value = (np.concatenate(some) for some in zip(*parts, strict=True))
    by = np.lexsort((thing, value, answer))
    return Pairs(answer[by], thing[by], value[by])


def assign(
    pairs: Pairs, keys: np.ndarray, *, crowd: np.ndarray, ignored: np.ndarray, floors: np.ndarray
) -> Matched:
    """Give each answer the object that it overlaps most, of those still free; in the order of the answers.

    `keys` (D,) say the group of every answer, `crowd` (N,) which objects many may take, `ignored` (N, A)
    which count for nothing: only who finds no other takes one. `floors` (T,) are the least overlaps.
    """
    rows, starts, counts = np.unique(pairs.answer, return_index=True, return_counts=True)
    rounds = places(keys[rows])
    order = np.argsort(rounds, kind="stable")
    edges = np.concatenate([[0], np.cumsum(np.bincount(rounds))]) if len(rows) else np.zeros(1, int)
    shape = len(floors), ignored.shape[1]
    mates = np.full((len(rows), *shape), -1, np.int32)
    taken = np.zeros((len(crowd), *shape), bool)
    for low, high in pairwise(edges):
        some = order[low:high]
        inside = ranges(starts[some], counts[some])
        things, size = pairs.thing[inside], len(inside)
        free = ~taken[things] | crowd[things, None, None]  # (n, T, A)
        free &= (pairs.overlap[inside, None] >= floors)[:, :, None]
        # Pairs are sorted, so a later one is better; one that counts is better than all that do not.
        worth = np.arange(1, size + 1)[:, None] + np.where(ignored[things], 0, size + 1)  # (n, A)
        begins = np.cumsum(counts[some]) - counts[some]
        best = np.maximum.reduceat(np.where(free, worth[:, None], 0), begins, axis=0)  # (m, T, A)
        picked = np.where(best > 0, things[np.maximum(best - 1, 0) % (size + 1)], -1)
        mates[some] = picked
        hit = np.nonzero(picked >= 0)
        taken[(picked[hit], *hit[1:])] = True
    return Matched(rows, mates)


def places(keys: np.ndarray) -> np.ndarray:
    """The place, from 0, of each of the sorted `keys` (D,) among its equals."""
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else [])
    return np.arange(len(keys)) - np.repeat(starts, np.diff([*starts, len(keys)]))


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """starts[i], starts[i] + 1 ... up to counts[i] numbers, for every i, one after another."""
    ends = np.cumsum(counts)
    return np.asarray(np.repeat(starts - ends + counts, counts) + np.arange(counts.sum()))


def _chunks(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Rows that have anything to be compared with, CHUNK pairs of them at a time."""
    rows = np.flatnonzero(counts)
    if not len(rows):
        return
    number = np.cumsum(counts[rows]) // CHUNK
    yield from np.split(rows, np.flatnonzero(np.diff(number)) + 1)
