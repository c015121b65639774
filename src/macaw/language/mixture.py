"""Mixture: several language models as one: their probabilities, each with its weight, added up.

An n-gram remembers phrases, a network generalises; together they beat both, and nothing is trained but one
weight for each, by expectation maximisation on text that none of them learned from (Jelinek and Mercer 1980,
"Interpolated estimation of Markov source parameters from sparse data"). The weights do not depend on the
text.

Shapes: T tokens, V vocabulary, M models, B texts
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.language.batching import next_many, scores
from macaw.language.protocol import LanguageModel

if TYPE_CHECKING:
    from macaw.language.vocabulary import Vocabulary

GAP = 1e-7  # nats a token from the best weights there are: no figure that is shown would change
ROUNDS = 10_000


@dataclass(frozen=True, eq=False)
class Weights:
    """What expectation maximisation found."""

    values: np.ndarray  # (M,) float64, 0..1, sum to one
    alone: np.ndarray  # (M,) float64 nats a token of each model
    together: float  # nats a token of the mixture
    rounds: int
    gap: float  # nats a token: the best weights there are cannot be better by more than this


class Mixture:
    """A language model whose P(next) is the weighted sum of those of `models`, which share one vocabulary.

    Raises InputError where they do not, or where the weights are no distribution.
    """

    def __init__(self, models: Sequence[LanguageModel], weights: Sequence[float] | np.ndarray) -> None:
        values = np.asarray(weights, np.float64)
        if not models or values.shape != (len(models),):
            raise InputError(
                f"{len(models)} models and weights of shape {values.shape}; give one weight a model"
            )
        if not (np.isfinite(values).all() and values.min() >= 0 and abs(values.sum() - 1) < 1e-6):
            raise InputError(f"weights are {values.tolist()}; they must be 0 or more and sum to one")
        _agree(models)
        self.models = tuple(models)
        self.weights = values / values.sum()

    @property
    def vocabulary(self) -> Vocabulary:
        """That of all its models."""
        return self.models[0].vocabulary

    @property
    def context(self) -> int | None:
        """The longest of its models'; None where one of them has no limit."""
        every = [model.context for model in self.models]
        return None if None in every else max(one for one in every if one is not None)

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        """(V,) float32 natural-log probabilities of the token after `ids` (T,), and the models' states."""
        logp, (after,) = self.next_many([ids], [state])
        return logp[0], after

    def next_many(self, ids: Sequence[np.ndarray], states: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
        """`next` of many texts: (B, V), and the states of each; models that can read all in one pass do."""
        rows = [(None,) * len(self.models) if state is None else state for state in states]
        answers = [
            next_many(model, ids, column)
            for model, column in zip(self.models, zip(*rows, strict=True), strict=True)
        ]
        logp = mixed(np.stack([logp.reshape(-1) for logp, _ in answers]), self.weights)
        after = zip(*(reached for _, reached in answers), strict=True)
        return logp.reshape(len(ids), -1).astype(np.float32), list(after)

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 natural-log probability of each token given all before it."""
        return self.scores([ids])[0]

    def scores(self, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`score` of many documents; models that score many at once do."""
        every = zip(*(scores(model, documents) for model in self.models), strict=True)
        return [mixed(np.stack(rows), self.weights) for rows in every]

    def opinions(self, ids: np.ndarray) -> np.ndarray:
        """(M, T) float64: the share of a token's probability that each model brought; columns sum to one."""
        parts = np.stack([model.score(ids) for model in self.models]) + _log(self.weights)[:, None]
        return np.asarray(np.exp(parts - mixed(parts, np.ones(len(parts)))))


def mix(models: Sequence[LanguageModel], documents: Iterable[np.ndarray], *, split: str = "val") -> Mixture:
    """The mixture of `models` whose weights fit `documents` best, ids as `vocabulary.document` gives them.

    `split` says which part of the data they are. The documents should be none that a model learned from: it
    would be trusted too much. Raises InputError for the test split, whose score would then mean nothing, for
    models of different vocabularies, and where there is no token.
    """
    if split == "test":
        raise InputError("weights are not fitted on the test split: its score would mean nothing; use val")
    _agree(models)
    begin = models[0].vocabulary.begin
    bodies = [ids[1:] if len(ids) and ids[0] == begin else ids for ids in documents]
    if not sum(map(len, bodies)):
        raise InputError("the documents hold no token; weights need text that the models can be tried on")
    found = fit_weights(np.stack([np.concatenate(scores(model, bodies)) for model in models]))
    return Mixture(models, found.values)


def fit_weights(scores: np.ndarray) -> Weights:
    """The weights under which tokens scored (M, T), in natural-log probabilities, are likeliest together.

    The likelihood has one maximum, and each round of expectation maximisation comes nearer to it; how near is
    known: the gap is at most the largest of the models' mean shares, over its weight, less one. Raises
    InputError where a token has no chance with any model, or there is none.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 2 or not scores.size:
        raise InputError(f"scores have shape {scores.shape}; give a row of one or more tokens for each model")
    top = scores.max(axis=0)
    if not np.isfinite(top).all():
        place = int(np.argmin(np.isfinite(top)))
        raise InputError(
            f"token {place} of the held-out text has no chance with any model; mix in a smoothed one"
        )
    probs = np.exp(scores - top)  # (M, T), at most one
    values = np.full(len(probs), 1 / len(probs))
    gap, rounds = np.inf, 0
    while gap > GAP and rounds < ROUNDS:
        ratios = (probs / (values @ probs)).mean(
            axis=1
        )  # (M,) 1 at the best weights, less where a weight is 0
        gap, rounds = float(ratios.max() - 1), rounds + 1
        values = values * ratios
    together = -float((np.log(values @ probs) + top).mean())
    return Weights(values / values.sum(), -scores.mean(axis=1), together, rounds, gap)


def mixed(logp: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log of the weighted sum of probabilities: (M, N) natural logs and (M,) weights -> (N,) float64."""
    parts = np.asarray(logp, np.float64) + _log(weights)[:, None]
    top = parts.max(axis=0)
    safe = np.where(np.isfinite(top), top, 0)  # a token that never comes stays at -inf
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(np.exp(parts - safe).sum(axis=0)))


def _log(weights: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weights))


def _agree(models: Sequence[LanguageModel]) -> None:
    for place, model in enumerate(models[1:], start=2):
        models[0].vocabulary.must_equal(model.vocabulary, f"model {place} of the mixture")
