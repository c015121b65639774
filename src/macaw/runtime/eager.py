"""Torch engine: rebuilds the core from its card and weights; for those who have torch and want no graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.card import Card
from macaw.errors import InputError, MissingExtra, ModelError, UnknownName
from macaw.registry import BUILDERS
from macaw.runtime.graph import read_weights

if TYPE_CHECKING:
    from torch import nn


class TorchEngine:
    """The module a card describes, in evaluation mode."""

    def __init__(self, folder: Path, card: Card) -> None:
        self._module: Any = load_module(folder, card).eval()

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return self.outputs(*arrays)[0]

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._run(self._module.decoded, arrays)

    def features(self, *arrays: np.ndarray) -> np.ndarray:
        return self._run(lambda *inputs: (self._module.frontend(*inputs).pooled,), arrays)[0]

    def _run(self, forward: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        import torch

        with torch.inference_mode():
            found = forward(*(torch.from_numpy(a) for a in arrays))
            return tuple(np.asarray(one.float().numpy()) for one in found)


def load_module(folder: Path, card: Card) -> nn.Module:
    """The torch module of a model's folder, with its weights.

    Raises MissingExtra without torch, ModelError when card and weights do not fit.
    """
    try:
        import torch
    except ModuleNotFoundError as problem:
        raise MissingExtra("engine 'torch'", "torch", "train") from problem
    try:
        module: nn.Module = BUILDERS.build(card.builder, card)
    except (InputError, UnknownName, LookupError, TypeError) as problem:
        reason = f"no field {problem}" if isinstance(problem, KeyError) else str(problem)
        raise ModelError(
            f"{folder}: its card describes nothing that this macaw can build ({reason}); restore the folder"
        ) from problem
    tensors = {name: torch.from_numpy(array) for name, array in read_weights(folder).items()}
    counters = {name: t for name, t in module.state_dict().items() if not t.is_floating_point()}  # not saved
    try:
        module.load_state_dict(counters | tensors)
    except RuntimeError as problem:
        raise ModelError(
            f"{folder}: the weights do not fit the card; train again or restore the folder"
        ) from problem
    return module
