"""Checkpoint: everything a run needs to go on bit for bit, in one safetensors file and never a pickle.

Random numbers need no saving: each batch and each step draws from a generator seeded by (seed, epoch, step).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from macaw.errors import ModelError
from macaw.files import atomic_write

NAME = "checkpoint.safetensors"


def save_checkpoint(folder: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> Path:
    """Write tensors (by name) and plain values (as JSON in the header) whole or not at all."""
    # safetensors refuses views and shared memory; a clone is neither
    plain = {name: t.detach().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}
    return atomic_write(folder / NAME, save(plain, {"state": json.dumps(state)}))


def load_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the plain values of `save_checkpoint`.

    Raises ModelError when there is no checkpoint or it is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        raise ModelError(f"{folder} has no {NAME}, so there is no run to resume; train without resume")
    try:
        with safe_open(path, "pt") as file:
            state = dict(json.loads((file.metadata() or {})["state"]))
            return {name: file.get_tensor(name) for name in file.keys()}, state
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as problem:
        raise ModelError(f"{path} is damaged ({problem}); delete it and train again") from problem


def flatten(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Names under a prefix: `flatten("ema", {"w": t})` is `{"ema/w": t}`."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def unflatten(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of `flatten`: what stands under the prefix, without it."""
    return {
        name.removeprefix(prefix + "/"): t for name, t in tensors.items() if name.startswith(prefix + "/")
    }
