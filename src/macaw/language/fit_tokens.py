"""Fit tokens: trains a recurrent network or a Transformer on texts, and leaves a model's folder.

While it runs, `<out>.training` holds the checkpoint; `<out>` appears when there is a model to put into it.
"""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from macaw.card import Card
from macaw.data.texts import Texts
from macaw.errors import DataError, InputError, UnknownName, did_you_mean
from macaw.files import Stage, atomic_folder, atomic_write
from macaw.language.modules import build
from macaw.language.networks import WEIGHTS
from macaw.language.shapes import SHAPES, Shape, head_of
from macaw.language.token_judge import TokenJudge
from macaw.language.token_recipe import TokenRecipe, choose
from macaw.language.token_run import TokenRun
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows, packed
from macaw.results.curves import plot_history
from macaw.training.progress import Watcher

_SAVE_SECONDS = 5.0  # kept back from a run by the clock
_DIALS = {"recurrent": 1, "transformer": 4}


@dataclass(frozen=True)
class TokenOptions:
    """What a user may choose; None lets the text decide."""

    network: str = "transformer"  # or "recurrent"
    effort: float = 1.0
    minutes: float | None = None
    seed: int = 0
    dial: float | None = None  # size of the network: layers of a Transformer, share of the usual width
    device: str = "auto"  # "cpu", "cuda", or auto: the GPU where there is one
    numbers: tuple[tuple[str, Any], ...] = ()  # of the network's shape, and of the recipe

    @classmethod
    def of(cls, **values: Any) -> TokenOptions:
        """Options from keywords; those it does not know itself are the network's or the recipe's.

        Raises UnknownName or InputError for a name or a value that cannot be.
        """
        own = {k: v for k, v in values.items() if k in cls.__dataclass_fields__ and k != "numbers"}
        rest = {k: v for k, v in values.items() if k not in own}
        options = cls(**own, numbers=tuple(sorted(rest.items())))
        if options.network not in SHAPES:
            hint = did_you_mean(options.network, SHAPES)
            raise UnknownName(f"network='{options.network}': {' or '.join(SHAPES)}.{hint}")
        for name in ("effort", "minutes", "dial"):
            value = getattr(options, name)
            if value is not None and not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
                raise InputError(f"{name}={value!r}: a number above 0")
        if options.device not in {"auto", "cpu", "cuda"}:
            raise UnknownName(f"device='{options.device}': auto, cpu or cuda.")
        options.recipe(1)
        options.shape(2, options.recipe(1), never=None)
        return options

    def recipe(self, tokens: int) -> TokenRecipe:
        """The recipe for so many tokens of text, the user's numbers in it."""
        dials: dict[str, Any] = {"effort": self.effort, "minutes": self.minutes, "seed": self.seed}
        return choose(self.network, tokens, **dials).override(**self._numbers(of_shape=False))

    def shape(self, tokens: int, recipe: TokenRecipe, *, never: int | None) -> Shape:
        """The network for a vocabulary of so many tokens, the user's numbers in it."""
        numbers: dict[str, Any] = {"never": -1 if never is None else never}
        if self.network == "transformer":
            numbers["context"] = recipe.length
            # Text that is seen again and again is learned by heart without it
            numbers["dropout"] = 0.1 if recipe.minutes is None and recipe.epochs >= 5 else 0.0
        dial: Any = self.dial or _DIALS[self.network]
        if self.network == "transformer" and dial != int(dial):
            raise InputError(f"dial={dial:g}: the layers of a Transformer, a whole number")
        return SHAPES[self.network].dialled(tokens, dial=dial, **(numbers | self._numbers(of_shape=True)))

    def _numbers(self, *, of_shape: bool) -> dict[str, Any]:
        names = {one.name for one in fields(SHAPES[self.network])} - {"tokens", "never"}
        return {name: value for name, value in self.numbers if (name in names) == of_shape}


def fit_tokens(
    texts: Texts, vocabulary: Vocabulary, stage: Stage, *, options: TokenOptions, watcher: Watcher
) -> bool:
    """Train on the train split, validate on val, and save to `stage.out`.

    Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers False,
    and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet, DataError
    without a val split or text, InputError for minutes that are over before the first step.
    """
    began = time.monotonic()
    for split in ("train", "val"):
        if split not in texts.splits:
            there = ", ".join(texts.splits)
            raise DataError(f"'{texts.path}' has no {split} split; it has: {there}; add {split}.txt")
    watcher.started(texts.notes)
    train = _windows(texts.splits["train"], vocabulary, options)
    val = packed(texts.splits["val"], vocabulary, train.length)
    recipe = options.recipe(len(train.ids))
    shape = options.shape(len(vocabulary), recipe, never=vocabulary.begin)
    torch.manual_seed(options.seed)
    judge = TokenJudge(val, vocabulary)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    run = TokenRun(build(shape), train, recipe, score=judge, vocabulary=vocabulary, device=device)
    finished = _run(run, stage, watcher, _seconds_left(options.minutes, began))
    if not run.state.history:
        raise KeyboardInterrupt
    save_network(
        stage.out, run.best, card=_card(texts, options, run), vocabulary=vocabulary, rows=run.state.history
    )
    if finished:
        shutil.rmtree(stage.work, ignore_errors=True)
    return finished


def _windows(documents: Iterable[str], vocabulary: Vocabulary, options: TokenOptions) -> Windows:
    return packed(documents, vocabulary, options.recipe(1).length)


def _seconds_left(minutes: float | None, began: float) -> float | None:
    if minutes is None:
        return None
    left = 60 * minutes - (time.monotonic() - began) - _SAVE_SECONDS
    if left <= 0:
        raise InputError(f"minutes={minutes:g}: reading and saving alone take longer; allow more")
    return left


def _run(run: TokenRun, stage: Stage, watcher: Watcher, seconds: float | None) -> bool:
    """Train in the stage; False when Ctrl-C ended it."""
    stage.open()
    try:
        run.fit(stage.work, watcher=watcher, seconds=seconds, resume=stage.resume)
    except KeyboardInterrupt:
        return False
    finally:
        stage.close()  # a folder without a checkpoint would stand in the way of another attempt
    return True


def _card(texts: Texts, options: TokenOptions, run: TokenRun) -> Card:
    shape, recipe, last = run.model.shape, run.recipe, run.state.history[-1]
    name = Path(texts.path).resolve().name.split(".")[0]
    return Card(
        task="complete",
        name=f"complete-{name}",
        builder="network",
        frontend={"name": run.vocabulary.kind, "config": {"tokens": len(run.vocabulary)}},
        head=head_of(shape),  # type: ignore[arg-type]
        names=(),
        prepare={},
        decode={},
        training={
            "data": name,
            "tokens": len(run.windows.ids),
            "options": asdict(options),
            "recipe": recipe.to_dict(),
            "minutes": round(run.state.seconds / 60, 2),
            "epochs": round(last["epoch"], 2),
            "val_loss": run.state.best,
            "precision": run.precision,
            "torch": torch.__version__,
        },
        terms={"code": "Apache-2.0", "data": texts.terms or "not stated by the data set"},
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
