"""The verbs: load, run, train, evaluate, export. The doors, such as the command line, call nothing else.

explain, check and serve join them with the applications' next chapter.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw import tasks, zoo
from macaw.data.examples import SPLITS, LabelledPictures
from macaw.data.find import no_such
from macaw.data.labelled import read_labelled
from macaw.errors import InputError, MissingExtra, ModelError, UnknownName, did_you_mean
from macaw.files import Stage
from macaw.model import Input, Model
from macaw.registry import ENGINES

if TYPE_CHECKING:
    from macaw.results.scores import LabelScores
    from macaw.training.progress import Watcher

VERBS = ("load", "run", "train", "evaluate", "export")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # "hf:...", but not "C:\models", a drive of one letter
_VAL_SHARE = 0.1  # of each class, where the data has no validation split


class Loaded(Model):
    """What `load` and `train` return: a Model with the verbs as methods, which Model is too low to know."""

    def evaluate(
        self, data: str | Path, *, split: str | None = None, watcher: Watcher | None = None
    ) -> LabelScores:
        """`macaw.evaluate` of this model."""
        return evaluate(self, data, split=split, watcher=watcher)

    def export(self, path: str | Path) -> Path:
        """`macaw.export` of this model."""
        return export(self, path)


def load(name: str | Path, *, engine: str = "onnxruntime") -> Loaded:
    """A model by its scheme: an application ("classify", its embedded model) or a folder ("./my-model").

    A folder of an application's name is "./classify", or a Path. `engine` is "onnxruntime" or "torch".
    Raises UnknownName for another scheme or a misspelt name, ModelError for a folder that is no model;
    without torch, engine "torch" raises MissingExtra when the model is first used.
    """
    ENGINES.check(engine)
    return Loaded(_folder(name), engine=engine)


def run(model: str | Path | Model, inputs: Input | Iterable[Input], *, engine: str = "onnxruntime") -> Any:
    """What the model says: one Result for one input, a list of them for a folder, a glob or a list of inputs.

    Raises what `load` raises, and InputError, with its name, for an input that cannot be read.
    """
    return _opened(model, engine).run(inputs)


def train(
    task: str,
    data: str | Path,
    *,
    out: str | Path,
    resume: bool = False,
    watcher: Watcher | None = None,
    **options: Any,
) -> Loaded:
    """Train a model of application `task` on `data`, in any of its layouts, and save it as the folder `out`.

    `options`: effort (1), minutes (None), seed (0), size, dial (1), balance ("none" or "classes"), and any
    number of the recipe (epochs, batch, rate, smoothing, ema, patience, precision, flip, shift, zoom, colour,
    cutout, mixup ...). `minutes` fits everything, reading and saving included, into so many; the same seed
    and epochs give the same bits. Data without a validation split has a tenth of each class set aside.
    `resume` goes on with an interrupted run: give it the same options. Ctrl-C keeps the best model so far in
    `out`; before there is one it raises KeyboardInterrupt.

    Raises InputError, DataError, UnknownName, StorageError, MissingExtra, and ModelError for a checkpoint
    that is damaged or belongs to other options.
    """
    began = time.monotonic()
    row = tasks.find(task)
    stage = Stage(Path(out), resume=resume)
    _check_train(data, stage, options)  # before torch is imported: a misspelt path is answered at once
    fit = _trainer(row.name)
    chosen = fit.Options.of(**options)
    labelled = read_labelled(data, val_share=_VAL_SHARE)
    if len(labelled.splits.get("val", ())) == 0:
        raise InputError(f"'{data}' leaves no picture for validation; add some to each class")
    watcher = watcher or fit.Silent()
    watcher.started(labelled.notes)
    stage.open()
    try:
        finished = fit.fit_recognizer(row, labelled, stage, options=chosen, watcher=watcher, began=began)
    finally:
        stage.close()
    watcher.ended(stage.out, finished=finished)
    return Loaded(stage.out)


def evaluate(
    model: str | Path | Model,
    data: str | Path,
    *,
    split: str | None = None,
    engine: str = "onnxruntime",
    batch: int = 64,
    watcher: Watcher | None = None,
) -> LabelScores:
    """Score a model on labelled data, aligned with its classes by name.

    `split` is "train", "val", "test" or what the data calls its own; without it test, else val, else
    everything there is. "val" of data without splits is the share that `train` sets aside. Raises what
    `load` raises, DataError for a class the model does not know, InputError for a split the data lacks.
    """
    from macaw.metrics.labels import score_labels

    opened = _opened(model, engine)
    wanted = SPLITS.get((split or "").lower(), split)
    labelled = read_labelled(data, names=opened.card.names, val_share=_VAL_SHARE if wanted == "val" else 0.0)
    if labelled.multi != opened.card.decode["multi"]:
        kinds = ("one label", "several labels")
        has, gives = kinds[labelled.multi], kinds[not labelled.multi]
        raise InputError(f"'{data}' has {has} a picture, the model gives {gives}; use data of its kind")
    chosen, notes = _split(labelled, wanted)
    examples = labelled.splits[chosen]
    if watcher:
        watcher.started((*labelled.notes, *notes))
    began = time.monotonic()
    probs = opened.probabilities(examples, batch=batch, progress=watcher.read if watcher else None)
    return score_labels(probs, examples.targets, opened.card.names, seconds=time.monotonic() - began)


def export(model: str | Path | Model, path: str | Path) -> Path:
    """Write the model's graph with its weights inside: one `.onnx` file for any ONNX runtime.

    Input "pictures" (B, 3, H, W) float32, normalised as the card says; output "raw". Raises what `load`
    raises, InputError for another suffix, MissingExtra without onnx, StorageError.
    """
    target = Path(path)
    if target.suffix != ".onnx":
        raise InputError(f"cannot export to '{target}': the suffix must be .onnx")
    folder = _opened(model, "onnxruntime").folder
    from macaw.runtime.exporter import save_whole

    return save_whole(folder, target)


def _opened(model: str | Path | Model, engine: str) -> Model:
    return model if isinstance(model, Model) else load(model, engine=engine)


def _folder(name: str | Path) -> Path:
    """The model's folder that a name stands for."""
    works = f"What works: an application ({', '.join(tasks.TASKS)}) or a model's folder (./my-model)"
    if isinstance(name, str):
        if name in _applications():
            return zoo.folder(tasks.find(name).embedded)
        if scheme := _SCHEME.match(name):
            raise UnknownName(f"cannot load '{name}': scheme '{scheme[1]}:' is not known. {works}")
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name):
        raise ModelError(f"'{name}' is a file; give the folder of a model")
    close = did_you_mean(str(name), [*_applications(), *_models_beside(Path(name))])
    raise UnknownName(f"no application and no folder '{name}'.{close} {works}")


