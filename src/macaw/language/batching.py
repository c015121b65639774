"""Batching: many texts in one pass of a model that can, so that its weights are read once for all of them.

What a token costs is the reading of the weights (`macaw.language.matrices`), and the tokens of other texts
need the same ones. A model says that it can by having `next_many` or `scores`; any other is asked text by
text, so that whoever has many texts need not know which it is.

Shapes: B texts, T tokens of one of them, V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from macaw.language.protocol import LanguageModel


@runtime_checkable
class NextOfMany(Protocol):
    """A LanguageModel that feeds many texts at once."""

    def next_many(self, ids: Sequence[np.ndarray], states: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
        """What `next` says of each text's `ids` (T,) and state: (B, V) float32, and the states reached.

        The lengths may differ, and a state may be None or that of several texts. No row depends on the others
        but for the last bits of single precision, 1e-5: sums may be taken in another order.
        """
        ...


@runtime_checkable
class ScoresOfMany(Protocol):
    """A LanguageModel that scores many documents at once."""

    def scores(self, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`score` of each document (T,), within 1e-4."""
        ...


class Feeds(Protocol):
    """The core of a network: see `macaw.language.networks`."""

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[np.ndarray, Any]:
        """Logits (T, V) of ids (T,), of the last position alone if asked, and the state after them."""
        ...


def next_many(
    model: LanguageModel, ids: Sequence[np.ndarray], states: Sequence[Any]
) -> tuple[np.ndarray, list[Any]]:
    """`next` of one text or more: (B, V) log-probabilities, and the states reached."""
    if isinstance(model, NextOfMany):
        return model.next_many(ids, states)
    answers = [model.next(one, state) for one, state in zip(ids, states, strict=True)]
    return np.stack([logp for logp, _ in answers]), [state for _, state in answers]


def scores(model: LanguageModel, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
    """`score` of each document (T,): float64 natural-log probability of each token."""
    if isinstance(model, ScoresOfMany):
        return model.scores(documents)
    return [model.score(ids) for ids in documents]


def feed_in_turn(
    core: Feeds, ids: Sequence[np.ndarray], states: Sequence[Any], *, last: bool = False
) -> tuple[list[np.ndarray], list[Any]]:
    """`feed` of many texts where one pass for all of them is of no use."""
    answers = [core.feed(one, state, last=last) for one, state in zip(ids, states, strict=True)]
    return [logits for logits, _ in answers], [after for _, after in answers]
