"""Fit mask: how a segmenter is trained, and judged by the mean overlap of its classes.

Shapes: M pictures, C classes, h and w cells of the raw output
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from macaw.data.hashing import in_chunks
from macaw.data.letterbox import Letter, place
from macaw.data.masked import IGNORE, Masked, MaskedPictures, read_mask
from macaw.data.maskfolders import read_masked
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit
from macaw.data.upright import upright_size
from macaw.files import Stage
from macaw.frontends.base import Frontend
from macaw.heads.scene import Scene, classes_of
from macaw.metrics.masks import Confusion
from macaw.recognition.scene_fit import Job, SceneOptions, Seen, Way, checked, fit_scenes, scene_recipe
from macaw.recognition.scene_judge import SceneJudge
from macaw.results.mask_decode import decode_mask
from macaw.tasks import Task
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe
from macaw.training.scene_augment import SceneAugmentation

LARGEST = 512  # pixels: what is trained at when nobody says
_LOOKED = 200  # pictures that are looked at to choose size and weights


@dataclass(frozen=True)
class Options(SceneOptions):
    """What a user may choose; classes are weighed by how rare they are, since each counts alike in mIoU."""

    balance: str = "classes"  # on CamVid, after five epochs: mIoU 58 %, with "none" 48 %


def read(path: str | Path, *, val_share: float) -> MaskedPictures:
    """The data set, with a validation split. Raises what `read_masked` raises, and InputError."""
    data: MaskedPictures = checked(read_masked(path, val_share=val_share), path)
    return data


def fit(
    task: Task, data: MaskedPictures, stage: Stage, *, options: Options, watcher: Watcher, began: float
) -> bool:
    """Train and save, as `fit_scenes` says, with the weights that the options ask for."""
    way = WAY if options.balance == "none" else replace(WAY, head=_weighed)
    return fit_scenes(Job(task, way, data, stage, options, watcher, began))


def side_of(pictures: Masked) -> int:
    """The side to train at: that of the pictures' longer side, in steps of 32, up to a limit."""
    some = _some(pictures)
    longer = float(np.median([max(upright_size(source)[0]) for source in some.sources]))
    return int(min(LARGEST, max(64, np.ceil(longer / 32) * 32)))


def _some(pictures: Masked) -> Masked:
    """Pictures from all over a split."""
    return pictures.subset(np.linspace(0, len(pictures) - 1, min(len(pictures), _LOOKED)).astype(int))


def fit_mask(labels: np.ndarray, letter: Letter, size: int) -> np.ndarray:
    """Classes (H, W) uint8 on the sheet of their picture: (size, size), 255 beside it."""
    sheet = np.full((size, size), IGNORE, np.uint8)
    scaled = Image.fromarray(labels).resize((letter.across, letter.down), Image.Resampling.NEAREST)
    part = sheet[letter.top :, letter.left :][: letter.down, : letter.across]
    part[:] = np.asarray(scaled)
    return sheet


def seen_of(data: MaskedPictures, split: str, prepare: dict[str, Any], watcher: Watcher) -> Seen:
    """The pictures of a split on their sheets, with the classes of their pixels."""
    some, how = data.splits[split], Fit.of(prepare)
    pictures = load_pixels(some, how, progress=watcher.read)

    def read_some(part: range) -> list[np.ndarray]:
        return [read_mask(some.masks[index], data.legend) for index in part]

    truth = [mask for _, found in in_chunks(read_some, len(some), chunk=16) for mask in found]
    letters = [place(mask.shape[1], mask.shape[0], how.size) for mask in truth]
    sheets = [fit_mask(mask, letter, how.size) for mask, letter in zip(truth, letters, strict=True)]
    return Seen(pictures, letters, [_scene(sheet) for sheet in sheets], truth, data.names)


def _scene(sheet: np.ndarray) -> Scene:
    nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    return Scene(*nothing, classes=torch.from_numpy(sheet))


class MaskJudge(SceneJudge):
    """Judges by 1 - mIoU at the size of the pictures."""

    def targets(self, scenes: Any) -> Any:
        """The classes of their pixels (B, size, size)."""
        return classes_of(scenes)

    def error(self, raw: np.ndarray) -> float:
        """1 - mIoU of raw output (M, C, h, w)."""
        confusion = Confusion(self.seen.names, boundary=None)
        for logits, letter, truth in zip(raw, self.seen.letters, self.seen.truth, strict=True):
            (answer,) = decode_mask(logits[None], self.seen.names, letters=[letter])
            confusion.add(truth, answer.labels)
        counts = confusion.counts  # (C, C + 1)
        right = np.diagonal(counts)
        union = counts.sum(1) + counts[:, : len(right)].sum(0) - right
        return 1 - float((right[union > 0] / union[union > 0]).mean()) if union.any() else 1.0


def recipe_of(examples: int, data: MaskedPictures, **dials: Any) -> Recipe:
    """A recipe for so many training pictures."""
    return scene_recipe(examples, SceneAugmentation(colour=0.3), **dials)


def class_weights(data: MaskedPictures) -> list[float]:
    """One for each class, mean 1: 1 / ln(1.02 + its share of the pixels), as in ENet (arXiv 1606.02147)."""
    some = _some(data.splits["train"])
    counts = np.zeros(IGNORE + 1, np.int64)
    for mask in some.masks:
        counts += np.bincount(read_mask(mask, data.legend).ravel(), minlength=IGNORE + 1)
    share = counts[: len(data.names)] / max(1, counts[:IGNORE].sum())
    weights = 1 / np.log(1.02 + share)
    return [float(weight) for weight in weights / weights.mean()]


def _head(data: MaskedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {"labels": len(data.names)}


def _weighed(data: MaskedPictures, frontend: Frontend, size: int) -> dict[str, Any]:
    return {"labels": len(data.names), "weights": class_weights(data)}


WAY = Way(
    names=lambda data: data.names,
    side=side_of,
    seen=seen_of,
    head=_head,
    decode=lambda data: {"colours": [list(one) for one in data.colours]},
    judge=MaskJudge,
    recipe=recipe_of,
    weighs=True,
)
