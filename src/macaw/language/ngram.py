"""N-gram: the next token by what followed the last few before; the first rung of the ladder.

Trained in seconds, it is the yardstick that a network has to pass, and it can say of every probability from
which counts it comes. Interpolated modified Kneser-Ney (`macaw.language.kneser_ney`) of any order, over any
vocabulary.

Shapes: T tokens, V vocabulary, N order, E entries of an order, C tokens seen after a context
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from macaw.card import NAME as CARD
from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName
from macaw.files import atomic_folder
from macaw.language.arrays import map_arrays, save_arrays
from macaw.language.counts import Level, count, linked
from macaw.language.kneser_ney import Estimated, Tree, all_discounts, estimate
from macaw.language.ngram_files import NAME, packed, unpacked
from macaw.language.protocol import known
from macaw.language.pruning import fewer
from macaw.language.seen import Seen, followers
from macaw.language.vocabulary import Vocabulary

FORMS = ("whole", "small")
State = tuple[int, ...]  # (N,) where the last 0, 1 .. N - 1 tokens stand in their levels; -1: never seen
_LOG10 = math.log(10)


class Ngram:
    """The n-gram as LanguageModel; `learn` and `load` make one, `macaw.language.arpa` reads one."""

    def __init__(self, vocabulary: Vocabulary, parts: Estimated, *, card: Card | None = None) -> None:
        self.vocabulary, self.parts, self.card = vocabulary, parts, card
        self.notes: tuple[str, ...] = ()  # what `learn` met, in words

    @classmethod
    def learn(
        cls,
        documents: Iterable[np.ndarray],
        vocabulary: Vocabulary,
        *,
        order: int = 5,
        prune: Sequence[int] = (),
        entries: int | None = None,
    ) -> Ngram:
        """Count and estimate; `documents` are ids as `vocabulary.document` gives them, and are read once.

        `prune` are KenLM's thresholds: `(0, 0, 1)` drops what occurs once from order 3 on. `entries` is how
        many n-grams to keep at most, those that matter most. Raises InputError for an order below 1, for no
        text, for ids of another vocabulary, and for thresholds that fall.
        """
        bodies = (ids[1:] if len(ids) and ids[0] == vocabulary.begin else ids for ids in documents)
        counted = count(bodies, order=order, size=len(vocabulary), start=vocabulary.start)
        discounts, notes = all_discounts(counted.used)
        lost = tuple(np.zeros(len(level.first) - 1, np.int64) for level in counted.levels)
        tree, seen, suffixes = (
            Tree(counted.levels, counted.used, lost, discounts),
            counted.seen,
            counted.suffixes,
        )
        if smaller := fewer(counted, tree, vocabulary.begin, prune=prune, entries=entries):
            tree, seen = smaller
            suffixes = linked(tree.levels)
        made = cls(
            vocabulary, Estimated(tree.levels, *estimate(tree, suffixes, vocabulary.begin), tree, seen)
        )
        made.notes = notes
        return made

    @classmethod
    def load(cls, folder: str | Path) -> Ngram:
        """Open a model's folder: a whole one is mapped into memory, a small one is estimated.

        Raises ModelError for a folder that is incomplete or damaged.
        """
        folder = Path(folder)
        vocabulary = Vocabulary.load(folder)
        arrays, notes = map_arrays(folder / NAME)
        try:
            parts = unpacked(arrays, int(notes["order"]), vocabulary)
        except (KeyError, ValueError, IndexError) as problem:
            fault = f"{folder / NAME} holds no n-gram of this vocabulary ({problem})"
            raise ModelError(f"{fault}; restore the folder, or train again") from problem
        return cls(vocabulary, parts, card=Card.load(folder) if (folder / CARD).exists() else None)

    def save(self, folder: str | Path, *, form: str = "whole", card: Card | None = None) -> Path:
        """Write the model's folder: "whole", opened at once however large, or "small", a seventh of the size.

        The small form has no `times`, so that `Seen` lacks them and influence cannot be asked. Raises
        UnknownName for another form, InputError for a small form of a model without counts, StorageError.
        """
        if form not in FORMS:
            raise UnknownName(f"form '{form}' is unknown; there are {' and '.join(FORMS)}")
        arrays = packed(self.parts, small=form == "small")
        with atomic_folder(folder) as place:
            save_arrays(place / NAME, arrays, {"kind": "ngram", "order": str(self.order), "form": form})
            self.vocabulary.save(place)
            if kept := card or self.card:
                kept.save(place)
        return Path(folder)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The n-grams of each order, 1 upwards."""
        return self.parts.levels

    @property
    def order(self) -> int:
        """N: how many tokens its longest n-grams have."""
        return len(self.levels)

    @property
    def context(self) -> int | None:
        """How many tokens back it looks at most: N - 1."""
        return self.order - 1

    def __len__(self) -> int:
        """How many n-grams of all orders it has."""
        return sum(map(len, self.levels))

    def __repr__(self) -> str:
        return f"Ngram of order {self.order}: {len(self):,} entries over {self.vocabulary}"

    @property
    def amid(self) -> State:
        """The state of a text whose beginning is not known, where none means that a document starts."""
        return (0, *[-1] * (self.order - 1))

    def next(self, ids: np.ndarray, state: State | None = None) -> tuple[np.ndarray, State]:
        """Log-probabilities (V,) float32 after feeding `ids` into `state`, and the new state.

        Without a state `vocabulary.start` is fed first. Raises InputError for ids that are not in the
        vocabulary.
        """
        state = self.feed(ids, state)
        weights = [float(self.parts.backoff[n][at]) if at >= 0 else 0.0 for n, at in enumerate(state[1:])]
        left = sum(weights)
        logp = self.parts.logp[0] + np.float32(left)
        for level, values, at, weight in zip(
            self.levels[1:], self.parts.logp[1:], state[1:], weights, strict=True
        ):
            left -= weight
            if at >= 0:
                some = level.children(at)
                logp[level.words[some]] = values[some] + np.float32(left)
        logp *= np.float32(_LOG10)
        if self.vocabulary.begin is not None:
            logp[self.vocabulary.begin] = -np.inf
        return logp, state

    def feed(self, ids: np.ndarray, state: State | None = None) -> State:
        """The state after `ids` (T,); without one before, after the document's start and `ids`."""
        tokens = known(self, ids).tolist()
        if state is None:
            tokens, state = [self.vocabulary.start, *tokens], self.amid
        if len(tokens) >= self.order:
            tokens, state = tokens[len(tokens) - self.order + 1 :], self.amid
        for token in tokens:
            below = (_child(level, at, token) for level, at in zip(self.levels, state[:-1], strict=False))
            state = (0, *below)
        return state

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 log-probability of each token of a document, given all before it.

        Raises InputError for ids that are not in the vocabulary.
        """
        return self.scores([ids])[0]

    def scores(self, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`score` of many documents at once, which is much faster where they are short.

        Nothing is carried from one to the next: no n-gram goes on from a document's start that is not its
        first token. Raises InputError for ids that are not in the vocabulary.
        """
        parts = [one for ids in documents for one in ([self.vocabulary.start], known(self, ids))]
        fed = np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)
        scores = self._scores(fed)
        scores[fed == self.vocabulary.begin] = -np.inf
        ends = np.cumsum([1 + len(ids) for ids in documents], dtype=np.int64).tolist()
        return [scores[end - len(ids) : end] for end, ids in zip(ends, documents, strict=True)]

    def _scores(self, fed: np.ndarray) -> np.ndarray:
        """(T,) log-probability of each token of `fed` (T,) given those before it."""
        scores = self.parts.logp[0][fed].astype(np.float64)
        above = entries(self.levels, fed)
        before = np.full(len(fed), -1)  # the context of each token
        contexts = next(above)
        for values, backoff, found in zip(self.parts.logp[1:], self.parts.backoff, above, strict=True):
            before[1:], longest = contexts[:-1], found >= 0
            held = (before >= 0) & ~longest
            scores[held] += backoff[before[held]]
            scores[longest] = values[found[longest]]
            contexts = found
        return np.asarray(scores * _LOG10)

    def counts(self, ids: np.ndarray) -> tuple[Seen, ...]:
        """What followed the last tokens of a document that begins with `ids`, the longest context first.

        The probability of a token is the sum of `weight` times its share over all contexts, and of what the
        last of them, which is empty, gives to all tokens alike. Raises InputError for a model without counts.
        """
        tree, state = self._counted(), self.feed(ids)
        fed = np.concatenate([[self.vocabulary.start], known(self, ids)]).astype(np.int32)
        weight, found = 1.0, []
        for n in range(self.order - 1, -1, -1):
            if state[n] < 0:
                continue
            one = followers(tree, self.parts.seen, (n, state[n]), context=fed[len(fed) - n :], weight=weight)
            if len(one.words) or one.gives < 1:
                found.append(one)
                weight *= one.gives
        return tuple(found)

    def _counted(self) -> Tree:
        if self.parts.tree is None:
            raise InputError(
                "this n-gram has probabilities but no counts, as ARPA files do; train one with macaw"
            )
        return self.parts.tree


def entries(levels: tuple[Level, ...], fed: np.ndarray) -> Iterator[np.ndarray]:
    """Of every order, (T,) the entry of the n-gram that ends with each token of `fed` (T,), -1 for none."""
    found = fed.astype(np.int64)
    yield found
    for level in levels[1:]:
        longer = np.full(len(fed), -1)
        longer[1:] = level.find(found[:-1], fed[1:])
        found = longer
        yield found


def _child(level: Level, at: int, token: int) -> int:
    """The entry of one token in one context; -1 where there is none."""
    if at < 0:
        return -1
    low, high = int(level.first[at]), int(level.first[at + 1])
    words = level.words[low:high]
    if not len(words) or token > words[-1]:  # and so maybe more than the type holds
        return -1
    place = int(words.searchsorted(words.dtype.type(token)))
    return low + place if words[place] == token else -1
