"""Modules: the torch network of a Shape; as a core that feeds on ids it is the reference of all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from macaw.language.batching import feed_in_turn
from macaw.language.recurrent import Recurrent
from macaw.language.shapes import Shape, TransformerShape
from macaw.language.transformer import Transformer


def build(shape: Shape) -> Transformer | Recurrent:
    """The network of a Shape, with fresh weights."""
    return Transformer(shape) if isinstance(shape, TransformerShape) else Recurrent(shape)


class ModuleStep:
    """A network of torch behind the interface of the numpy steps. Raises RuntimeError for other weights."""

    def __init__(self, shape: Shape, weights: Mapping[str, np.ndarray]) -> None:
        self.shape = shape
        self.module = build(shape).eval()
        self.module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})

    @torch.inference_mode()
    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[np.ndarray, Any]:
        """Logits (T, V) of ids (T,), of the last position alone if asked, and the state after them."""
        logits, after = self.module(torch.from_numpy(ids.astype(np.int64))[None], state)
        found: np.ndarray = logits[0].numpy()
        return found[-1:] if last else found, after

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Any], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Any]]:
        """`feed` of many texts, one by one: caches of different lengths do not go together here."""
        return feed_in_turn(self, ids, states, last=last)
