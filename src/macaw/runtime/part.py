"""Part: one part of a joined model as an engine, where only the whole can be opened: an exported file."""

from __future__ import annotations

import numpy as np

from macaw.runtime.engine import Engine


class PartEngine:
    """Computes the whole and gives the outputs of one part, those at `place`."""

    def __init__(self, whole: Engine, place: slice) -> None:
        self._whole, self._place = whole, place

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return self.outputs(*arrays)[0]

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._whole.outputs(*arrays)[self._place]

    def features(self, *arrays: np.ndarray) -> np.ndarray:
        return self._whole.features(*arrays)
