"""Fit n-gram: counts the train split, and leaves a model's folder. Counted at once, it cannot be interrupted.

It is the first model to train on any text: seconds, and every network has to pass it.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from macaw.card import Card
from macaw.language.ngram import Ngram
from macaw.language.text_job import Job
from macaw.language.text_options import Options
from macaw.language.windows import Windows
from macaw.machine import available_memory

# Tiny Shakespeare by characters: 1.561 nats at order 5, 1.5165 at 7, 1.522 at 12; words and pieces of words
# are seen too seldom for more than five of them
_ORDERS = {"characters": 7, "bytes": 7}
_ORDER = 5
_BYTES = 16  # of memory, for a token and an order, while it counts: 1.3 GB for 17 million tokens at order 5
_LEAST = 1_000_000  # tokens that are counted whatever the memory


def fit_ngram(job: Job, options: Options) -> bool:
    """Count, measure on val, and save to the job's `stage.out`; always to the end.

    Raises DataError without a val split or text, InputError for thresholds that fall.
    """
    model, card = counted(job, options)
    model.save(job.stage.out, card=card)
    return True


def counted(job: Job, options: Options) -> tuple[Ngram, Card]:
    """The n-gram of the train split, and its card with what it is worth on val."""
    began = time.monotonic()
    order = options.order or _ORDERS.get(job.vocabulary.kind, _ORDER)
    rows = _within_memory(job, order)
    pruned: dict[str, Any] = {"prune": options.prune, "entries": options.entries}
    model = Ngram.learn(rows.documents(job.vocabulary.end), job.vocabulary, order=order, **pruned)
    seconds = time.monotonic() - began
    for note in model.notes:
        job.watcher.said(note)
    figures = likelihood_of(model, job.rows.val)
    said = ", ".join(f"{value:.3f} {_WORDS[name]}" for name, value in figures.items() if name in _WORDS)
    job.watcher.said(f"{order}-gram: {len(model):,} entries in {seconds:.1f} s; {said} on val")
    training = {
        "counted": len(rows.ids),
        "order": order,
        **{name: value for name, value in pruned.items() if value},
        "minutes": round(seconds / 60, 2),
        **{name: round(value, 4) for name, value in figures.items()},
    }
    return model, job.card("ngram", {"name": "ngram", "config": {"order": order}}, training)


def likelihood_of(model: Ngram, val: Windows) -> dict[str, float]:
    """Nats per token and, of tokens that lose no text, bits per byte over all of the validation text."""
    vocabulary = model.vocabulary
    nats, tokens, size = 0.0, 0, 0
    for ids in val.documents(vocabulary.end):
        body = ids[1:] if len(ids) and ids[0] == vocabulary.begin else ids
        nats -= float(model.score(body).sum())
        tokens += len(body)
        size += int(vocabulary.lengths[body].sum())
    found = {"val_loss": nats / max(1, tokens)}
    if vocabulary.lossless and size:
        found["val_bits_per_byte"] = nats / size / math.log(2)
    return found


_WORDS = {"val_bits_per_byte": "bits per byte", "val_loss": "nats per token"}


def _within_memory(job: Job, order: int) -> Windows:
    """The train split, or as much of its beginning as there is memory to count."""
    ids = job.rows.train.ids
    most = max(_LEAST, available_memory() // 2 // (_BYTES * order))
    if len(ids) <= most:
        return job.rows.train
    ends = np.flatnonzero(np.asarray(ids[:most]) == job.vocabulary.end)
    kept = int(ends[-1]) + 1 if len(ends) else most
    job.watcher.said(
        f"the n-gram counts the first {kept:,} of {len(ids):,} tokens: more do not fit into memory; "
        "a lower order, or fewer tokens a text (vocabulary=pieces), counts more"
    )
    return replace(job.rows.train, ids=ids[:kept])
