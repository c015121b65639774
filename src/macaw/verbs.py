"""The verbs: load, run, train, evaluate, explain, check, export. The doors call nothing else.

`serve`, the eighth, is a door itself: macaw.server.
"""

from __future__ import annotations

import importlib
import inspect
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw import tasks
from macaw.data.find import no_such
from macaw.data.inputs import Input
from macaw.errors import InputError, MissingExtra, UnknownName, did_you_mean
from macaw.files import Stage
from macaw.language.opening import PLAIN
from macaw.language.writer import Writer
from macaw.model import Model
from macaw.named import HUB, place_of, row_of
from macaw.registry import ENGINES
from macaw.runtime.places import DEFAULT, card_of

if TYPE_CHECKING:
    from macaw.metrics.rerun import Comparison
    from macaw.results.exported import Exported
    from macaw.results.findings import Findings
    from macaw.results.record import Record
    from macaw.training.progress import Watcher

VERBS = ("load", "run", "train", "evaluate", "explain", "check", "export", "serve")
# What a row gives -> the module that trains it, the function that explains its answers
_TRAINERS = {
    "Labels": "recognition.fit",
    "Boxes": "recognition.fit_boxes",
    "Mask": "recognition.fit_mask",
    "Points": "recognition.fit_points",
    "Completion": "language.fit",
    "Story": "language.fit",
}
_EXPLAINERS = {
    "Labels": "explanation.labels:explain_labels",
    "Boxes": "explanation.boxes:explain_boxes",
    "Mask": "explanation.mask_picture:explain_mask",
    "Points": "explanation.point_picture:explain_points",
    "Completion": "language.explaining:explain_text",
    "Story": "language.explaining:explain_text",
}
# And of macaw.data that looks through its data; labels have suspects besides, texts no classes
_LINTERS = {
    "Boxes": "box_lint:lint_boxes",
    "Mask": "mask_lint:lint_masks",
    "Points": "point_lint:lint_points",
}
_VAL_SHARE = 0.1  # of each class, where the data has no validation split


class _Able:
    """The verbs as methods, for models that are too low to know them."""

    def evaluate(self, data: str | Path, *, split: str | None = None, watcher: Watcher | None = None) -> Any:
        """`macaw.evaluate` of this model."""
        return evaluate(self, data, split=split, watcher=watcher)  # type: ignore[arg-type]

    def explain(self, given: Input, **options: Any) -> Any:
        """`macaw.explain` of this model."""
        return explain(self, given, **options)  # type: ignore[arg-type]

    def export(
        self,
        path: str | Path,
        *,
        precision: str = "float32",
        data: str | Path | None = None,
        watcher: Watcher | None = None,
    ) -> Exported:
        """`macaw.export` of this model."""
        return export(self, path, precision=precision, data=data, watcher=watcher)  # type: ignore[arg-type]


class Loaded(_Able, Model):
    """What `load` and `train` return where pictures are looked at."""


class LoadedWriter(_Able, Writer):
    """What `load` and `train` return where text is written."""


Opened = Model | Writer


def load(
    name: str | Path,
    *,
    engine: str | None = None,
    download: bool = False,
    note: Callable[[str], None] | None = None,
    task: str = "",
) -> Any:
    """A model by its scheme: an application ("classify", its embedded model), another embedded model
    ("blood-cells"), a folder ("./my-model"), a file that `export` wrote ("./my-model.onnx",
    "./my-model.xml"), or a checkpoint of the Hugging Face Hub: an image classifier, one of the whole models
    that `macaw.recognition.wholes` lists, or a causal language model.

    What looks at pictures is a `macaw.model.Model`, by `engine` "onnxruntime" (unless told otherwise),
    "openvino" or "torch"; what writes is a `macaw.language.writer.Writer`, by "numpy", "compiled", "int8" or
    "torch"; both have the verbs as methods. A folder of an application's name is "./classify", or a Path.
    "hf:owner/name@revision" is looked for in the Hub's cache, "hf:./folder" is a local copy; only
    with `download` is it fetched. `note` is told, in a line each, what the user should know. `task` is the
    row that what writes is to serve, where its card says another: "story" of a model that completes. Raises
    UnknownName for another scheme or a misspelt name, ModelError for what is no model, and what
    `macaw.recognition.adopt.adopt` raises; without torch, engine "torch" raises MissingExtra when the model
    is first used.
    """
    if isinstance(name, str) and name.startswith(HUB):
        return _of_hub(name, engine, download=download, note=note)
    return _at(place_of(name), engine, task=task or row_of(name))


