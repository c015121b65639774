"""Nulls: how often a passage would occur in the training text by chance, when words know two others or none.

A long match proves nothing when every writer would have written it. The expected number of occurrences is
the size of the training text times the probability of the passage under a null model: words on their own
(the ranking of OLMoTrace, Liu et al. 2025, arXiv 2504.07096), or each after the two before it. The suffix
array is the null model too: it counts any three words, and the occurrences of the passage itself are left
out, so that a passage does not vouch for itself. Counts are smoothed by the shorter context (Dirichlet
prior: MacKay and Peto 1995, DOI 10.1017/S1351324900000218).

In bytes a word is a run of letters, digits and bytes above 127 with the space before it; every other byte,
and every token of a vocabulary, is a word of its own. What is counted is a string of bytes whatever follows
it, so probabilities of passages add up to one without any end of words.

Shapes: T positions, W words, P passages, K pieces
"""

from __future__ import annotations

import numpy as np

from macaw.language.overlap import Passages, Track
from macaw.language.suffixes import Suffixes

ORDERS = {"unigram": 1, "trigram": 3}
FEWEST = 4  # whole words of a passage; all that a null could say of fewer is that they are rare
# Counts that the shorter context is worth: of 2, 8, 32, 128 and 512 the best on held-out novels, 1.90 bits a
# byte after 20 MB of others (128: 1.91, 32: 1.97).
PRIOR = 512.0
_TRIES, _LOOK = 32, 64  # of a random place for one that starts a word; symbols that a word has at most


def words(ids: np.ndarray, suffixes: Suffixes) -> np.ndarray:
    """(T,) bool: positions at which a word starts, as the nulls count words."""
    if suffixes.vocabulary is not None:
        return np.ones(len(ids), bool)
    letter = ((ids | 32) >= 97) & ((ids | 32) <= 122) | (ids >= 48) & (ids <= 57) | (ids > 127)
    starts = np.ones(len(ids), bool)
    starts[1:] = ~letter[1:] | ~(letter[:-1] | (ids[:-1] == 32))
    return starts


def expected(one: Track, passages: Passages, suffixes: Suffixes) -> dict[str, np.ndarray]:
    """For each null the decimal logarithm (P,) of how often the passages would occur by chance.

    Of each passage its whole words count. One of fewer than four is expected as often as there are symbols:
    a rare word, or name, that two texts share is no quotation.
    """
    starts = np.flatnonzero(words(one.ids, suffixes))
    ends = np.append(starts[1:], len(one))
    counts = _counts(one, starts, ends, suffixes)
    first = np.searchsorted(starts, passages.starts)
    last = np.searchsorted(ends, passages.ends, side="right")
    sizes = np.maximum(last - first, 0)  # (P,) words of each
    owner = np.repeat(np.arange(len(passages)), sizes)  # (K,) which passage a word is looked at for
    place = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # (K,) which of its words
    at = first[owner] + place
    logs = _probabilities(counts, at, place, passages.counts[owner], len(suffixes))
    total = np.log(max(1, len(suffixes)))
    sums = (np.bincount(owner, weights=log, minlength=len(passages)) for log in logs)
    judged = sizes >= FEWEST
    return {name: (total + judged * log) / np.log(10) for name, log in zip(ORDERS, sums, strict=True)}


def sample_null(suffixes: Suffixes, size: int, *, order: int = 3, seed: int = 0) -> np.ndarray:
    """(T,) ids of a text of at least `size` symbols in which a word knows the `order` - 1 before it.

    Drawn from the training text itself: a random place where those words stand, and the word behind them.
    """
    random, text = np.random.default_rng(seed), np.zeros(0, np.int64)
    begun: list[int] = []  # where words start
    while len(text) < size and len(suffixes):
        word = np.zeros(0, np.int64)
        for back in range(min(order - 1, len(begun)), -1, -1):
            word = _next_word(suffixes, text[begun[-back] :] if back else text[:0], random)
            if len(word):
                break
        begun.append(len(text))
        text = np.concatenate([text, word])
    return text


def _next_word(suffixes: Suffixes, context: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A word from behind a random occurrence of the context; empty where none was found."""
    low, high = 0, len(suffixes.order)
    if len(context):
        low, high = suffixes.rows(context, np.array([[0, len(context)]]))[0]
    for _ in range(_TRIES if high > low else 0):
        place = int(suffixes.order[random.integers(low, high)]) + len(context)
        ahead = suffixes.symbols[max(0, place - 1) : place + _LOOK].astype(np.int64) - 1
        starts = words(ahead, suffixes)
        skip = min(1, place)
        if len(ahead) <= skip or ahead[skip] < 0 or not (starts[skip] or ahead[0] < 0):
            continue  # the document ends here, or the context ends within a word
        later = np.flatnonzero(starts[skip + 1 :] | (ahead[skip + 1 :] < 0))
        return ahead[skip : skip + 1 + (later[0] if len(later) else len(ahead))]
    return np.zeros(0, np.int64)


def _counts(one: Track, starts: np.ndarray, ends: np.ndarray, suffixes: Suffixes) -> np.ndarray:
    """(4, W): the prior of each word as a new one; how often it occurs, alone, behind one and two others."""
    counts = np.zeros((4, len(starts)))
    for back in range(3):
        pieces = np.stack([starts[: len(starts) - back], ends[back:]], axis=1)
        low, high = suffixes.rows(one.ids, pieces).T
        counts[back + 1, back:] = high - low
    seen, where = np.unique(one.ids, return_inverse=True)
    low, high = suffixes.rows(seen, np.stack([np.arange(len(seen)), np.arange(len(seen)) + 1], axis=1)).T
    logs = np.log((high - low + 1) / (len(suffixes) + len(seen)))[where]
    counts[0] = np.exp(np.add.reduceat(logs, starts)) if len(starts) else 0
    return counts


def _probabilities(
    counts: np.ndarray, at: np.ndarray, place: np.ndarray, own: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """(K,) natural-log probabilities of words under both nulls, `own` occurrences of the passage left out."""
    left = np.maximum(counts[1:, at] - own, 0)  # (3, K)
    before = np.maximum(counts[1:3, np.maximum(at - 1, 0)] - own, 0)  # (2, K) of the contexts
    prob = (left[0] + PRIOR * counts[0, at]) / (max(size, 1) + PRIOR)
    unigram = prob
    for back in (1, 2):
        longer = (left[back] + PRIOR * prob) / (before[back - 1] + PRIOR)
        prob = np.where(place >= back, longer, prob)
    return np.log(unigram), np.log(prob)
