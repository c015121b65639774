"""Pairs of boxes that lie in the same place of one picture, found by a sweep from left to right.

Shapes: M boxes of all pictures, P pairs, Q candidates looked at together
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_AT_ONCE = 1 << 20  # candidates compared at a time: some 100 MB


def same_place(picture: np.ndarray, xyxy: np.ndarray, *, floor: float) -> np.ndarray:
    """Every pair of boxes of one picture whose intersection over union is above `floor`: (P, 2), rising.

    `picture` (M,) says where each box (M, 4) is. Where two overlap by more than t, the second begins within
    the first 1 - t of the other's width: only such are compared.
    """
    order = np.lexsort((xyxy[:, 0], picture))
    home, boxes = picture[order], xyxy[order]
    left, width = boxes[:, 0], boxes[:, 2] - boxes[:, 0]
    # One axis for all pictures, each in its own stretch
    start = home * (np.ptp(xyxy[:, ::2]) * 2 + 1 if len(xyxy) else 1.0)
    ends = np.searchsorted(start + left, start + left + width * (1 - floor), side="right")
    found = [np.zeros((0, 2), np.int64)]
    for one, other in _candidates(ends):
        near = _overlap(boxes[one], boxes[other]) > floor
        near &= home[one] == home[other]
        found.append(np.sort(np.stack([order[one[near]], order[other[near]]], axis=1), axis=1))
    pairs = np.concatenate(found)
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])


def _candidates(ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each position (Q,) with every later one before its end (Q,), so many at a time."""
    after = np.maximum(ends - np.arange(len(ends)) - 1, 0)
    totals = np.cumsum(after)
    begin = 0
    while begin < len(ends):
        done = int(totals[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(totals, done + _AT_ONCE, side="right")))
        one = np.repeat(np.arange(begin, end), after[begin:end])
        first = np.repeat(totals[begin:end] - after[begin:end] - done, after[begin:end])
        yield one, one + 1 + np.arange(len(one)) - first
        begin = end


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union (Q,) of boxes (Q, 4) pair by pair."""
    shared = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    both = np.clip(shared, 0, None).prod(axis=1)
    whole = sum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)) - both
    return np.asarray(np.divide(both, whole, out=np.zeros_like(both), where=both > 0))