def run(
    model: str | Path | Opened,
    inputs: Input | Iterable[Input] = "",
    *,
    engine: str | None = None,
    after: str | Path | Model | None = None,
    only: str | Sequence[str] = (),
    **asked: Any,
) -> Any:
    """What the model says: one Result for one input, a list of them for a folder, a glob or a list of inputs.

    `complete` goes on with a text, which may be empty or a Path of a file, and `story` tells one of a title;
    `asked` is how: temperature, top_k, top_p, min_p, typical, repetition, presence, frequency, no_repeat,
    seed, limit (tokens), stop (strings) and count (how many, then a list). What a model draws by unless told
    otherwise is in its card.

    A model of key points looks at one object a picture; with `after`, a detector, it looks at every object
    that this finds, of the classes `only` where some are given, and answers with Boxes that have points.
    Raises what `load` raises, and InputError, with its name, for an input that cannot be read.
    """
    opened, classes = _opened(model, engine), [only] if isinstance(only, str) else list(only)
    if isinstance(opened, Writer):
        if after is not None or classes:
            raise InputError(f"'{opened.card.name}' writes; after and only are for pictures")
        return opened.run(inputs, **asked)
    if asked:
        name = next(iter(asked))
        raise UnknownName(
            f"'{opened.card.task}' takes no '{name}'; that is for what writes, such as complete"
        )
    if after is None and classes:
        raise InputError(f"only={classes[0]!r} chooses among what a detector finds; name one with after")
    detector = None if after is None else _looking(after, engine)
    return opened.run(inputs, after=detector, only=classes)


def train(
    task: str,
    data: str | Path,
    *,
    out: str | Path,
    resume: bool = False,
    watcher: Watcher | None = None,
    **options: Any,
) -> Any:
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

    Of what writes: network ("mixture", of an n-gram and a recurrent network; "ngram", "recurrent" or
    "transformer"), vocabulary ("bytes", "characters", "words" or "pieces"), tokens (its size), start, effort,
    minutes, epochs, seed, dial, order (of an n-gram), canaries (secrets to plant, of which `explain` by
    "parrot" measures what the model gives away), and any number of the network and of its recipe.
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
    return _at(stage.out, None)


def evaluate(
    model: str | Path | Opened,
    data: str | Path,
    *,
    split: str | None = None,
    engine: str | None = None,
    batch: int = 64,
    board: str | Path | None = "",
    watcher: Watcher | None = None,
) -> Any:
    """Score a model on labelled data, aligned with its classes by name, and record it on the board.

    A language model is scored by how well it foretells texts: bits per byte, perplexity.

    `split` is "train", "val", "test" or what the data calls its own; without it test, else val, else
    everything there is. "val" of data without splits is the share that `train` sets aside. `board` is the
    file of records, by default the user's own; None records nothing, and one that cannot be written is noted.
    Raises what `load` raises, DataError for a class the model does not know, InputError for a split the data
    lacks.
    """
    from macaw.metrics.board import keep
    from macaw.metrics.scoring import Wanted

    opened = _single(_opened(model, engine), "evaluate")
    scores, record = _scorer(opened)(opened, Wanted(data, split, _VAL_SHARE, batch, watcher))
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
    opened = [_looking(model, None) for model in models]
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
    from macaw.metrics.scoring import Wanted

    def evaluated(reference: str, data: str, *, split: str, engine: str) -> Record:
        opened = load(reference, engine=engine)
        made: Record = _scorer(opened)(opened, Wanted(data, split, _VAL_SHARE, watcher=watcher))[1]()
        return made

    return again(held.read(Path(board) if board else None).find(row), evaluated)


def explain(
    model: str | Path | Opened,
    given: Input,
    *,
    by: str | Sequence[str] | None = None,
    engine: str | None = None,
    **options: Any,
) -> Any:
    """Why the model gives its answer to one picture or text: `.save("why.html")`, or `.png` or `.json`.

    `by` are some of the ways there are, by default all. `classify`: "gradient", "occlusion", "neighbours" and
    "parts", of which the first and half of the last need torch, and a note says so without it; options are
    `target`, the class to explain, by default the best guess, `against`, another it is held against, and
    `data`, a copy of what the model was trained on, from which near pictures are shown. `detect`: "cells",
    "suppression", "occlusion" and, with outlines, "prototypes"; options are `target`, `rank` (1), which box,
    and `score`, the lowest of a box. Of what writes see `macaw.language.explaining.explain_text`. Raises what
    `load` raises, InputError for an input that is not one picture, UnknownName for a class, a way or an
    option that is not known.
    """
    opened = _single(_opened(model, engine), "explain")
    task = opened.card.task
    module, function = _EXPLAINERS[tasks.find(task).gives].split(":")
    explainer = getattr(importlib.import_module(f"macaw.{module}"), function)
    wanted = {name: value for name, value in {**options, "by": by}.items() if value is not None}
    parameters = inspect.signature(explainer).parameters
    known = list(parameters)[2:]
    takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    for name in wanted:
        if name not in known and not takes_all:
            close = did_you_mean(name, known)
            raise UnknownName(
                f"explaining '{task}' has no option '{name}'.{close} There are: {', '.join(known)}"
            )
    return explainer(opened, given, **wanted)


