"""The training loop: steps whatever phases a model yields, scores it, keeps the best, resumes bit for bit.

A model is an `nn.Module` with `phases(pictures, targets)`; everything random in a step comes from (seed,
epoch, step), so a resumed run repeats what an uninterrupted one would have done.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.training.augment import augment
from macaw.training.checkpoint import flatten, load_checkpoint, save_checkpoint, unflatten
from macaw.training.optimizers import Optimizers
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.schedule import ramp, resolution


class Draw(NamedTuple):
    """What one batch depends on besides its examples."""

    size: int  # side of the pictures, pixels
    seed: int
    progress: float  # share of the run that is done, 0..1


@dataclass(frozen=True)
class Batches:
    """The training examples in memory, or memory-mapped, and how many labels their targets range over."""

    pictures: np.ndarray  # (N, H, W, 3) uint8
    targets: np.ndarray  # (N,) int64, or (N, C) float32
    labels: int

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, indices: np.ndarray, how: Any, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
        """The examples at these places, augmented by `how` of the recipe."""
        pictures, targets = torch.from_numpy(self.pictures[indices]), torch.from_numpy(self.targets[indices])
        return augment(pictures, targets, how, labels=self.labels, size=draw.size, seed=draw.seed)


class Source(Protocol):
    """What a run learns from: `Batches`, or whatever else gives pictures with what is known of them."""

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray, how: Any, draw: Draw) -> tuple[torch.Tensor, Any]:
        """The examples at these places: (B, 3, H, W) float32 in 0..255, and their targets."""
        ...


@dataclass
class State:
    """Where a run stands."""

    epoch: int = 0  # whole passes done
    step: int = 0  # updates done
    seconds: float = 0.0  # training time, interruptions not counted
    best: float = float("inf")  # lowest score so far
    waited: int = 0  # evaluations since then
    history: list[dict[str, float]] = field(default_factory=list)


Score = Callable[[torch.nn.Module], dict[str, float]]  # must hold 'score', lower is better


_SETTLE = (512, 4096)  # pictures that settle the statistics of a norm: at the least, at the most


class Run:
    """One run of `recipe` on `model`; `best` and `state.history` are its outcome.

    `score` judges the averaged weights and returns a dictionary with the number to minimise under 'score'.
    """

    def __init__(
        self, model: torch.nn.Module, data: Source, recipe: Recipe, *, size: int, score: Score
    ) -> None:
        self.model, self.data, self.recipe, self.size, self.score = model, data, recipe, size, score
        self.average = copy.deepcopy(model)
        self.best = copy.deepcopy(model)
        self.precision = resolve_precision(recipe.precision)
        self.optimizers = Optimizers(recipe, precision=self.precision)
        self.state = State()

    def fit(
        self, folder: Path, *, watcher: Watcher, seconds: float | None = None, resume: bool = False
    ) -> None:
        """Train to the end of the schedule; `folder` receives checkpoints.

        `seconds` of training, when given, replace the recipe's epochs: the schedule then follows the clock.
        A KeyboardInterrupt is left to the caller, who finds the best weights so far in `self.best`. Raises
        ModelError for a checkpoint that is not this run's, InputError when the loss is no longer finite.
        """
        if resume:
            self._load(folder)
        self._watcher, self._seconds = watcher, seconds
        self._began = time.monotonic() - self.state.seconds
        self._scored, self._scoring = self._elapsed(), 0.0
        self._unscored: dict[str, float] = {}  # the row of the last step, until it is scored
        while self._progress(0.0) < 1.0 and not self._out_of_patience():
            self._epoch()
            self._save(folder)
        if self._unscored:  # time ran out while a checkpoint was written
            self._evaluate(self._unscored)
            self._save(folder)
        if not self.state.history:
            raise InputError("the time was over before the first step; allow more minutes")

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _progress(self, within: float) -> float:
        """Share of the run done, 0 to 1; `within` is the share of the present epoch."""
        if self._seconds is not None:
            return min(1.0, self._elapsed() / max(1e-9, self._seconds))
        return min(1.0, (self.state.epoch + within) / self.recipe.epochs)

    def _out_of_patience(self) -> bool:
        return bool(self.recipe.patience) and self.state.waited >= self.recipe.patience

    def _epoch(self) -> None:
        order = torch.randperm(len(self.data), generator=self._noise(0)).numpy()
        batch = min(self.recipe.batch, len(order))
        steps = len(order) // batch  # what is left of the last batch has its turn in another epoch
        loss, began, i = 0.0, time.monotonic(), 0
        self.model.train()
        while i < steps and (progress := self._progress(i / steps)) < 1.0:
            # Sorted, because a memory-mapped file is read faster in order; a batch has no order of its own
            value = self._step(np.sort(order[i * batch : (i + 1) * batch]), progress)
            loss = value if i == 0 else 0.98 * loss + 0.02 * value
            i += 1
            rate = i * batch / max(1e-9, time.monotonic() - began)
            row = {"epoch": self.state.epoch + i / steps, "loss": loss, "pictures_per_second": rate}
            self._unscored = row | {"rate": self._scale(progress)}
            self._watcher.step(progress, row)
            if self._due(i / steps):
                paused = time.monotonic()
                self._evaluate(self._unscored)
                began += time.monotonic() - paused  # the throughput is that of training alone
        self.state.epoch += 1
        self.state.seconds = self._elapsed()

    def _due(self, within: float) -> bool:
        """Score after every epoch; by the clock every 20th of the time, unless that is dear; at the end."""
        if self._progress(within) >= 1.0:
            return True
        if self._seconds is None:
            return within >= 1.0
        return self._elapsed() - self._scored > max(self._seconds / 20, 20 * self._scoring)

    def _noise(self, index: int) -> torch.Generator:
        """The generator of step `index` of this epoch (0 for the order of the epoch)."""
        return torch.Generator().manual_seed(_mix(self.recipe.seed, self.state.epoch, index))

    def _scale(self, progress: float) -> float:
        return ramp(progress, warmup=self.recipe.warmup)

    def _step(self, indices: np.ndarray, progress: float) -> float:
        recipe, self.state.step = self.recipe, self.state.step + 1
        seed = _mix(recipe.seed, self.state.step, -1)
        torch.manual_seed(seed)  # dropout and anything else a layer draws
        size = resolution(progress, size=self.size, start=recipe.start_size)
        pictures, targets = self._batch(indices, Draw(size, seed, progress))
        total = 0.0
        phases = self.model.phases(pictures, targets)  # type: ignore[operator]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            for phase in phases:
                with torch.autocast("cpu", enabled=False):
                    self.optimizers.step(phase, scale=self._scale(progress))
                total += float(phase.loss.detach())
        if not math.isfinite(total):
            raise InputError(f"the loss became {total} at step {self.state.step}; train with a lower rate")
        self._average()
        return total

    def _batch(self, indices: np.ndarray, draw: Draw) -> tuple[torch.Tensor, Any]:
        return self.data.batch(indices, self.recipe.augmentation, draw)

    @torch.no_grad()
    def _average(self) -> None:
        """Fold the weights into their running mean, which forgets faster while it remembers little."""
        decay = min(self.recipe.ema, (1 + self.state.step) / (10 + self.state.step))
        for mean, now in zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    @torch.no_grad()
    def _settle(self) -> None:
        """Measure the BatchNorm statistics of the averaged weights anew, on pictures of the final size.

        An average of statistics is not the statistics of the average (Izmailov et al. 2018, arXiv 1803.05407,
        section 3.2), and those of the smaller pictures of an early step are others: without this, a run at 48
        of 64 pixels was scored 14 points too badly.
        """
        self.average.train()
        kinds = torch.nn.modules.batchnorm._BatchNorm
        norms = [m for m in self.average.modules() if isinstance(m, kinds) and m.training]  # not frozen ones
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over the batches that follow
        batch = min(self.recipe.batch, len(self.data))
        order = torch.randperm(len(self.data), generator=self._noise(-1)).numpy()
        few, many = _SETTLE
        for start in range(0, min(len(order) - batch + 1, max(few, min(many, len(order) // 20))), batch):
            some = np.sort(order[start : start + batch])
            pictures, targets = self._batch(some, Draw(self.size, _mix(start, -2), 1.0))
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
                next(self.average.phases(pictures, targets))  # type: ignore[operator]
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def _evaluate(self, row: dict[str, float]) -> None:
        began, began_at = time.monotonic(), self._elapsed()
        self._settle()
        row = row | {"minutes": began_at / 60} | self.score(self.average.eval())
        self._scored, self._scoring, self._unscored = self._elapsed(), time.monotonic() - began, {}
        better = bool(row["score"] < self.state.best)
        if better:
            self.state.best, self.state.waited = row["score"], 0
            self.best.load_state_dict(self.average.state_dict())
        else:
            self.state.waited += 1
        self.state.history.append(row)
        self._watcher.scored(row, better)

    def _parts(self) -> dict[str, torch.nn.Module]:
        return {"model": self.model, "average": self.average, "best": self.best}

    def _save(self, folder: Path) -> None:
        tensors = flatten("optimizers", self.optimizers.tensors())
        for name, part in self._parts().items():
            tensors |= flatten(name, part.state_dict())
        # JSON has no infinity, which `best` is before the first evaluation
        state = {**asdict(self.state), "best": min(self.state.best, 1e300)}
        save_checkpoint(folder, tensors, {"state": state, "recipe": self.recipe.to_dict()})

    def _load(self, folder: Path) -> None:
        tensors, saved = load_checkpoint(folder)
        if saved.get("recipe") != self.recipe.to_dict():
            raise ModelError(
                f"the checkpoint in {folder} belongs to another recipe; repeat its options or start anew"
            )
        try:
            for name, part in self._parts().items():
                part.load_state_dict(unflatten(name, tensors))
            self.state = State(**saved["state"])
        except (RuntimeError, KeyError, TypeError) as problem:
            raise ModelError(
                f"the checkpoint in {folder} belongs to another model or class table; train anew"
            ) from problem
        self.optimizers.load(unflatten("optimizers", tensors))


def _mix(*numbers: int) -> int:
    """One seed from several numbers, without the collisions of a sum."""
    return int(np.random.SeedSequence([n % 2**32 for n in numbers]).generate_state(1)[0])


def resolve_precision(wanted: str) -> str:
    """bfloat16 pays only where the processor multiplies it natively; emulated it is 15 times slower.

    Raises UnknownName.
    """
    known = ("auto", "float32", "bfloat16")
    if wanted not in known:
        hint = did_you_mean(str(wanted), known)
        raise UnknownName(f"precision={wanted!r}: auto, float32 or bfloat16.{hint}")
    if wanted != "auto":
        return wanted
    native = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bfloat16" if native else "float32"
