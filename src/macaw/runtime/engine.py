"""Engine: what computes a model's core. Arrays in, arrays out; what surrounds it is the same for all."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from macaw.card import Card
from macaw.registry import ENGINES

WEIGHTS = "model.safetensors"
GRAPH = "model.onnx"


class Engine(Protocol):
    """One opened core."""

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """(B, ...) float32 inputs -> the raw output (B, ...) float32."""
        ...


def open_engine(name: str, folder: Path, card: Card) -> Engine:
    """Open the core of the model in `folder`: "onnxruntime" reads its graph, "torch" rebuilds it by the card.

    Raises UnknownName, MissingExtra, or ModelError when the folder is damaged.
    """
    engine: Engine = ENGINES.build(name, folder, card)
    return engine
