"""PointScores: how far key points lie from the truth, with intervals, as text, table, page and picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.measures import Interval
from macaw.results.score_parts import csv_table, metric_lines, save_scores

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: N pictures, K points


@dataclass(frozen=True)
class PointError:
    """How far one point lies off; None, never 0, where it is labelled nowhere."""

    name: str
    count: int  # pictures in which it is labelled
    error: float | None  # mean distance, in parts of the normaliser
    within: float | None  # 0..1: how often it lies within 5 % of the normaliser

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class PointScores(Result):
    """The scores of key points; `macaw.metrics.points.score_points` makes them.

    Raises InputError when the parts do not fit.
    """

    names: tuple[str, ...]  # K points
    count: int  # N pictures
    normaliser: str  # the length that errors are divided by: "inter-ocular"
    metrics: dict[str, Interval]  # by name: 'NME, inter-ocular' ..., in parts of it, or shares 0..1
    missing: tuple[str, ...]  # names of those that do not exist: no point is labelled
    per_point: tuple[PointError, ...]  # K, in the order of names
    errors: np.ndarray  # (N,) the mean error of each picture; NaN where no point is labelled
    notes: tuple[str, ...] = ()  # what the reader should know of the figures
    seconds: float = 0.0  # how long the answers took; 0 when nobody looked at the clock

    def __post_init__(self) -> None:
        if tuple(one.name for one in self.per_point) != tuple(self.names):
            raise InputError(f"per_point must hold the {len(self.names)} points in order")
        if self.errors.shape != (self.count,):
            raise InputError(
                f"errors has shape {self.errors.shape}; {self.count} pictures need ({self.count},)"
            )

    def __str__(self) -> str:
        lines = [self.title, *metric_lines(self.metrics, self.missing)]
        if shown := self.hardest(5):
            width = max(len(one.name) for one in shown)
            lines.append(f"points that lie off most, mean in parts of the {self.normaliser}")
            lines += [f"  {one.name:<{width}}  {100 * (one.error or 0):.2f} %" for one in shown]
        return "\n".join([*lines, *self.notes])

    @property
    def title(self) -> str:
        """One line: how many pictures and points, and how fast."""
        size = f"{len(self.names):,} points in {self.count:,} {'picture' if self.count == 1 else 'pictures'}"
        return f"{size}, {self.count / self.seconds:,.1f} pictures a second" if self.seconds > 0 else size

    @property
    def headline(self) -> str:
        """The first metric with its interval, or what there is instead."""
        name, value = next(iter(self.metrics.items()), (f"NME, {self.normaliser}", None))
        return f"{name}: {'n/a' if value is None else value}"

    def hardest(self, n: int = 10) -> tuple[PointError, ...]:
        """The `n` points that lie off most, of those that are labelled anywhere."""
        known = [one for one in self.per_point if one.error is not None]
        return tuple(sorted(known, key=lambda one: -(one.error or 0.0))[:n])

    def worst(self, n: int = 10) -> tuple[int, ...]:
        """The `n` pictures of the largest error, by their place."""
        order = np.argsort(-self.errors, kind="stable")  # NaN last
        return tuple(int(i) for i in order[:n] if not np.isnan(self.errors[i]))

    def to_dict(self) -> dict[str, Any]:
        """Everything; absent figures are None."""
        return {
            "count": self.count,
            "points": len(self.names),
            "normaliser": self.normaliser,
            "seconds": round(self.seconds, 3),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "missing": list(self.missing),
            "per_point": [one.to_dict() for one in self.per_point],
            "errors": [None if np.isnan(x) else round(float(x), 6) for x in self.errors],
            "notes": list(self.notes),
        }

    def to_csv(self) -> str:
        """The table of points; empty where a figure does not exist."""
        return csv_table(
            ("point", "pictures", "error", "within_5_percent"),
            ((one.name, one.count, one.error, one.within) for one in self.per_point),
        )

    def to_html(self) -> str:
        """One self-contained page: the figures, the cumulative curve and the points."""
        from macaw.results.point_page import point_page

        return point_page(self)

    def save(self, path: str | Path) -> Path:
        """Write `.json` (everything), `.csv` (the table of points), `.html` (a page), `.png` (the sheet)."""
        return save_scores(self, self, path)

    def plot(self) -> Image:
        """One sheet: the error of each point, the metrics with intervals, the cumulative curve of errors."""
        from macaw.results.point_page import point_sheet

        return point_sheet(self)
