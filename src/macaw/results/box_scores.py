"""BoxScores: how good a detector is, every figure with its interval, as text, table, page and picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.measures import Confused, Interval
from macaw.results.score_parts import BACKGROUND, csv_table, metric_lines, percent, ratio, save_scores

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: C classes, T overlaps of 0.50, 0.55 ... 0.95
WORDS = {"boxes": "boxes", "regions": "masks", "points": "key points"}


@dataclass(frozen=True)
class ClassFound:
    """How well one class is found; None, never 0, where a figure does not exist."""

    name: str
    count: int  # objects to be found
    ap: float | None  # 0..1, mean over overlaps of 0.50 to 0.95; None without an object
    ap50: float | None  # 0..1, at an overlap of 0.50
    right: int  # objects found, at the threshold of the scores and an overlap of 0.50
    wrong: int  # answers there that are no such object

    @property
    def missed(self) -> int:
        """Objects that were not found."""
        return self.count - self.right

    @property
    def precision(self) -> float | None:
        """0..1: of the answers, how many are right; None without an answer."""
        return ratio(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float | None:
        """0..1: of the objects, how many are found; None without an object."""
        return ratio(self.right, self.count)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, with `missed`, `precision` and `recall`."""
        return {**asdict(self), "missed": self.missed, "precision": self.precision, "recall": self.recall}


@dataclass(frozen=True, eq=False)
class BoxScores(Result):
    """The scores of a detector; `macaw.metrics.coco_ap.score_boxes` makes them.

    Raises InputError when the parts do not fit the class table.
    """

    kind: str  # what was compared: boxes, regions or points
    names: tuple[str, ...]  # the class table, C names
    count: int  # pictures
    metrics: dict[str, Interval]  # by name: 'AP', 'AP50' ..., 0..1; without those that do not exist
    missing: tuple[str, ...]  # names of those: no object is small, say
    per_class: tuple[ClassFound, ...]  # C, in the order of names
    curve: np.ndarray | None  # (T, 101) mean precision at recalls of 0, 0.01 ... 1; None without an object
    threshold: float | None  # the score at which F1 is best; None where no answer is right
    confusion: np.ndarray  # (C + 1, C + 1) int64 there, rows truth, columns answer, background last
    notes: tuple[str, ...] = ()  # what the reader should know of the figures
    seconds: float = 0.0  # how long the answers took; 0 when nobody looked at the clock

    def __post_init__(self) -> None:
        classes = len(self.names)
        if tuple(one.name for one in self.per_class) != tuple(self.names):
            raise InputError(f"per_class must hold the {classes} classes in order, got {len(self.per_class)}")
        if self.confusion.shape != (classes + 1, classes + 1):
            wanted = (classes + 1, classes + 1)
            raise InputError(f"confusion has shape {self.confusion.shape}; {classes} names need {wanted}")
        if self.curve is not None and (self.curve.ndim != 2 or self.curve.shape[1] != 101):
            raise InputError(f"curve has shape {self.curve.shape}; it must be (overlaps, 101)")

    def __str__(self) -> str:
        lines = [self.title, *metric_lines(self.metrics, self.missing), self.cut]
        if pairs := self.worst(5):
            names = [f"{pair.truth} -> {pair.answer}" for pair in pairs]
            width = max(map(len, names))
            lines.append("most often confused, truth -> answer")
            lines += [f"  {name:<{width}}  {one.count:,}" for name, one in zip(names, pairs, strict=True)]
        return "\n".join([*lines, *self.notes])

    @property
    def objects(self) -> int:
        """Objects to be found, without crowds."""
        return sum(one.count for one in self.per_class)

    @property
    def title(self) -> str:
        """One line: how many pictures, objects and classes, and how fast."""
        size = (
            f"{self.objects:,} {'object' if self.objects == 1 else 'objects'} of {len(self.names):,} classes"
        )
        size += (
            f" in {self.count:,} {'picture' if self.count == 1 else 'pictures'}, by their {WORDS[self.kind]}"
        )
        return f"{size}, {self.count / self.seconds:,.1f} pictures a second" if self.seconds > 0 else size

    @property
    def headline(self) -> str:
        """The first metric with its interval, or what there is instead."""
        name, value = next(iter(self.metrics.items()), (self.missing[0] if self.missing else "AP", None))
        return f"{name} {'n/a' if value is None else value}"

    @property
    def cut(self) -> str:
        """What a user sees who keeps the answers above the threshold."""
        right, wrong = (sum(getattr(one, name) for one in self.per_class) for name in ("right", "wrong"))
        where = "with all answers"
        if self.threshold is not None:
            where = f"at a score of {self.threshold:.3g} or more (best F1)"
        share = percent(ratio(right, self.objects), 0)
        answers = "answer is" if wrong == 1 else "answers are"
        return f"{where}: {right:,} of {self.objects:,} found ({share}), {wrong:,} {answers} wrong"

    def worst(self, n: int = 10) -> tuple[Confused, ...]:
        """The `n` most frequent confusions of two classes; background has no part in them."""
        wrong = self.confusion[:-1, :-1].copy()
        np.fill_diagonal(wrong, 0)
        totals = self.confusion.sum(axis=1)
        order = np.argsort(-wrong.ravel(), kind="stable")[:n]
        cells = [divmod(int(i), len(self.names)) for i in order if wrong.flat[i] > 0]
        return tuple(
            Confused(self.names[r], self.names[c], int(wrong[r, c]), float(wrong[r, c] / totals[r]))
            for r, c in cells
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, with classes by name; absent figures are None; `confusion` holds cells above zero."""
        names = (*self.names, BACKGROUND)
        return {
            "kind": self.kind,
            "count": self.count,
            "objects": self.objects,
            "classes": len(self.names),
            "seconds": round(self.seconds, 3),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "missing": list(self.missing),
            "threshold": self.threshold,
            "per_class": [one.to_dict() for one in self.per_class],
            "curve": None if self.curve is None else self.curve.round(6).tolist(),
            # A list, not names: a class may be called background too.
            "confusion": [
                [names[r], names[c], int(self.confusion[r, c])] for r, c in np.argwhere(self.confusion)
            ],
            "notes": list(self.notes),
        }

    def to_csv(self) -> str:
        """The per-class table; empty where a figure does not exist."""
        head = ("class", "objects", "ap", "ap50", "found", "wrong", "missed", "precision", "recall")
        return csv_table(
            head,
            (
                (s.name, s.count, s.ap, s.ap50, s.right, s.wrong, s.missed, s.precision, s.recall)
                for s in self.per_class
            ),
        )

    def to_html(self) -> str:
        """One self-contained page: the figures, precision and recall, confusions and the classes."""
        from macaw.results.box_page import box_page

        return box_page(self)

    def save(self, path: str | Path) -> Path:
        """Write `.json` (everything), `.csv` (the per-class table), `.html` (a page), `.png` (the sheet)."""
        return save_scores(self, self, path)

    def plot(self) -> Image:
        """One sheet: what was taken for what, the metrics with their intervals, precision against recall."""
        from macaw.results.box_sheet import box_sheet

        return box_sheet(self)
