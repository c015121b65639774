"""The verbs: load, run, train, evaluate, explain, check, export. The doors call nothing else.

`serve`, the eighth, is a door itself: macaw.server.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw import tasks, zoo
from macaw.data.find import no_such
from macaw.data.inputs import Input
from macaw.errors import InputError, MissingExtra, UnknownName, did_you_mean
from macaw.files import Stage
from macaw.model import Model
from macaw.registry import ENGINES

if TYPE_CHECKING:
    from macaw.metrics.rerun import Comparison
    from macaw.results.exported import Exported
    from macaw.results.findings import Findings
    from macaw.results.record import Record
    from macaw.training.progress import Watcher

VERBS = ("load", "run", "train", "evaluate", "explain", "check", "export", "serve")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # "hf:...", but not "C:\models", a drive of one letter
_HUB = "hf:"
# What a row gives -> the module of macaw.recognition that trains it, the function of macaw.explanation
_TRAINERS = {"Labels": "fit", "Boxes": "fit_boxes", "Mask": "fit_mask", "Points": "fit_points"}
_EXPLAINERS = {
    "Labels": "labels:explain_labels",
    "Boxes": "boxes:explain_boxes",
    "Mask": "mask_picture:explain_mask",
    "Points": "point_picture:explain_points",
}
# And of macaw.data that looks through its data; labels have suspects besides
_LINTERS = {
    "Boxes": "box_lint:lint_boxes",
    "Mask": "mask_lint:lint_masks",
    "Points": "point_lint:lint_points",
}
_VAL_SHARE = 0.1  # of each class, where the data has no validation split


class Loaded(Model):
    """What `load` and `train` return: a Model with the verbs as methods, which Model is too low to know."""

    def evaluate(self, data: str | Path, *, split: str | None = None, watcher: Watcher | None = None) -> Any:
        """`macaw.evaluate` of this model."""
        return evaluate(self, data, split=split, watcher=watcher)

    def explain(self, picture: Input, **options: Any) -> Any:
        """`macaw.explain` of this model."""
        return explain(self, picture, **options)

    def export(
        self,
        path: str | Path,
        *,
        precision: str = "float32",
        data: str | Path | None = None,
        watcher: Watcher | None = None,
    ) -> Exported:
        """`macaw.export` of this model."""
        return export(self, path, precision=precision, data=data, watcher=watcher)


def load(
    name: str | Path,
    *,
    engine: str = "onnxruntime",
    download: bool = False,
    note: Callable[[str], None] | None = None,
) -> Loaded:
    """A model by its scheme: an application ("classify", its embedded model), another embedded model
    ("blood-cells"), a folder ("./my-model"), a file that `export` wrote ("./my-model.onnx",
    "./my-model.xml"), or a checkpoint of the Hugging Face Hub: an image classifier, or one of the whole
    models that `macaw.recognition.wholes` lists.

    A folder of an application's name is "./classify", or a Path. `engine` is "onnxruntime", "openvino" or
    "torch". "hf:owner/name@revision" is looked for in the Hub's cache, "hf:./folder" is a local copy; only
    with `download` is it fetched. `note` is told, in a line each, what the user should know. Raises
    UnknownName for another scheme or a misspelt name, ModelError for what is no model, and what
    `macaw.recognition.adopt.adopt` raises; without torch, engine "torch" raises MissingExtra when the model
    is first used.
    """
    ENGINES.check(engine)
    if isinstance(name, str) and name.startswith(_HUB):
        from macaw.recognition.adopt import adopt

        return Loaded(adopt(name, download=download, note=note), engine=engine)
    return Loaded(_place(name), engine=engine)


def run(
    model: str | Path | Model,
    inputs: Input | Iterable[Input],
    *,
    engine: str = "onnxruntime",
    after: str | Path | Model | None = None,
    only: str | Sequence[str] = (),
) -> Any:
    """What the model says: one Result for one input, a list of them for a folder, a glob or a list of inputs.

    A model of key points looks at one object a picture; with `after`, a detector, it looks at every object
    that this finds, of the classes `only` where some are given, and answers with Boxes that have points.
    Raises what `load` raises, and InputError, with its name, for an input that cannot be read.
    """
    opened, classes = _opened(model, engine), [only] if isinstance(only, str) else list(only)
    if after is None and classes:
        raise InputError(f"only={classes[0]!r} chooses among what a detector finds; name one with after")
    return opened.run(inputs, after=None if after is None else _opened(after, engine), only=classes)


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

    It starts from the embedded model's front-end: a linear probe on its features, which are cached by the
    pictures' content, then fine-tuning, of which validation keeps the better. `options`: start ("embedded",
    "scratch", a model's folder or "hf:owner/name@revision"), tune ("auto", "probe", "all"), effort (1),
    minutes (None), seed (0), size, dial (the width of a new front-end, from scratch), balance ("none" or
    "classes"), masks (`detect`: "auto", "yes" or "no" outlines), head (`keypoints`: "auto", "simcc" or
    "heatmap"), and any number of the recipe (epochs, batch, rate, smoothing, ema, patience, precision, flip,
    shift, zoom, colour, cutout, mixup ...). `minutes` fits everything, reading and saving included, into so
    many; the same seed and epochs give the same bits. Data without a validation split has a tenth of each
    class set aside.
    `resume` goes on with an interrupted run: give it the same options. Ctrl-C keeps the best model so far in
    `out`; before there is one it raises KeyboardInterrupt.

    Raises InputError, DataError, UnknownName, StorageError, MissingExtra, and ModelError for a checkpoint
    that is damaged or belongs to other options.
    """
    began = time.monotonic()
    row = tasks.find(task)
    stage = Stage(Path(out), resume=resume)
    _check_train(data, stage, options)  # before torch is imported: a misspelt path is answered at once
    trainer = _trainer(row)
    chosen = trainer.Options.of(**options)
    read = trainer.read(data, val_share=_VAL_SHARE)
    watcher = watcher or _silent()
    watcher.started(read.notes)
    with stage.claimed():
        stage.open()
        try:
            finished = trainer.fit(row, read, stage, options=chosen, watcher=watcher, began=began)
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
    board: str | Path | None = "",
    watcher: Watcher | None = None,
) -> Any:
    """Score a model on labelled data, aligned with its classes by name, and record it on the board.

    `split` is "train", "val", "test" or what the data calls its own; without it test, else val, else
    everything there is. "val" of data without splits is the share that `train` sets aside. `board` is the
    file of records, by default the user's own; None records nothing, and one that cannot be written is noted.
    Raises what `load` raises, DataError for a class the model does not know, InputError for a split the data
    lacks.
    """
    from macaw.metrics.board import keep
    from macaw.metrics.scoring import Wanted, score

    opened = _single(_opened(model, engine), "evaluate")
    scores, record = score(opened, Wanted(data, split, _VAL_SHARE, batch, watcher))
    note = keep(record(), Path(board) if board else None) if board is not None else ""
    if note and watcher:
        watcher.started((note,))
    return scores


