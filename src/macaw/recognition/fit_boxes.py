"""Fit boxes: how a detector is trained, and judged by COCO's average precision.

Shapes: M pictures, A cells, C classes
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from macaw.card import Card
from macaw.data.annotated import read_annotated
from macaw.data.letterbox import Letter, place
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit
from macaw.errors import InputError
from macaw.files import Stage
from macaw.frontends.base import Frontend
from macaw.heads.scene import Scene
from macaw.metrics.box_tables import gather
from macaw.metrics.coco_ap import COLUMNS, summary
from macaw.metrics.coco_match import match
from macaw.recognition.scene_fit import Job, SceneOptions, Seen, Way, checked, fit_scenes, scene_recipe
from macaw.recognition.scene_judge import SceneJudge
from macaw.results.box_decode import Keep, decode_boxes
from macaw.tasks import Task
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.scene_augment import SceneAugmentation

Options = SceneOptions
BRANCHES = {"many": "one-to-many", "one": "one-to-one"}  # of the head -> as a card calls them
LARGEST = 416  # pixels: what is trained at when nobody says (PP-PicoDet, arXiv 2111.00902, table 2)
_LOWEST = 0.001  # score of what counts for average precision, which wants the unsure ones too


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
    options: SceneOptions,
    watcher: Watcher,
    began: float,
) -> bool:
    """Train, choose the branch by validation, save; as `fit_scenes` says."""
    return fit_scenes(Job(task, WAY, data, stage, options, watcher, began))


def side_of(pictures: Annotated, *, largest: int = LARGEST) -> int:
    """The side to train at: that of the pictures' longer side, in steps of 32, up to a limit."""
    longer = pictures.sizes.max(1)
    known = longer[longer > 0]
    side = float(np.median(known)) if len(known) else float(largest)
    return int(min(largest, max(64, np.ceil(side / 32) * 32)))


def scene_of(objects: Objects, letter: Letter) -> Scene:
    """What is annotated in a picture, in pixels of its sheet."""
    return Scene(
        torch.from_numpy(letter.to_prepared(objects.xyxy).astype(np.float32)),
        torch.from_numpy(objects.labels),
        torch.from_numpy(objects.crowd),
    )


def seen_of(data: AnnotatedPictures, split: str, prepare: dict[str, Any], watcher: Watcher) -> Seen:
    """The pictures of a split on their sheets, with their objects."""
    some, how = data.splits[split], Fit.of(prepare)
    pictures = load_pixels(some, how, progress=watcher.read)
    letters = [place(int(width), int(height), how.size) for width, height in some.sizes]
    scenes = [scene_of(objects, letter) for objects, letter in zip(some.objects, letters, strict=True)]
    return Seen(pictures, letters, scenes, some.objects, data.names)


class BoxJudge(SceneJudge):
    """Judges by 1 - AP of the branch to be thinned out, which is always there and learns first."""

    def error(self, raw: np.ndarray) -> float:
        """1 - AP of raw output (M, A, 4 + C)."""
        return 1 - self.precision_of(raw, "many")

    def precision_of(self, raw: np.ndarray, branch: str) -> float:
        """AP, 0..1, of raw output (M, A, 4 + C) of a branch."""
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
