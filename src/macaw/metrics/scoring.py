"""Scoring: a model against labelled data, one function for each kind of answer, and the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from macaw import tasks
from macaw.data.annotated import read_annotated
from macaw.data.examples import SPLITS, count, listed
from macaw.data.labelled import read_labelled
from macaw.data.masked import read_mask
from macaw.data.maskfolders import read_masked
from macaw.data.pointfiles import read_points
from macaw.errors import DataError, InputError, did_you_mean
from macaw.metrics.box_outlines import crowding, with_outlines
from macaw.metrics.coco_ap import score_boxes
from macaw.metrics.labels import score_labels
from macaw.metrics.masks import Confusion
from macaw.metrics.provenance import content_of, content_of_masks, content_of_objects, record_of
from macaw.metrics.top_down import score_objects
from macaw.model import Model
from macaw.results.record import Record

if TYPE_CHECKING:
    from macaw.training.progress import Watcher

Made = Callable[[], Record]  # the record is made on demand: it hashes the data, which not everyone needs

LOWEST = 0.001  # score of what counts for average precision, which wants the unsure boxes too
MOST = 100  # boxes of a picture that count


class Wanted(NamedTuple):
    """What is scored, and how."""

    data: str | Path
    split: str | None = None  # as the user says it; None: test, else val, else everything
    val_share: float = 0.1  # that `train` sets aside where the data has no validation split
    batch: int = 64
    watcher: Watcher | None = None

    @property
    def share(self) -> float:
        """What is set aside now: only who wants val needs it."""
        return self.val_share if SPLITS.get((self.split or "").lower()) == "val" else 0.0


def score(model: Model, wanted: Wanted) -> tuple[Any, Made]:
    """The scores of a model, as its kind of answer is scored, and who makes their record.

    Raises DataError for a class the model does not know, InputError for a split the data lacks.
    """
    return _SCORERS[tasks.find(model.card.task).gives](model, wanted)


def _labels(model: Model, wanted: Wanted) -> tuple[Any, Made]:
    labelled = read_labelled(wanted.data, names=model.card.names, val_share=wanted.share)
    if labelled.multi != model.card.decode["multi"]:
        kinds = ("one label", "several labels")
        has, gives = kinds[labelled.multi], kinds[not labelled.multi]
        raise InputError(
            f"'{wanted.data}' has {has} a picture, the model gives {gives}; use data of its kind"
        )
    chosen = split_to_score(labelled, wanted, labelled.notes)
    examples = labelled.splits[chosen]
    began, progress = time.monotonic(), wanted.watcher.read if wanted.watcher else None
    probs = model.probabilities(examples, batch=wanted.batch, progress=progress)
    scores = score_labels(probs, examples.targets, model.card.names, seconds=time.monotonic() - began)

    def made() -> Record:
        content = content_of(examples, model.card.names)
        return record_of(model, wanted.data, split=chosen, content=content, scores=scores)

    return scores, made


def _boxes(model: Model, wanted: Wanted) -> tuple[Any, Made]:
    annotated = read_annotated(wanted.data, names=model.card.names, val_share=wanted.share)
    chosen = split_to_score(annotated, wanted, annotated.notes)
    some = annotated.splits[chosen]
    if not some.count:
        raise InputError(
            f"'{wanted.data}' has no object in {chosen}, so there is nothing to score; annotate some"
        )
    # Average precision wants the unsure boxes as well, which nobody else would want to see
    unsure = model.card.replace(decode={**model.card.decode, "score": LOWEST, "limit": MOST})
    began, found = time.monotonic(), []
    for answer in model.stream(some.sources, batch=min(32, wanted.batch), card=unsure):
        found.append(answer)
        if wanted.watcher:
            wanted.watcher.read(len(found), len(some))
    seconds = time.monotonic() - began
    scores = score_boxes(found, some.objects, model.card.names, seconds=seconds)
    scores = replace(scores, notes=(*scores.notes, *crowding(some.objects, MOST)))
    if any(one.regions for one in found):
        scores = with_outlines(scores, found, some.objects)

    def made() -> Record:
        content = content_of_objects(some, model.card.names)
        return record_of(model, wanted.data, split=chosen, content=content, scores=scores)

    return scores, made


def _mask(model: Model, wanted: Wanted) -> tuple[Any, Made]:
    masked = read_masked(wanted.data, names=model.card.names, val_share=wanted.share)
    chosen = split_to_score(masked, wanted, masked.notes)
    some = masked.splits[chosen]
    began, confusion = time.monotonic(), Confusion(model.card.names)
    for answer in model.stream(some.sources, batch=min(16, wanted.batch)):
        confusion.add(read_mask(some.masks[len(confusion)], masked.legend), answer.labels)
        if wanted.watcher:
            wanted.watcher.read(len(confusion), len(some))
    scores = confusion.scores(seconds=time.monotonic() - began)

    def made() -> Record:
        content = content_of_masks(some, masked.legend, model.card.names)
        return record_of(model, wanted.data, split=chosen, content=content, scores=scores)

    return scores, made


def _points(model: Model, wanted: Wanted) -> tuple[Any, Made]:
    pointed = read_points(wanted.data, val_share=wanted.share)
    names = pointed.skeleton.names if pointed.skeleton else ()
    if names != model.card.names:
        raise DataError(
            f"'{wanted.data}' has the points {listed(names)}, the model gives {listed(model.card.names)}; "
            "use data with the model's points, by the same names in the same order"
        )
    chosen = split_to_score(pointed, wanted, pointed.notes)
    some = pointed.splits[chosen]
    if pointed.skeleton is None or not some.count:
        raise InputError(
            f"'{wanted.data}' has no object in {chosen}, so there is nothing to score; mark some"
        )
    progress = wanted.watcher.read if wanted.watcher else None
    scores = score_objects(model, some, pointed.skeleton, batch=min(32, wanted.batch), progress=progress)

    def made() -> Record:
        content = content_of_objects(some, pointed.names)
        return record_of(model, wanted.data, split=chosen, content=content, scores=scores)

    return scores, made


_SCORERS: dict[str, Callable[[Model, Wanted], tuple[Any, Made]]] = {
    "Labels": _labels,
    "Boxes": _boxes,
    "Mask": _mask,
    "Points": _points,
}


def split_to_score(data: Any, wanted: Wanted, notes: Collection[str], *, unit: str = "pictures") -> str:
    """The split to score; the user is told of it where that needs words."""
    chosen, more = split_of(data, SPLITS.get((wanted.split or "").lower(), wanted.split), unit=unit)
    if wanted.watcher:
        wanted.watcher.started((*notes, *more))
    return chosen


def split_of(data: Any, wanted: str | None, *, unit: str = "pictures") -> tuple[str, tuple[str, ...]]:
    """The split of a data set to score, and what the user should know of it. Raises InputError."""
    known = list(data.splits)
    if wanted is None:
        chosen = next((name for name in ("test", "val") if name in known), known[0])
        if chosen != "train":
            return chosen, ()
        size = count(len(data.splits[chosen]), unit.removesuffix("s"))
        everything = f"no test and no val: all of train is scored, {size}"
        return chosen, (f"{everything}; a model that was trained on them is to be judged by --split val",)
    if wanted not in known:
        close = did_you_mean(wanted, [*known, "val"])  # val is carved out of data that has none
        raise InputError(f"'{data.path}' has no split '{wanted}'.{close} It has: {', '.join(known)}")
    return wanted, ()
