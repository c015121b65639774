"""Saving: a trained recogniser becomes a folder with one copy of its weights, written whole or not at all."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save

from macaw.card import Card
from macaw.files import atomic_folder, atomic_write
from macaw.results.curves import plot_history
from macaw.runtime.engine import WEIGHTS
from macaw.runtime.exporter import save_graph


@dataclass(frozen=True, eq=False)
class Made:
    """What a training made: a module with its best weights, its card, the history, and how it ended."""

    module: torch.nn.Module
    card: Card
    history: list[dict[str, float]]  # a row for each evaluation
    finished: bool  # False when Ctrl-C cut it short

    @property
    def error(self) -> float:
        """The best score of the history: the validation error, by the loss where several are equal."""
        return min(row["score"] for row in self.history)

    def ended(self, history: list[dict[str, float]], *, finished: bool) -> Made:
        """The same model, with a longer history."""
        return replace(self, history=history, finished=finished)


def save_model(out: Path, made: Made) -> Path:
    """Write `out`: card, weights, graph, `history.csv` and `curve.png`.

    Raises StorageError, and leaves what was there before.
    """
    best = min(made.history, key=lambda row: row["score"])
    card = made.card.replace(training={**made.card.training, "val_error": best["val_error"]})
    size = card.prepare["size"]
    with atomic_folder(out) as folder:
        save_weights(made.module, folder)
        card.save(folder)
        sizes = made.module.sizes
        save_graph(_single(made.module), torch.zeros(2, 3, size, size), folder, sizes=str(sizes))
        _save_history(made.history, folder)
    return out


def save_weights(module: torch.nn.Module, folder: Path) -> Path:
    """Write `model.safetensors`: filters in half precision; norms and biases, which are few, in single.

    BatchNorm's counters of batches are left out: only a norm without momentum reads them, no graph has them.
    """
    state = {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous().clone()
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
    }
    return atomic_write(folder / WEIGHTS, save(state))


def _single(module: torch.nn.Module) -> torch.nn.Module:
    """The module itself, put on the plain memory layout, which is what the exporter expects."""
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return module.eval()


def _save_history(rows: list[dict[str, float]], folder: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)
    atomic_write(folder / "history.csv", text.getvalue().encode())
    picture = io.BytesIO()
    plot_history(rows).save(picture, "PNG")
    atomic_write(folder / "curve.png", picture.getvalue())
