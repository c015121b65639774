"""Optimizers of a run: one set per phase, Muon for filter banks, SGD for the rest, all by one schedule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from macaw.training.muon import Muon
from macaw.training.recipe import Recipe


@dataclass(frozen=True)
class Phase:
    """One update of a training step: minimise `loss` over `parameters`. A classifier has one, a GAN two."""

    name: str
    loss: torch.Tensor  # ()
    parameters: tuple[torch.nn.Parameter, ...]


class Optimizers:
    """Steps each phase with its own optimizers, made when the phase is first seen."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._phases: dict[str, list[torch.optim.Optimizer]] = {}
        self._waiting: dict[str, torch.Tensor] = {}

    def step(self, phase: Phase, *, scale: float) -> None:
        """Back-propagate and update; `scale` multiplies every rate."""
        if phase.name not in self._phases:
            self._phases[phase.name] = self._make(phase.parameters)
            self._restore(phase.name)
        optimizers = self._phases[phase.name]
        for p in phase.parameters:
            p.grad = None
        phase.loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_rate"] * scale
            optimizer.step()

    def _make(self, parameters: Iterable[torch.nn.Parameter]) -> list[torch.optim.Optimizer]:
        banks = [p for p in parameters if is_bank(p)]
        rest = [p for p in parameters if not is_bank(p)]
        r = self.recipe
        made: list[torch.optim.Optimizer] = []
        if banks:
            made.append(Muon(banks, lr=r.rate))
        if rest:
            ahead = r.momentum > 0  # torch refuses Nesterov without it
            made.append(torch.optim.SGD(rest, r.plain_rate, r.momentum, weight_decay=r.decay, nesterov=ahead))
        for optimizer in made:
            for group in optimizer.param_groups:
                group["full_rate"] = group["lr"]
        return made

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every buffer of every optimizer by name, for a checkpoint."""
        return dict(self._buffers()) | self._waiting

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take the buffers of `tensors` back; phases not yet seen take theirs when they first step."""
        self._waiting = dict(tensors)
        for name in self._phases:
            self._restore(name)

    def _buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        for name, optimizers in self._phases.items():
            for i, optimizer in enumerate(optimizers):
                for j, p in enumerate(p for group in optimizer.param_groups for p in group["params"]):
                    for key, value in optimizer.state[p].items():
                        if isinstance(value, torch.Tensor):
                            yield f"{name}/{i}/{j}/{key}", value

    def _restore(self, name: str) -> None:
        for i, optimizer in enumerate(self._phases[name]):
            for j, p in enumerate(p for group in optimizer.param_groups for p in group["params"]):
                prefix = f"{name}/{i}/{j}/"
                for key in [k for k in self._waiting if k.startswith(prefix)]:
                    buffer = torch.empty_like(p).copy_(self._waiting.pop(key))
                    optimizer.state[p][key.removeprefix(prefix)] = buffer


def is_bank(p: torch.nn.Parameter) -> bool:
    """Whether Muon may step it: filters over several channels whose scale a BatchNorm cancels."""
    return bool(getattr(p, "scale_free", False)) and p.ndim == 4 and p.shape[1] > 3
