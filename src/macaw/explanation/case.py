"""Case: one question to a model, why this class of this picture, as a number that any map can be made for.

Shapes: N pictures, S side of a prepared one, C classes
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from macaw.model import Model

BATCH = 64  # pictures the model is asked about at a time


@dataclass(frozen=True, eq=False)
class Case:
    """A prepared picture and the class in question, perhaps held against another one."""

    model: Model
    prepared: np.ndarray  # (3, S, S) float32
    target: int  # the class in question, a place in the card's names
    against: int | None = None  # the class it is held against

    def odds(self, pictures: np.ndarray) -> np.ndarray:
        """(N, 3, S, S) -> (N,) natural log of the odds of the class: against all others, or the one other.

        Unlike the probability they do not saturate: a model that is sure still shows what it rests on.
        """
        parts = [self.model.core(pictures[i : i + BATCH]) for i in range(0, len(pictures), BATCH)]
        logits = np.concatenate(parts).astype(np.float64) / self.model.card.decode["temperature"]  # (N, C)
        own = logits[:, self.target]
        if self.against is not None:
            return np.asarray(own - logits[:, self.against])
        if self.model.card.decode["multi"]:
            return np.asarray(own)
        return np.asarray(own - _log_sum(np.delete(logits, self.target, axis=1)))

    def probs(self, pictures: np.ndarray) -> np.ndarray:
        """(N, 3, S, S) -> (N,) probability of the class: as the model says it, or of the two alone."""
        return np.asarray(np.exp(-np.logaddexp(0, -self.odds(pictures))))


def _log_sum(logits: np.ndarray) -> np.ndarray:
    """(N, C) -> (N,) log of the sum of powers; minus infinity without a class."""
    return np.asarray(np.logaddexp.reduce(logits, axis=1, initial=-np.inf))
