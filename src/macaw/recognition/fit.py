"""Fit: trains a recogniser on labelled pictures and leaves a model's folder, whole or not at all.

It starts from a front-end that has learned (recognition/transfer.py) or from scratch. While it runs,
`<out>.training` holds the checkpoint; `<out>` appears when there is a model to put into it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from macaw.card import Card
from macaw.data.labelled import LabelledPictures, read_labelled
from macaw.data.pixels import content_hash
from macaw.errors import InputError
from macaw.explanation.index import index_examples
from macaw.files import Stage
from macaw.frontends.image import reduction_for
from macaw.heads.label import LabelHead
from macaw.model import Model
from macaw.recognition.judge import Judge, temperature_of
from macaw.recognition.plan import Options, Pixels, class_weights, levels_of, read_pixels, size_of
from macaw.recognition.recognizer import Recognizer, build
from macaw.recognition.saving import Made, save_model
from macaw.recognition.start import Start, open_start
from macaw.recognition.transfer import Probed, probe, set_rates, tuning
from macaw.tasks import Task
from macaw.training.loop import Batches, Run, resolve_precision
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe

__all__ = ["Options", "fit", "read"]

_EXPORT_SECONDS = 20.0  # kept back from a run by the clock for graph, files and index; 8 to 16 were measured
_NEIGHBOURS = 2000  # training pictures that an explanation can name; more would take long to look at again
_WORTH_TUNING = 20.0  # seconds: less is not worth fine-tuning in
_FEW = 4  # training pictures a class, below which fine-tuning learns them by heart


@dataclass(frozen=True)
class Job:
    """One training: what is trained, on what, for whom, since when (time.monotonic)."""

    task: Task
    data: LabelledPictures
    stage: Stage
    options: Options
    watcher: Watcher
    began: float

    def seconds_left(self, judging: float) -> float | None:
        """What the user's minutes leave for training; None where there is no such limit."""
        if self.options.minutes is None:
            return None
        spent = time.monotonic() - self.began
        return self.options.minutes * 60 - spent - judging - _EXPORT_SECONDS


def read(path: str | Path, *, val_share: float) -> LabelledPictures:
    """The data set, with a validation split. Raises what `read_labelled` raises, and InputError."""
    data = read_labelled(path, val_share=val_share)
    if len(data.splits.get("val", ())) == 0:
        raise InputError(f"'{path}' leaves no picture for validation; add some to each class")
    return data


def fit(
    task: Task, data: LabelledPictures, stage: Stage, *, options: Options, watcher: Watcher, began: float
) -> bool:
    """Train, calibrate, save; `began` (time.monotonic) is when the user's minutes started.

    Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers False,
    and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet.
    """
    job = Job(task, data, stage, options, watcher, began)
    torch.manual_seed(options.seed)
    start = open_start(task, options.origin, note=watcher.said)
    made = _from_scratch(job) if start is None else _transferred(job, start)
    save_model(stage.out, made)
    _index(stage.out, data)
    if made.finished:
        shutil.rmtree(stage.work, ignore_errors=True)
    return made.finished


def _index(out: Path, data: LabelledPictures) -> None:
    """Keep with the model what an explanation needs to name near training pictures."""
    index_examples(Model(out, engine="torch"), data.splits["train"], data.path, most=_NEIGHBOURS)


def _from_scratch(job: Job) -> Made:
    options, data = job.options, job.data
    size = options.size or size_of(data.splits["train"])
    levels = levels_of(data)
    pixels = read_pixels(data, size, levels=levels, progress=job.watcher.read)
    prepare = {"size": size, "mean": list(pixels.mean), "std": list(pixels.std), "levels": levels}
    frontend = {"dial": options.dial or 1.0, "reduction": reduction_for(size)}
    recipe = options.recipe_for(len(pixels.train))
    card = _card(job, {"name": job.task.frontend, "config": frontend}, prepare, recipe)
    module = build(card)
    judge = _judge(job, pixels, card, recipe)
    judging = judge.time(module)
    seconds = job.seconds_left(judging)
    if seconds is not None and seconds <= 0:
        needed = (time.monotonic() - job.began + judging + _EXPORT_SECONDS) / 60
        raise InputError(
            f"minutes={options.minutes:g}: reading, scoring and saving alone take {needed:.1f}; allow more"
        )
    run = Run(module, _batches(job, pixels), recipe, size=size, score=judge)
    finished = _run(job, run, seconds)
    if not run.state.history:
        raise KeyboardInterrupt
    return _made(run, card, judge, [], finished=finished)


def _transferred(job: Job, start: Start) -> Made:
    """The probe on `start`, or what fine-tuning made of it where that is better on validation."""
    options, data = job.options, job.data
    kept = start.prepare["size"] if start.fixed else start.kept(options.tune)
    if options.size is not None and start.fixed and options.size != kept:
        raise InputError(
            f"size={options.size}: '{start.source}' takes pictures of {kept} pixels; leave it out"
        )
    start = start.at(options.size or kept or size_of(data.splits["train"]))
    levels = levels_of(data)
    start.prepare["levels"] = levels
    recipe = options.tuned(tuning(start, len(data.splits["train"]), **options.dials))
    card = _card(job, {"name": start.name, "config": start.frontend.config}, start.prepare, recipe)
    head = LabelHead(start.frontend.width, **card.head["config"])
    probed = probe(start, data, head, watcher=job.watcher, began=job.began)
    module = Recognizer(start.frontend, head, mean=card.prepare["mean"], std=card.prepare["std"])
    plain = _probed(module, card, probed)
    if not _worth_tuning(job):
        return plain
    tuned = _tuned(job, start, plain, recipe)
    if tuned is None:
        return plain
    better = tuned.error < plain.error
    words = f"fine-tuned: error {tuned.error:.1%}, against {plain.error:.1%} of the probe"
    job.watcher.said(f"{words}; kept: {'the fine-tuned' if better else 'the probe'}")
    return tuned if better else plain.ended(tuned.history, finished=tuned.finished)


