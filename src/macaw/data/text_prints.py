"""Fingerprints of texts: hashes of some windows of their bytes, by which a copied passage is found again.

Every window of WINDOW bytes is hashed, and those hashes are kept that a power of two divides: equal passages
keep equal ones, wherever they stand (Manber 1994, "Finding similar files in a large file system"). When there
are too many, the power is doubled and what does not fit it is dropped, so a corpus of any size fits.

Shapes: K hashes, B bytes
"""

from __future__ import annotations

import re

import numpy as np

WINDOW = 64  # bytes: ten words or so; shorter passages are what a language has in common
EVERY = 16  # windows of which one is kept, at first
MOST = 8_000_000  # hashes that are kept of a corpus: 100 MB with their documents
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_FACTOR, -1, 1 << 64)
_CHUNK = 1 << 18  # bytes hashed at a time
_BLANKS = re.compile(r"\s+")


class Prints:
    """The fingerprints of many documents, by the order in which they are added."""

    def __init__(self, *, most: int = MOST) -> None:
        self.most, self.every = most, EVERY
        self._hashes: list[np.ndarray] = []
        self._owners: list[np.ndarray] = []
        self._kept = 0
        self.documents = 0

    def add(self, text: str) -> None:
        """One more document; case and blanks do not count."""
        data = np.frombuffer(_BLANKS.sub(" ", text.casefold()).encode("utf-8", "replace"), np.uint8)
        hashes = np.unique(sampled(data, every=self.every))
        self._hashes.append(hashes)
        self._owners.append(np.full(len(hashes), self.documents, np.int32))
        self._kept += len(hashes)
        self.documents += 1
        while self._kept > self.most:
            self._thin()

    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """(K,) hashes in order and (K,) the documents that have them, those of one hash in order."""
        if not self._hashes:
            return np.zeros(0, np.uint64), np.zeros(0, np.int32)
        hashes, owners = np.concatenate(self._hashes), np.concatenate(self._owners)
        order = np.lexsort((owners, hashes))
        return hashes[order], owners[order]

    def _thin(self) -> None:
        self.every *= 2
        hashes, owners = np.concatenate(self._hashes), np.concatenate(self._owners)
        kept = hashes % np.uint64(self.every) == 0
        self._hashes, self._owners = [hashes[kept]], [owners[kept]]
        self._kept = int(kept.sum())


def sampled(data: np.ndarray, *, every: int) -> np.ndarray:
    """(K,) uint64: those hashes of the windows of (B,) bytes that `every`, a power of two, divides."""
    parts = [np.zeros(0, np.uint64)]
    for start in range(0, max(0, len(data) - WINDOW + 1), _CHUNK):
        hashes = windows(data[start : start + _CHUNK + WINDOW - 1])
        parts.append(hashes[hashes % np.uint64(every) == 0])
    return np.concatenate(parts)


def windows(data: np.ndarray) -> np.ndarray:
    """(B - WINDOW + 1,) uint64: the hash of each window of (B,) bytes.

    Karp and Rabin 1987 (doi 10.1147/rd.312.0249), modulo 2**64: the sums over windows are differences of the
    running sum of byte times power, which the inverse power brings back to one origin.
    """
    count = len(data) - WINDOW + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    powers = _powers(_FACTOR, len(data))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum((data.astype(np.uint64) + 1) * powers)])
    return _mixed((sums[WINDOW:] - sums[:count]) * _powers(_INVERSE, count))


def _powers(factor: int, count: int) -> np.ndarray:
    row = np.full(count, factor, np.uint64)
    row[0] = 1
    return np.asarray(np.multiply.accumulate(row))


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Spread over all bits: the lowest of a product depend on the lowest alone (the end of MurmurHash3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(factor)
    return np.asarray(hashes ^ (hashes >> np.uint64(33)))
