"""Adopted: what every folder made of a checkpoint has: a class table, weights, and a checked graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from macaw.card import Card
from macaw.data.prepare import Fit
from macaw.errors import InputError, ModelError
from macaw.files import atomic_write
from macaw.runtime.engine import GRAPH, WEIGHTS
from macaw.runtime.hubfiles import Checkpoint

_APART = 1e-4  # how far the graph's output may be from the network's, as a share of the largest
_TRIES = 3  # noises by which a graph may show that it does as its network


def class_table(found: Checkpoint) -> tuple[str, ...]:
    """The class table: the checkpoint's names in its order; those it uses twice get their number."""
    table = found.config.get("id2label")
    if not isinstance(table, Mapping):
        count = found.config.get("num_labels", 2)
        table = {number: f"LABEL_{number}" for number in range(count if isinstance(count, int) else 2)}
    if not all(str(key).isdecimal() for key in table):
        raise InputError(f"'{found.source}' does not number its labels: id2label has '{next(iter(table))}'")
    labels = [str(table[key]) for key in sorted(table, key=int)]
    times = Counter(labels)
    return tuple(label if times[label] == 1 else f"{label} ({i})" for i, label in enumerate(labels))


def save(module: Any, card: Card, folder: Path, *, sizes: str) -> None:
    """Write weights, graph and card, once the graph has answered as the network does.

    `sizes` as in `macaw.runtime.exporter.save_graph`. Raises ModelError for a graph that answers otherwise.
    """
    from safetensors.torch import save as packed

    from macaw.frontends.hubload import unchecked
    from macaw.runtime.exporter import save_graph

    state = {name: one.contiguous().clone() for name, one in module.state_dict().items()}
    floats = {name: one for name, one in state.items() if one.is_floating_point()}
    atomic_write(folder / WEIGHTS, packed(floats))
    with unchecked():
        save_graph(module, _noise(card, 0), folder, sizes=sizes)
    _check_graph(module, card, folder)
    lengths = {name: (folder / name).stat().st_size for name in (WEIGHTS, GRAPH)}
    card.replace(training={**card.training, "bytes": lengths}).save(folder)


def _noise(card: Card, seed: int) -> Any:
    """Two prepared pictures of noise: a float tensor (2, 3, height, width)."""
    import torch

    sheet = Fit.of(card.prepare).sheet
    return torch.randn(2, 3, *sheet, generator=torch.Generator().manual_seed(seed))


def _check_graph(module: Any, card: Card, folder: Path) -> None:
    """Refuse a graph that answers otherwise than the network.

    A network that picks the best of many places picks others where two are as good but for rounding: then
    another noise tells.
    """
    import torch

    from macaw.runtime.graph import OnnxEngine

    engine, apart = OnnxEngine(folder, card), float("inf")
    for seed in range(_TRIES):
        noise = _noise(card, seed)
        with torch.no_grad():
            wanted = [one.numpy() for one in module.outputs(noise)]
        raw, *more = engine.outputs(noise.numpy())
        given = (raw, engine.features(noise.numpy()), *more)
        measure = getattr(module, "apart", _apart)
        apart = min(apart, max(map(measure, given, wanted)))
        if apart <= _APART:
            return
    raise ModelError(
        f"'{card.training['source']}': its graph is {apart:.1e} from its network, which macaw cannot answer "
        "for; report it"
    )


def _apart(given: np.ndarray, wanted: np.ndarray) -> float:
    """How far an output is from the one it should be, as a share of the largest."""
    return float(np.abs(given - wanted).max() / max(1.0, np.abs(wanted).max()))
