"""Plan: what one training of a recogniser will do, decided from the data before a minute is spent on it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from macaw.data.guard import quiet, refused
from macaw.data.labelled import Examples, LabelledPictures
from macaw.data.pictures import measured_levels
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit
from macaw.data.sources import PackItem, source_name
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.training.loop import resolve_precision
from macaw.training.recipe import Recipe, choose

_DEEP = frozenset({".png", ".tif", ".tiff", ".pgm", ".pnm"})  # formats that can hold more than 8 bits


_CHOICES = {"balance": ("none", "classes"), "tune": ("auto", "probe", "all")}


@dataclass(frozen=True)
class Options:
    """What a user may choose; None lets the data decide."""

    effort: float = 1.0
    minutes: float | None = None
    seed: int = 0
    size: int | None = None  # side of the prepared picture, pixels
    start: str | None = None  # "embedded", "scratch", a model's folder or "hf:..."; see `origin`
    tune: str = "auto"  # "probe": the head alone; "all": the front-end too; "auto": as data and minutes allow
    dial: float | None = None  # width of a new front-end, which is 1
    balance: str = "none"  # "none", or "classes": weigh each class by the inverse of its frequency
    recipe: tuple[tuple[str, Any], ...] = ()  # numbers of the recipe to override

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keywords; those it does not know itself override the recipe.

        Raises UnknownName or InputError for a name or a value that cannot be.
        """
        own = {k: v for k, v in values.items() if k in cls.__dataclass_fields__ and k != "recipe"}
        rest = {k: v for k, v in values.items() if k not in own}
        options = cls(**own, recipe=tuple(sorted(rest.items())))
        for name in ("effort", "minutes", "size", "dial"):
            value = getattr(options, name)
            if value is not None and not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
                raise InputError(f"{name}={value!r}: a number above 0")
        if options.size is not None and options.size != int(options.size):
            raise InputError(f"size={options.size}: a whole number of pixels")
        for name, known in _CHOICES.items():
            value = getattr(options, name)
            if value not in known:
                hint = did_you_mean(str(value), known)
                raise UnknownName(f"{name}='{value}': {' or '.join(known)}.{hint}")
        if options.dial is not None and options.origin != "scratch":
            raise InputError(
                f"dial={options.dial:g} is of a new front-end, start='{options.start}' has its own; give one"
            )
        # What the recipe lacks or cannot use is refused before anything is read
        resolve_precision(options.recipe_for(1).precision)
        return options

    @property
    def origin(self) -> str:
        """What the front-end starts from: the embedded model's, unless the user says or a dial is given."""
        return self.start or ("embedded" if self.dial is None else "scratch")

    @property
    def dials(self) -> dict[str, Any]:
        """What decides how long a run is, and its seed."""
        return {"effort": self.effort, "minutes": self.minutes, "seed": self.seed}

    def recipe_for(self, examples: int) -> Recipe:
        """The recipe for so many training examples, from scratch, overrides applied."""
        return self.tuned(choose(examples, **self.dials))

    def tuned(self, recipe: Recipe) -> Recipe:
        """A recipe with the user's overrides."""
        return recipe.override(**dict(self.recipe))


@dataclass(frozen=True)
class Pixels:
    """A data set, read: what the loop trains on and is judged by."""

    train: np.ndarray  # (N, size, size, 3) uint8
    val: np.ndarray  # (M, size, size, 3) uint8
    mean: tuple[float, ...]  # of the training pictures in 0..1, one for red, green and blue
    std: tuple[float, ...]


def size_of(examples: Examples) -> int:
    """The side to train at: the pictures' own when small, 64 up to 96 pixels, 128 above; from 200 of them."""
    picked = examples.subset(np.linspace(0, len(examples) - 1, min(len(examples), 200)).astype(int))
    sides = [known for source in picked.sources if (known := _side(source)) is not None]
    side = float(np.median(sides)) if sides else 128.0
    return max(16, int(np.ceil(side / 4)) * 4) if side <= 40 else 64 if side <= 96 else 128


def _side(source: Any) -> int | None:
    """The shorter side of a picture, by its header alone; None for one that cannot be read.

    Nothing is said about such a picture here: it is named, with the reason, when all are read.
    """
    try:
        with quiet(), refused(source_name(source)):
            content = source.read() if isinstance(source, PackItem) else source
            if isinstance(content, Image.Image):
                return min(content.size)
            with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as picture:
                return min(picture.size)
    except InputError:
        return None


def read_pixels(
    data: LabelledPictures,
    size: int,
    *,
    how: dict[str, Any] | None = None,
    levels: list[float] | None = None,
    progress: Any = None,
) -> Pixels:
    """Read and fit every picture of train and val, as the `prepare` of a card says where `how` is one.

    Raises DataError when some cannot be read; it names them.
    """
    train, val = data.splits["train"], data.splits["val"]
    fit, span = Fit.of({**(how or {}), "size": size}), (levels[0], levels[1]) if levels else None
    pixels = load_pixels(train, fit, levels=span, progress=progress)
    sample = pixels[:: max(1, len(pixels) // 2000)].astype(np.float32) / 255
    mean = tuple(round(float(v), 4) for v in sample.mean((0, 1, 2)))
    # A constant channel stays finite
    std = tuple(round(max(float(v), 0.01), 4) for v in sample.std((0, 1, 2)))
    return Pixels(pixels, load_pixels(val, fit, levels=span), mean, std)


def levels_of(data: LabelledPictures) -> list[float] | None:
    """The range of the 16-bit and float pictures among files of formats that have such; None without any."""
    sources = [*data.splits["train"].sources, *data.splits["val"].sources]
    deep = [s for s in sources if isinstance(s, Path) and s.suffix.lower() in _DEEP]
    try:
        span = measured_levels(deep)
        return None if span is None else list(span)  # as JSON gives it back
    except InputError:
        return None  # load_pixels reads them again and names every bad one


def class_weights(targets: np.ndarray, labels: int) -> list[float]:
    """C weights, inverse to a class's frequency, mean 1 over the examples; targets (N,) int64 or (N, C)."""
    counts = targets.sum(0) if targets.ndim == 2 else np.bincount(targets, minlength=labels)
    weights = len(targets) / (labels * np.maximum(counts, 1))
    return [round(float(w), 4) for w in weights]
