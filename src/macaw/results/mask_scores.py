"""MaskScores: how good a segmentation is, every figure with its interval, as text, table, page, picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.measures import Confused, Interval
from macaw.results.score_parts import csv_table, metric_lines, save_scores

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: C classes


@dataclass(frozen=True)
class ClassMask:
    """How well the pixels of one class are told; None, never 0, where a figure does not exist."""

    name: str
    pixels: int  # labelled ones of this class
    share: float  # 0..1 of all labelled pixels
    iou: float | None  # 0..1; None for a class that is neither in the labels nor in the answers
    recall: float | None  # 0..1: of its pixels, how many are told; None without a pixel
    precision: float | None  # 0..1: of the pixels that were told it, how many are; None where none was
    boundary: float | None  # 0..1: F1 of its edges; None without an edge

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class MaskScores(Result):
    """The scores of a segmentation; `macaw.metrics.masks.Confusion` makes them.

    Raises InputError when the parts do not fit the class table.
    """

    names: tuple[str, ...]  # the class table, C names
    count: int  # pictures
    metrics: dict[
        str, Interval
    ]  # by name: 'mIoU', 'pixel accuracy' ..., 0..1; without those that do not exist
    missing: tuple[str, ...]  # names of those
    per_class: tuple[ClassMask, ...]  # C, in the order of names
    confusion: np.ndarray  # (C, C) int64 pixels, rows truth, columns answer
    unanswered: np.ndarray  # (C,) int64 labelled pixels that got no answer
    notes: tuple[str, ...] = ()  # what the reader should know of the figures
    seconds: float = 0.0  # how long the answers took; 0 when nobody looked at the clock

    def __post_init__(self) -> None:
        classes = len(self.names)
        if tuple(one.name for one in self.per_class) != tuple(self.names):
            raise InputError(f"per_class must hold the {classes} classes in order, got {len(self.per_class)}")
        for name, shape in (("confusion", (classes, classes)), ("unanswered", (classes,))):
            found = getattr(self, name).shape
            if found != shape:
                raise InputError(f"{name} has shape {found}; {classes} names need {shape}")

    def __str__(self) -> str:
        lines = [self.title, *metric_lines(self.metrics, self.missing)]
        if pairs := self.worst(5):
            names = [f"{pair.truth} -> {pair.answer}" for pair in pairs]
            width = max(map(len, names))
            lines.append("most often confused, truth -> answer, share of the pixels of the class")
            lines += [
                f"  {name:<{width}}  {100 * one.share:.1f} %" for name, one in zip(names, pairs, strict=True)
            ]
        return "\n".join([*lines, *self.notes])

    @property
    def pixels(self) -> int:
        """Labelled pixels."""
        return sum(one.pixels for one in self.per_class)

    @property
    def title(self) -> str:
        """One line: how many pictures, pixels and classes, and how fast."""
        size = f"{self.pixels:,} labelled pixels of {len(self.names):,} classes in {self.count:,} "
        size += "picture" if self.count == 1 else "pictures"
        return f"{size}, {self.count / self.seconds:,.1f} pictures a second" if self.seconds > 0 else size

    @property
    def headline(self) -> str:
        """The first metric with its interval, or what there is instead."""
        name, value = next(iter(self.metrics.items()), ("mIoU", None))
        return f"{name} {'n/a' if value is None else value}"

    def worst(self, n: int = 10) -> tuple[Confused, ...]:
        """The `n` confusions of most pixels, ties in the order of the class table."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        totals = self.confusion.sum(axis=1) + self.unanswered
        order = np.argsort(-wrong.ravel(), kind="stable")[:n]
        cells = [divmod(int(i), len(self.names)) for i in order if wrong.flat[i] > 0]
        return tuple(
            Confused(self.names[r], self.names[c], int(wrong[r, c]), float(wrong[r, c] / totals[r]))
            for r, c in cells
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, with classes by name; absent figures are None; `confusion` holds cells above zero."""
        return {
            "count": self.count,
            "pixels": self.pixels,
            "classes": len(self.names),
            "seconds": round(self.seconds, 3),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "missing": list(self.missing),
            "per_class": [one.to_dict() for one in self.per_class],
            "confusion": {
                name: {self.names[i]: int(row[i]) for i in np.flatnonzero(row)}
                for name, row in zip(self.names, self.confusion, strict=True)
            },
            "unanswered": {self.names[i]: int(self.unanswered[i]) for i in np.flatnonzero(self.unanswered)},
            "notes": list(self.notes),
        }

    def to_csv(self) -> str:
        """The per-class table; empty where a figure does not exist."""
        head = ("class", "pixels", "share", "iou", "recall", "precision", "boundary_f1")
        return csv_table(
            head,
            ((s.name, s.pixels, s.share, s.iou, s.recall, s.precision, s.boundary) for s in self.per_class),
        )

    def to_html(self) -> str:
        """One self-contained page: the figures, the confusions and the classes."""
        from macaw.results.mask_page import mask_page

        return mask_page(self)

    def save(self, path: str | Path) -> Path:
        """Write `.json` (everything), `.csv` (the per-class table), `.html` (a page), `.png` (the sheet)."""
        return save_scores(self, self, path)

    def plot(self) -> Image:
        """One sheet: what was taken for what, the metrics with their intervals, the IoU of the classes."""
        from macaw.results.mask_page import mask_sheet

        return mask_sheet(self)
