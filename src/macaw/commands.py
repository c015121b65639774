"""The commands: each a thin door that calls a verb and prints the Result."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from macaw import __version__
from macaw.errors import InputError, MacawError, ModelError, UnknownName
from macaw.files import atomic_write
from macaw.server.limits import Limits
from macaw.terminal import complain, note, show, show_json, show_result

STOPPED = 128 + signal.SIGINT  # the exit code of Ctrl-C

app = typer.Typer(
    help="Deep learning on an ordinary computer: one grammar for every application.\n\n"
    "`macaw tour` shows them all; `macaw tasks` lists them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

What = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="An application (classify, complete), a model's folder, an exported file, or "
        "hf:owner/name@revision.",
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch a checkpoint of the Hub that is not in its cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Folder = Annotated[
    str | None, typer.Option("--model", help="A model's folder, in place of the embedded model.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        help="What computes: onnxruntime, openvino or torch; of text numpy, compiled, int8 or torch."
    ),
]
More = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Another option, by its name in Python."),
]


@app.command()
def run(  # noqa: PLR0913  (an option each)
    model: What,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUTS]...",
            help="Pictures, videos, folders, globs, camera:0; - reads a picture, or paths, from stdin. "
            "complete, story: text, or .txt files; - reads text; nothing begins a new one.",
        ),
    ] = None,
    folder: Folder = None,
    top: Annotated[int, typer.Option(min=1, help="How many guesses to show.")] = 5,
    every: Annotated[int, typer.Option(min=1, help="Of a video: each n-th frame.")] = 1,
    engine: Engine = None,
    save: Annotated[
        Path | None,
        typer.Option(
            help="A folder for a picture of each answer, or a video of all, .mp4; of text a file (.txt, "
            ".html, .json, .png) or a folder."
        ),
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="keypoints: a detector, of whose objects each is looked at.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="With --after: a class to look at; may be repeated.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Text: below 1 is safer, above 1 bolder, 0 always the likeliest.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Text: draw from the likeliest tokens of this share together.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Text: another seed, another text.")] = None,
    limit: Annotated[int | None, typer.Option(help="Text: tokens at the most.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="Text: end before this string; may be repeated.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Text: how many continuations of each.")] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Text: how likely each of its tokens is, and nothing more.")
    ] = False,
    set_: More = None,
    download: Download = False,
    json_: AsJson = False,
) -> None:
    """What the model says of each input: guesses, boxes, areas, points, or how a text goes on.

    With --json, a line of JSON each. An input that cannot be read is named on standard error and the rest
    goes on; the exit code is then 3. Ctrl-C ends a camera.
    """
    from macaw import answers, transcript, verbs

    opened = _opened(model, folder, engine, download=download)
    asked: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "seed": seed, "limit": limit}
    asked |= {"stop": stop, "count": count, **dict(_setting(words) for words in set_ or [])}
    asked = {name: value for name, value in asked.items() if value is not None}
    if isinstance(opened, verbs.LoadedWriter):
        good = transcript.write_out(opened, inputs or [], asked, transcript.Wanted(score, save, json_))
    else:
        if wrong := [*asked, *(["score"] if score else [])]:
            name = wrong[0].replace("_", "-")
            raise UnknownName(f"--{name} is for text, which '{opened.card.task}' does not take; leave it out")
        if not inputs:
            raise UnknownName(
                f"missing argument 'INPUTS': '{opened.card.task}' wants one; see macaw run --help"
            )
        if only and after is None:
            raise InputError(f"--only {only[0]} chooses among what a detector finds; name one by --after")
        detector = None if after is None else _opened(after, None, engine, download=download)
        looked = answers.Wanted(top, every, detector, only or (), save, json_)
        good = answers.say_all(opened, inputs, looked)
    if not good:
        raise typer.Exit(InputError.exit_code)


@app.command()
def train(  # noqa: PLR0913  (an option each)
    task: Annotated[str, typer.Argument(metavar="TASK", help="An application; `macaw tasks` lists them.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Your data, in a layout that `macaw tasks` lists.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the new model.")],
    effort: Annotated[float, typer.Option(help="One dial: 2 works twice as long as 1.")] = 1.0,
    minutes: Annotated[float | None, typer.Option(help="Fit everything into so many minutes.")] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the pictures, in place of effort.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the pictures, pixels; else the data decides.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="What to start from: embedded (the default), scratch, a model's folder, hf:owner/name."
        ),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(help="probe: the head alone; all: the front-end too; auto: as the data allows."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(help="complete, story: ngram, recurrent, transformer, or mixture (the first two)."),
    ] = None,
    dial: Annotated[
        float | None, typer.Option(help="Width of a new front-end or network, which trains from scratch.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random: same seed, same bits.")] = 0,
    set_: More = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    json_: AsJson = False,
) -> None:
    """Train a model on your own data. Ctrl-C keeps the best so far."""
    from macaw import verbs
    from macaw.training.progress import Bar

    given: dict[str, Any] = {"minutes": minutes, "size": size, "start": start, "tune": tune, "dial": dial}
    given |= {"network": network, "epochs": epochs}
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"effort": effort, "seed": seed} | dict(_setting(words) for words in set_ or [])
    with Bar() as bar:
        model = verbs.train(task, data, out=out, resume=resume, watcher=bar, **options)
    if json_:
        show_json({"model": str(out), "finished": not bar.interrupted, "training": model.card.training})
    if bar.interrupted:
        raise typer.Exit(STOPPED)


@app.command()
def evaluate(  # noqa: PLR0913  (an option each)
    model: What,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Labelled data, its classes matched by name; or texts."),
    ],
    folder: Folder = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or test; otherwise test, else val, else everything.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write a report: .html, .json, .png or .csv.")] = None,
    engine: Engine = None,
    board: Annotated[Path | None, typer.Option(help="The file of records, in place of your own.")] = None,
    json_: AsJson = False,
) -> None:
    """Score a model on labelled data, with 95 % intervals. `macaw board` shows every score so far."""
    from macaw import verbs
    from macaw.training.progress import Bar

    with Bar() as bar:
        opened = _opened(model, folder, engine)
        scores = verbs.evaluate(opened, data, split=split, board=board or "", watcher=bar)
    if json_:
        show_json(scores.to_dict())
    else:
        show(str(scores))
    if out:
        scores.save(out)


@app.command()
def explain(  # noqa: PLR0913  (an option each)
    model: What,
    given: Annotated[
        str, typer.Argument(metavar="INPUT", help="The picture, or the text, to explain the answer to.")
    ],
    folder: Folder = None,
    out: Annotated[Path, typer.Option(help="What to write: .html, .png or .json.")] = Path("why.html"),
    target: Annotated[str | None, typer.Option(help="The class to explain, in place of the best.")] = None,
    against: Annotated[str | None, typer.Option(help="A class to hold it against.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="classify: gradient, occlusion, neighbours, parts; detect: cells, suppression, occlusion, "
            "prototypes; complete, story: turns, inside, or parrot with --data; all, if not given."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The training data: classify shows near pictures of it, complete an n-gram's opinion."
        ),
    ] = None,
    rank: Annotated[int | None, typer.Option(help="detect: which box, counted from the surest.")] = None,
    score: Annotated[float | None, typer.Option(help="detect: the lowest score of a box.")] = None,
    seed: Annotated[int | None, typer.Option(help="Text: another seed, another text.")] = None,
    limit: Annotated[int | None, typer.Option(help="Text: tokens at the most.")] = None,
    step: Annotated[int | None, typer.Option(help="Text: the turn to look inside at, from 1.")] = None,
    token: Annotated[str | None, typer.Option(help="Text: take this one at --step, and go on.")] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help="Text: a model whose opinion is shown too; may be repeated.")
    ] = None,
    set_: More = None,
    json_: AsJson = False,
) -> None:
    """How an answer came about: what moved it, what it rests on, what else was near."""
    from macaw import verbs

    opened = _opened(model, folder, None)
    how: dict[str, Any] = {"target": target, "against": against, "data": data, "rank": rank, "score": score}
    how |= {"seed": seed, "limit": limit, "step": step, "token": token, "beside": beside or None}
    how |= dict(_setting(words) for words in set_ or [])
    why = verbs.explain(opened, given, by=by or None, **how)
    why.save(out)
    if json_:
        show_json({**why.to_dict(), "path": str(out)})
    else:
        show_result(why)
        show(f"\n{out}")


@app.command()
def check(
    task: Annotated[str, typer.Argument(metavar="TASK", help="An application; `macaw tasks` lists them.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="What `macaw train` takes; `macaw tasks` has the layouts.")
    ],
    model: Annotated[str | None, typer.Option(help="A model that the data is meant for.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write a report: .html, .json, or a contact sheet, .png.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Look through a data set before training on it; nothing is changed.

    The exit code is 3 when training would go wrong.
    """
    from macaw import verbs
    from macaw.training.progress import Bar

    with Bar() as bar:
        found = verbs.check(task, data, model=model, watcher=bar)
    if out:
        found.save(out)
    if json_:
        show_json(found.to_dict())
    else:
        show(str(found))
    if found.failed:
        raise typer.Exit(InputError.exit_code)


