"""Mask: what every pixel of a picture shows, as a class of the model's table."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.checks import check_names, check_picture, own

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: H and W pixels of the picture, C classes
NONE = 255  # the index of a pixel that belongs to no class
HEADLINE = 3  # classes that the headline names
LISTED = 5  # classes that a page lists


@dataclass(frozen=True, eq=False)
class Mask(Result):
    """The answer of a semantic segmenter for one picture.

    `mask["road"]` is where that class is, (H, W) bool; `mask.shares` how much of the picture each takes.
    Raises InputError when shapes or ranges are wrong.
    """

    names: tuple[str, ...]  # the model's class table, C names
    labels: np.ndarray  # (H, W) uint8, into names; 255 where no class is
    probs: np.ndarray | None = None  # (H, W) float32, 0..1: the probability of the class at each pixel
    source: str = ""  # where the picture came from: a file name, or nothing
    picture: np.ndarray | None = None  # (H, W, 3) uint8, for plot; perhaps smaller than labels

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        check_names(self.names, "classes")
        for name, kind in (("labels", np.uint8), ("probs", np.float32)):
            values = getattr(self, name)
            object.__setattr__(self, name, None if values is None else own(values, kind))
        _check(self.labels, self.probs, len(self.names))
        if self.picture is not None:
            check_picture(self.picture)

    def __getitem__(self, name: str) -> np.ndarray:
        """Where the class `name` is, (H, W) bool.

        Raises UnknownName for a class that is not in the table.
        """
        if name not in self.names:
            hint = did_you_mean(name, self.names) or f" The {len(self.names)} names are in .names."
            raise UnknownName(f"no class '{name}' in this model.{hint}")
        return np.asarray(self.labels == self.names.index(name))

    def __str__(self) -> str:
        return self.text()

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels."""
        return self.labels.shape[1], self.labels.shape[0]

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of the picture, 0..1, that each class found there takes, the largest first."""
        pixels = np.bincount(self.labels.ravel(), minlength=NONE + 1)[: len(self.names)]
        order = np.argsort(-pixels, kind="stable")
        return {self.names[i]: float(pixels[i] / self.labels.size) for i in order if pixels[i]}

    def text(self) -> str:
        """A line for each class that was found: name and share of the picture."""
        rows = [*self.shares.items()]
        if self.unlabelled:
            rows.append(("no class", self.unlabelled))
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"  {name:<{width}}  {100 * share:5.1f} %" for name, share in rows)

    @property
    def unlabelled(self) -> float:
        """The share of the picture, 0..1, that belongs to no class."""
        return float((self.labels == NONE).mean())

    @property
    def headline(self) -> str:
        """The largest classes and their shares: `road 41 %, sky 22 %, building 17 %, 5 more`."""
        named = [f"{name} {_percent(share)}" for name, share in list(self.shares.items())[:HEADLINE]]
        more = len(self.shares) - HEADLINE
        return ", ".join([*named, *([f"{more} more"] if more > 0 else [])]) or "no class"

    def rank(self, names: Collection[str]) -> int | None:
        """The place, from 1, of the largest class among `names`; None where none of them is."""
        return next((rank for rank, name in enumerate(self.shares, start=1) if name in names), None)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The picture under its classes, and the five largest as bars; those in `right` are ticked."""
        from macaw.results.fragments import Ranked, ranking

        rows = [
            Ranked(rank, *item, item[0] in right) for rank, item in enumerate(self.shares.items(), start=1)
        ]
        return f"{super().fragment(right=right)}\n{ranking(rows[:LISTED])}"

    def to_dict(self) -> dict[str, Any]:
        """`source`, `size`, and the classes found: share of the picture, and mean probability there if known.

        The pixels themselves are a picture: `save_mask` writes it.
        """
        classes = [self._class(name, share) for name, share in self.shares.items()]
        unlabelled = round(self.unlabelled, 6)
        return {"source": self.source, "size": list(self.size), "classes": classes, "unlabelled": unlabelled}

    def _class(self, name: str, share: float) -> dict[str, Any]:
        value: dict[str, Any] = {"name": name, "share": round(share, 6)}
        if self.probs is not None:
            value["prob"] = round(float(self.probs[self[name]].mean(dtype=np.float64)), 4)
        return value

    def save_mask(self, path: str | Path) -> Path:
        """Write the classes as a PNG of indices into `names`, 255 where none is, with the colours of `plot`.

        Such files are masks to train on. Raises InputError for a name that is no .png, StorageError.
        """
        from PIL import Image as Images

        from macaw.results.palette import colors, rgb

        path = Path(path)
        if path.suffix.lower() != ".png":
            raise InputError(
                f"cannot save a mask as '{path.name}': its indices need .png, which loses nothing"
            )
        table = np.zeros((256, 3), np.uint8)
        table[: len(self.names)] = [rgb(color) for color in colors(self.names).values()]
        image = Images.fromarray(self.labels)
        image.putpalette(table.tobytes())
        data = io.BytesIO()
        image.save(data, "PNG", optimize=True)
        return atomic_write(path, data.getvalue())

    def plot(self) -> Image:
        """The picture tinted by class, and beside it the classes with their shares."""
        from macaw.results.mask_plot import mask_plot

        return mask_plot(self)


def _check(labels: np.ndarray, probs: np.ndarray | None, classes: int) -> None:
    if classes > NONE:
        raise InputError(f"{classes} classes; a mask tells {NONE} apart, as a PNG of indices does")
    if labels.ndim != 2 or not labels.size:
        raise InputError(f"labels have shape {labels.shape}; a mask needs (H, W)")
    strange = labels[(labels >= classes) & (labels != NONE)]
    if strange.size:
        raise InputError(
            f"labels hold {strange[0]}; the table has {classes} classes, and 255 is none of them"
        )
    if probs is not None:
        if probs.shape != labels.shape:
            raise InputError(f"probs have shape {probs.shape}; these labels need {labels.shape}")
        if not (probs.min() >= 0 and probs.max() <= 1):  # false for NaN too
            raise InputError(f"probs lie between {probs.min():.4g} and {probs.max():.4g}; allowed is 0..1")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "under 1 %"
