"""The verbs: load, run, train, evaluate, explain, check, export. The doors call nothing else.

`serve`, the eighth, is a door itself: macaw.server.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw import tasks, zoo
from macaw.data.examples import SPLITS, LabelledPictures
from macaw.data.find import no_such
from macaw.data.labelled import read_labelled
from macaw.errors import InputError, MissingExtra, UnknownName, did_you_mean
from macaw.files import Stage
from macaw.model import Input, Model
from macaw.registry import ENGINES

if TYPE_CHECKING:
    from macaw.metrics.rerun import Comparison
    from macaw.results.explanation import Explanation
    from macaw.results.exported import Exported
    from macaw.results.findings import Findings
    from macaw.results.record import Record
    from macaw.results.scores import LabelScores
    from macaw.training.progress import Watcher

VERBS = ("load", "run", "train", "evaluate", "explain", "check", "export", "serve")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # "hf:...", but not "C:\models", a drive of one letter
_HUB = "hf:"
_VAL_SHARE = 0.1  # of each class, where the data has no validation split


class Loaded(Model):
    """What `load` and `train` return: a Model with the verbs as methods, which Model is too low to know."""

    def evaluate(
        self, data: str | Path, *, split: str | None = None, watcher: Watcher | None = None
    ) -> LabelScores:
        """`macaw.evaluate` of this model."""
        return evaluate(self, data, split=split, watcher=watcher)

    def explain(self, picture: Input, **options: Any) -> Explanation:
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
    """A model by its scheme: an application ("classify", its embedded model), a folder ("./my-model"), a file
    that `export` wrote ("./my-model.onnx", "./my-model.xml"), or an image classifier of the Hugging Face Hub.

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

    It starts from the embedded model's front-end: a linear probe on its features, which are cached by the
    pictures' content, then fine-tuning, of which validation keeps the better. `options`: start ("embedded",
    "scratch", a model's folder or "hf:owner/name@revision"), tune ("auto", "probe", "all"), effort (1),
    minutes (None), seed (0), size, dial (the width of a new front-end, from scratch), balance ("none" or
    "classes"), and any number of the recipe (epochs, batch, rate, smoothing, ema, patience, precision, flip,
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
    fit = _trainer(row.name)
    chosen = fit.Options.of(**options)
    labelled = read_labelled(data, val_share=_VAL_SHARE)
    if len(labelled.splits.get("val", ())) == 0:
        raise InputError(f"'{data}' leaves no picture for validation; add some to each class")
    watcher = watcher or fit.Silent()
    watcher.started(labelled.notes)
    with stage.claimed():
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
    board: str | Path | None = "",
    watcher: Watcher | None = None,
) -> LabelScores:
    """Score a model on labelled data, aligned with its classes by name, and record it on the board.

    `split` is "train", "val", "test" or what the data calls its own; without it test, else val, else
    everything there is. "val" of data without splits is the share that `train` sets aside. `board` is the
    file of records, by default the user's own; None records nothing, and one that cannot be written is noted.
    Raises what `load` raises, DataError for a class the model does not know, InputError for a split the data
    lacks.
    """
    from macaw.metrics.board import keep

    scores, record = _evaluated(_opened(model, engine), data, split=split, batch=batch, watcher=watcher)
    note = keep(record(), Path(board) if board else None) if board is not None else ""
    if note and watcher:
        watcher.started((note,))
    return scores


def rerun(row: str, *, board: str | Path = "", watcher: Watcher | None = None) -> Comparison:
    """Evaluate again what a row of the board names, and compare; nothing is recorded.

    Raises UnknownName for a row that is not there, and what `evaluate` raises where data or model are gone.
    """
    from macaw.metrics import board as held
    from macaw.metrics.rerun import rerun as again

    def evaluated(reference: str, data: str, *, split: str, engine: str) -> Record:
        return _evaluated(load(reference, engine=engine), data, split=split, watcher=watcher)[1]()

    return again(held.read(Path(board) if board else None).find(row), evaluated)


def _evaluated(
    opened: Model, data: str | Path, *, split: str | None, batch: int = 64, watcher: Watcher | None = None
) -> tuple[LabelScores, Callable[[], Record]]:
    """The scores, and who makes their record: that hashes the data, which not everyone needs."""
    from macaw.metrics.labels import score_labels
    from macaw.metrics.provenance import record_of

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
    scores = score_labels(probs, examples.targets, opened.card.names, seconds=time.monotonic() - began)
    return scores, lambda: record_of(opened, data, split=chosen, examples=examples, scores=scores)


def explain(
    model: str | Path | Model,
    picture: Input,
    *,
    target: str | None = None,
    against: str | None = None,
    by: str | Sequence[str] | None = None,
    data: str | Path | None = None,
    engine: str = "onnxruntime",
) -> Explanation:
    """Why the model gives its answer to one picture: `.save("why.html")`, or `.png` or `.json`.

    `target` is the class to explain, by default the best guess; `against` another it is held against. `by`
    are some of "gradient", "occlusion", "neighbours" and "parts", by default all; the first and half of the
    last need torch, and a note says so without it. `data` is a copy of what the model was trained on, from
    which near pictures are shown. Raises what `load` raises, InputError for an input that is not one picture,
    UnknownName for a class or a way that is not known.
    """
    from macaw.explanation.labels import explain_labels
    from macaw.explanation.ways import WAYS

    ways = tuple(WAYS) if by is None else by
    opened = _opened(model, engine)
    return explain_labels(opened, picture, target=target, against=against, by=ways, data=data)


def check(
    task: str, data: str | Path, *, model: str | Path | Model | None = None, watcher: Watcher | None = None
) -> Findings:
    """Look through a data set before a minute is spent on training with it; nothing is changed.

    Finds what cannot be read or would be read wrongly, classes that disagree between splits, copies within
    and across them, and labels that are probably wrong. `.failed` says whether training would go wrong.
    `model` is one that the data is meant for: then its classes are compared, and its features tell the
    suspects; else the embedded model's do. Raises InputError when there is no such path, UnknownName.
    """
    from macaw.data.lint import lint_pictures
    from macaw.recognition.suspects import add_suspects

    row = tasks.find(task)
    opened = _opened(row.name if model is None else model, "onnxruntime")
    names, size = (None, None) if model is None else (opened.card.names, opened.card.prepare["size"])
    progress = watcher.read if watcher else None
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
    outputs "raw" and "pooled". `precision` "int8" is calibrated on `data`, whose labels, where it has any,
    measure what is lost. Raises what `load` raises, InputError for another suffix or for int8 without data,
    UnknownName, MissingExtra, StorageError; what was there before then stays.
    """
    from macaw.exporting import export_model

    opened = _opened(model, "onnxruntime")
    return export_model(opened, Path(path), precision=precision, data=data, watcher=watcher)


def _opened(model: str | Path | Model, engine: str) -> Model:
    return model if isinstance(model, Model) else load(model, engine=engine)


def _place(name: str | Path) -> Path:
    """The model's folder, or file, that a name stands for."""
    works = (
        f"What works: an application ({', '.join(tasks.TASKS)}), a model's folder (./my-model), an exported "
        "file (./my-model.onnx) or hf:owner/name"
    )
    if isinstance(name, str):
        if name in _applications():
            return zoo.folder(tasks.find(name).embedded)
        if scheme := _SCHEME.match(name):
            raise UnknownName(f"cannot load '{name}': scheme '{scheme[1]}:' is not known. {works}")
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name):
        return Path(name)
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