@app.command()
def join(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL", help="Models' folders that share one front-end.")
    ],
    out: Annotated[Path, typer.Option(help="The folder of the joined model.")],
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="What a part is called, once for each model; else its application."),
    ] = None,
    json_: AsJson = False,
) -> None:
    """Make one model of several that were trained with --tune probe on one start: it answers all at once.

    Each part has a folder in it, such as joined/detect, that every other command takes.
    """
    from macaw import verbs

    joined = verbs.join(models, out=out, names=as_ or ())
    if json_:
        show_json({"model": str(out), "parts": list(joined.card.parts)})
    else:
        show(f"{out}  {', '.join(joined.card.parts)}")


@app.command()
def export(
    model: What,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The file to write: .onnx, or .xml (OpenVINO); of an n-gram .arpa, of a "
            "Transformer also a folder for the Hub, .hf.",
        ),
    ],
    precision: Annotated[str, typer.Option(help="float32 or int8.")] = "float32",
    data: Annotated[
        Path | None, typer.Option(help="Pictures to prove it on, and to calibrate int8 with.")
    ] = None,
    download: Download = False,
    json_: AsJson = False,
) -> None:
    """Write a model as one file that stands alone, with the proof that it answers as before."""
    from macaw import verbs
    from macaw.training.progress import Bar

    opened = _opened(model, None, None, download=download)
    with Bar() as bar:
        written = verbs.export(opened, path, precision=precision, data=data, watcher=bar)
    if json_:
        show_json(written.to_dict())
    else:
        show(str(written))


