"""Network: a recurrent network or a Transformer as a LanguageModel, from its folder, and without torch.

Beyond its context a Transformer goes on by a window that slides by halves: when `context` tokens have been
read, the later half of them is read again as if the text began there, and the window has room once more. So
every token is predicted from at least half a context, at twice the arithmetic at most, and `next` and `score`
agree wherever a text branches.

Shapes: T tokens of a text, B texts, V vocabulary
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.language.matrices import PRECISIONS
from macaw.language.protocol import known
from macaw.language.recurrent_step import RecurrentStep
from macaw.language.shapes import Shape, TransformerShape, shape_of
from macaw.language.transformer_step import TransformerStep
from macaw.language.vocabulary import Vocabulary

WEIGHTS = "model.safetensors"
ENGINES = ("numpy", "compiled", "torch")
_BLOCK = 256  # tokens read at once, of all texts: bounds the memory of logits and attention
_ABREAST = 32  # documents that a recurrent network scores at once


class Core(Protocol):
    """What feeds on ids: a step in numpy, or the torch module."""

    @property
    def shape(self) -> Shape:
        """The numbers of the network."""
        ...

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[np.ndarray, Any]:
        """Logits (T, V) of ids (T,), of the last position alone if asked, and the state after them."""
        ...

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Any], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Any]]:
        """`feed` of many texts at once, each at least a token."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """Where a text stands; never changed, so that one can go on from it more than once."""

    window: np.ndarray  # (P,) ids that the Transformer's cache holds; empty of a recurrent network
    inside: Any  # the core's own state


_START = Reading(np.empty(0, np.int32), None)


class Network:
    """The LanguageModel of saved weights; `load` opens one.

    Raises ModelError where core and vocabulary are not of one size.
    """

    def __init__(self, core: Core, vocabulary: Vocabulary, *, card: Card | None = None) -> None:
        if core.shape.tokens != len(vocabulary):
            raise ModelError(
                f"the network knows {core.shape.tokens:,} tokens, its vocabulary has {len(vocabulary):,}; "
                "restore the folder, or train again"
            )
        self.core, self.vocabulary, self.card = core, vocabulary, card

    @classmethod
    def load(cls, folder: str | Path, *, precision: str = "float32", engine: str = "numpy") -> Network:
        """Open a model's folder.

        `precision`: "float32", or "int8", by which a token is read from a quarter of the bytes. `engine`:
        "numpy"; "compiled", by which a Transformer writes fastest, once numba is imported; or "torch", the
        reference, in single precision. Raises ModelError for a folder that is damaged, UnknownName for
        another precision or engine, MissingExtra where numba is missing for int8 or "compiled".
        """
        folder = Path(folder)
        card = Card.load(folder)
        core = open_core(shape_of(card.head), load_weights(folder), precision=precision, engine=engine)
        return cls(core, Vocabulary.load(folder), card=card)

    @property
    def context(self) -> int | None:
        """Tokens that a prediction looks back on at most, and half of them at least; None without end."""
        return self.core.shape.context

    def next(self, ids: np.ndarray, state: Reading | None = None) -> tuple[np.ndarray, Reading]:
        """Log-probabilities (V,) float32 after feeding `ids` into `state`, and the new state.

        Without a state `vocabulary.start` is fed first. Raises InputError for no ids at all into a state, and
        for ids that are not in the vocabulary.
        """
        logp, (after,) = self.next_many([ids], [state])
        return logp[0], after

    def next_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Reading | None]
    ) -> tuple[np.ndarray, list[Reading]]:
        """`next` of many texts in one pass over the weights: (B, V), and the state of each."""
        begun = [self._begun(known(self, one), state) for one, state in zip(ids, states, strict=True)]
        said, after = [np.empty(0)] * len(begun), [_START] * len(begun)
        for text, logits, state in self._through(begun, last=True):
            said[text], after[text] = logits[-1], state
        return log_softmax(np.stack(said)), after

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 log-probability of each token of a document, given all before it.

        Raises InputError for ids that are not in the vocabulary.
        """
        return self.scores([ids])[0]

    def scores(self, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`score` of many documents, of which those of about one length go through together."""
        every = [known(self, ids) for ids in documents]
        scores = [np.empty(len(ids)) for ids in every]
        for places in self._together([len(ids) for ids in every]):
            fed = [(self._fed(every[place][:-1]), _START) for place in places]
            at = [0] * len(places)
            for text, logits, _ in self._through(fed, last=False):
                here = slice(at[text], at[text] + len(logits))
                some, at[text] = every[places[text]][here, None], here.stop
                scores[places[text]][here] = np.take_along_axis(log_softmax(logits), some, 1)[:, 0]
        return scores

    def _together(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Places of the texts that go through together, the longest first; empty ones are left out.

        A Transformer reads a long one alone as fast as it can read; a recurrent network has nothing but other
        texts to share the reading of its weights with.
        """
        order = sorted((i for i, length in enumerate(lengths) if length), key=lambda i: -lengths[i])
        while order:
            count = _ABREAST if self.context is None else max(1, _BLOCK // lengths[order[0]])
            yield order[:count]
            order = order[count:]

    def _fed(self, ids: np.ndarray) -> np.ndarray:
        return np.concatenate(([self.vocabulary.start], ids)).astype(np.int32)

    def _begun(self, ids: np.ndarray, state: Reading | None) -> tuple[np.ndarray, Reading]:
        """What is fed, and into what; without a state a document starts."""
        if state is None:
            return self._fed(ids), _START
        if not len(ids):
            raise InputError("no token to go on with; give at least one, or no state to begin a document")
        return ids, state

    def _through(
        self, texts: Sequence[tuple[np.ndarray, Reading]], *, last: bool
    ) -> Iterator[tuple[int, np.ndarray, Reading]]:
        """Feed texts block by block: of each its place, the block's logits, and where it stands after it."""
        going = [(place, ids, state) for place, (ids, state) in enumerate(texts)]
        while going:
            places, left, states = zip(*going, strict=True)
            states = [self._with_room(state) for state in states]
            share = max(1, _BLOCK // len(going))
            blocks = [ids[: min(share, self._room(state))] for ids, state in zip(left, states, strict=True)]
            logits, insides = self.core.feed_many(blocks, [state.inside for state in states], last=last)
            after = [self._after(*one) for one in zip(states, blocks, insides, strict=True)]
            yield from zip(places, logits, after, strict=True)
            left = [ids[len(block) :] for ids, block in zip(left, blocks, strict=True)]
            going = [one for one in zip(places, left, after, strict=True) if len(one[1])]

    def _after(self, state: Reading, block: np.ndarray, inside: Any) -> Reading:
        # Made anew for each token, which takes half a microsecond; keys and values are not
        window = state.window if self.context is None else np.concatenate((state.window, block))
        return Reading(window, inside)

    def _room(self, state: Reading) -> int:
        """How many tokens more may be read before the window has to slide."""
        return _BLOCK if self.context is None else self.context - len(state.window)

    def _with_room(self, state: Reading) -> Reading:
        """The state itself, or where its window is full, one that knows the later half alone."""
        if self.context is None or len(state.window) < self.context:
            return state
        kept = state.window[len(state.window) - self.context // 2 :]
        return Reading(kept, self.core.feed(kept, last=True)[1] if len(kept) else None)


def open_core(
    shape: Shape, weights: Mapping[str, np.ndarray], *, precision: str = "float32", engine: str = "numpy"
) -> Core:
    """Weights by their names in the torch module, ready to feed on ids.

    Raises UnknownName, MissingExtra, or ModelError where a weight is missing or of another size.
    """
    for value, allowed, what in ((engine, ENGINES, "engine"), (precision, PRECISIONS, "precision")):
        if value not in allowed:
            raise UnknownName(f"no {what} '{value}': {', '.join(allowed)}.{did_you_mean(value, allowed)}")
    try:
        if engine == "torch":
            from macaw.language.modules import ModuleStep

            return ModuleStep(shape, weights)
        if isinstance(shape, TransformerShape) and engine == "compiled":
            from macaw.language.compiled_step import CompiledStep

            return CompiledStep(shape, weights, precision=precision)
        if isinstance(shape, TransformerShape):
            return TransformerStep(shape, weights, precision=precision)
        return RecurrentStep(shape, weights, precision=precision)
    except (KeyError, ValueError, RuntimeError) as problem:
        if isinstance(problem, UnknownName):
            raise
        raise ModelError(
            f"the weights are not those of the card's network ({problem}); train again"
        ) from problem


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    """The weights of a model's folder, in single precision. Raises ModelError."""
    path = folder / WEIGHTS
    try:
        return {name: held.astype(np.float32) for name, held in load_file(path).items()}
    except FileNotFoundError:
        raise ModelError(f"'{folder}' has no {WEIGHTS}; restore the folder, or train again") from None
    except (SafetensorError, ValueError, OSError) as problem:
        raise ModelError(f"{path} is damaged ({problem}); restore the folder, or train again") from problem


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Natural-log probabilities over the last axis, float32."""
    rest = logits - logits.max(-1, keepdims=True)
    found: np.ndarray = rest - np.log(np.exp(rest).sum(-1, keepdims=True))
    return found
