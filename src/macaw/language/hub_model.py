"""Hub model: a causal model of the Hub as a LanguageModel, with the probabilities that transformers gives.

A text beyond the context goes on as it does with networks of our own, by a window that slides by halves
(`macaw.language.networks`), with one difference: where the tokenizer puts a token in front of every text, the
window begins with it too, since such networks were never trained without it.

A network may have rows that its tokenizer has no token for, which round its size up. Their share of the
probability is lost, not handed to the others: the probabilities stay those of transformers, and bits per byte
what a code by this network would take. Drawing divides by the sum, so that one of the tokens always comes.

Shapes: T tokens, V vocabulary, R rows of the network's output
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from macaw.card import Card
from macaw.errors import InputError
from macaw.language.hub_core import Core
from macaw.language.networks import Reading
from macaw.language.protocol import known
from macaw.language.vocabulary import Vocabulary

_BLOCK = 256  # tokens read at once
_NUMBERS = 1 << 25  # and log-probabilities made at once, 128 MB: vocabularies have up to 260,000 tokens
_START = Reading(np.empty(0, np.int32), None)


class HubModel:
    """The LanguageModel of a checkpoint: a network, and the vocabulary that belongs to it."""

    def __init__(
        self, core: Core, vocabulary: Vocabulary, *, context: int | None, card: Card | None = None
    ) -> None:
        self.core, self.vocabulary, self.context, self.card = core, vocabulary, context, card
        self._block = max(1, min(_BLOCK, _NUMBERS // max(1, core.rows)))

    def next(self, ids: np.ndarray, state: Reading | None = None) -> tuple[np.ndarray, Reading]:
        """Log-probabilities (V,) float32 after feeding `ids` into `state`, and the new state.

        Without a state `vocabulary.start` is fed first. Raises InputError for no ids at all into a state, and
        for ids that are not in the vocabulary, or that the network has no weights for.
        """
        ids = self._known(ids)
        if state is None:
            ids, state = np.concatenate(([self.vocabulary.start], ids)).astype(np.int32), _START
        if not len(ids):
            raise InputError("no token to go on with; give at least one, or no state to begin a document")
        for logits, after in self._through(ids, state, last=True):
            said, state = logits, after
        return self._of_tokens(said.log_softmax(-1)[-1].numpy()), state

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 log-probability of each token of a document, given all before it.

        Raises InputError for ids that are not in the vocabulary, or that the network has no weights for.
        """
        ids = self._known(ids)
        fed = np.concatenate(([self.vocabulary.start], ids[:-1])).astype(np.int32)[: len(ids)]
        scores, at = np.empty(len(ids)), 0
        for logits, _ in self._through(fed, _START, last=False):
            logp = logits.log_softmax(-1).numpy()
            scores[at : at + len(logp)] = logp[np.arange(len(logp)), ids[at : at + len(logp)]]
            at += len(logp)
        return scores

    def _through(self, ids: np.ndarray, state: Reading, *, last: bool) -> Iterator[tuple[Any, Reading]]:
        """Feed `ids` block by block: the logits of each, and where the text stands after it."""
        while len(ids):
            state = self._with_room(state)
            room = self._block if self.context is None else min(self._block, self.context - len(state.window))
            logits, state = self._fed(ids[:room], state, last=last)
            ids = ids[room:]
            yield logits, state

    def _fed(self, ids: np.ndarray, state: Reading, *, last: bool) -> tuple[Any, Reading]:
        logits, inside = self.core.feed(ids, state.inside, last=last)
        window = state.window if self.context is None else np.concatenate((state.window, ids))
        return logits, Reading(window, inside)

    def _with_room(self, state: Reading) -> Reading:
        """The state itself, or where its window is full, one that knows the later half alone."""
        if self.context is None or len(state.window) < self.context:
            return state
        kept, begin = state.window[len(state.window) - self.context // 2 :], self.vocabulary.begin
        if begin is not None and len(kept) + 1 < self.context:
            kept = np.concatenate(([begin], kept)).astype(np.int32)
        fresh = _START
        for at in range(0, len(kept), self._block):
            fresh = self._fed(kept[at : at + self._block], fresh, last=True)[1]
        return fresh

    def _known(self, ids: np.ndarray) -> np.ndarray:
        found = known(self, ids)
        if found.size and int(found.max()) >= self.core.rows:
            raise InputError(
                f"id {int(found.max())} is in the tokenizer, and the network knows {self.core.rows:,} "
                "tokens; leave that token out of the text"
            )
        return found

    def _of_tokens(self, logp: np.ndarray) -> np.ndarray:
        """(R,) -> (V,): without the rows that are no token, and -inf for tokens that have no row."""
        size = len(self.vocabulary)
        return np.pad(logp[:size], (0, max(0, size - len(logp))), constant_values=-np.inf)
