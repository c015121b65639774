"""Judge: scores a recogniser on validation pictures while it trains, and calibrates it at the end."""

from __future__ import annotations

import time

import numpy as np
import torch
import torch.nn.functional as F

from macaw.data.prepare import normalise
from macaw.metrics.calibration import fit_temperature


class Judge:
    """Validation pictures (M, size, size, 3) uint8 with their targets; lower scores are better.

    `mean` and `std` as in a card; `precision` "bfloat16" scores as a training of that precision computes.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        targets: np.ndarray,
        *,
        mean: list[float],
        std: list[float],
        precision: str = "float32",
    ) -> None:
        self.pictures, self.targets, self.mean, self.std = pictures, targets, mean, std
        self.precision = precision

    def __call__(self, module: torch.nn.Module) -> dict[str, float]:
        return grade(self.logits(module), self.targets)

    def logits(self, module: torch.nn.Module) -> np.ndarray:
        """Raw output (M, C) float32 for every validation picture."""
        parts = []
        fast = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            for i in range(0, len(self.pictures), 256):
                x = torch.from_numpy(normalise(self.pictures[i : i + 256], self.mean, self.std))
                parts.append(module(x.contiguous(memory_format=torch.channels_last)).float())
        return torch.cat(parts).numpy()

    def time(self, module: torch.nn.Module) -> float:
        """Seconds of one evaluation."""
        began = time.monotonic()
        self.logits(module.eval())
        return time.monotonic() - began


def grade(logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """The row of a history: `val_loss`, `val_error`, and `score`, the number to minimise."""
    raw, wanted = torch.from_numpy(logits), torch.from_numpy(targets)
    if targets.ndim == 2:
        loss = F.binary_cross_entropy_with_logits(raw, wanted).item()
        error = ((raw > 0) != (wanted > 0.5)).any(1).float().mean().item()
    else:
        loss = F.cross_entropy(raw, wanted).item()
        error = (raw.argmax(1) != wanted).float().mean().item()
    # The loss breaks ties, which are many on small validation sets
    return {"val_loss": loss, "val_error": error, "score": error + 1e-3 * min(loss, 100.0)}


def temperature_of(logits: np.ndarray, targets: np.ndarray) -> float:
    """What calibrates these logits, for the card."""
    return round(fit_temperature(logits, targets, multi=targets.ndim == 2), 4)
