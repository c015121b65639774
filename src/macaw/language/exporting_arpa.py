"""ARPA export: what was written is read back, and asked by the ids of the model that wrote it.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import DataError
from macaw.language.arpa import read_arpa
from macaw.language.ngram import Ngram
from macaw.language.protocol import known
from macaw.language.vocabulary import Vocabulary
from macaw.language.word_coder import ROLES


class ReadBack:
    """The LanguageModel of an ARPA file that `write_arpa` made of a model with `vocabulary`.

    There its tokens are words, and have other ids. Raises DataError where a token is missing in the file, as
    one is that is spelled like a role.
    """

    def __init__(self, path: Path, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.inner = vocabulary, read_arpa(path)
        self.context = self.inner.context
        self._places = _places(path, vocabulary, self.inner)  # (V,) of each id, the id in the file

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        """(V,) float32 log-probabilities, and the state reached."""
        logp, after = self.inner.next(self._places[known(self, ids)], state)
        return logp[self._places], after

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 log-probability of each token."""
        return self.inner.score(self._places[known(self, ids)])


def _places(path: Path, vocabulary: Vocabulary, read: Ngram) -> np.ndarray:
    """(V,): tokens stand in the file in the order of their ids; what plays a role has an id of its own."""
    places = np.arange(len(vocabulary), dtype=np.int32)
    if vocabulary.kind != "words":
        roles = (vocabulary.unknown, vocabulary.begin, vocabulary.end)
        plain = np.array([token for token in places if token not in roles])
        places[plain] = len(ROLES) + np.arange(len(plain))
        for place, token in enumerate(roles):
            if token is not None:
                places[token] = place
    if int(places.max()) + 1 != len(read.vocabulary):
        raise DataError(
            f"{path} has {len(read.vocabulary):,} words where {int(places.max()) + 1:,} were written; one of "
            f"them is spelled like a role ({', '.join(ROLES)})"
        )
    return places
