"""Network: a recurrent network or a Transformer as a LanguageModel, from its folder, and without torch.

Beyond its context a Transformer goes on by a window that slides by halves: when `context` tokens have been
read, the later half of them is read again as if the text began there, and the window has room once more. So
every token is predicted from at least half a context, at twice the arithmetic at most, and `next` and `score`
agree wherever a text branches.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_BLOCK = 256  # tokens read at once: bounds the memory of logits and attention


class Core(Protocol):
    """What feeds on ids: a step in numpy, or the torch module."""

    @property
    def shape(self) -> Shape:
        """The numbers of the network."""
        ...

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[np.ndarray, Any]:
        """Logits (T, V) of ids (T,), of the last position alone if asked, and the state after them."""
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
        ids = known(self, ids)
        if state is None:
            ids, state = np.concatenate(([self.vocabulary.start], ids)).astype(np.int32), _START
        if not len(ids):
            raise InputError("no token to go on with; give at least one, or no state to begin a document")
        for logits, after in self._through(ids, state, last=True):
            said, state = logits[-1], after
        return log_softmax(said), state

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) float64 log-probability of each token of a document, given all before it.

        Raises InputError for ids that are not in the vocabulary.
        """
        ids = known(self, ids)
        fed = np.concatenate(([self.vocabulary.start], ids[:-1])).astype(np.int32)[: len(ids)]
        scores, at = np.empty(len(ids)), 0
        for logits, _ in self._through(fed, _START, last=False):
            some = ids[at : at + len(logits)]
            scores[at : at + len(logits)] = np.take_along_axis(log_softmax(logits), some[:, None], 1)[:, 0]
            at += len(logits)
        return scores

    def _through(
        self, ids: np.ndarray, state: Reading, *, last: bool
    ) -> Iterator[tuple[np.ndarray, Reading]]:
        """Feed `ids` block by block: the logits of each, and where the text stands after it."""
        while len(ids):
            state = self._with_room(state)
            room = _BLOCK if self.context is None else min(_BLOCK, self.context - len(state.window))
            block, ids = ids[:room], ids[room:]
            logits, inside = self.core.feed(block, state.inside, last=last)
            window = state.window if self.context is None else np.concatenate((state.window, block))
            state = Reading(window, inside)
            yield logits, state

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
