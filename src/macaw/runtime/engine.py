"""Engine: what computes a model's core. Arrays in, arrays out; what surrounds it is the same for all."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from macaw.card import Card
from macaw.registry import ENGINES

WEIGHTS = "model.safetensors"
GRAPH = "model.onnx"
RAW, POOLED = "raw", "pooled"  # the outputs of a graph: the head's answer, the front-end's features
PROTOTYPES = "prototypes"  # and, where answers have outlines, what those are mixed from


class Engine(Protocol):
    """One opened core."""

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """(B, ...) float32 inputs -> the raw output (B, ...) float32."""
        ...

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """(B, ...) float32 inputs -> the raw output, and what else decoding reads, each (B, ...) float32."""
        ...

    def features(self, *arrays: np.ndarray) -> np.ndarray:
        """(B, ...) float32 inputs -> the front-end's pooled features (B, D) float32.

        Raises ModelError where the model gives none.
        """
        ...


def open_engine(name: str, place: Path, card: Card) -> Engine:
    """Open the core of the model in a folder or a file (macaw.runtime.places says who opens which).

    "onnxruntime" and "openvino" read its graph, "torch" rebuilds it by the card. Raises UnknownName,
    MissingExtra, or ModelError when the model is damaged.
    """
    engine: Engine = ENGINES.build(name, place, card)
    return engine
