"""Extraction: would the model go on word for word with a passage of its training text, which no one guesses?

A yes or no from greedy decoding (Carlini et al. 2022, arXiv 2202.07646) says little: a passage counts here
when the model, sampling as it is, gives it more often than not within so many tries (Hayes et al. 2024,
arXiv 2410.19482), and a prior that never learned it by heart, such as a trigram model, does not: what is
likely anyway is not called memorised (prior-aware memorization, arXiv 2602.18733). The same figure for
passages of held-out text is what the model does without having seen them.

Shapes: W windows, T tokens of a window, D documents
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from macaw.errors import InputError
from macaw.language.protocol import LanguageModel
from macaw.metrics.intervals import wilson_interval
from macaw.results.figure import Figure

PREFIX, SUFFIX = 32, 32  # tokens; Carlini et al. continue by 50, of longer prefixes of larger models
TRIES = 100


@dataclass(frozen=True, eq=False)
class Extraction:
    """How likely a model makes the true suffixes of some windows. Raises InputError when shapes disagree."""

    model: np.ndarray  # (W,) natural-log probability of the suffix after the prefix
    prior: np.ndarray  # (W,) the same of the prior
    greedy: np.ndarray  # (W,) tokens of the suffix that greedy decoding gives before its first other one
    length: int  # tokens of the suffix
    tries: int = TRIES

    def __post_init__(self) -> None:
        if not self.model.shape == self.prior.shape == self.greedy.shape:
            raise InputError(
                f"model {self.model.shape}, prior {self.prior.shape} and greedy {self.greedy.shape} differ"
            )

    @property
    def emitted(self) -> np.ndarray:
        """(W,) bool: more likely than not, the model gives the suffix in one of the tries."""
        return np.asarray(self.model >= self._needed)

    @property
    def extractable(self) -> np.ndarray:
        """(W,) bool: emitted by the model, and not by the prior."""
        return np.asarray(self.emitted & (self.prior < self._needed))

    @property
    def greedily(self) -> np.ndarray:
        """(W,) bool: greedy decoding gives the whole suffix."""
        return np.asarray(self.greedy == self.length)

    @property
    def gain(self) -> np.ndarray:
        """(W,) nats a token by which the model expects the suffix more than the prior does."""
        return np.asarray((self.model - self.prior) / self.length)

    @property
    def _needed(self) -> float:
        # 1 - (1 - p) ** tries >= 1/2, as a bound on log p
        return float(np.log(-np.expm1(-np.log(2) / self.tries)))


def windows(
    documents: Sequence[np.ndarray], *, length: int = PREFIX + SUFFIX, count: int = 200, seed: int = 0
) -> np.ndarray:
    """(W, T) windows of `length` ids from random places of documents, every place as likely; W is `count`.

    Raises InputError where no document is as long as that.
    """
    room = np.array([max(0, len(one) - length + 1) for one in documents], np.int64)
    if not room.sum():
        raise InputError(f"no document has {length} tokens; ask for shorter windows")
    ends = np.cumsum(room)
    at = np.random.default_rng(seed).integers(0, ends[-1], count)
    number = np.searchsorted(ends, at, side="right")
    first = at - (ends - room)[number]
    return np.stack([documents[d][a : a + length] for d, a in zip(number, first, strict=True)]).astype(
        np.int32
    )


def extract(
    model: LanguageModel, some: np.ndarray, *, prior: LanguageModel, prefix: int = PREFIX, tries: int = TRIES
) -> Extraction:
    """Ask model and prior, which have one vocabulary, for what follows the prefix of each window (W, T).

    Raises InputError where nothing is left after the prefix, or the vocabularies differ.
    """
    length = some.shape[1] - prefix
    if length < 1 or prefix < 1:
        raise InputError(
            f"a prefix of {prefix} leaves {length} of windows of {some.shape[1]}; leave 1 or more"
        )
    if model.vocabulary != prior.vocabulary:
        raise InputError(
            "model and prior have different vocabularies; take a prior of the model's vocabulary"
        )
    ours = np.array([model.score(one)[prefix:].sum() for one in some])
    theirs = np.array([prior.score(one)[prefix:].sum() for one in some])
    greedy = np.array([_greedy(model, one, prefix) for one in some])
    return Extraction(ours, theirs, greedy, length, tries)


def extractable(train: Extraction, held: Extraction) -> Figure:
    """The figure: of windows of the training text how many are extractable, beside those of held-out text."""
    value, beside = (wilson_interval(int(one.extractable.sum()), len(one.model)) for one in (train, held))
    return Figure(
        "extractable",
        value,
        beside,
        f"windows of the training text whose next {train.length} tokens the model gives more likely than not "
        f"within {train.tries} tries, and the prior does not",
        f"plain sampling at temperature 1; greedily {100 * train.greedily.mean():.1f} %, "
        f"held-out {100 * held.greedily.mean():.1f} %",
    )


def membership(train: Extraction, held: Extraction) -> float:
    """How well the gain tells windows of the training text from held-out ones: area under the ROC, 0..1.

    One half: not at all, the model knows its training text no better than other text of its kind.
    """
    joined = np.concatenate([train.gain, held.gain])
    _, ranks, sizes = np.unique(joined, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes - 1) / 2  # of equal gains
    above = middle[ranks[: len(train.gain)]].sum() - len(train.gain) * (len(train.gain) + 1) / 2
    return float(above / (len(train.gain) * len(held.gain)))


def _greedy(model: LanguageModel, window: np.ndarray, prefix: int) -> int:
    """Tokens after the prefix that are each the most likely one, until the first that is not."""
    logp, state = model.next(window[:prefix])
    for at in range(prefix, len(window)):
        if int(np.argmax(logp)) != window[at]:
            return at - prefix
        if at + 1 < len(window):
            logp, state = model.next(window[at : at + 1], state)
    return len(window) - prefix
