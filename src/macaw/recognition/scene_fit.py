"""Scene fit: trains any head that answers with places, and leaves a model's folder, whole or not at all.

The front-end begins with what it has learned elsewhere; the head begins anew. What differs between boxes,
masks and points is a Way. While it runs, `<out>.training` holds the checkpoint; `<out>` appears when there is
a model to put into it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from macaw.card import Card
from macaw.data.letterbox import Letter
from macaw.errors import InputError
from macaw.files import Stage
from macaw.frontends.base import Frontend
from macaw.heads.scene import Scene
from macaw.recognition.plan import Options
from macaw.recognition.recognizer import Recognizer, head_on
from macaw.recognition.saving import Made, save_model
from macaw.recognition.start import Start, open_start
from macaw.recognition.transfer import set_rates
from macaw.registry import FRONTENDS
from macaw.tasks import Task
from macaw.training.loop import Run, resolve_precision
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.scene_augment import SceneAugmentation
from macaw.training.scene_batches import SceneBatches

_EXPORT_SECONDS = 25.0  # kept back from a run by the clock for graph and files
_REDUCTION = 4  # of the first level: at the sizes of scenes a finer one would cost four times as much
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


class SceneOptions(Options):
    """What a user may choose: as for a classifier, but scenes are augmented in ways of their own."""

    def recipe_for(self, examples: int) -> Recipe:
        """A recipe with the user's overrides; the way of a head has its own numbers."""
        return self.tuned(Recipe(augmentation=SceneAugmentation()))


@dataclass(frozen=True, eq=False)
class Seen:
    """The pictures of a split on their sheets, with what is known of them."""

    pictures: np.ndarray  # (M, size, size, 3) uint8
    letters: Sequence[Letter]  # (M,) where each lies on its sheet
    scenes: Sequence[Scene]  # (M,) what is known, in pixels of the sheets
    truth: Sequence[Any]  # (M,) the same in pixels of the pictures, as the metric takes it
    names: tuple[str, ...]  # the class table, or those of the points


class Judge(Protocol):
    """Scores a recogniser on validation pictures; the row of a history, 'score' lower is better."""

    def __call__(self, module: torch.nn.Module) -> dict[str, float]: ...

    def targets(self, scenes: Sequence[Scene]) -> Any:
        """What the head's loss takes."""
        ...


@dataclass(frozen=True)
class Way:
    """What differs between the heads."""

    names: Callable[[Any], tuple[str, ...]]  # data -> the table of the card
    side: Callable[[Any], int]  # the train split -> the size to train at, a multiple of 32
    seen: Callable[[Any, str, dict[str, Any], Watcher], Seen]  # data, split, prepare
    head: Callable[[Any, Frontend, int], dict[str, Any]]  # data, front-end, size -> config of the head
    decode: Callable[[Any], dict[str, Any]]  # data -> of the card
    judge: Callable[..., Judge]  # of Seen; mean, std and precision by keyword
    recipe: Callable[..., Recipe]  # of the number of training pictures, the data, and Options.dials
    settled: Callable[[torch.nn.Module, Any, Card], Card] = lambda module, judge, card: card  # at the end
    flips: Callable[[Any], Sequence[int] | None] = lambda data: None  # what points become in a mirror
    weighs: bool = False  # whether its loss can weigh classes


@dataclass(frozen=True)
class Job:
    """One training: what is trained, on what, for whom, since when (time.monotonic)."""

    task: Task
    way: Way
    data: Any
    stage: Stage
    options: Options
    watcher: Watcher
    began: float

    def seconds_left(self, judging: float) -> float | None:
        """What the user's minutes leave for training; None without a limit. Raises InputError."""
        minutes = self.options.minutes
        if minutes is None:
            return None
        needed = time.monotonic() - self.began + judging + _EXPORT_SECONDS
        if needed >= 60 * minutes:
            words = (
                f"minutes={minutes:g}: reading, scoring and saving alone take {needed / 60:.1f}; allow more"
            )
            raise InputError(words)
        return 60 * minutes - needed


def fit_scenes(job: Job) -> bool:
    """Train and save.

    Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers False,
    and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet.
    """
    torch.manual_seed(job.options.seed)
    made = _trained(job)
    save_model(job.stage.out, made)
    if made.finished:
        shutil.rmtree(job.stage.work, ignore_errors=True)
    return made.finished