def _applications() -> list[str]:
    return [*tasks.TASKS, *(row.alias for row in tasks.TASKS.values())]


def _models_beside(path: Path) -> list[str]:
    try:
        return [str(path.parent / p.name) for p in path.parent.iterdir() if (p / "card.json").is_file()]
    except OSError:
        return []


def _check_train(data: str | Path, stage: Stage, options: dict[str, Any]) -> None:
    """Refuse what can be refused without torch."""
    if not os.path.exists(data):
        raise InputError(no_such(Path(data)))
    if options.get("minutes") is not None and options.get("epochs") is not None:
        raise InputError("minutes and epochs both say how long to train; give one of them")
    stage.check()


def _trainer(task: str) -> Any:
    """The module that trains, which brings torch."""
    try:
        from macaw.recognition import fit
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").split(".")[0]
        if missing in {"torch", "onnx", "onnxscript", "onnx_ir"}:
            raise MissingExtra(f"training '{task}'", missing, "train") from problem
        raise
    return fit


def _split(labelled: LabelledPictures, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The split to score, and what the user should know of it."""
    known = list(labelled.splits)
    if wanted is None:
        chosen = next((name for name in ("test", "val") if name in known), known[0])
        if chosen != "train":
            return chosen, ()
        everything = f"no test and no val: all {len(labelled.splits[chosen]):,} pictures of train are scored"
        return chosen, (f"{everything}; a model that was trained on them is to be judged by --split val",)
    if wanted not in known:
        close = did_you_mean(wanted, [*known, "val"])  # val is carved out of data that has none
        raise InputError(f"'{labelled.path}' has no split '{wanted}'.{close} It has: {', '.join(known)}")
    return wanted, ()
