"""Overlap: what share of a text the training text has too, passage by passage and n-gram by n-gram.

Every figure is a ratio of two sums over the text, so its interval comes from drawing stretches of the text
anew (a block bootstrap, Künsch 1989, DOI 10.1214/aos/1176347265): neighbouring positions are anything but
independent.

Shapes: T positions, P passages, L lengths of n-grams, S stretches
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.language.suffixes import Suffixes, Text
from macaw.results.measures import Interval
from macaw.results.novelty import Novelty

STRETCHES, DRAWS = 50, 1000
LENGTHS = tuple(range(1, 17)) + tuple(range(18, 33, 2)) + tuple(range(36, 65, 4)) + (80, 96, 112, 128)


@dataclass(frozen=True, eq=False)
class Passages:
    """Passages of a text that the training text has, each as long as it can be on both sides."""

    starts: np.ndarray  # (P,) positions
    ends: np.ndarray  # (P,) positions, exclusive
    counts: np.ndarray  # (P,) how often the training text has it
    places: np.ndarray  # (P,) where one of them starts, in symbols of the training text

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, chosen: np.ndarray) -> Passages:
        """Those of a (P,) mask."""
        return Passages(self.starts[chosen], self.ends[chosen], self.counts[chosen], self.places[chosen])

    def covered(self, size: int) -> np.ndarray:
        """(size,) bool: positions that lie in one of them."""
        steps = np.zeros(size + 1, np.int64)
        np.add.at(steps, self.starts, 1)
        np.add.at(steps, self.ends, -1)
        return np.cumsum(steps[:-1]) > 0


@dataclass(frozen=True, eq=False)
class Track:
    """One text or several in a row, and how far the training text goes along with each of its positions."""

    ids: np.ndarray  # (T,)
    lengths: np.ndarray  # (T,) symbols of the longest match from there on, within the text it is in
    counts: np.ndarray  # (T,) how often it occurs
    places: np.ndarray  # (T,) where one of them starts
    room: np.ndarray  # (T,) symbols from there to the end of the text it is in

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def passages(self) -> Passages:
        """All matches that cannot go on to the left: each is more than the tail of the one before."""
        reach = np.arange(len(self)) + self.lengths
        opens = np.ones(len(self), bool)
        opens[1:] = (reach[1:] > reach[:-1]) | (self.room[:-1] == 1)
        at = np.flatnonzero(opens & (self.lengths > 0))
        return Passages(at, reach[at], self.counts[at], self.places[at])

    def without(self, passages: Passages) -> Track:
        """The text with these passages cut out; what is left of it on either side stays apart."""
        kept = ~passages.covered(len(self))
        last = kept & (np.append(~kept[1:], True) | (self.room == 1))
        ends = np.append(np.flatnonzero(last), len(self))
        room = ends[np.searchsorted(ends, np.arange(len(self)))] + 1 - np.arange(len(self))
        lengths = np.minimum(self.lengths, room)
        return Track(*(one[kept] for one in (self.ids, lengths, self.counts, self.places, room)))


class Overlap(NamedTuple):
    """A text, its passages that count, and why."""

    track: Track
    passages: Passages  # verbatim or surprising ones
    chance: dict[str, np.ndarray]  # (P,) for each null log10 of the occurrences expected by chance
    surprising: dict[str, np.ndarray]  # (P,) bool, for each null
    verbatim: np.ndarray  # (P,) bool

    @property
    def unexplained(self) -> np.ndarray:
        """(P,) bool: surprising for every null."""
        return np.asarray(np.all([*self.surprising.values()], axis=0))

    def share(self, chosen: np.ndarray, seed: int) -> Interval:
        """Of the text, what the chosen (P,) passages cover."""
        return share(self.passages.where(chosen).covered(len(self.track)), seed=seed)


def track(texts: Text | Sequence[Text], suffixes: Suffixes) -> Track:
    """Follow each of the texts through the training text; no match spans two of them.

    Raises InputError when there is nothing to follow.
    """
    some = [texts] if isinstance(texts, str | bytes | np.ndarray) else texts
    parts = [part for part in map(suffixes.ids, some) if len(part)]
    if not parts:
        raise InputError("the text is empty; there is nothing to look up")
    found = [suffixes.match(part) for part in parts]
    join = np.concatenate
    return Track(
        join([part.astype(np.int64) for part in parts]),
        join([one.lengths for one in found]),
        join([one.counts for one in found]),
        join([one.places for one in found]),
        join([np.arange(len(part), 0, -1) for part in parts]),
    )


def novelty(name: str, one: Track, *, seed: int = 0) -> Novelty:
    """The share of n-grams that the training text does not have, for each n that the text is long enough for.

    RAVEN (McCoy et al. 2021, arXiv 2111.09509) and Rusty-DAWG (Merrill et al. 2024, arXiv 2406.13069).
    """
    lengths = np.array([n for n in LENGTHS if n <= one.room.max()])
    fits = one.room[:, None] >= lengths  # (T, L)
    absent = _by_stretch(fits & (one.lengths[:, None] < lengths))
    value, low, high = _ratios(absent, _by_stretch(fits), seed)
    return Novelty(name, lengths, value, low, high)


def share(mask: np.ndarray, *, seed: int = 0) -> Interval:
    """The share of positions (T,) for which the mask holds, and its interval."""
    hits = _by_stretch(mask[:, None])
    value, low, high = _ratios(hits, _by_stretch(np.ones((len(mask), 1), bool)), seed)
    return Interval(float(value[0]), float(low[0]), float(high[0]))


def _by_stretch(mask: np.ndarray) -> np.ndarray:
    """(T, L) bool -> (S, L) how many hold in each stretch of the text."""
    cuts = np.unique(np.linspace(0, len(mask), STRETCHES + 1).astype(np.int64))[:-1]
    return np.add.reduceat(mask, cuts, axis=0, dtype=np.int64)


def _ratios(hits: np.ndarray, totals: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(L,) of (S, L) counts: the ratio of their sums, and the interval of 95 % by the bootstrap."""
    stretches = len(hits)
    drawn = np.random.default_rng(seed).multinomial(stretches, np.full(stretches, 1 / stretches), DRAWS)
    value = hits.sum(axis=0) / totals.sum(axis=0)
    below = drawn @ totals
    ratios = np.where(below > 0, drawn @ hits / np.maximum(below, 1), value)
    low, high = np.percentile(ratios, [2.5, 97.5], axis=0)
    return value, np.minimum(low, value), np.maximum(high, value)
