"""Fit: trains a language model on texts, of the kind that is asked for, and leaves a model's folder.

An n-gram is counted, which needs no torch; a recurrent network or a Transformer is trained, by default from
the embedded one of its kind; a mixture is both. While it runs, `<out>.training` holds what can be gone on
with; `<out>` appears when there is a model to put into it.
"""

from __future__ import annotations

from pathlib import Path

from macaw.data.texts import Texts, read_texts
from macaw.errors import DataError, MissingExtra
from macaw.files import Stage
from macaw.language.canaries import Canaries
from macaw.language.fit_ngram import fit_ngram
from macaw.language.starting import Origin, find_origin, network_of, vocabulary_of
from macaw.language.text_job import Job, Rows, learned_from
from macaw.language.text_options import Options
from macaw.tasks import Task
from macaw.training.progress import Watcher

__all__ = ["Options", "fit", "read"]


def read(path: str | Path, *, val_share: float) -> Texts:
    """The texts, with a validation split. Raises what `read_texts` raises, and DataError."""
    texts = read_texts(path, val_share=val_share)
    for split in ("train", "val"):
        if split not in texts.splits:
            there = ", ".join(texts.splits)
            raise DataError(f"'{path}' has no {split} split; it has: {there}; add {split}.txt")
    return texts


def fit(row: Task, texts: Texts, stage: Stage, *, options: Options, watcher: Watcher, began: float) -> bool:
    """Train and save; `began` (time.monotonic) is when the user's minutes started.

    Returns whether the run came to its end: Ctrl-C before it keeps the best model so far and answers False,
    and so the checkpoint stays. Raises KeyboardInterrupt when there is no model to keep yet, and MissingExtra
    where a network is to be trained without torch.
    """
    network = network_of(row, options)
    canaries = Canaries.drawn(options.canaries, seed=options.seed) if options.canaries else None
    train = learned_from(texts, row, canaries)
    origin = find_origin(row, network, options, train, said=watcher.said)
    vocabulary = origin.vocabulary() if origin else vocabulary_of(options, train, said=watcher.said)
    job = Job(Rows(row, texts, vocabulary, canaries), stage, watcher, began)
    if network == "ngram":
        return fit_ngram(job, options)
    return _fit_network(job, network, options, origin)


def _fit_network(job: Job, network: str, options: Options, origin: Origin | None) -> bool:
    """What brings torch."""
    try:
        from macaw.language.fit_mixture import fit_mixture
        from macaw.language.fit_tokens import Start, fit_network
    except ModuleNotFoundError as problem:
        if (problem.name or "").split(".")[0] != "torch":
            raise
        raise MissingExtra("training a network", "torch", "train") from problem
    start = Start.of(origin.folder, origin.name) if origin else None
    if network == "mixture":
        return fit_mixture(job, options, start=start)
    return fit_network(job, options.of_network(network), start=start)