@app.command()
def serve(  # noqa: PLR0913  (an option each)
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Applications or models' folders; else every application."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 is any that is free.")] = 8000,
    max_bytes: Annotated[int, typer.Option(help="Of a request.")] = Limits.max_bytes,
    max_pixels: Annotated[int, typer.Option(help="Of a picture.")] = Limits.max_pixels,
    max_prompt: Annotated[int, typer.Option(help="Bytes of the prompts of a request.")] = Limits.max_prompt,
    max_tokens: Annotated[int, typer.Option(help="Written for one request.")] = Limits.max_tokens,
    timeout: Annotated[float, typer.Option(help="Seconds for a request.")] = Limits.timeout,
    queue: Annotated[int, typer.Option(help="Requests that may wait.")] = Limits.queue,
    engine: Engine = None,
    download: Download = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each request.")] = False,
) -> None:
    """Answer over HTTP: a route for each application, and a page at / that says how to ask.

    The first Ctrl-C or SIGTERM answers what was accepted and ends with 0; a second one ends at once.
    """
    from macaw import server

    sizes: dict[str, Any] = {"max_bytes": max_bytes, "max_pixels": max_pixels, "max_prompt": max_prompt}
    limits = Limits(**sizes, max_tokens=max_tokens, timeout=timeout, queue=queue)
    how: dict[str, Any] = {"engine": engine, "download": download, "quiet": quiet}
    server.serve(models or (), host=host, port=port, limits=limits, **how)


