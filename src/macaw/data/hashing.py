"""Identity by content: SHA-256 of each picture's bytes, splits by it, and the hash of a whole set."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from macaw.data.examples import Examples
from macaw.data.sources import source_bytes
from macaw.machine import cpu_count

Item = TypeVar("Item")


def in_chunks(work: Callable[[range], Item], total: int, *, chunk: int) -> Iterator[tuple[range, Item]]:
    """Run `work` on ranges of `chunk` positions in a few threads; results come in order, as they are ready.

    When the caller stops early (an error, Ctrl-C) what has not started is dropped.
    """
    ranges = [range(start, min(start + chunk, total)) for start in range(0, total, chunk)]
    if len(ranges) < 2:  # a thread would cost more than it gains
        yield from ((part, work(part)) for part in ranges)
        return
    pool = ThreadPoolExecutor(cpu_count(), thread_name_prefix="macaw-data")
    try:
        yield from zip(ranges, pool.map(work, ranges), strict=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def digests(sources: Sequence[Any]) -> list[bytes]:
    """SHA-256 of each source's bytes, 32 bytes each. Raises InputError for a file that cannot be read."""

    def some(part: range) -> list[bytes]:
        return [hashlib.sha256(source_bytes(sources[index])).digest() for index in part]

    return list(itertools.chain.from_iterable(found for _, found in in_chunks(some, len(sources), chunk=256)))


def content_hash(examples: Examples) -> str:
    """SHA-256, in hex, over the bytes of every item and the targets, in order.

    Moving or renaming files does not change it; one changed byte, another order or another target does.
    """
    total = hashlib.sha256(b"".join(digests(examples.sources)))
    targets = examples.targets
    wire = np.ascontiguousarray(targets, "<f4" if targets.ndim == 2 else "<i8")
    total.update(repr(wire.shape).encode())
    total.update(wire.tobytes())
    return total.hexdigest()


def hashed_split(
    marks: Sequence[bytes], targets: np.ndarray, *, share: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (train, val): about `share` of every class goes to val, chosen by content alone.

    `marks` are the digests (N,), `targets` as in Examples. Renaming files changes nothing and equal files
    stay together. Every class of two or more different pictures is on both sides, as far as pictures that
    carry several labels allow: the rarest class chooses first (the greedy idea of Sechidis et al. 2011, "On
    the Stratification of Multi-label Data", doi 10.1007/978-3-642-23808-6_10).
    """
    order = {mark: hashlib.sha256(f"{seed}:".encode() + mark).digest() for mark in set(marks)}
    members = _members(marks, targets)
    held: dict[bytes, bool] = {}  # mark -> whether it goes to val
    for _, group in sorted(members.items(), key=lambda item: (len(item[1]), item[0])):
        wanted = min(len(group) - 1, max(1, round(len(group) * share)))
        wanted -= sum(held.get(mark, False) for mark in group)
        free = sorted((mark for mark in group if mark not in held), key=order.__getitem__)
        held.update((mark, rank < wanted) for rank, mark in enumerate(free))
    side = np.array([held[mark] for mark in marks], bool)
    return np.flatnonzero(~side), np.flatnonzero(side)


def _members(marks: Sequence[bytes], targets: np.ndarray) -> dict[int, set[bytes]]:
    """Class -> the different pictures that carry it; -1 gathers pictures without any label."""
    members: dict[int, set[bytes]] = defaultdict(set)
    if targets.ndim == 1:
        for mark, target in zip(marks, targets.tolist(), strict=True):
            members[target].add(mark)
        return members
    for row, column in zip(*(axis.tolist() for axis in np.nonzero(targets)), strict=True):
        members[column].add(marks[row])
    for row in np.flatnonzero(~targets.any(axis=1)).tolist():
        members[-1].add(marks[row])
    return members
