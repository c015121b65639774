"""Fit points: how a model of key points is trained, and judged by their mean distance from the truth.

It sees one object at a time: a picture that was made for its one object, or each object of a picture cut out
by its box. Shapes: M objects, K points, X and Y bins across and down, h and w cells of a map
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from macaw.data.apart import is_single, margin_of, objects_apart
from macaw.data.letterbox import place
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.pixels import load_pixels
from macaw.data.pointfiles import read_points
from macaw.data.prepare import Fit
from macaw.errors import UnknownName, did_you_mean
from macaw.files import Stage
from macaw.frontends.base import Frontend
from macaw.heads.scene import Scene, points_of
from macaw.metrics.points import box_side, score_points
from macaw.recognition.fit_boxes import side_of as side_of_boxes
from macaw.recognition.scene_fit import Job, SceneOptions, Seen, Way, checked, fit_scenes, scene_recipe
from macaw.recognition.scene_judge import SceneJudge
from macaw.results.point_decode import decode_heatmaps, decode_simcc
from macaw.tasks import Task
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.scene_augment import SceneAugmentation

LARGEST = 256  # pixels: what is trained at when nobody says
# Objects to learn from: with fewer a map knows more of space to begin with, see heads/points.py
FEW = 200
HEADS = {"simcc": "point", "heatmap": "heatmap"}  # as a user says it -> its entry of registry.HEADS


@dataclass(frozen=True)
class Options(SceneOptions):
    """What a user may choose: as for any scene, and how places are read."""

    head: str = "auto"  # "simcc": two lines of bins; "heatmap": a map each; "auto": as many objects allow

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keywords, as for any training. Raises UnknownName for a head that there is not."""
        options = cast("Options", super().of(**values))
        known = ("auto", *HEADS)
        if options.head not in known:
            hint = did_you_mean(str(options.head), known)
            raise UnknownName(f"head='{options.head}': {', '.join(known[:-1])} or {known[-1]}.{hint}")
        return options


def read(path: str | Path, *, val_share: float) -> AnnotatedPictures:
    """The data set, one object a picture, with a validation split. Raises what `read_points` raises.

    Where a picture has several objects or none, all are cut out: see `objects_apart`.
    """
    data: AnnotatedPictures = checked(read_points(path, val_share=val_share), path)
    return data if all(map(is_single, data.splits.values())) else objects_apart(data)


def fit(
    task: Task,
    data: AnnotatedPictures,
    stage: Stage,
    *,
    options: Options,
    watcher: Watcher,
    began: float,
) -> bool:
    """Train and save, as `fit_scenes` says, with the head that the number of objects calls for."""
    named = head_for(len(data.splits["train"])) if options.head == "auto" else options.head
    task = replace(task, head=HEADS[named])
    return fit_scenes(Job(task, WAYS[named], data, stage, options, watcher, began))


def head_for(objects: int) -> str:
    """What reads the points, with so many objects to learn from."""
    return "heatmap" if objects < FEW else "simcc"


def side_of(pictures: Annotated) -> int:
    """The side to train at: that of the pictures' longer side, in steps of 32, up to a limit."""
    return side_of_boxes(pictures, largest=LARGEST)


def seen_of(data: AnnotatedPictures, split: str, prepare: dict[str, Any], watcher: Watcher) -> Seen:
    """The pictures of a split on their sheets, with their points."""
    some, how = data.splits[split], Fit.of(prepare)
    pictures = load_pixels(some, how, progress=watcher.read)
    letters = [place(int(width), int(height), how.size) for width, height in some.sizes]
    scenes = []
    for objects, letter in zip(some.objects, letters, strict=True):
        points = np.array(objects.points, np.float32)  # (1, K, 3)
        points[..., :2] = letter.to_prepared(points[..., :2])
        boxes = letter.to_prepared(objects.xyxy).astype(np.float32)
        labels = torch.zeros(1, dtype=torch.int64)
        scenes.append(Scene(torch.from_numpy(boxes), labels, points=torch.from_numpy(points)))
    return Seen(pictures, letters, scenes, some.objects, names_of(data))


def names_of(data: AnnotatedPictures) -> tuple[str, ...]:
    """What the points are called."""
    return data.skeleton.names if data.skeleton else ()


class PointJudge(SceneJudge):
    """Judges by the normalised mean error, in parts of the box's side."""

    def targets(self, scenes: Any) -> Any:
        """Their points (B, K, 3)."""
        return points_of(scenes, len(self.seen.names))

    def error(self, raw: np.ndarray) -> float:
        """NME, in parts of the box's side, of raw output (M, K, X + Y) or (M, K, h, w)."""
        seen, side = self.seen, self.seen.pictures.shape[1]
        decode = decode_simcc if raw.ndim == 3 else decode_heatmaps
        found = decode(raw, seen.names, prepared=(side, side), letters=seen.letters)
        truth = np.concatenate([objects.points for objects in seen.truth])
        normaliser = box_side(np.concatenate([objects.xyxy for objects in seen.truth]))
        xy = np.stack([one.xy for one in found])
        scores = score_points(xy, truth, seen.names, normaliser=normaliser)
        return float(np.nanmean(scores.errors))


def recipe_of(examples: int, data: AnnotatedPictures, **dials: Any) -> Recipe:
    """Pictures are mirrored only where it is known what that makes of their points."""
    known = data.skeleton is not None and data.skeleton.flips is not None
    how = SceneAugmentation(flip=0.5 if known else 0.0, zoom=0.25, colour=0.3)
    return scene_recipe(examples, how, seen=60_000, most=64, **dials)


def _lines(data: AnnotatedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {"points": len(names_of(data)), "size": [size, size], "strides": list(frontend.strides)}


def _maps(data: AnnotatedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {"points": len(names_of(data)), "strides": list(frontend.strides)}


def _decode(data: AnnotatedPictures) -> dict[str, Any]:
    """What decoding needs; of a model that learned on crops, with which margin they were cut."""
    margin = margin_of(data.splits["train"])
    edges = [list(edge) for edge in data.skeleton.edges] if data.skeleton else []
    return {"edges": edges, **({} if margin is None else {"margin": margin})}


WAY = Way(
    names=names_of,
    side=side_of,
    seen=seen_of,
    head=_lines,
    decode=_decode,
    judge=PointJudge,
    recipe=recipe_of,
    flips=lambda data: data.skeleton.flips if data.skeleton else None,
)
WAYS = {"simcc": WAY, "heatmap": replace(WAY, head=_maps)}
