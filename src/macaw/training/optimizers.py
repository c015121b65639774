"""Optimizers of a run: one set per phase, Muon for filter banks, SGD for the rest, all by one schedule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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

    def __init__(self, recipe: Recipe, *, precision: str = "float32") -> None:
        self.recipe, self.precision = recipe, precision
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
            made.append(Muon(_by_share(banks, r.rate), lr=r.rate, precision=self.precision))
        if rest and r.plain == "adam":
            made.append(torch.optim.AdamW(_by_share(rest, r.plain_rate), r.plain_rate, weight_decay=r.decay))
        elif rest:
            ahead = r.momentum > 0  # torch refuses Nesterov without it
            groups = _by_share(rest, r.plain_rate)
            made.append(
                torch.optim.SGD(groups, r.plain_rate, r.momentum, weight_decay=r.decay, nesterov=ahead)
            )
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
                    held = self._waiting.pop(key)
                    same = held.shape == p.shape  # Adam counts its steps in a tensor of no shape
                    buffer = torch.empty_like(p).copy_(held) if same else held.clone()
                    optimizer.state[p][key.removeprefix(prefix)] = buffer


def _by_share(parameters: list[torch.nn.Parameter], rate: float) -> list[dict[str, Any]]:
    """Groups of equal rate: a parameter may ask for a share of it (`scale_rates`)."""
    shares: dict[float, list[torch.nn.Parameter]] = {}
    for p in parameters:
        shares.setdefault(getattr(p, "rate_share", 1.0), []).append(p)
    return [{"params": some, "lr": rate * share} for share, some in shares.items()]


def scale_rates(parts: Sequence[torch.nn.Module], decay: float) -> None:
    """Let each part learn `decay` times as fast as the one after it, and the last by `decay`.

    Layer-wise rates: what early layers know holds for most pictures (Howard and Ruder 2018, arXiv 1801.06146,
    section 3.2, there by 1 / 2.6).
    """
    for depth, part in enumerate(reversed(parts), start=1):
        for p in part.parameters():
            p.rate_share = decay**depth  # type: ignore[attr-defined]


def is_bank(p: torch.nn.Parameter) -> bool:
    """Whether Muon may step it: filters over several channels whose scale a BatchNorm cancels."""
    return bool(getattr(p, "scale_free", False)) and p.ndim == 4 and p.shape[1] > 3
