"""Influence: what an n-gram would say, had it never read a document; exactly, without training it again.

Removing a document changes the counts of its own n-grams and no others: how often each occurs, which of them
vanish, hence in how many tokens' wake their ends come, hence the totals of their contexts and the discounts.
All these changes are found from the document alone and laid over the model's counts when a text is scored.
The vocabulary stays.

Shapes: T tokens, D tokens of the documents, E entries of an order, P contexts, K changed ones, Q questions
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.language.counts import Level
from macaw.language.kneser_ney import discounts, tally, uniform
from macaw.language.ngram import Ngram, entries
from macaw.language.protocol import known


class Changes(NamedTuple):
    """Some values, and nothing everywhere else."""

    at: np.ndarray  # (K,) entries or contexts, rising
    values: np.ndarray  # (K,) or (K, 4) what is added

    @classmethod
    def of(cls, at: np.ndarray, values: np.ndarray) -> Changes:
        """The sums of the values (Q,) or (Q, 4) of each place `at` (Q,)."""
        places, which = np.unique(at, return_inverse=True)
        sums = np.zeros((len(places), *values.shape[1:]), np.int64)
        np.add.at(sums, which, values)
        return cls(places, sums)

    def get(self, at: np.ndarray) -> np.ndarray:
        """(Q,) or (Q, 4) the values at `at`, 0 where nothing is changed."""
        found = np.zeros((len(at), *self.values.shape[1:]), np.int64)
        if len(self.at):
            place = np.minimum(np.searchsorted(self.at, at), len(self.at) - 1)
            hit = self.at[place] == at
            found[hit] = self.values[place[hit]]
        return found


class Influence:
    """Asks an n-gram about texts with documents of its training text removed.

    Raises InputError for a model that was pruned or saved small: what it has forgotten cannot be subtracted.
    """

    def __init__(self, model: Ngram) -> None:
        if model.parts.tree is None or model.parts.seen is None:
            raise InputError("this n-gram keeps no counts of its training text; save it in the form 'whole'")
        if any(lost.any() for lost in model.parts.tree.lost):
            raise InputError("this n-gram was pruned, and its counts with it; train one that is not")
        self.model, self.tree, self.seen = model, model.parts.tree, model.parts.seen

    def score(self, ids: np.ndarray, without: Iterable[np.ndarray] = ()) -> np.ndarray:
        """(T,) float64 log-probability of each token of `ids`, had the documents `without` not been read.

        The documents are given as for training. Raises InputError for one that the model never read, where
        its counts can tell, and for ids of another vocabulary.
        """
        changed = self._removed(without)
        fed = np.concatenate([[self.model.vocabulary.start], known(self.model, ids)]).astype(np.int64)
        below = uniform(len(self.tree.levels[0]), self.model.vocabulary.begin)[fed[1:]]
        contexts = np.zeros(len(fed) - 1, np.int64)
        for n, found in enumerate(entries(self.tree.levels, fed)):
            below = self._mixed(n, (contexts, found[1:]), below, changed[n])
            contexts = found[:-1]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(below))

    def of(self, ids: np.ndarray, documents: Sequence[np.ndarray]) -> np.ndarray:
        """(documents, T) how much each document alone adds to the log-probability of each token of `ids`."""
        whole = self.score(ids)
        return np.stack([whole - self.score(ids, [one]) for one in documents])

    @cached_property
    def _tallies(self) -> list[np.ndarray]:
        """Of every order, (4,) how many entries have a count of 1 to 4."""
        return [tally(used) for used in self.tree.used]

    @cached_property
    def _sums(self) -> list[np.ndarray]:
        """Of every order, `Tree.kinds`."""
        return [self.tree.kinds(n) for n in range(len(self.tree.levels))]

    def _mixed(
        self, n: int, places: tuple[np.ndarray, np.ndarray], below: np.ndarray, changes: Changes
    ) -> np.ndarray:
        """(T,) probabilities of order n + 1 from those below; `places` are contexts and entries."""
        context, hit = places
        used, discount = self.tree.used[n], self._discounts(n, changes)
        counts = np.where(hit >= 0, used[np.maximum(hit, 0)].astype(np.int64) + changes.get(hit), 0)
        by_context = _context_changes(self.tree.levels[n], used, changes)
        sums = self._sums[n][np.maximum(context, 0)] + by_context.get(context)  # (T, 4)
        total = np.maximum(sums[:, 0], 1)
        own = np.maximum(counts - discount[np.minimum(counts, 3)], 0) / total
        mixed = own + np.maximum(sums[:, 1:] @ discount[1:], 0) / total * below
        return np.where((context >= 0) & (sums[:, 0] > 0), mixed, below)

    def _discounts(self, n: int, changes: Changes) -> np.ndarray:
        """(4,) the discounts of order n + 1 after the changes."""
        old = self.tree.used[n][changes.at].astype(np.int64)
        return discounts(self._tallies[n] - tally(old) + tally(old + changes.values))[0]

    def _removed(self, documents: Iterable[np.ndarray]) -> list[Changes]:
        """Of every order, what the documents' absence adds to Kneser-Ney's counts: nothing above 0 ever."""
        parts = [self._occurrences(ids) for ids in documents]
        levels = self.tree.levels
        if not parts:
            return [Changes(np.zeros(0, np.int64), np.zeros(0, np.int64)) for _ in levels]
        places = [np.concatenate(one) for one in zip(*parts, strict=True)]  # of every order, (D, 2)
        changed, gone = [], np.zeros(0, np.int64)  # the suffixes of n-grams that vanish
        for n in range(len(levels) - 1, -1, -1):
            ends, leads = places[n][:, 0], places[n][:, 1].astype(bool)
            counted = (ends >= 0) if n else ~leads  # the start itself follows nothing
            left = self._left(n, ends[counted])
            own = np.ones(len(ends), bool) if n == len(levels) - 1 else leads  # counted by how often
            at = np.concatenate([ends[counted & own], gone])
            changed.append(Changes.of(at, np.full(len(at), -1)))
            gone = self._suffixes_of_vanished(n, places, left)
        return changed[::-1]

    def _occurrences(self, ids: np.ndarray) -> list[np.ndarray]:
        """Of every order, (D, 2) the entry that ends with each token, -1 for none, and if it leads."""
        body = ids[1:] if len(ids) and ids[0] == self.model.vocabulary.begin else ids
        fed = np.concatenate([[self.model.vocabulary.start], known(self.model, body)]).astype(np.int64)
        found = []
        for n, ends in enumerate(entries(self.tree.levels, fed)):
            if (ends[n:] < 0).any():
                raise InputError(
                    "the document has n-grams that the model never read; give one of its training text"
                )
            found.append(np.stack([ends, np.arange(len(fed)) == n], axis=1))
        return found

    def _left(self, n: int, ends: np.ndarray) -> Changes:
        """How often each of the documents' n-grams of order n + 1 occurs without them."""
        times = Changes.of(ends, np.full(len(ends), -1))
        left = self.seen[n][times.at].astype(np.int64) + times.values
        if (left < 0).any():
            raise InputError(
                "the documents have n-grams oftener than the model read them; give each document once"
            )
        return Changes(times.at, left)

    def _suffixes_of_vanished(self, n: int, places: list[np.ndarray], left: Changes) -> np.ndarray:
        """The entries of order n that end the n-grams of order n + 1 of which none is left, one for each."""
        if n == 0:
            return np.zeros(0, np.int64)
        vanished = left.at[left.values == 0]
        here, first = np.unique(places[n][:, 0], return_index=True)
        return np.asarray(places[n - 1][first[np.isin(here, vanished)], 0])


def _kinds(used: np.ndarray) -> np.ndarray:
    """(E, 4) of counts: themselves, and whether they are 1, 2, 3 or more."""
    return np.stack([used, used == 1, used == 2, used >= 3], axis=1).astype(np.int64)


def _context_changes(level: Level, used: np.ndarray, changes: Changes) -> Changes:
    """What changes of entries are to the sums of their contexts: (K, 4)."""
    old = used[changes.at].astype(np.int64)
    contexts = np.searchsorted(level.first, changes.at, side="right") - 1
    return Changes.of(contexts, _kinds(old + changes.values) - _kinds(old))
