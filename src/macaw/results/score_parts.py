"""What the scores of boxes, masks and points share: figures as lines, a table as CSV, the files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.measures import Interval

BACKGROUND = "background"  # what an answer took for something, or what an object was taken for
CURVES = ((0, "overlap 0.50"), (5, "0.75"), (9, "0.95"))  # those drawn of precision at ten overlaps
ABSENT = "n/a"  # of a figure that does not exist: there is nothing to find, so nothing was missed


class Told(Protocol):
    """Scores that are also a table and a page."""

    def to_csv(self) -> str:
        """The table of `.csv`."""

    def to_html(self) -> str:
        """The page of `.html`."""


def metric_lines(metrics: Mapping[str, Interval], missing: Sequence[str] = ()) -> list[str]:
    """Each metric in a line, names in one column; those that do not exist are said to be absent."""
    rows = [*((name, str(one)) for name, one in metrics.items()), *((name, ABSENT) for name in missing)]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in rows]


def csv_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV, empty where a figure does not exist; fractions with six digits."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    for row in rows:
        table.writerow(
            ["" if cell is None else f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row]
        )
    return text.getvalue()


def save_scores(scores: Result, told: Told, path: str | Path) -> Path:
    """Write `.csv` (the table), `.html` (the page), and what every result can be. Raises InputError."""
    path = Path(path)
    if path.suffix in {".csv", ".html"}:
        text = told.to_csv() if path.suffix == ".csv" else told.to_html()
        return atomic_write(path, text.encode())
    if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
        raise InputError(f"cannot save scores as '{path.name}': use .json, .csv, .html, .png, .jpg or .webp")
    return Result.save(scores, path)


def percent(share: float | None, decimals: int = 1) -> str:
    """`41.2 %`, or `n/a`."""
    return ABSENT if share is None else f"{100 * share:.{decimals}f} %"


def ratio(part: float, whole: float) -> float | None:
    """The part of the whole, None of nothing."""
    return float(part / whole) if whole else None
