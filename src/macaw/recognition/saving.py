"""Saving: a trained recogniser becomes a folder with one copy of its weights, written whole or not at all."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import torch
from safetensors.torch import save

from macaw.card import Card
from macaw.files import atomic_folder, atomic_write
from macaw.results.curves import plot_history
from macaw.runtime.engine import WEIGHTS
from macaw.runtime.exporter import save_graph
from macaw.training.loop import Run


def save_model(out: Path, run: Run, card: Card, *, sample_size: int) -> Path:
    """Write `out`: card, weights, graph, `history.csv` and `curve.png`.

    Raises StorageError, and leaves what was there before.
    """
    with atomic_folder(out) as folder:
        save_weights(run.best, folder)
        card.save(folder)
        save_graph(_single(run.best), torch.zeros(2, 3, sample_size, sample_size), folder)
        _save_history(run.state.history, folder)
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
