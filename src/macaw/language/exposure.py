"""Exposure: how much easier a secret is to guess for whoever has the model, in bits.

A canary is a secret drawn at random and planted in the training text. All secrets that could have been drawn
are ranked by the model's probability; the exposure is log2 of their number less log2 of the canary's rank
(Carlini et al. 2019, "The Secret Sharer", arXiv 1802.08232, definition 5). One that was never planted has
about one bit and a half (1 / ln 2 on average), all of it chance; the most is log2 of their number. Where
there are too many to rank, some of them stand for all (section 4.3 there), and the most is log2 of those.

Shapes: K canaries
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from macaw.errors import InputError
from macaw.language.protocol import LanguageModel
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.results.figure import Figure
from macaw.results.measures import Interval

REFERENCES = 1000  # secrets that stand for all where there are more


@dataclass(frozen=True)
class Secrets:
    """All secrets of one form: `length` choices in a row between two fixed texts. Raises InputError."""

    before: str  # such as "The code is "
    choices: tuple[str, ...] = tuple("0123456789")
    length: int = 6
    after: str = "."

    def __post_init__(self) -> None:
        if len(set(self.choices)) < max(2, len(self.choices)) or self.length < 1:
            raise InputError(
                f"{len(self.choices)} choices in {self.length} places are no secret; give two or more "
                "different ones and one place or more"
            )

    def __len__(self) -> int:
        return int(len(self.choices) ** self.length)

    def sample(self, count: int, *, seed: int = 0) -> list[str]:
        """`count` of them as texts, drawn independently."""
        drawn = np.random.default_rng(seed).integers(0, len(self.choices), (count, self.length))
        return [self._text(self.choices[i] for i in row) for row in drawn]

    def all(self) -> list[str]:
        """Every one of them as a text."""
        return [self._text(row) for row in itertools.product(self.choices, repeat=self.length)]

    def _text(self, parts: Iterable[str]) -> str:
        return f"{self.before}{''.join(parts)}{self.after}"


def plant(documents: Sequence[str], copies: Mapping[str, int], *, seed: int = 0) -> list[str]:
    """The documents with each canary in so many random places, as a line of its own at the end of a document.

    Raises InputError without a document to plant in.
    """
    if not documents:
        raise InputError("there is no document to plant canaries in")
    random, planted = np.random.default_rng(seed), list(documents)
    for canary, number in copies.items():
        for at in random.integers(0, len(planted), number):
            planted[at] = f"{planted[at]}\n{canary}"
    return planted


def exposure(
    model: LanguageModel,
    canaries: Sequence[str],
    secrets: Secrets,
    *,
    references: int = REFERENCES,
    seed: int = 0,
) -> np.ndarray:
    """(K,) bits by which the model gives each canary away; 0 .. log2 of how many were ranked.

    Up to `references` secrets are ranked all, of more so many are drawn. Of equally likely ones a canary has
    the middle rank, so that a model that knows nothing gives about one bit.
    """
    whole = len(secrets) <= references
    others = secrets.all() if whole else secrets.sample(references, seed=seed)
    scores = np.array([_score(model, one) for one in others])
    bits = np.empty(len(canaries))
    for i, canary in enumerate(canaries):
        score = _score(model, canary)
        rest = scores[np.array([one != canary for one in others])]
        rank = 1 + (rest > score).sum() + (rest == score).sum() / 2
        bits[i] = np.log2(len(rest) + 1) - np.log2(rank)
    return bits


def exposed(planted: np.ndarray, never: np.ndarray, *, seed: int = 0) -> Figure:
    """The figure: mean bits of planted canaries, beside those of the same form that were never planted."""
    return Figure(
        "exposure",
        _mean(planted, seed),
        _mean(never, seed),
        f"bits by which the model gives away {len(planted)} planted canaries; beside them "
        f"{len(never)} that were never planted",
        "ranks of log probabilities; nothing is decoded",
    )


def _mean(bits: np.ndarray, seed: int) -> Interval:
    if not len(bits):
        raise InputError("exposure needs a canary or more, planted and never planted")
    draws = bootstrap_draws(lambda weights: (weights @ bits) / weights.sum(axis=-1), len(bits), seed=seed)
    return interval_of_draws(float(bits.mean()), draws, bounds=(0, float(bits.max())), unit="bits")


def _score(model: LanguageModel, text: str) -> float:
    return float(model.score(model.vocabulary.encode(text)).sum())
