"""Proving: two ways to compute one model answer the same pictures, one function for each kind of answer.

Boxes and masks are compared while the pictures are read: both ways see the same prepared arrays, and only
what the comparison needs is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from macaw import tasks
from macaw.data.masked import read_mask
from macaw.data.prepare import Fit
from macaw.data.proof import Proof
from macaw.data.wholes import Size, read_wholes
from macaw.metrics import box_parity, mask_parity
from macaw.metrics.parity import compare
from macaw.metrics.point_parity import compare_points
from macaw.metrics.scoring import LOWEST, MOST
from macaw.model import Model
from macaw.results.box_decode import Keep
from macaw.results.mask_decode import as_logits

BATCH = 8  # pictures computed together: of a large one its mask alone takes megabytes

# Shapes: B pictures of a batch, A cells, C classes


class Trial(NamedTuple):
    """What is proved, and by what."""

    model: Model
    other: Model  # the same, computed another way
    proof: Proof
    between: tuple[str, str]  # the two ways: ("onnxruntime, float32", "openvino, int8")
    progress: Callable[[int, int], None] | None = None


class _Seen(NamedTuple):
    """Some of the pictures, computed both ways."""

    where: slice  # of the proof's pictures
    sizes: list[Size]
    outputs: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]  # as `Model.outputs` gives them


def prove(trial: Trial) -> Any:
    """A Parity, BoxParity, MaskParity or PointParity, by what the model gives.

    Raises InputError, which names it, for a picture that cannot be read, ModelError for a damaged model.
    """
    return _PROVERS[tasks.find(trial.model.card.task).gives](trial)


def _labels(trial: Trial) -> Any:
    known, multi = trial.proof.pictures, trial.model.card.decode["multi"]
    pair = (trial.model, trial.other)
    before, after = (one.probabilities(known, progress=trial.progress) for one in pair)
    return compare(
        before,
        after,
        between=trial.between,
        pictures=trial.proof.words,
        targets=known.targets if trial.proof.labelled else None,
        multi=multi,
    )


def _boxes(trial: Trial) -> Any:
    card, known = trial.model.card, trial.proof
    # Average precision wants the unsure boxes as well, which nobody else would want to see; not their regions
    unsure = card.replace(decode={**card.decode, "score": LOWEST, "limit": MOST})

    def batches() -> Iterator[box_parity.Both]:
        for seen in _seen(trial):
            raws = seen.outputs[0][0], seen.outputs[1][0]
            sure = [trial.model.decode(one, sizes=seen.sizes) for one in seen.outputs]
            plain = [raw[:, :, : 4 + len(card.names)] for raw in raws] if known.labelled else []
            more = [trial.model.decode(raw, sizes=seen.sizes, card=unsure) for raw in plain] or [[], []]
            yield box_parity.Both(raws, (sure[0], sure[1]), (more[0], more[1]))

    return box_parity.compare_boxes(
        batches(),
        card.names,
        score=Keep.of(card.decode).score,
        between=trial.between,
        pictures=known.words,
        objects=known.pictures.objects if known.labelled else None,
    )


def _mask(trial: Trial) -> Any:
    known, evidence = trial.proof, trial.model.card.decode.get("evidence", "logits")

    def batches() -> Iterator[mask_parity.Both]:
        for seen in _seen(trial):
            raws = as_logits(seen.outputs[0][0], evidence), as_logits(seen.outputs[1][0], evidence)
            masks = [trial.model.decode(one, sizes=seen.sizes) for one in seen.outputs]
            items = known.pictures.masks[seen.where] if known.labelled else ()
            truths = [read_mask(item, known.legend) for item in items]
            yield mask_parity.Both(raws, (masks[0], masks[1]), truths)

    names = trial.model.card.names
    return mask_parity.compare_masks(batches(), names, between=trial.between, pictures=known.words)


def _points(trial: Trial) -> Any:
    known = trial.proof
    found: tuple[list[Any], list[Any]] = [], []
    for seen in _seen(trial):
        for held, one in zip(found, seen.outputs, strict=True):
            held += trial.model.decode(one, sizes=seen.sizes)
    objects = known.pictures.objects if known.labelled else None
    return compare_points(*found, between=trial.between, pictures=known.words, objects=objects)


_PROVERS: dict[str, Callable[[Trial], Any]] = {
    "Labels": _labels,
    "Boxes": _boxes,
    "Mask": _mask,
    "Points": _points,
}


def _seen(trial: Trial) -> Iterator[_Seen]:
    """The pictures of the proof, BATCH at a time, prepared once and computed both ways."""
    sources, how = trial.proof.pictures.sources, trial.model.card.prepare
    levels = (how["levels"][0], how["levels"][1]) if how.get("levels") else None
    for start in range(0, len(sources), BATCH):
        where = slice(start, min(start + BATCH, len(sources)))
        pictures, sizes = read_wholes(sources[where], Fit.of(how), levels=levels)
        prepared = trial.model.prepare(pictures, sizes=sizes)
        yield _Seen(where, sizes, (trial.model.outputs(prepared), trial.other.outputs(prepared)))
        if trial.progress:
            trial.progress(where.stop, len(sources))