@app.command()
def board(
    out: Annotated[Path | None, typer.Option(help="Also write the page, .html.")] = None,
    rerun: Annotated[str | None, typer.Option(metavar="ROW", help="Evaluate a row again.")] = None,
    file: Annotated[Path | None, typer.Option("--board", help="The file of records.")] = None,
    json_: AsJson = False,
) -> None:
    """Every evaluation so far, by data set. With --rerun, one of them is run again and compared.

    A rerun whose scores are neither the same nor within the intervals of before ends with exit code 1.
    """
    if rerun:
        _rerun(rerun, file, as_json=json_)
        return
    from macaw.metrics.board import read
    from macaw.results.board_page import board_page
    from macaw.results.series import series_of

    kept = read(file)
    for words in kept.notes:
        complain(words)
    if json_:
        show_json([record.to_dict() for record in kept.records])
    else:
        show("\n\n".join(map(str, series_of(kept.records))))
    if out:
        atomic_write(out, board_page(kept.records, kept.notes).encode())


def _rerun(row: str, file: Path | None, *, as_json: bool) -> None:
    from macaw import verbs
    from macaw.training.progress import Bar

    with Bar() as bar:
        found = verbs.rerun(row, board=file or "", watcher=bar)
    if as_json:
        show_json(found.to_dict())
    else:
        show(str(found))
    if found.verdict == "different":
        raise typer.Exit(MacawError.exit_code)


@app.command()
def tasks(json_: AsJson = False) -> None:
    """The table of applications."""
    from dataclasses import asdict

    from macaw.tasks import TASKS

    if json_:
        show_json([asdict(row) for row in TASKS.values()])
        return
    for row in TASKS.values():
        show(
            f"{row.name:<12}{row.does}\n"
            f"{'':<12}takes a {row.takes}, gives {row.gives}; trains on {'; '.join(row.layouts)}"
        )


@app.command()
def tour(
    out: Annotated[Path, typer.Option(help="The folder of the report.")] = Path("tour"),
    quick: Annotated[bool, typer.Option("--quick", help="One sample of each application.")] = False,
    json_: AsJson = False,
) -> None:
    """Run every application once on its embedded model and write an HTML report.

    An application that does not run says why, in the report and here, and the rest goes on; the exit code is
    then 1.
    """
    from macaw.tour import tour as take

    report = take(out, quick=quick)
    if json_:
        show_json(report.to_dict())
    else:
        show(f"{report}\n\n{report.path.resolve()}")
    if report.failed:
        raise typer.Exit(MacawError.exit_code)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        show(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        show(context.get_help())


def _opened(model: str, folder: str | None, engine: str | None, *, download: bool = False) -> Any:
    """The model that MODEL and --model name; the latter must serve the application that the former is."""
    from macaw import tasks, verbs

    def load(name: str) -> Any:
        return verbs.load(name, engine=engine, download=download, note=note)

    if folder is None:
        return load(model)
    row, opened = tasks.find(model), load(folder)
    if isinstance(opened, verbs.LoadedWriter) and row.takes == "text":
        # What goes on with texts can tell stories, if not well
        return verbs.load(folder, engine=engine, note=note, task=row.name)
    if opened.card.task != row.name:
        raise ModelError(f"'{folder}' is a model for {opened.card.task}; give one for {row.name}")
    return opened


def _setting(words: str) -> tuple[str, Any]:
    """`rate=0.1` -> ("rate", 0.1); words that are no number stay words."""
    name, found, value = words.partition("=")
    if not found:
        raise UnknownName(f"--set {words}: write it as NAME=VALUE, for instance --set rate=0.1")
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return name, number(value)
    return name, value