def join(models: Sequence[str | Path | Model], *, out: str | Path, names: Sequence[str] = ()) -> Loaded:
    """Several models that share one front-end become one, which answers all at once, in little more time.

    Heads trained with `tune="probe"` on one start share it. A part is called by its application; where two
    are of the same, `names` name all, in their order. `run` gives a Joint, `joint["detect"]` the answer of a
    part, the same as before; `.part("detect")`, or the folder `out/detect`, is that part alone, with all the
    verbs. Raises what `load` raises, InputError for models that differ in front-end or `prepare`, or that
    would have one name, MissingExtra, StorageError.
    """
    place = Stage(Path(out))
    place.check()
    opened = [_opened(model, "onnxruntime") for model in models]
    try:
        from macaw.recognition.joining import join_models
    except ModuleNotFoundError as problem:
        raise MissingExtra("joining models", problem.name or "torch", "train") from problem
    return Loaded(join_models(opened, names, place.out))


def rerun(row: str, *, board: str | Path = "", watcher: Watcher | None = None) -> Comparison:
    """Evaluate again what a row of the board names, and compare; nothing is recorded.

    Raises UnknownName for a row that is not there, and what `evaluate` raises where data or model are gone.
    """
    from macaw.metrics import board as held
    from macaw.metrics.rerun import rerun as again
    from macaw.metrics.scoring import Wanted, score

    def evaluated(reference: str, data: str, *, split: str, engine: str) -> Record:
        return score(load(reference, engine=engine), Wanted(data, split, _VAL_SHARE, watcher=watcher))[1]()

    return again(held.read(Path(board) if board else None).find(row), evaluated)


def explain(
    model: str | Path | Model,
    picture: Input,
    *,
    by: str | Sequence[str] | None = None,
    engine: str = "onnxruntime",
    **options: Any,
) -> Any:
    """Why the model gives its answer to one picture: `.save("why.html")`, or `.png` or `.json`.

    `by` are some of the ways there are, by default all. `classify`: "gradient", "occlusion", "neighbours" and
    "parts", of which the first and half of the last need torch, and a note says so without it; options are
    `target`, the class to explain, by default the best guess, `against`, another it is held against, and
    `data`, a copy of what the model was trained on, from which near pictures are shown. `detect`: "cells",
    "suppression", "occlusion" and, with outlines, "prototypes"; options are `target`, `rank` (1), which box,
    and `score`, the lowest of a box. Raises what `load` raises, InputError for an input that is not one
    picture, UnknownName for a class, a way or an option that is not known.
    """
    opened = _single(_opened(model, engine), "explain")
    task = opened.card.task
    module, function = _EXPLAINERS[tasks.find(task).gives].split(":")
    explainer = getattr(importlib.import_module(f"macaw.explanation.{module}"), function)
    given = {name: value for name, value in {**options, "by": by}.items() if value is not None}
    known = list(inspect.signature(explainer).parameters)[2:]
    for name in given:
        if name not in known:
            close = did_you_mean(name, known)
            raise UnknownName(
                f"explaining '{task}' has no option '{name}'.{close} There are: {', '.join(known)}"
            )
    return explainer(opened, picture, **given)