def _trained(job: Job) -> Made:
    options, data, way = job.options, job.data, job.way
    if options.balance != "none" and not way.weighs:
        raise InputError(f"balance={options.balance}: '{job.task.name}' weighs no classes; leave it out")
    start = _start(job)
    size = options.size or start.kept(options.tune) or way.side(data.splits["train"])
    if size % 32:
        raise InputError(f"size={size}: it must be a multiple of 32; take {-(-size // 32) * 32}")
    prepare = {**start.prepare, "size": size, "resize": "letter", "levels": None}
    recipe = options.tuned(way.recipe(len(data.splits["train"]), data, **options.dials))
    card = _card(job, start, prepare, recipe)
    train, val = (way.seen(data, name, prepare, job.watcher) for name in ("train", "val"))
    scale = {"mean": prepare["mean"], "std": prepare["std"]}
    head = head_on(start.frontend, card.head["name"], **card.head["config"])
    module = Recognizer(start.frontend, head, **scale)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if options.tune == "probe":
        module.frontend.freeze()
    elif options.origin != "scratch":
        set_rates(module)
    judge = way.judge(val, **scale, precision=resolve_precision(recipe.precision))
    batches = SceneBatches(train.pictures, train.scenes, way.flips(data), judge.targets)
    run = Run(module, batches, recipe, size=size, score=judge)
    finished = _run(job, run, job.seconds_left(_time(judge, module)))
    if not run.state.history:
        raise KeyboardInterrupt
    return _made(job, run, card, judge, finished=finished)


def _time(judge: Judge, module: torch.nn.Module) -> float:
    """Seconds of one evaluation."""
    began = time.monotonic()
    judge(module.eval())
    return time.monotonic() - began


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


def _made(job: Job, run: Run, card: Card, judge: Judge, *, finished: bool) -> Made:
    """The best weights of a run, with the account of it."""
    history = run.state.history
    account = {
        "minutes": round(run.state.seconds / 60, 2),
        "epochs": round(history[-1]["epoch"], 2),
        "precision": run.precision,
        "torch": torch.__version__,
    }
    card = card.replace(training={**card.training, **account})
    return Made(run.best, job.way.settled(run.best.eval(), judge, card), list(history), finished)


def _start(job: Job) -> Start:
    """The front-end to begin with, at the reduction of scenes. Raises InputError for one of a fixed size."""
    options = job.options
    found = open_start(job.task, options.origin, note=job.watcher.said)
    if found is None:
        config = {"dial": options.dial or 1.0, "reduction": _REDUCTION}
        return Start(
            "scratch", job.task.frontend, FRONTENDS.build(job.task.frontend, **config), dict(_IMAGENET)
        )
    if found.name == "image":
        frontend = FRONTENDS.build("image", **{**found.frontend.config, "reduction": _REDUCTION})
        frontend.load_state_dict(found.frontend.state_dict())
        return replace(found, frontend=frontend)
    if found.frontend.sizes == "fixed":
        raise InputError(
            f"start='{found.source}' takes pictures of {found.prepare['size']} pixels only; "
            "give a front-end that takes any"
        )
    return found


def _card(job: Job, start: Start, prepare: dict[str, Any], recipe: Recipe) -> Card:
    data, way, frontend = job.data, job.way, start.frontend
    kept = {name: prepare[name] for name in ("size", "mean", "std", "levels", "resize")}
    return Card(
        task=job.task.name,
        name=f"{job.task.name}-{Path(data.path).resolve().name}",
        builder=job.task.builder,
        frontend={"name": start.name, "config": frontend.config},
        head={"name": job.task.head, "config": way.head(data, frontend, prepare["size"])},
        names=way.names(data),
        prepare=kept,
        decode=way.decode(data),
        training={
            "data": Path(data.path).resolve().name,
            "examples": {name: len(data.splits[name]) for name in ("train", "val")},
            "start": job.options.origin,
            "recipe": recipe.to_dict(),
        },
        terms={"code": "Apache-2.0", "data": data.terms or "not stated by the data set"},
    )


def scene_recipe(
    examples: int, augmentation: SceneAugmentation, *, seen: int = 8_000, most: int = 16, **dials: Any
) -> Recipe:
    """The recipe for so many training pictures: at effort 1 about `seen` are seen, each at most 100 times.

    `most` is the largest batch, `dials` are effort, minutes and seed.
    """
    batch, effort = most, dials.pop("effort")
    while batch > 4 and examples / batch < 8:
        batch //= 2
    return Recipe(
        epochs=effort * min(100.0, max(4.0, seen / max(1, examples))),
        batch=batch,
        # AP of blood cells after two minutes, at rates 0.02 and 0.002: 45 %; at these 55 %
        rate=0.05,
        plain="adam",
        plain_rate=5e-3,
        decay=0.02,
        ema=0.99,
        smoothing=0.0,
        start_size=1.0,
        augmentation=augmentation,
        **dials,
    )


def checked(data: Any, path: str | Path) -> Any:
    """A data set that can be trained on: with pictures for validation. Raises InputError."""
    if "train" not in data.splits:
        raise InputError(f"'{path}' has no train split; it has: {', '.join(data.splits)}")
    if len(data.splits.get("val", ())) == 0:
        raise InputError(f"'{path}' leaves no picture for validation; add some")
    return data
