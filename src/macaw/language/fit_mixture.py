"""Fit mixture: an n-gram and a recurrent network of one vocabulary, and how much each is to be trusted.

While it runs, `<out>.training` holds the n-gram, which is counted once, and the network with its checkpoint.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from macaw.card import NAME as CARD
from macaw.files import Stage, atomic_folder
from macaw.language.fit_ngram import counted
from macaw.language.fit_tokens import Start, fit_network
from macaw.language.mixture import Weights, fit_weights
from macaw.language.mixture_files import save_mixture
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel
from macaw.language.text_job import Job
from macaw.language.text_options import Options
from macaw.language.windows import Windows

KIND = "recurrent"
# Tokens of val that the weights are fitted on: two numbers that sum to one need no more
_TOKENS = 40_000
_OF_EACH = 4_000  # of a document, from its beginning; more where there are few
_SHARE = 0.1  # of the user's minutes that fitting them may take


def fit_mixture(job: Job, options: Options, *, start: Start | None = None) -> bool:
    """Count, train, weigh on val, and save to the job's `stage.out`.

    Returns whether the run came to its end. Ctrl-C keeps the best network so far beside the n-gram, or the
    n-gram alone before there is one, and answers False; before the n-gram is there it raises
    KeyboardInterrupt. Raises what `fit_network` raises.
    """
    places = job.stage.work / "ngram", job.stage.work / "network"
    ngram = _counted(job, options, places[0])
    weighing = _SHARE * 60 * options.minutes if options.minutes else math.inf
    kept = job.kept if weighing == math.inf else job.kept + weighing
    try:
        finished = _trained(replace(job, kept=kept), options, places[1], start)
    except KeyboardInterrupt:
        job.watcher.said("stopped before the network was scored: the n-gram alone is kept")
        _copied(places[0], job.stage.out)
        return False
    _save(job, places, [ngram, Network.load(places[1], engine="torch")], weighing)
    if finished:
        shutil.rmtree(job.stage.work, ignore_errors=True)
    return finished


def _counted(job: Job, options: Options, place: Path) -> Ngram:
    """The n-gram, counted; or, of a run that is gone on with, as it was left."""
    if job.stage.resume and (place / CARD).is_file():
        return Ngram.load(place)
    model, card = counted(job, options)
    model.save(place, card=card)
    return model


def _trained(job: Job, options: Options, place: Path, start: Start | None) -> bool:
    """The network, trained in a stage of its own inside the job's."""
    inner = Stage(place)
    if job.stage.resume and (place / CARD).is_file() and not inner.unfinished:
        return True
    stage = Stage(place, resume=job.stage.resume and inner.unfinished)
    return fit_network(replace(job, stage=stage), options.of_network(KIND), start=start)


def _copied(place: Path, out: Path) -> None:
    with atomic_folder(out) as folder:
        shutil.copytree(place, folder, dirs_exist_ok=True)


def _save(job: Job, places: Sequence[Path], models: Sequence[LanguageModel], seconds: float) -> None:
    found, size = _weighed(models, job.rows.val, seconds)
    kinds = ["ngram", KIND]
    shares = ", ".join(f"{kind} {value:.2f}" for kind, value in zip(kinds, found.values, strict=True))
    figures = {"val_loss": found.together}
    unit, per = "nats per token", 1.0
    if size:
        unit, per = "bits per byte", 1 / size / math.log(2)
        figures["val_bits_per_byte"] = found.together * per
    alone = " and ".join(f"{value * per:.3f}" for value in found.alone)
    job.watcher.said(f"mixture: {shares}; {found.together * per:.3f} {unit} on val, alone {alone}")
    training: dict[str, Any] = {
        "parts": kinds,
        "weights": [round(float(value), 4) for value in found.values],
        "minutes": round((time.monotonic() - job.began) / 60, 2),
        **{name: round(value, 4) for name, value in figures.items()},
    }
    head = {"name": "mixture", "config": {name: training[name] for name in ("parts", "weights")}}
    save_mixture(job.stage.out, places, found.values, card=job.card("mixture", head, training))


def _weighed(models: Sequence[LanguageModel], val: Windows, seconds: float) -> tuple[Weights, float]:
    """The weights, by the beginnings of validation documents until the time is over; and bytes a token.

    The bytes are 0 of tokens that lose text.
    """
    vocabulary, began = models[0].vocabulary, time.monotonic()
    rows, size = [], 0
    for body in _beginnings(val, models[0]):
        rows.append(np.stack([model.score(body) for model in models]))
        size += int(vocabulary.lengths[body].sum())
        if time.monotonic() - began > seconds:
            break
    scores = np.concatenate(rows, axis=1)
    return fit_weights(scores), size / scores.shape[1] if vocabulary.lossless else 0.0


def _beginnings(val: Windows, model: LanguageModel) -> Iterator[np.ndarray]:
    """(T,) ids of each document's beginning, without its begin, _TOKENS together."""
    room, begin, end = _TOKENS, model.vocabulary.begin, model.vocabulary.end
    each = max(_OF_EACH, _TOKENS // max(1, int((val.ids == end).sum())))
    for ids in val.documents(end):
        body = (ids[1:] if len(ids) and ids[0] == begin else ids)[: min(each, room)]
        if len(body):
            yield body
        room -= len(body)
        if room <= 0:
            return
