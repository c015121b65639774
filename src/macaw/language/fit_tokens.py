"""Fit tokens: trains a recurrent network or a Transformer on texts, and leaves a model's folder.

While it runs, `<out>.training` holds the checkpoint; `<out>` appears when there is a model to put into it.
"""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save

from macaw.card import Card
from macaw.data.texts import Texts
from macaw.errors import InputError
from macaw.files import Stage, atomic_folder, atomic_write
from macaw.language.modules import build
from macaw.language.networks import WEIGHTS, load_weights
from macaw.language.shapes import Shape, head_of, shape_of
from macaw.language.text_job import Job, Rows
from macaw.language.token_judge import TokenJudge
from macaw.language.token_options import TokenOptions, dropout_of
from macaw.language.token_recipe import TokenRecipe
from macaw.language.token_run import TokenRun
from macaw.language.vocabulary import Vocabulary
from macaw.results.curves import plot_history
from macaw.tasks import find
from macaw.training.progress import Watcher

__all__ = ["Start", "TokenOptions", "fit_network", "fit_tokens", "save_network", "told"]


class Start(NamedTuple):
    """Weights to go on from; they are of the job's vocabulary."""

    name: str  # what the model is called that they are of
    shape: Shape
    weights: Mapping[str, np.ndarray]  # by their names in the module

    @classmethod
    def of(cls, folder: Path, name: str) -> Start:
        """The weights of a model's folder. Raises ModelError for what is damaged."""
        return cls(name, shape_of(Card.load(folder).head), load_weights(folder))


def fit_tokens(
    texts: Texts, vocabulary: Vocabulary, stage: Stage, *, options: TokenOptions, watcher: Watcher
) -> bool:
    """`fit_network` from scratch, with a vocabulary that is there, for a model that completes texts."""
    began = time.monotonic()
    watcher.started(texts.notes)
    job = Job(Rows(find("complete"), texts, vocabulary), stage, watcher, began)
    return fit_network(job, options)


def fit_network(job: Job, options: TokenOptions, *, start: Start | None = None) -> bool:
    """Train on the train split, validate on val, and save to the job's `stage.out`.

    With a `start` the network is the one of its weights, and they are kept where validation finds no better
    ones. Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers
    False, and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet, DataError
    without a val split or text, InputError for minutes that are over before the first step.
    """
    recipe, shape = _chosen(job, options, start)
    train = job.rows.train.of_length(recipe.length)
    torch.manual_seed(options.seed)
    module = build(shape)
    if start is not None:
        module.load_state_dict(_weights(start))
    judge = TokenJudge(job.rows.val.of_length(train.length), job.vocabulary)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    run = TokenRun(module, train, recipe, score=judge, vocabulary=job.vocabulary, device=device)
    before = _before(job, run, judge) if start is not None else {}
    finished = _run(run, job, _seconds_left(job, options, judge.time(run.average)))
    if not run.state.history:
        raise KeyboardInterrupt
    best = min([*run.state.history, *([before] if before else [])], key=lambda row: row["score"])
    if best is before:
        job.watcher.said("no better than before on val: the weights it started from are kept")
        run.best.load_state_dict(_weights(start))
    save_network(
        job.stage.out,
        run.best,
        card=_card(job, options, run, best, start),
        vocabulary=job.vocabulary,
        rows=run.state.history,
    )
    if finished:
        shutil.rmtree(job.stage.work, ignore_errors=True)
    return finished


def _chosen(job: Job, options: TokenOptions, start: Start | None) -> tuple[TokenRecipe, Shape]:
    """The recipe and the network for the job's text."""
    tokens, vocabulary = len(job.rows.train.ids), job.vocabulary
    if start is None:
        recipe = options.recipe(tokens, vocabulary=len(vocabulary))
        return recipe, options.shape(len(vocabulary), recipe, never=vocabulary.begin)
    recipe = options.recipe(tokens, vocabulary=len(vocabulary), start="trained")
    if start.shape.context is None:
        return recipe, start.shape
    recipe = replace(recipe, length=min(recipe.length, start.shape.context))
    return recipe, replace(start.shape, dropout=dropout_of(recipe))


def _before(job: Job, run: TokenRun, judge: TokenJudge) -> dict[str, float]:
    """What the weights are worth that a run starts from."""
    row = judge(run.average.eval())
    job.watcher.said(f"before: {told(row)} on val")
    return row


def told(row: Mapping[str, float]) -> str:
    """The figure of a row that compares models: bits per byte, else nats per token."""
    if "bits_per_byte" in row:
        return f"{row['bits_per_byte']:.3f} bits per byte"
    return f"{row['val_loss']:.3f} nats per token"


def _seconds_left(job: Job, options: TokenOptions, judging: float) -> float | None:
    left = job.seconds_left(options.minutes)
    if left is None:
        return None
    if left <= judging:
        needed = options.minutes - (left - judging) / 60 if options.minutes else 0.0
        raise InputError(
            f"minutes={options.minutes:g}: reading, scoring and saving alone take {needed:.1f}; allow more"
        )
    return left - judging


def _run(run: TokenRun, job: Job, seconds: float | None) -> bool:
    """Train in the stage; False when Ctrl-C ended it."""
    stage = job.stage
    stage.open()
    try:
        run.fit(stage.work, watcher=job.watcher, seconds=seconds, resume=stage.resume)
    except KeyboardInterrupt:
        return False
    finally:
        stage.close()  # a folder without a checkpoint would stand in the way of another attempt
    return True


def _weights(start: Start | None) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in (start.weights if start else {}).items()}


def _card(
    job: Job, options: TokenOptions, run: TokenRun, best: Mapping[str, float], start: Start | None
) -> Card:
    figures = {"val_bits_per_byte": round(best["bits_per_byte"], 4)} if "bits_per_byte" in best else {}
    return job.card(
        "network",
        head_of(run.model.shape),  # type: ignore[arg-type]
        {
            "start": start.name if start else "scratch",
            "options": asdict(options),
            "recipe": run.recipe.to_dict(),
            "minutes": round(run.state.seconds / 60, 2),
            "epochs": round(run.state.history[-1]["epoch"], 2),
            "val_loss": best["val_loss"],
            **figures,
            "precision": run.precision,
            "torch": torch.__version__,
        },
    )


def save_network(
    out: Path, module: torch.nn.Module, *, card: Card, vocabulary: Vocabulary, rows: list[dict[str, float]]
) -> Path:
    """Write `out`: card, weights, vocabulary, and of a training its `history.csv` and `curve.png`.

    Matrices are saved in half precision; gains and biases, which are few, in single. Raises StorageError, and
    leaves what was there before.
    """
    state = {
        name: (tensor.half() if tensor.ndim > 1 else tensor.float()).cpu().contiguous().clone()
        for name, tensor in module.state_dict().items()
    }
    with atomic_folder(out) as folder:
        atomic_write(folder / WEIGHTS, save(state))
        card.save(folder)
        vocabulary.save(folder)
        if rows:
            _save_history(rows, folder)
    return out


def _save_history(rows: list[dict[str, float]], folder: Path) -> None:
    text, picture = io.StringIO(), io.BytesIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    atomic_write(folder / "history.csv", text.getvalue().encode())
    plot_history(rows).save(picture, "PNG")
    atomic_write(folder / "curve.png", picture.getvalue())