def check(
    task: str, data: str | Path, *, model: str | Path | Opened | None = None, watcher: Watcher | None = None
) -> Findings:
    """Look through a data set before a minute is spent on training with it; nothing is changed.

    Finds what cannot be read or would be read wrongly, classes that disagree between splits, copies within
    and across them, and what does not fit: boxes, masks or points to their pictures, or labels that are
    probably wrong; of texts odd encodings, boilerplate, noise and passages that stand in two splits.
    `.failed` says whether training would go wrong. `model` is one that the data is meant for: then its
    classes are compared, and its features tell the suspects; else the embedded model's do. Raises InputError
    when there is no such path, UnknownName.
    """
    row = tasks.find(task)
    if row.takes == "text":
        from macaw.data.text_lint import lint_texts

        read = (lambda done: watcher.read(done, 0, "documents")) if watcher else None
        return lint_texts(data, val_share=_VAL_SHARE, progress=read)
    opened = None if model is None else _single(_looking(model, None), "give")
    names, size = (opened.card.names, opened.card.prepare["size"]) if opened is not None else (None, None)
    progress = watcher.read if watcher else None
    if row.gives in _LINTERS:
        module, function = _LINTERS[row.gives].split(":")
        lint = getattr(importlib.import_module(f"macaw.data.{module}"), function)
        found: Findings = lint(data, names=names, size=size, val_share=_VAL_SHARE, progress=progress)
        return found
    from macaw.data.lint import lint_pictures
    from macaw.recognition.suspects import add_suspects

    opened = _looking(row.name, None) if opened is None else opened
    linted = lint_pictures(data, names=names, size=size, val_share=_VAL_SHARE, progress=progress)
    return add_suspects(linted, opened, progress=progress)


def export(
    model: str | Path | Opened,
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
    measure what is lost. Of a language model see `macaw.language.exporting`.

    Raises what `load` raises, InputError for another suffix or for int8 without data, UnknownName,
    MissingExtra, StorageError; what was there before then stays.
    """
    opened = _opened(model, None)
    if isinstance(opened, Writer):
        from macaw.language.exporting import export_text

        return export_text(opened, Path(path), precision=precision, data=data, watcher=watcher)
    from macaw.exporting import export_model

    return export_model(opened, Path(path), precision=precision, data=data, watcher=watcher)


def _opened(model: str | Path | Opened, engine: str | None) -> Opened:
    opened: Opened = model if isinstance(model, Model | Writer) else load(model, engine=engine)
    return opened


def _looking(model: str | Path | Opened, engine: str | None) -> Model:
    """A model that looks at pictures. Raises InputError for one that does not."""
    opened = _opened(model, engine)
    if isinstance(opened, Writer):
        raise InputError(f"'{opened.card.name}' writes; give a model that looks at pictures")
    return opened


def _at(place: Path, engine: str | None, *, task: str = "") -> Any:
    """What opens the model of a folder or a file, by its card."""
    card = card_of(place)
    row = tasks.TASKS.get(card.task)  # a row that is not there is somebody else's, and looks at pictures
    if row is not None and row.takes == "text":
        return LoadedWriter(place, engine=engine or PLAIN, task=task)
    ENGINES.check(engine or DEFAULT)
    return Loaded(place, engine=engine or DEFAULT)


def _of_hub(name: str, engine: str | None, *, download: bool, note: Callable[[str], None] | None) -> Any:
    """What opens a checkpoint of the Hub, by its configuration."""
    from macaw.language.hub import adopt_causal, is_causal

    if is_causal(name, download=download):
        adopted = adopt_causal(name, download=download, note=note)
        return LoadedWriter.around(adopted.model, adopted.card, folder=adopted.folder)
    ENGINES.check(engine or DEFAULT)
    from macaw.recognition.adopt import adopt

    return Loaded(adopt(name, download=download, note=note), engine=engine or DEFAULT)


def _scorer(model: Opened) -> Callable[..., tuple[Any, Callable[[], Record]]]:
    """What scores such a model."""
    kind = "text_scoring" if isinstance(model, Writer) else "scoring"
    found: Callable[..., Any] = importlib.import_module(f"macaw.metrics.{kind}").score
    return found


def _single(model: Opened, do: str) -> Any:
    """The model, unless it is several joined, of which one must be asked for."""
    parts = list(model.card.parts)
    if parts:
        way = f"'{model.folder / parts[0]}'" if model.folder.is_dir() else f".part('{parts[0]}')"
        raise InputError(f"'{model.folder}' joins {', '.join(parts)}; {do} one of them, such as {way}")
    return model


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
        return importlib.import_module(f"macaw.{_TRAINERS[row.gives]}")
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").split(".")[0]
        if missing in {"torch", "onnx", "onnxscript", "onnx_ir", "numba"}:
            raise MissingExtra(f"training '{row.name}'", missing, "train") from problem
        raise


def _silent() -> Watcher:
    from macaw.training.progress import Silent

    return Silent()