def check(
    task: str, data: str | Path, *, model: str | Path | Model | None = None, watcher: Watcher | None = None
) -> Findings:
    """Look through a data set before a minute is spent on training with it; nothing is changed.

    Finds what cannot be read or would be read wrongly, classes that disagree between splits, copies within
    and across them, and what does not fit: boxes, masks or points to their pictures, or labels that are
    probably wrong.
    `.failed` says whether training would go wrong. `model` is one that the data is meant for: then its
    classes are compared, and its features tell the suspects; else the embedded model's do. Raises InputError
    when there is no such path, UnknownName.
    """
    row = tasks.find(task)
    opened = None if model is None else _single(_opened(model, "onnxruntime"), "give")
    names, size = (opened.card.names, opened.card.prepare["size"]) if opened is not None else (None, None)
    progress = watcher.read if watcher else None
    if row.gives in _LINTERS:
        module, function = _LINTERS[row.gives].split(":")
        lint = getattr(importlib.import_module(f"macaw.data.{module}"), function)
        found: Findings = lint(data, names=names, size=size, val_share=_VAL_SHARE, progress=progress)
        return found
    from macaw.data.lint import lint_pictures
    from macaw.recognition.suspects import add_suspects

    opened = _opened(row.name, "onnxruntime") if opened is None else opened
    linted = lint_pictures(data, names=names, size=size, val_share=_VAL_SHARE, progress=progress)
    return add_suspects(linted, opened, progress=progress)


def export(
    model: str | Path | Model,
    path: str | Path,
    *,
    precision: str = "float32",
    data: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Exported:
    """Write the model as one file that stands alone, and prove that it answers as before.

    `.onnx` for any ONNX runtime, weights inside, its metadata saying how to feed it and read it; `.xml` with
    a `.bin` beside it for OpenVINO. Input "pictures" (B, 3, H, W) float32, normalised as the card says;
    outputs "raw", "pooled" and, of outlines, "prototypes". `precision` "int8" is calibrated on `data`, whose
    labels or annotations, where it has any,
    measure what is lost. Raises what `load` raises, InputError for another suffix or for int8 without data,
    UnknownName, MissingExtra, StorageError; what was there before then stays.
    """
    from macaw.exporting import export_model

    opened = _opened(model, "onnxruntime")
    return export_model(opened, Path(path), precision=precision, data=data, watcher=watcher)


def _opened(model: str | Path | Model, engine: str) -> Model:
    return model if isinstance(model, Model) else load(model, engine=engine)


def _single(model: Model, do: str) -> Model:
    """The model, unless it is several joined, of which one must be asked for."""
    parts = list(model.card.parts)
    if parts:
        way = f"'{model.folder / parts[0]}'" if model.folder.is_dir() else f".part('{parts[0]}')"
        raise InputError(f"'{model.folder}' joins {', '.join(parts)}; {do} one of them, such as {way}")
    return model


def _place(name: str | Path) -> Path:
    """The model's folder, or file, that a name stands for."""
    works = (
        f"What works: an application ({', '.join(tasks.TASKS)}), another embedded model "
        f"({', '.join(_others())}), a model's folder (./my-model), an exported file (./my-model.onnx) or "
        "hf:owner/name"
    )
    if isinstance(name, str):
        if name in _applications():
            return zoo.folder(tasks.find(name).embedded)
        if name in _others():
            return zoo.folder(name)
        if scheme := _SCHEME.match(name):
            raise UnknownName(f"cannot load '{name}': scheme '{scheme[1]}:' is not known. {works}")
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name):
        return Path(name)
    close = did_you_mean(str(name), [*_applications(), *_others(), *_models_beside(Path(name))])
    raise UnknownName(f"no application and no folder '{name}'.{close} {works}")


def _applications() -> list[str]:
    return [*tasks.TASKS, *(row.alias for row in tasks.TASKS.values())]


def _others() -> list[str]:
    return [name for row in tasks.TASKS.values() for name in row.others]


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


def _trainer(row: tasks.Task) -> Any:
    """The module that trains what gives such answers, which brings torch."""
    try:
        return importlib.import_module(f"macaw.recognition.{_TRAINERS[row.gives]}")
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").split(".")[0]
        if missing in {"torch", "onnx", "onnxscript", "onnx_ir"}:
            raise MissingExtra(f"training '{row.name}'", missing, "train") from problem
        raise


def _silent() -> Watcher:
    from macaw.training.progress import Silent

    return Silent()
