"""Exposure: how much easier a secret is to guess for whoever has the model, in bits.

A canary is a secret drawn at random and planted in the training text. All secrets that could have been drawn
are ranked by the model's probability; the exposure is log2 of their number less log2 of the canary's rank
(Carlini et al. 2019, "The Secret Sharer", arXiv 1802.08232, definition 5). One that was never planted has
about one bit and a half (1 / ln 2 on average), all of it chance; the most is log2 of their number. Where
there are too many to rank, some of them stand for all (section 4.3 there), and the most is log2 of those.

Shapes: K canaries
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from macaw.errors import InputError
from macaw.language.batching import scores as scores_of
from macaw.language.canaries import FORM, Canaries, Secrets
from macaw.language.protocol import LanguageModel
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.results.figure import Figure
from macaw.results.measures import Interval
from macaw.results.words import several

REFERENCES = 1000  # secrets that stand for all where there are more
NEVER = 32  # never planted, beside those that were


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
    scores = _scores(model, others)
    bits = np.empty(len(canaries))
    for i, (canary, score) in enumerate(zip(canaries, _scores(model, canaries), strict=True)):
        rest = scores[np.array([one != canary for one in others])]
        rank = 1 + (rest > score).sum() + (rest == score).sum() / 2
        bits[i] = np.log2(len(rest) + 1) - np.log2(rank)
    return bits


def exposed(model: LanguageModel, canaries: Canaries, *, seed: int = 0) -> Figure:
    """The figure of a model that was trained with canaries: beside those of the same form never planted."""
    times = np.array([*canaries.copies.values()])
    asked = [*canaries.copies, *canaries.never(NEVER, seed=seed)]
    bits, never = np.split(exposure(model, asked, FORM, seed=seed), [len(times)])
    dose = ", ".join(f"{_often(one)} {bits[times == one].mean():.1f}" for one in np.unique(times))
    return figure(bits, never, dose=dose, seed=seed)


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def figure(planted: np.ndarray, never: np.ndarray, *, dose: str = "", seed: int = 0) -> Figure:
    """Mean bits of planted canaries, beside those of the same form that were never planted.

    `dose` says how many bits came of how many copies.
    """
    return Figure(
        "exposure",
        _mean(planted, seed),
        _mean(never, seed),
        f"bits by which the model gives away {several(len(planted), 'planted canary')}"
        f"{f' ({dose})' if dose else ''}; beside them {len(never)} that were never planted",
        "ranks of log probabilities; nothing is decoded",
    )


def _mean(bits: np.ndarray, seed: int) -> Interval:
    if not len(bits):
        raise InputError("exposure needs a canary or more, planted and never planted")
    draws = bootstrap_draws(lambda weights: (weights @ bits) / weights.sum(axis=-1), len(bits), seed=seed)
    return interval_of_draws(float(bits.mean()), draws, bounds=(0, float(bits.max())), unit="bits")


def _scores(model: LanguageModel, texts: Sequence[str]) -> np.ndarray:
    """(K,) log-probability of each text."""
    rows = scores_of(model, [model.vocabulary.encode(text) for text in texts])
    return np.array([float(row.sum()) for row in rows])
