"""Fit: trains a recogniser on labelled pictures and leaves a model's folder, whole or not at all.

While it runs, `<out>.training` holds the checkpoint; `<out>` appears when there is a model to put into it.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from macaw.card import Card
from macaw.data.labelled import LabelledPictures
from macaw.data.pixels import content_hash
from macaw.data.prepare import normalise
from macaw.errors import InputError
from macaw.files import Stage
from macaw.frontends.image import reduction_for
from macaw.metrics.calibration import fit_temperature
from macaw.recognition.plan import Options, Pixels, class_weights, read_pixels, size_of
from macaw.recognition.recognizer import build
from macaw.recognition.saving import save_model
from macaw.tasks import Task
from macaw.training.loop import Batches, Run, resolve_precision
from macaw.training.progress import Silent, Watcher
from macaw.training.recipe import Recipe

__all__ = ["Options", "Silent", "Stage", "fit_recognizer"]

_EXPORT_SECONDS = 15.0  # kept back from a run by the clock for the graph and the files; 6 to 12 were measured


def fit_recognizer(
    task: Task, data: LabelledPictures, stage: Stage, *, options: Options, watcher: Watcher, began: float
) -> bool:
    """Train, calibrate, save; `began` (time.monotonic) is when the user's minutes started.

    Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers False,
    and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet.
    """
    size = options.size or size_of(data.splits["train"])
    pixels = read_pixels(data, size, progress=watcher.read)
    recipe = options.recipe_for(len(pixels.train))
    card = _card(task, data, pixels, size, options, recipe)
    torch.manual_seed(options.seed)
    precision = resolve_precision(recipe.precision)
    judge = _Judge(pixels.val, data.splits["val"].targets, card, precision=precision)
    batches = Batches(pixels.train, data.splits["train"].targets, len(data.names))
    run = Run(build(card), batches, recipe, size=size, score=judge)
    seconds = _seconds(options.minutes, began, judge.time(run.model)) if options.minutes else None
    stage.open()
    finished = True
    try:
        run.fit(stage.work, watcher=watcher, seconds=seconds, resume=stage.resume)
    except KeyboardInterrupt:
        if not run.state.history:
            raise
        finished = False
    finally:
        stage.close()  # a folder without a checkpoint would stand in the way of another attempt
    save_model(stage.out, run, judge.finish(run.best, card, run), sample_size=size)
    if finished:
        shutil.rmtree(stage.work, ignore_errors=True)
    return finished


def _seconds(minutes: float, began: float, judging: float) -> float:
    spent = time.monotonic() - began
    left = minutes * 60 - spent - judging - _EXPORT_SECONDS
    if left <= 0:
        needed = (spent + judging + _EXPORT_SECONDS) / 60
        raise InputError(
            f"minutes={minutes:g}: reading, scoring and saving alone take {needed:.1f}; allow more"
        )
    return left


def _card(
    task: Task, data: LabelledPictures, pixels: Pixels, size: int, options: Options, recipe: Recipe
) -> Card:
    labels, targets = len(data.names), data.splits["train"].targets
    levels = None if pixels.levels is None else list(pixels.levels)  # as JSON gives it back
    multi = "yes" if data.multi else "no"
    head: dict[str, Any] = {
        "labels": labels,
        "multi": multi,
        "smoothing": 0.0 if data.multi else recipe.smoothing,
    }
    if options.balance == "classes":
        head["weights"] = class_weights(targets, labels)
    return Card(
        task=task.name,
        name=f"{task.name}-{data.path.resolve().name}",
        builder=task.builder,
        frontend={"name": task.frontend, "config": {"dial": options.dial, "reduction": reduction_for(size)}},
        head={"name": task.head, "config": head},
        names=data.names,
        prepare={"size": size, "mean": list(pixels.mean), "std": list(pixels.std), "levels": levels},
        decode={"temperature": 1.0, "multi": data.multi},
        training={
            "data": data.path.resolve().name,
            "data_sha256": {name: content_hash(data.splits[name]) for name in ("train", "val")},
            "examples": {"train": len(pixels.train), "val": len(pixels.val)},
            "recipe": recipe.to_dict(),
        },
        terms={"code": "Apache-2.0", "data": data.terms or "not stated by the data set"},
    )


class _Judge:
    """Scores a recogniser on the validation pictures, and fits what is fitted on them."""

    def __init__(self, pictures: np.ndarray, targets: np.ndarray, card: Card, *, precision: str) -> None:
        self.pictures, self.targets, self.card, self.precision = pictures, targets, card, precision

    def logits(self, module: torch.nn.Module) -> np.ndarray:
        """Raw output (M, C) float32 for every validation picture, as precisely as the training computes."""
        how = self.card.prepare
        parts = []
        fast = self.precision == "bfloat16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            for i in range(0, len(self.pictures), 256):
                x = torch.from_numpy(normalise(self.pictures[i : i + 256], how["mean"], how["std"]))
                parts.append(module(x.contiguous(memory_format=torch.channels_last)).float())
        return torch.cat(parts).numpy()

    def __call__(self, module: torch.nn.Module) -> dict[str, float]:
        raw, targets = torch.from_numpy(self.logits(module)), torch.from_numpy(self.targets)
        if self.targets.ndim == 2:
            loss = F.binary_cross_entropy_with_logits(raw, targets).item()
            error = ((raw > 0) != (targets > 0.5)).any(1).float().mean().item()
        else:
            loss = F.cross_entropy(raw, targets).item()
            error = (raw.argmax(1) != targets).float().mean().item()
        # The loss breaks ties, which are many on small validation sets
        return {"val_loss": loss, "val_error": error, "score": error + 1e-3 * min(loss, 100.0)}

    def time(self, module: torch.nn.Module) -> float:
        """Seconds of one evaluation."""
        began = time.monotonic()
        self.logits(module.eval())
        return time.monotonic() - began

    def finish(self, best: torch.nn.Module, card: Card, run: Run) -> Card:
        """The card with its temperature, fitted on validation, and the account of the run."""
        raw = self.logits(best.eval())
        temperature = fit_temperature(raw, self.targets, multi=card.decode["multi"])
        history = run.state.history
        account = {
            **card.training,
            "minutes": round(run.state.seconds / 60, 2),
            "epochs": round(history[-1]["epoch"], 2),
            "val_error": min(history, key=lambda row: row["score"])["val_error"],
            "precision": run.precision,
            "torch": torch.__version__,
        }
        return card.replace(decode={**card.decode, "temperature": round(temperature, 4)}, training=account)