def _worth_tuning(job: Job) -> bool:
    """Whether data and minutes allow fine-tuning, unless the user decided."""
    if job.options.tune != "auto":
        return job.options.tune == "all"
    if job.stage.resume:  # there is a fine-tuning to go on with
        return True
    seconds = job.seconds_left(0.0)
    enough = len(job.data.splits["train"]) >= _FEW * len(job.data.names)
    if enough and (seconds is None or seconds >= _WORTH_TUNING):
        return True
    why = "too little time" if enough else f"fewer than {_FEW} pictures a class"
    job.watcher.said(f"not fine-tuned: {why}; --set tune=all does it all the same")
    return False


def _tuned(job: Job, start: Start, plain: Made, recipe: Recipe) -> Made | None:
    """What fine-tuning makes of the probe; None when Ctrl-C came before it was scored."""
    card, size = plain.card, plain.card.prepare["size"]
    pixels = read_pixels(job.data, size, how=card.prepare, levels=card.prepare["levels"])
    module = build(card)
    module.load_state_dict(plain.module.state_dict())
    set_rates(module)
    judge = _judge(job, pixels, card, recipe)
    run = Run(module, _batches(job, pixels), recipe, size=size, score=judge)
    finished = _run(job, run, job.seconds_left(judge.time(module)))
    if not run.state.history:
        job.watcher.said("fine-tuning was stopped before it was scored: the probe is kept")
        return None
    return _made(run, card, judge, plain.history, finished=finished)


def _run(job: Job, run: Run, seconds: float | None) -> bool:
    """Train in the stage; False when Ctrl-C ended it."""
    job.stage.open()
    try:
        run.fit(job.stage.work, watcher=job.watcher, seconds=seconds, resume=job.stage.resume)
    except KeyboardInterrupt:
        return False
    finally:
        job.stage.close()  # a folder without a checkpoint would stand in the way of another attempt
    return True


def _batches(job: Job, pixels: Pixels) -> Batches:
    return Batches(pixels.train, job.data.splits["train"].targets, len(job.data.names))


def _judge(job: Job, pixels: Pixels, card: Card, recipe: Recipe) -> Judge:
    how, targets = card.prepare, job.data.splits["val"].targets
    precision = resolve_precision(recipe.precision)
    return Judge(pixels.val, targets, mean=how["mean"], std=how["std"], precision=precision)


def _made(run: Run, card: Card, judge: Judge, before: list[dict[str, float]], *, finished: bool) -> Made:
    """The best weights of a run, calibrated, with the account of it."""
    history = run.state.history
    account = {
        "minutes": round(run.state.seconds / 60, 2),
        "epochs": round(history[-1]["epoch"], 2),
        "precision": run.precision,
    }
    logits = judge.logits(run.best.eval())
    return Made(run.best, _finish(card, logits, judge.targets, account), [*before, *history], finished)


def _probed(module: Recognizer, card: Card, probed: Probed) -> Made:
    targets = np.asarray(probed.targets)
    account = {"minutes": round(probed.row["minutes"], 2), "epochs": 0.0, "precision": "float32"}
    return Made(module, _finish(card, probed.logits, targets, account), [probed.row], finished=True)


def _finish(card: Card, logits: np.ndarray, targets: np.ndarray, account: dict[str, Any]) -> Card:
    """The card with its temperature, fitted on validation, and the account of the training."""
    decode = {**card.decode, "temperature": temperature_of(logits, targets)}
    return card.replace(decode=decode, training={**card.training, **account, "torch": torch.__version__})


def _card(job: Job, frontend: dict[str, Any], prepare: dict[str, Any], recipe: Recipe) -> Card:
    data, options = job.data, job.options
    labels, targets = len(data.names), data.splits["train"].targets
    head: dict[str, Any] = {
        "labels": labels,
        "multi": "yes" if data.multi else "no",
        "smoothing": 0.0 if data.multi else recipe.smoothing,
    }
    head["weights"] = class_weights(targets, labels) if options.balance == "classes" else None
    return Card(
        task=job.task.name,
        name=f"{job.task.name}-{data.path.resolve().name}",
        builder=job.task.builder,
        frontend=frontend,
        head={"name": job.task.head, "config": head},
        names=data.names,
        prepare=prepare,
        decode={"temperature": 1.0, "multi": data.multi},
        training={
            "data": data.path.resolve().name,
            "data_sha256": {name: content_hash(data.splits[name]) for name in ("train", "val")},
            "examples": {name: len(data.splits[name]) for name in ("train", "val")},
            "start": options.origin,
            "recipe": recipe.to_dict(),
        },
        terms={"code": "Apache-2.0", "data": data.terms or "not stated by the data set"},
    )
