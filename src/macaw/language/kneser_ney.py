"""Interpolated modified Kneser-Ney: from counts to probabilities that never are zero.

Chen and Goodman 1999 (DOI 10.1006/csla.1999.0128), as KenLM estimates it (Heafield et al. 2013, ACL
P13-2121). Of every count a discount is taken, one for counts of 1, of 2, and of 3 and more; what a context's
discounts add up to is what the next shorter context may give away. Shorter contexts count in how many
different tokens' wake an n-gram comes: "Francisco" is frequent, but only after "San".

Shapes: E entries of an order, P contexts (entries of the order below), N order
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from macaw.language.counts import Level

FALLBACK = (0.5, 1.0, 1.5)  # KenLM's --discount_fallback, where a text is too small to estimate them
NEVER = -99.0  # log10 of a probability of zero, as ARPA files write it


@dataclass(frozen=True)
class Tree:
    """Counts as they are estimated from; index 0 is order 1."""

    levels: tuple[Level, ...]
    used: tuple[np.ndarray, ...]  # (E,) Kneser-Ney's counts
    lost: tuple[np.ndarray, ...]  # (P,) of every context, what the counts that were pruned from it add up to
    discounts: np.ndarray  # (N, 4) what is taken of counts of 0, 1, 2, and 3 or more

    def kinds(self, n: int) -> np.ndarray:
        """(P, 4) int64 of every context of level `n`: all its counts, and how many are 1, 2, 3 or more."""
        level, used = self.levels[n], self.used[n].astype(np.int64)
        return np.stack([level.sums(one) for one in (used, used == 1, used == 2, used >= 3)], axis=1)

    def mass(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Of every context of level `n`: (P,) all its counts, and (P,) the share it gives to shorter ones.

        A context that was never seen gives everything.
        """
        kinds, lost = self.kinds(n), self.lost[n]
        total = kinds[:, 0] + lost
        given = kinds[:, 1:] @ self.discounts[n][1:] + lost
        return total, np.where(total > 0, given / np.maximum(total, 1), 1.0)


@dataclass(frozen=True)
class Estimated:
    """All that an n-gram knows, by order; probabilities and backoffs are log10, as ARPA files have them."""

    levels: tuple[Level, ...]
    logp: tuple[np.ndarray, ...]  # (E,) float32
    backoff: tuple[np.ndarray, ...]  # (E,) float32, of every order but the last
    tree: Tree | None = None  # the counts; None where only probabilities are known
    seen: tuple[np.ndarray, ...] | None = None  # (E,) how often each entry occurs


def tally(used: np.ndarray) -> np.ndarray:
    """(4,) how many n-grams have a count of 1, 2, 3 and 4."""
    return np.bincount(np.minimum(used, 5), minlength=6)[1:5]


def discounts(tallies: np.ndarray) -> tuple[np.ndarray, str]:
    """(4,) what is taken of counts of 0, 1, 2, and 3 or more, and in words why they are not estimated.

    D_j = j - (j + 1) Y t_{j+1} / t_j with Y = t_1 / (t_1 + 2 t_2). Where no n-gram has one of the counts 1 to
    3, or a discount would be below 0 or above its count, those of FALLBACK are taken: other tools refuse.
    """
    t = tallies.astype(np.float64)
    missing = [str(j) for j in (1, 2, 3) if t[j - 1] == 0]
    if missing:
        return np.array([0.0, *FALLBACK]), f"none has a count of {' or '.join(missing)}"
    share = t[0] / (t[0] + 2 * t[1])
    found = np.array([j - (j + 1) * share * t[j] / t[j - 1] for j in (1, 2, 3)])
    if (found < 0).any() or (found > (1, 2, 3)).any():
        return np.array([0.0, *FALLBACK]), "their counts fall too unevenly"
    return np.array([0.0, *found]), ""


def all_discounts(used: tuple[np.ndarray, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N, 4) the discounts of every order, and a line for each order that is too small to have its own."""
    rows, notes = [], []
    for n, counts in enumerate(used, start=1):
        row, why = discounts(tally(counts))
        rows.append(row)
        if why:
            taken = ", ".join(f"{one:g}" for one in FALLBACK)
            notes.append(f"n-grams of order {n} are too few to estimate discounts ({why}); {taken} are taken")
    return np.stack(rows), tuple(notes)


def uniform(size: int, begin: int | None) -> np.ndarray:
    """(V,) the same probability for every token but `begin`, which never follows anything."""
    share = np.full(size, 1 / max(size - (begin is not None), 1))
    if begin is not None:
        share[begin] = 0
    return share


def estimate(
    tree: Tree, suffixes: tuple[np.ndarray, ...], begin: int | None
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """log10 probabilities (E,) float32 of every order, and log10 backoffs (E,) float32 of all but the last.

    p(w | h) = (a(hw) - D) / sum a(h.) + gamma(h) p(w | h without its first token), from order 1, below which
    all tokens are equally likely, upwards. `suffixes` (E,) lead from an entry to the one it is mixed with.
    """
    below = uniform(len(tree.levels[0]), begin)
    logp, backoff = [], []
    for n, level in enumerate(tree.levels):
        total, gamma = tree.mass(n)
        context = level.parents()
        used = tree.used[n]
        own = np.maximum(used - tree.discounts[n][np.minimum(used, 3)], 0) / np.maximum(total, 1)[context]
        lower = below if n == 0 else below[suffixes[n]]
        below = own + gamma[context] * lower
        logp.append(_log10(below))
        if n:
            backoff.append(_log10(gamma))
    if begin is not None:
        logp[0][begin] = 0  # as KenLM writes it: what is given is certain
    return tuple(logp), tuple(backoff)


def _log10(values: np.ndarray) -> np.ndarray:
    """float32; NEVER for zero."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log10(values), NEVER), np.float32)
