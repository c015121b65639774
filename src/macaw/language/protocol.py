"""LanguageModel: what n-grams, recurrent networks, Transformers and mixtures have in common: P(x1 ... xn).

A language model gives the probability of the next token, given all before it; the probability of a text is
the product of those, by the chain rule. Whatever samples, scores or explains asks for no more than this, so
it works with each of them. None of it needs torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from macaw.errors import InputError

if TYPE_CHECKING:
    from macaw.language.vocabulary import Vocabulary

# Shapes: T tokens, V vocabulary


@runtime_checkable
class LanguageModel(Protocol):
    """One P(x1 ... xn): next-token probabilities with a state that is handed back and forth.

    A state is a value: feeding it tokens makes another and leaves it as it was, so that a text can branch at
    any token. What it holds is the model's affair: the last tokens of an n-gram, the hidden vectors of a
    recurrent network, the keys and values of a Transformer.
    """

    @property
    def vocabulary(self) -> Vocabulary:
        """What turns text into ids and back."""
        ...

    @property
    def context(self) -> int | None:
        """How many tokens back it looks at most; None where there is no limit."""
        ...

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        """(V,) float32 natural-log probabilities of the token after `ids` (T,), and the state reached.

        Without a state a document starts: `vocabulary.start` has been fed, and `ids` may be empty. With one
        it goes on from there, and `ids` has at least one token. A token that never comes (begin) has -inf.
        """
        ...

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 natural-log probability of each token given all before it in its document.

        `ids` is the document without its begin, which is fed first. Equal to what `next` says, within 1e-4.
        """
        ...


def score_by_steps(model: LanguageModel, ids: np.ndarray) -> np.ndarray:
    """`score` from nothing but `next`, token by token: (T,) float64.

    The definition; a model that can score all tokens at once is faster, and is tested against this.
    """
    ids = known(model, ids)
    scores = np.empty(len(ids))
    logp, state = model.next(ids[:0])
    for t, token in enumerate(ids):
        scores[t] = logp[token]
        if t + 1 < len(ids):
            logp, state = model.next(ids[t : t + 1], state)
    return scores


def known(model: LanguageModel, ids: Any) -> np.ndarray:
    """`ids` as a (T,) int32 array of the model's vocabulary.

    Raises InputError where they are no such thing; the usual cause is ids of another model's vocabulary.
    """
    found = np.asarray(ids)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise InputError(f"ids are {found.dtype} of shape {found.shape}; give one row of whole numbers")
    size = len(model.vocabulary)
    if found.size and not (0 <= found.min() and found.max() < size):
        worst = int(found.max()) if found.max() >= size else int(found.min())
        raise InputError(
            f"id {worst} is not in the vocabulary of {size:,} tokens; "
            "encode the text with the vocabulary of this model"
        )
    return found.astype(np.int32)
