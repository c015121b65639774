"""Words as tokens: what stands between blanks, with the line's end as a word; all that is rare is one token.

This is how the published perplexities of Penn Treebank and WikiText are counted (one `<eos>` a line), and
KenLM's vocabulary but for that. It is closed: what it lacks is `<unk>`, so bits per byte do not exist.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from macaw.data.wording import words_of
from macaw.errors import InputError
from macaw.language.coder import BEGIN, END, UNKNOWN, Coder, readable, utf8

ROLES = (UNKNOWN, BEGIN, END)
_SPACED = re.compile(r" ?\n ?")


class WordCoder(Coder):
    """Ids 0, 1 and 2 are `<unk>`, `<s>` and `</s>`; the words follow, the most frequent first.

    Raises InputError for a word that is empty, has a blank in it, plays a role, or comes twice.
    """

    kind = "words"
    lossless = False
    unknown, begin, end = 0, 1, 2

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._places = {word: place for place, word in enumerate(self.words, start=len(ROLES))}
        wrong = next((word for word in self.words if word in ROLES or words_of(word) != [word]), None)
        if wrong is not None:
            raise InputError(f"'{readable(wrong)}' cannot be a word of a vocabulary; remove it")
        if len(self._places) < len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise InputError(f"the word '{readable(twice)}' comes twice in the vocabulary; give it once")

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int | None, least: int) -> WordCoder:
        """The words that occur `least` times, the most frequent of them where `size` is too small."""
        counts: Counter[str] = Counter()
        for text in texts:
            utf8(text)  # refuses what cannot be written
            counts.update(words_of(text))
        for role in ROLES:
            counts.pop(role, None)
        kept = sorted(
            (word for word, times in counts.items() if times >= least), key=lambda w: (-counts[w], w)
        )
        if size is not None and size < len(ROLES):
            raise InputError(f"{size} tokens are too few: {', '.join(ROLES)} are {len(ROLES)} already")
        return cls(kept if size is None else kept[: size - len(ROLES)])

    def __len__(self) -> int:
        return len(ROLES) + len(self.words)

    def encode(self, text: str) -> np.ndarray:
        """One id a word; one that is not known, or is spelled like a role, is `unknown`."""
        place = self._places
        return np.array([place.get(word, 0) for word in words_of(text)], np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """The words with a blank between two, none at the ends of lines; `<unk>` for the unknown."""
        shown = (UNKNOWN if i == self.unknown else self.words[i - len(ROLES)] for i in ids if i not in {1, 2})
        return _SPACED.sub("\n", " ".join(shown))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The words as they are written."""
        return (*ROLES, *map(readable, self.words))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Without the blanks between words, of which the ids know nothing."""
        return np.array([0] * len(ROLES) + [len(utf8(word)) for word in self.words], np.int32)

    def written(self, text: str) -> np.ndarray:
        """(T,) int32: UTF-8 bytes of each word of the text, known or not."""
        return np.array([len(utf8(word)) for word in words_of(text)], np.int32)

    def tokens(self) -> list[str]:
        """The words."""
        return list(self.words)
