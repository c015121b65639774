"""Steps: the values that decoding gives: a token drawn, a chosen continuation, a hypothesis of a beam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

# Shapes: V vocabulary, T tokens, N continuations

Ends = Literal["", "end", "limit", "stop"]  # why nothing follows: the document ended, enough, a stop string


@dataclass(frozen=True, eq=False)
class Step:
    """One token, and what it was drawn from."""

    token: int
    logp: np.ndarray  # (V,) natural-log probabilities of the model
    warped: np.ndarray  # (V,) float64, after the settings: what the token was drawn from
    ends: Ends = ""

    @property
    def score(self) -> float:
        """Natural-log probability that the model gives the token, whatever the settings."""
        return float(self.logp[self.token])


@dataclass(frozen=True, eq=False)
class Choice:
    """How likely each of some continuations is, exactly: the sum over its tokens, by the chain rule."""

    scores: np.ndarray  # (N,) float64 natural-log probability of each

    @property
    def best(self) -> int:
        """The place of the likeliest; the first of equals."""
        return int(np.argmax(self.scores))

    @property
    def probs(self) -> np.ndarray:
        """(N,) float64: how likely each is if it must be one of them; sums to one."""
        weights = np.exp(self.scores - self.scores.max())
        return np.asarray(weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One continuation that a beam search found."""

    ids: np.ndarray  # (T,) int32, with the document's end where it ends
    logp: float  # natural-log probability of them all
    score: float  # the same over T to the power of the length penalty: by what they are ranked
    ends: Ends
