"""LabelScores: how good a classifier is, every figure with its interval, as text, table, page and picture."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.measures import Calibration, ClassScore, Confused, Interval

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.draw import Box, Sheet

__all__ = ["Calibration", "ClassScore", "Confused", "Interval", "LabelScores"]

# Shapes: C classes
MARGIN, GAP = 56, 64  # pixels of a score sheet


@dataclass(frozen=True, eq=False)
class LabelScores(Result):
    """The scores of a classifier on labelled examples; `macaw.metrics.labels.score_labels` makes them.

    Raises InputError when the parts do not fit the class table.
    """

    names: tuple[str, ...]  # the model's class table, C names
    count: int  # examples
    metrics: dict[str, Interval]  # by name: 'top-1 error', 'log loss' ...; fractions are 0..1
    per_class: tuple[ClassScore, ...]  # C, in the order of names
    confusion: np.ndarray | None  # (C, C) int64 counts, rows truth, columns answer; None for multi-label
    calibration: Calibration
    seconds: float = 0.0  # how long the answers took; 0 when nobody looked at the clock

    def __post_init__(self) -> None:
        classes = len(self.names)
        if len(set(self.names)) != classes:
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"two classes are named '{twice}'; classes are known by name, so rename one")
        if tuple(score.name for score in self.per_class) != tuple(self.names):
            raise InputError(
                f"per_class must hold the {classes} classes in order, got {len(self.per_class)} scores"
            )
        if self.confusion is not None and self.confusion.shape != (classes, classes):
            raise InputError(
                f"confusion has shape {self.confusion.shape}; {classes} names need ({classes}, {classes})"
            )

    def __str__(self) -> str:
        width = max(map(len, self.metrics))
        lines = [self.title, *(f"  {name:<{width}}  {interval}" for name, interval in self.metrics.items())]
        pairs = self.worst(5)
        if pairs:
            names = [f"{pair.truth} -> {pair.answer}" for pair in pairs]
            totals = [round(pair.count / pair.share) for pair in pairs]
            width = max(map(len, names))
            lines.append("most often confused, truth -> answer")
            lines += [
                f"  {name:<{width}}  {pair.count:,} of {total:,}, {100 * pair.share:.0f} %"
                for name, total, pair in zip(names, totals, pairs, strict=True)
            ]
        return "\n".join(lines)

    @property
    def title(self) -> str:
        """One line: how many examples and classes, and how fast."""
        size = f"{self.count:,} examples, {len(self.names):,} classes"
        return f"{size}, {self.count / self.seconds:,.0f} a second" if self.seconds > 0 else size

    def worst(self, n: int = 10) -> tuple[Confused, ...]:
        """The `n` most frequent confusions, ties in the order of the class table; none for multi-label."""
        if self.confusion is None:
            return ()
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        totals = self.confusion.sum(axis=1)
        order = np.argsort(-wrong.ravel(), kind="stable")[:n]
        cells = [(row, column) for row, column in (divmod(int(i), len(self.names)) for i in order)]
        return tuple(
            Confused(
                self.names[row],
                self.names[column],
                int(wrong[row, column]),
                float(wrong[row, column] / totals[row]),
            )
            for row, column in cells
            if wrong[row, column] > 0
        )

    def hardest(self, n: int = 10) -> tuple[ClassScore, ...]:
        """The `n` classes of the lowest F1 among those that have examples."""
        scored = [score for score in self.per_class if score.f1 is not None]
        return tuple(sorted(scored, key=lambda score: score.f1 or 0.0)[:n])

    def to_dict(self) -> dict[str, Any]:
        """Everything, with classes by name; `confusion` holds only the cells that are not zero."""
        return {
            "count": self.count,
            "classes": len(self.names),
            "seconds": round(self.seconds, 3),
            "metrics": {name: interval.to_dict() for name, interval in self.metrics.items()},
            "per_class": [score.to_dict() for score in self.per_class],
            "confused": [pair.to_dict() for pair in self.worst(10)],
            "confusion": None if self.confusion is None else self._sparse_confusion(self.confusion),
            "calibration": self.calibration.to_dict(),
        }

    def to_csv(self) -> str:
        """The per-class table: name, count, precision, recall, f1; empty where a figure does not exist."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["class", "count", "precision", "recall", "f1"])
        for s in self.per_class:
            figures = ("" if x is None else f"{x:.6f}" for x in (s.precision, s.recall, s.f1))
            table.writerow([s.name, s.count, *figures])
        return text.getvalue()

    def to_html(self) -> str:
        """One self-contained page: the figures, the sheet of `plot` and the per-class table."""
        from macaw.results.score_page import score_page

        headline, interval = next(iter(self.metrics.items()))
        title = f"{headline[0].upper()}{headline[1:]} {interval.text}"
        return score_page(title, self.title, self.metrics, self.per_class, picture=self._repr_png_())

    def save(self, path: str | Path) -> Path:
        """Write `.json` (everything), `.csv` (the per-class table), `.html` (a page), `.png` (the sheet)."""
        path = Path(path)
        if path.suffix in {".csv", ".html"}:
            text = self.to_csv() if path.suffix == ".csv" else self.to_html()
            return atomic_write(path, text.encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(
                f"cannot save scores as '{path.name}': use .json, .csv, .html, .png, .jpg or .webp"
            )
        return super().save(path)

    def plot(self) -> Image:
        """One sheet: what was confused with what, the metrics with their intervals, and the calibration."""
        from macaw.results import panels
        from macaw.results.draw import NOTE, TITLE, Box, Sheet

        classes, shown = len(self.names), min(len(self.names), panels.NAMED)
        left = 420 + 28 * classes if 18 < classes <= panels.NAMED else 940  # names and counts need room
        height = left + 110 if self.confusion is not None else max(760, 50 + panels.ROW * shown)
        right = 680
        sheet = Sheet(left + right + 2 * MARGIN + GAP, height + 2 * MARGIN + 80)
        name, interval = next(iter(self.metrics.items()))
        sheet.text(MARGIN, MARGIN + 16, f"{name[0].upper()}{name[1:]} {interval}", style=TITLE)
        sheet.text(sheet.width - MARGIN, MARGIN + 18, self.title, style=NOTE, align="right")
        self._draw_classes(sheet, Box(MARGIN, MARGIN + 80, left, height))
        place = Box(MARGIN + left + GAP, MARGIN + 80, right, 98 + panels.ROW * len(self.metrics))
        panels.whiskers(sheet, panels.heading(sheet, place, "Scores", "with 95 % intervals"), self.metrics)
        place = Box(place.x, place.y + place.height + 32, right, 400)
        panels.reliability(sheet, panels.heading(sheet, place, "Calibration"), self.calibration)
        rest = place.y + place.height + 32
        self._draw_worst(sheet, Box(place.x, rest, right, MARGIN + 80 + height - rest))
        return sheet.picture()

    def plot_confusion(self) -> Image:
        """The confusion matrix; beyond 30 classes in order of resemblance, the worst confusions beside it."""
        from macaw.results import panels
        from macaw.results.draw import Box, Sheet

        if self.confusion is None:
            raise InputError("multi-label scores have no confusion matrix; plot() shows the classes instead")
        few = len(self.names) <= panels.NAMED
        side = max(1000, 420 + 34 * len(self.names)) if few else 1060
        beside = 0 if few else 620 + GAP
        sheet = Sheet(side + beside + 2 * MARGIN, side + 110 + 2 * MARGIN)
        self._draw_classes(sheet, Box(MARGIN, MARGIN, side, side + 110))
        if not few:
            self._draw_worst(sheet, Box(MARGIN + side + GAP, MARGIN, 620, side + 110))
        return sheet.picture()

    def plot_calibration(self) -> Image:
        """The reliability diagram: accuracy against confidence."""
        from macaw.results import panels
        from macaw.results.draw import Box, Sheet

        sheet = Sheet(800, 800)
        error = self.metrics.get("calibration error")
        note = f"calibration error {error or f'{100 * self.calibration.error:.1f} %'}"
        box = panels.heading(
            sheet, Box(MARGIN, MARGIN, 800 - 2 * MARGIN, 800 - 2 * MARGIN), "Calibration", note
        )
        panels.reliability(sheet, box, self.calibration)
        return sheet.picture()

    def _draw_classes(self, sheet: Sheet, box: Box) -> None:
        from macaw.results import panels

        if self.confusion is None:
            shown = self.per_class if len(self.names) <= panels.NAMED else self.hardest(panels.NAMED)
            words = (
                "F1 of each class"
                if len(shown) == len(self.names)
                else f"F1 of the {len(shown)} hardest classes"
            )
            panels.class_list(sheet, panels.heading(sheet, box, words), shown)
            return
        note = (
            ""
            if len(self.names) <= panels.NAMED
            else f"{len(self.names):,} classes, those that resemble each other side by side"
        )
        panels.matrix(
            sheet, panels.heading(sheet, box, "What was taken for what", note), self.confusion, self.names
        )

    def _draw_worst(self, sheet: Sheet, box: Box) -> None:
        from macaw.results import panels

        if self.confusion is None:
            return
        inner = panels.heading(
            sheet, box, "Most often confused", "truth → answer, share of the examples of the true class"
        )
        panels.confused_list(sheet, inner, self.worst(int(inner.height // panels.ROW)))

    def _sparse_confusion(self, confusion: np.ndarray) -> dict[str, dict[str, int]]:
        return {
            name: {self.names[i]: int(row[i]) for i in np.flatnonzero(row)}
            for name, row in zip(self.names, confusion, strict=True)
        }
