"""Near copies: pictures that are one picture, re-encoded, scaled, brightened, cut by a margin or mirrored.

A picture's fingerprint is its 64 lowest frequencies. Their signs, 64 bits, find the few pairs worth a look
among all N^2 (multi-index hashing, Norouzi et al. 2012, arXiv 1307.2982); then the frequencies decide.

Shapes: N pictures, P pairs, 64 frequencies
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

SIDE = 32  # pixels of the picture that a fingerprint is made of
# Likeness from which two pictures are copies, and from which they may be. Copies made of Tiny-ImageNet, UC
# Merced and MNIST: quality 60, 90 % of the size or 10 % brighter leave 0.92 or more in 99 of 100, a margin of
# 3 % cut off leaves 0.87 or more in 98, 95 and 84 of 100. Copies found: 1 pair among the 80,000 pictures of
# Tiny-ImageNet, 629 among the 60,000 of CIFAR-10; all 160 that were looked at, the 80 least alike too, are.
COPY, ALIKE = 0.93, 0.87
RADIUS = 11  # bits in which copies may differ
# In a crowded set (digits, scans, spectrograms) different pictures are as alike as copies are elsewhere: they
# have more than CROWD neighbours within RADIUS that are no copies, on average. There only the nearest count,
# and only when their pixels agree as well.
CROWD, CROWDED_RADIUS, CROWDED_LIKENESS = 0.5, 3, 0.97
SAME_PIXELS = 0.995  # correlation of the pixels

_BANDS, _BITS = 4, 16
# The frequencies (down, across) nearest to zero. That itself is the brightness, and left out. They are dealt
# out to the bands like cards, so that no band has only the lowest, in which all photographs are alike.
_FREQUENCIES = sorted(
    ((u, v) for u in range(12) for v in range(12) if u or v), key=lambda uv: (uv[0] ** 2 + uv[1] ** 2, uv)
)[: _BANDS * _BITS]
_DOWN, _ACROSS = np.array([_FREQUENCIES[i] for band in range(_BANDS) for i in range(band, 64, _BANDS)]).T
_TILT = np.hypot(_DOWN, _ACROSS).astype(np.float32)  # natural pictures fall off as 1 / frequency
_MIRROR = np.where(_ACROSS % 2, -1, 1).astype(np.float32)  # mirrored, the odd ones across change their sign
_PHASES = np.arange(12)[:, None] * (np.arange(SIDE) + 0.5) / SIDE
_WAVES = np.cos(np.pi * _PHASES).astype(np.float32)  # (12, SIDE)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_DEAD = 0.01  # of a picture's unit of energy: a frequency below has no sign but by chance
_BIT = 0.01  # what a different bit takes off the likeness
# What a level of mean difference in colour takes off: a shirt in red and the same in blue are two.
_TINT = 0.003
_AT_ONCE = 1 << 21  # pairs compared at a time: some 100 MB
_SAMPLE = 2000  # pictures among which crowding is measured


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What near copies are told by, 152 bytes a picture."""

    waves: np.ndarray  # (N, 64) float16: tilted frequencies, of length 1, or 0 for a picture of one colour
    bits: np.ndarray  # (N,) uint64: the signs of the waves
    mirrored: np.ndarray  # (N,) uint64: those of the picture mirrored
    tints: np.ndarray  # (N, 2, 2, 2) int8: red less green and blue less green, halved, of each quarter

    def __len__(self) -> int:
        return len(self.bits)

    def subset(self, indices: np.ndarray) -> Fingerprints:
        """Those at these positions."""
        return Fingerprints(*(getattr(self, name)[indices] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: Sequence[Fingerprints]) -> Fingerprints:
        """All of them in a row."""
        some = parts or [fingerprints(np.zeros((0, SIDE, SIDE, 3), np.uint8))]
        return cls(*(np.concatenate([getattr(p, name) for p in some]) for name in cls.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Pairs of pictures that may be copies, most alike first."""

    pairs: np.ndarray  # (P, 2) int64 positions, the smaller first
    likeness: np.ndarray  # (P,) float32, up to 1
    mirrored: np.ndarray  # (P,) bool: whether one is the mirror image of the other
    crowded: bool  # whether the set is so alike that only equal pixels can tell


def fingerprints(thumbs: np.ndarray) -> Fingerprints:
    """(N, SIDE, SIDE, 3) uint8 -> the fingerprints of N pictures."""
    grey = thumbs.astype(np.float32) @ _GREY  # (N, SIDE, SIDE)
    waves = (_WAVES @ grey @ _WAVES.T)[:, _DOWN, _ACROSS] * _TILT  # (N, 64)
    length = np.linalg.norm(waves, axis=1, keepdims=True)
    waves = np.where(length > 1, waves / np.maximum(length, 1), 0)
    return Fingerprints(waves.astype(np.float16), _packed(waves), _packed(waves * _MIRROR), _tints(thumbs))


def near_copies(prints: Fingerprints) -> NearCopies:
    """Every pair whose likeness is ALIKE or more, as it is or mirrored; in a crowded set a stricter choice.

    The likeness is the correlation of the waves, less a little for each bit that differs and for other
    colours. Smooth pictures, two shores say, correlate in their few strong waves and differ in the signs of
    the weak ones.
    """
    crowded = _is_crowded(prints)
    radius, least = (CROWDED_RADIUS, CROWDED_LIKENESS) if crowded else (RADIUS, ALIKE)
    parts = [np.zeros((0, 4))]
    for mirrored, bits in enumerate((prints.bits, prints.mirrored)):
        for i, j in close_pairs(bits, prints.bits, radius=radius):
            likeness = _likeness(prints, i, j, mirrored=bool(mirrored))
            near = likeness >= least
            some = (i[near], j[near], likeness[near], np.full(near.sum(), mirrored))
            parts.append(np.stack(some, axis=1))
    rows = np.concatenate(parts)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0], -rows[:, 2]))]
    # A symmetric picture is its own mirror image: its pair is there twice, and the more alike one stays
    _, first = np.unique(rows[:, :2], axis=0, return_index=True)
    rows = rows[np.sort(first)]
    return NearCopies(rows[:, :2].astype(np.int64), rows[:, 2].astype(np.float32), rows[:, 3] > 0, crowded)


def close_pairs(
    queries: np.ndarray, base: np.ndarray, *, radius: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every (i, j), i < j, with at most `radius` bits between queries[i] and base[j], (N,) uint64; in parts.

    Of four bands of 16 bits at least one has at most a quarter of the differences: a band's value and all
    those so near to it are looked up, in place of comparing all with all.
    """
    inside = radius // _BANDS
    for band in range(_BANDS):
        keys = _band(base, band)
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(keys[order], np.arange((1 << _BITS) + 1))  # of each value's run in `order`
        asked = _band(queries, band)
        for flip in _flips(inside):
            value = asked ^ flip
            for i, j in _runs(starts[value], starts[value + 1], order):
                differ = queries[i] ^ base[j]
                near = (i < j) & (np.bitwise_count(differ) <= radius)
                i, j, differ = i[near], j[near], differ[near]
                # Told already if an earlier band was near, too
                new = np.ones(len(i), bool)
                for earlier in range(band):
                    new &= np.bitwise_count(_band(differ, earlier)) > inside
                yield i[new], j[new]


def correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Of the pixels of two pictures of one shape, -1..1; 0 where one is of one colour."""
    a, b = (picture.astype(np.float64).ravel() - picture.mean() for picture in (left, right))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def _is_crowded(prints: Fingerprints) -> bool:
    """Whether the set is crowded, by a sample of it."""
    total = len(prints)
    some = prints.subset(np.linspace(0, total - 1, min(total, _SAMPLE)).astype(int))
    strangers = 0
    for i in range(len(some)):
        j = i + 1 + np.flatnonzero(np.bitwise_count(some.bits[i + 1 :] ^ some.bits[i]) <= RADIUS)
        strangers += int((_likeness(some, np.full(len(j), i), j, mirrored=False) < ALIKE).sum())
    pairs = max(1, len(some) * (len(some) - 1) / 2)
    return strangers / pairs * total > CROWD


def _likeness(prints: Fingerprints, i: np.ndarray, j: np.ndarray, *, mirrored: bool) -> np.ndarray:
    waves, bits, tints = prints.waves[i].astype(np.float32), prints.bits[i], prints.tints[i].astype(np.int16)
    if mirrored:
        waves, bits, tints = waves * _MIRROR, prints.mirrored[i], tints[:, :, ::-1]
    alike = np.minimum((waves * prints.waves[j].astype(np.float32)).sum(axis=1), 1)
    differ = _BIT * np.bitwise_count(bits ^ prints.bits[j])
    colour = 2 * _TINT * abs(tints - prints.tints[j]).mean(axis=(1, 2, 3))
    return np.asarray(alike - differ - colour, np.float32)


def _tints(thumbs: np.ndarray) -> np.ndarray:
    half = SIDE // 2
    quarters = thumbs.reshape(-1, 2, half, 2, half, 3).mean(axis=(2, 4))  # (N, 2, 2, 3)
    away = (quarters[..., ::2] - quarters[..., 1:2]) / 2
    return np.asarray(away.round().clip(-127, 127), np.int8)


def _packed(waves: np.ndarray) -> np.ndarray:
    packed = np.ascontiguousarray(np.packbits(waves > _DEAD, axis=1, bitorder="little"))  # (N, 8)
    bits: np.ndarray = packed.view("<u8").astype(np.uint64)[:, 0]
    return bits


def _band(bits: np.ndarray, band: int) -> np.ndarray:
    return (bits >> np.uint64(_BITS * band)).astype(np.uint16).astype(np.int64)


def _flips(most: int) -> list[int]:
    """Every value of a band with at most so many bits set."""
    sets = (chosen for number in range(most + 1) for chosen in combinations(range(_BITS), number))
    return [sum(1 << bit for bit in chosen) for chosen in sets]


def _runs(starts: np.ndarray, ends: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each query i with every item of its run order[starts[i]:ends[i]], so many pairs at a time."""
    lengths = ends - starts
    asking = np.flatnonzero(lengths)
    lengths, totals = lengths[asking], np.cumsum(lengths[asking])
    begin = 0
    while begin < len(asking):
        done = int(totals[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(totals, done + _AT_ONCE, side="right")))
        some, times = asking[begin:end], lengths[begin:end]
        i = np.repeat(some, times)
        inside = np.arange(len(i)) - np.repeat(totals[begin:end] - times - done, times)
        yield i, order[np.repeat(starts[some], times) + inside]
        begin = end
