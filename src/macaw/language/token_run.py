"""Token run: the training loop over windows of tokens; a recurrent network carries its state along.

Clock, schedule, averages, evaluations, checkpoints and resumption are `macaw.training.loop.Run`'s.

Shapes: B windows of a step, T positions of a window
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from macaw.errors import InputError
from macaw.language.losses import IGNORED
from macaw.language.recurrent import Recurrent
from macaw.language.token_optimizers import TokenOptimizers
from macaw.language.token_recipe import TokenRecipe
from macaw.language.transformer import Transformer
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows
from macaw.training.loop import Run, Score, resolve_precision
from macaw.training.progress import Watcher

_EVERY = 1000  # steps after which a long epoch is scored before its end
_ANEW = 0.01  # share of the rows that each step begins without a state
_STALE = 5  # evaluations that averaged SGD waits for a better score: Merity et al. 2017, algorithm 1


class TokenRun(Run):
    """One run of `recipe` on a Transformer or a recurrent network; `best` is its outcome.

    In each epoch windows begin at another place. Those of a Transformer are shuffled; those of a recurrent
    network are `batch` rows that are read from end to end.
    """

    def __init__(
        self, model: Transformer | Recurrent, data: Windows, recipe: TokenRecipe, *, score: Score,
        vocabulary: Vocabulary, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.device = torch.device(device)
        windows: Any = data  # read by `_step` alone
        super().__init__(model.to(self.device), windows, recipe, size=data.length, score=score)  # type: ignore[arg-type]
        self.windows, self.vocabulary, self.carries = data, vocabulary, model.carries
        on_gpu = self.device.type == "cuda" and recipe.precision == "auto"
        self.precision = "bfloat16" if on_gpu else resolve_precision(recipe.precision)
        self.optimizers = TokenOptimizers(recipe, precision=self.precision)
        self.rows = min(recipe.batch, len(data))

    def fit(
        self, folder: Path, *, watcher: Watcher, seconds: float | None = None, resume: bool = False
    ) -> None:
        """As `Run.fit`; the watcher is told tokens per second."""
        super().fit(folder, watcher=_PerToken(watcher, self.size), seconds=seconds, resume=resume)

    def _epoch(self) -> None:
        noise = np.random.default_rng([self.recipe.seed, self.state.epoch])
        self._shift = int(noise.integers(len(self.windows.ids)))
        self._at, self._carried = 0, None
        super()._epoch()

    def _due(self, within: float) -> bool:
        return super()._due(within) or (self._seconds is None and self._at % _EVERY == 0)

    def _scale(self, progress: float) -> float:
        if self._asgd:  # its averages want a constant rate
            return min(1.0, max(progress / self.recipe.warmup, 0.02)) if self.recipe.warmup else 1.0
        return super()._scale(progress)

    def _step(self, indices: np.ndarray, progress: float) -> float:
        self.state.step += 1
        torch.manual_seed(
            int(np.random.SeedSequence([self.recipe.seed, self.state.step]).generate_state(1)[0])
        )
        if self.carries:
            ids, targets = self._given(self.windows.abreast(self._at, self.rows, self._shift))
        else:
            ids, targets = self._given(self.windows.scattered(indices, self._shift))
        self._at += 1
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            phase = self._phase(ids, targets)
        self.optimizers.step(phase, scale=self._scale(progress))
        loss = float(phase.loss.detach())
        if not math.isfinite(loss):
            raise InputError(f"the loss became {loss} at step {self.state.step}; train with a lower rate")
        self._average()
        return loss

    def _phase(self, ids: torch.Tensor, targets: torch.Tensor) -> Any:
        if not self.carries:
            return next(self.model.phases(ids, targets, self.vocabulary.start))  # type: ignore[operator]
        phase, after = next(self.model.phases(ids, targets, self._begun()))  # type: ignore[operator]
        self._carried = after
        return phase

    def _begun(self) -> Any:
        """The state to go on with, of a few rows begun anew.

        Else the empty state, from which every text is read later, would be met once an epoch: after 366 steps
        on tiny Shakespeare a network needed 3.0 bits a character from three places, and 12.9 from a fourth.
        """
        if self._carried is None:
            return None
        noise = np.random.default_rng([self.recipe.seed, self.state.step, 1])
        kept = torch.from_numpy(noise.random(self.rows) >= _ANEW).to(self.device)
        return tuple(part * kept[None, :, None] for part in self._carried)

    def _given(self, rows: tuple[np.ndarray, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        return given(rows, self.vocabulary, self.device)

    @property
    def _asgd(self) -> bool:
        return bool(self.recipe.average == "asgd")  # type: ignore[attr-defined]

    @torch.no_grad()
    def _average(self) -> None:
        """The running mean of `Run`; or of all weights since averaged SGD has begun to average."""
        if not self._asgd:
            super()._average()
            return
        since = self.state.history[-1].get("averaged_from", 0) if self.state.history else 0
        share = 1 / (self.state.step - since) if since else 1.0
        for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(now, share)

    def _evaluate(self, row: dict[str, float]) -> None:
        row = {name: value for name, value in row.items() if name != "pictures_per_second"} | {
            "tokens_per_second": row["pictures_per_second"] * self.size
        }
        if self._asgd:
            row["averaged_from"] = self._averaged_from()
        super()._evaluate(row)

    def _averaged_from(self) -> float:
        """The step at which averaging begins: once the score has not improved for a while; 0 until then."""
        history = self.state.history
        if history and history[-1]["averaged_from"]:
            return history[-1]["averaged_from"]
        scores = [row["score"] for row in history]
        stale = len(scores) > _STALE and min(scores[-_STALE:]) > min(scores[:-_STALE])
        return float(self.state.step) if stale else 0.0


def given(
    rows: tuple[np.ndarray, np.ndarray], vocabulary: Vocabulary, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and targets (B, T) on the device; a begin is no target, for nobody predicts it."""
    ids, targets = (torch.from_numpy(part).to(device) for part in rows)
    if vocabulary.begin is not None:
        targets = targets.masked_fill(targets == vocabulary.begin, IGNORED)
    return ids, targets


class _PerToken(Watcher):
    """Tells a watcher tokens per second where the loop says windows."""

    def __init__(self, watcher: Watcher, length: int) -> None:
        self.watcher, self.length = watcher, length

    def step(self, progress: float, row: dict[str, float]) -> None:
        told = {name: value for name, value in row.items() if name != "pictures_per_second"}
        rate = row["pictures_per_second"] * self.length
        self.watcher.step(progress, told | {"tokens_per_second": rate})

    def scored(self, row: dict[str, float], better: bool) -> None:  # noqa: FBT001
        self.watcher.scored(row, better)
