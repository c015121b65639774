"""Toy language models whose every probability is known: what decoding is tested against."""

from __future__ import annotations

from typing import Any

import numpy as np

from macaw.language.protocol import score_by_steps
from macaw.language.vocabulary import Vocabulary


class Bigram:
    """P(next | last) is a row of a table (V, V); its state is the last token, in a tuple."""

    context: int | None = 1

    def __init__(self, vocabulary: Vocabulary, table: np.ndarray) -> None:
        self.vocabulary, self.table = vocabulary, np.asarray(table, np.float64)

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        last = int(ids[-1]) if len(ids) else self.vocabulary.start if state is None else state[0]
        with np.errstate(divide="ignore"):
            return np.log(self.table[last]).astype(np.float32), (last,)

    def score(self, ids: np.ndarray) -> np.ndarray:
        before = np.array([self.vocabulary.start, *ids[:-1]], np.int64)
        with np.errstate(divide="ignore"):
            return np.log(self.table[before, ids])


class Logits:
    """P(next | all before) from a function of the whole text; its state is the text so far."""

    context: int | None = None

    def __init__(self, vocabulary: Vocabulary, logits: Any) -> None:
        self.vocabulary, self.logits = vocabulary, logits

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        text = (*(state or (self.vocabulary.start,)), *(int(one) for one in ids))
        raw = np.asarray(self.logits(text), np.float64)
        return (raw - np.log(np.exp(raw - raw.max()).sum()) - raw.max()).astype(np.float32), text

    def score(self, ids: np.ndarray) -> np.ndarray:
        return score_by_steps(self, ids)


def letters(size: int) -> Vocabulary:
    """A vocabulary of `size` words a, b, c ..., behind its three roles."""
    return Vocabulary.of("words", [chr(97 + i) for i in range(size)])


def random_bigram(size: int, *, seed: int = 0, sharp: float = 2.0) -> Bigram:
    """A bigram over `letters(size)`: begin and unknown never come, the end does."""
    vocabulary = letters(size)
    table = np.exp(sharp * np.random.default_rng(seed).normal(size=(len(vocabulary),) * 2))
    table[:, [vocabulary.begin, vocabulary.unknown]] = 0
    return Bigram(vocabulary, table / table.sum(axis=1, keepdims=True))


def spelled(text: str, *, kind: str = "bytes") -> Logits:
    """A model of bytes, or of another kind that `text` teaches, which writes `text` from wherever it is."""
    vocabulary = Vocabulary.learn([text], kind)
    ids = vocabulary.encode(text)

    def logits(so_far: tuple[int, ...]) -> np.ndarray:
        raw = np.full(len(vocabulary), -20.0)
        made = len(so_far) - 1
        raw[ids[made] if made < len(ids) else vocabulary.end] = 20.0
        return raw

    return Logits(vocabulary, logits)
