"""Transfer: a front-end that has learned serves new classes, by a linear probe and then by fine-tuning.

The probe is a head on frozen features, which are cached by the content of the pictures, so that a second
training on them reads the cache alone. Fine-tuning goes on from it, each part of the front-end at a rate of
its own; validation decides which of the two is kept.

Shapes: N pictures, D features
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from macaw.data.cache import FeatureCache
from macaw.data.examples import Examples, LabelledPictures
from macaw.data.hashing import digests
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit, normalise
from macaw.heads.label import LabelHead
from macaw.recognition.judge import grade
from macaw.recognition.start import Start
from macaw.training.augment import Augmentation
from macaw.training.optimizers import scale_rates
from macaw.training.probe import choose_probe
from macaw.training.progress import Watcher
from macaw.training.recipe import Recipe

SHARE = 0.7  # each part of a front-end learns at so much of the rate of the part after it
_CHUNK = 512  # pictures in memory at a time
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Probed:
    """A probe and how good it is."""

    head: LabelHead
    features: np.ndarray  # (N, D) float32, of the training pictures
    logits: np.ndarray  # of the validation pictures
    targets: np.ndarray  # theirs
    row: dict[str, float]  # of the history, at epoch 0


def probe(
    start: Start,
    data: LabelledPictures,
    head: LabelHead,
    *,
    watcher: Watcher,
    began: float,
) -> Probed:
    """Solve `head` on the frozen features of `start`; its penalty is chosen by validation.

    `began` (time.monotonic) is when the user's minutes started. Raises DataError, which names the pictures
    that cannot be read.
    """
    seen = _Features(start, watcher)
    train, val = (seen.of(data.splits[name]) for name in ("train", "val"))
    sets = ((train, data.splits["train"].targets), (val, data.splits["val"].targets))
    solved, decay = choose_probe(*sets, labels=len(data.names), weights=head.config["weights"])
    with torch.no_grad():
        head.out.weight.copy_(torch.from_numpy(solved.weight))
        head.out.bias.copy_(torch.from_numpy(solved.bias))
    for note in seen.cache.notes:
        watcher.said(note)
    logits, spent = solved.logits(val), time.monotonic() - began
    speed = seen.cache.computed / max(1e-9, spent)
    row = {
        "epoch": 0.0,
        "loss": grade(solved.logits(train), sets[0][1])["val_loss"],
        "pictures_per_second": speed,
        "rate": 0.0,
        "minutes": spent / 60,
        **grade(logits, sets[1][1]),
    }
    source = f"{seen.cache.found:,} of {len(train) + len(val):,} pictures from the cache"
    watcher.said(
        f"linear probe: error {row['val_error']:.1%} after {spent:.1f} s, {source}, penalty {decay:g}"
    )
    return Probed(head, train, logits, sets[1][1], row)


class _Features:
    """The pooled features of pictures under one start, from the cache where they are there."""

    def __init__(self, start: Start, watcher: Watcher) -> None:
        self.start, self.watcher = start, watcher
        self.cache = FeatureCache(start.key())
        start.frontend.freeze()
        start.frontend.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def of(self, examples: Examples) -> np.ndarray:
        """(N, D) float32."""
        return self.cache.rows(digests(examples.sources), self._computing(examples))

    def _computing(self, examples: Examples) -> Callable[[np.ndarray], np.ndarray]:
        how = self.start.prepare
        levels = (how["levels"][0], how["levels"][1]) if how.get("levels") else None

        def compute(places: np.ndarray) -> np.ndarray:
            parts = []
            for first in range(0, len(places), _CHUNK):
                some = examples.subset(places[first : first + _CHUNK])
                pixels = load_pixels(some, Fit.of(how), levels=levels)
                parts += [self._pooled(pixels[i : i + _BATCH]) for i in range(0, len(pixels), _BATCH)]
                self.watcher.read(first + len(some), len(places))
            return np.concatenate(parts)

        return compute

    def _pooled(self, pixels: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(normalise(pixels, self.start.prepare["mean"], self.start.prepare["std"]))
        with torch.inference_mode():
            features = self.start.frontend(x.contiguous(memory_format=torch.channels_last))
            return np.asarray(features.pooled.float().numpy())


def tuning(start: Start, examples: int, *, effort: float, minutes: float | None, seed: int) -> Recipe:
    """The recipe of a fine-tuning on so many pictures.

    At effort 1 the network sees about 60,000 pictures, each at most 30 times. A front-end of ours keeps the
    optimizers it was trained with; any other gets AdamW.
    """
    batch = 128
    while batch > 16 and examples / batch < 16:
        batch //= 2
    recipe = Recipe(
        epochs=effort * min(30.0, max(3.0, 60_000 / max(1, examples))),
        minutes=minutes,
        batch=batch,
        # Validation error after a minute, both rates 0.02, 0.04, 0.06, 0.1: 6.6, 4.2, 3.0, 4.2 % of aerial
        # pictures; 0.02, 0.05, 0.1: 23.8, 21.1, 21.2 % of faces by age
        rate=0.06,
        plain_rate=0.06,
        ema=0.99,
        start_size=1.0,
        seed=seed,
        augmentation=Augmentation(shift=0.1, colour=0.1, cutout=0.1),
    )
    if start.name == "image":
        return recipe
    return replace(recipe, plain="adam", plain_rate=2e-4, decay=0.02)


def set_rates(model: torch.nn.Module) -> None:
    """The rates of fine-tuning: the head the recipe's, each part of the front-end less the earlier it is."""
    scale_rates(model.frontend.parts(), SHARE)  # type: ignore[operator, union-attr]
