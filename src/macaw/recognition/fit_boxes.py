"""Fit boxes: how a detector is trained, with outlines where the data has them, and judged by COCO's AP.

Shapes: M pictures, A cells, C classes, K prototypes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from macaw.card import Card
from macaw.data.annotated import read_annotated
from macaw.data.letterbox import Letter, place
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.outlined import learns_outlines
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.files import Stage
from macaw.frontends.base import Frontend
from macaw.heads.extents import NOTHING, Extents
from macaw.heads.scene import Scene
from macaw.metrics.box_tables import gather
from macaw.metrics.coco_ap import COLUMNS, summary
from macaw.metrics.coco_match import match
from macaw.recognition.scene_fit import Job, SceneOptions, Seen, Way, checked, fit_scenes, scene_recipe
from macaw.recognition.scene_judge import SceneJudge
from macaw.results.box_decode import Keep, decode_boxes
from macaw.tasks import Task
from macaw.training.geometry import part_of
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.scene_augment import SceneAugmentation

BRANCHES = {"many": "one-to-many", "one": "one-to-one"}  # of the head -> as a card calls them
LARGEST = 416  # pixels: what is trained at when nobody says (PP-PicoDet, arXiv 2111.00902, table 2)
PROTOS = 32  # prototypes that outlines are mixed from, as in YOLACT
_LOWEST = 0.001  # score of what counts for average precision, which wants the unsure ones too
_MASKS = ("auto", "yes", "no")


@dataclass(frozen=True)
class Options(SceneOptions):
    """What a user may choose: as for any scene, and whether outlines are learned."""

    masks: str = "auto"  # "yes": outlines too; "no": boxes alone; "auto": outlines where the data has them

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keywords, as for any training. Raises UnknownName for another value of masks."""
        options = cast("Options", super().of(**values))
        if options.masks not in _MASKS:
            hint = did_you_mean(str(options.masks), _MASKS)
            raise UnknownName(f"masks='{options.masks}': auto, yes or no.{hint}")
        return options


def read(path: str | Path, *, val_share: float) -> AnnotatedPictures:
    """The data set, with a validation split. Raises what `read_annotated` raises, and InputError."""
    data: AnnotatedPictures = checked(read_annotated(path, val_share=val_share), path)
    if not data.splits["train"].count:
        raise InputError(f"'{path}' has no object to learn from; annotate some in its train split")
    return data


def fit(
    task: Task,
    data: AnnotatedPictures,
    stage: Stage,
    *,
    options: Options,
    watcher: Watcher,
    began: float,
) -> bool:
    """Train, choose the branch by validation, save; as `fit_scenes` says. Raises InputError."""
    way = OUTLINED if learns_outlines(data.splits["train"], options.masks) else WAY
    return fit_scenes(Job(task, way, data, stage, options, watcher, began))


def side_of(pictures: Annotated, *, largest: int = LARGEST) -> int:
    """The side to train at: that of the pictures' longer side, in steps of 32, up to a limit."""
    longer = pictures.sizes.max(1)
    known = longer[longer > 0]
    side = float(np.median(known)) if len(known) else float(largest)
    return int(min(largest, max(64, np.ceil(side / 32) * 32)))


def scene_of(objects: Objects, letter: Letter, *, outlined: bool = False) -> Scene:
    """What is annotated in a picture, in pixels of its sheet; regions too where it is to be `outlined`."""
    regions = objects.regions or (None,) * len(objects)
    parts = (NOTHING if region is None else part_of(region, letter) for region in regions)
    return Scene(
        torch.from_numpy(letter.to_prepared(objects.xyxy).astype(np.float32)),
        torch.from_numpy(objects.labels),
        torch.from_numpy(objects.crowd),
        Extents(tuple(parts)) if outlined else None,
    )


def seen_of(
    data: AnnotatedPictures, split: str, prepare: dict[str, Any], watcher: Watcher, *, outlined: bool = False
) -> Seen:
    """The pictures of a split on their sheets, with their objects."""
    some, how = data.splits[split], Fit.of(prepare)
    pictures = load_pixels(some, how, progress=watcher.read)
    letters = [place(int(width), int(height), how.size) for width, height in some.sizes]
    pairs = zip(some.objects, letters, strict=True)
    scenes = [scene_of(objects, letter, outlined=outlined) for objects, letter in pairs]
    return Seen(pictures, letters, scenes, some.objects, data.names)


class BoxJudge(SceneJudge):
    """Judges by 1 - AP of the boxes of the branch to be thinned out, which is always there and learns first.

    Outlines lie in their boxes, and what is good for the one has been so for the other.
    """

    def error(self, raw: np.ndarray) -> float:
        """1 - AP of raw output (M, A, 4 + C ...)."""
        return 1 - self.precision_of(raw, "many")

    def precision_of(self, raw: np.ndarray, branch: str) -> float:
        """AP of boxes, 0..1, of raw output (M, A, 4 + C ...) of a branch."""
        raw = raw[:, :, : 4 + len(self.seen.names)]
        seen, keep = self.seen, Keep(score=_LOWEST, limit=100, branch=BRANCHES[branch])
        found = decode_boxes(raw, seen.names, letters=seen.letters, keep=keep)
        matches = match(*gather(found, seen.truth, seen.names, kind="boxes"))
        value = float(summary(matches, COLUMNS[:1], np.ones((1, len(raw))))[0, 0])
        return value if np.isfinite(value) else 0.0  # no object to be found


def settled(module: torch.nn.Module, judge: BoxJudge, card: Card) -> Card:
    """The card with the branch that finds more on validation; the head answers with it from now on."""
    head: Any = module.head
    precisions = {}
    for branch in BRANCHES:
        with torch.inference_mode():
            raws = [head.decoded(one, branch=branch)[0].float().numpy() for _, one in judge.features(module)]
        precisions[branch] = judge.precision_of(np.concatenate(raws), branch)
    best = max(BRANCHES, key=lambda name: precisions[name])  # the first, many, where they are equal
    head.config["branch"] = best
    scores = {BRANCHES[name]: round(value, 4) for name, value in precisions.items()}
    return card.replace(
        head={**card.head, "config": {**card.head["config"], "branch": best}},
        decode={**card.decode, "branch": BRANCHES[best]},
        training={**card.training, "val_ap": scores},
    )


def recipe_of(examples: int, data: AnnotatedPictures, **dials: Any) -> Recipe:
    """More mosaics where there are pictures enough to make new ones of."""
    return scene_recipe(examples, SceneAugmentation(mosaic=0.3 if examples >= 500 else 0.15), **dials)


def _head(data: AnnotatedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {"labels": len(data.names), "strides": list(frontend.strides)}


WAY = Way(
    names=lambda data: data.names,
    side=side_of,
    seen=seen_of,
    head=_head,
    decode=lambda data: {"score": 0.25, "iou": 0.6, "limit": 300, "branch": BRANCHES["many"]},
    judge=BoxJudge,
    recipe=recipe_of,
    settled=settled,
)


def _outlined_head(data: AnnotatedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {**_head(data, frontend, size), "protos": PROTOS}


OUTLINED = replace(
    WAY,
    seen=partial(seen_of, outlined=True),
    head=_outlined_head,
    decode=lambda data: {**WAY.decode(data), "masks": True},
)
