"""TextScores: how well a language model foretells texts, figures with their intervals, and the hardest."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.measures import Interval
from macaw.results.score_parts import csv_table, metric_lines, save_scores

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: N documents
COUNTS = ("tokens", "unknown", "words", "characters", "bytes")
_LEAST = 200  # bytes from which a document's own figure says something


@dataclass(frozen=True, eq=False)
class TextScores(Result):
    """The scores of a language model; `macaw.metrics.likelihood.Likelihood` makes them.

    Kept are the totals of each document, so that every figure can be made again in another unit. Raises
    InputError when they do not fit together.
    """

    kind: str  # of the tokens: "bytes", "characters", "words" or "pieces"
    labels: tuple[str, ...]  # N, what each document is called
    metrics: dict[str, Interval]  # by name: 'bits per byte' ..., without those that do not exist
    missing: tuple[str, ...]  # names of those
    nats: np.ndarray  # (N,) float64: -log P of the document, its end included
    tokens: np.ndarray  # (N,) int64 that were foretold, the document's end among them
    unknown: np.ndarray  # (N,) int64 of those that the vocabulary lacks
    words: np.ndarray  # (N,) int64: what stands between blanks, and the ends of lines and of the document
    characters: np.ndarray  # (N,) int64
    bytes: np.ndarray  # (N,) int64 of UTF-8
    notes: tuple[str, ...] = ()  # what the reader should know of the figures
    seconds: float = 0.0  # how long it took; 0 when nobody looked at the clock

    def __post_init__(self) -> None:
        for name in ("nats", *COUNTS):
            shape = np.shape(getattr(self, name))
            if shape != (self.count,):
                raise InputError(f"{name} has shape {shape}; {self.count} documents need ({self.count},)")

    def __str__(self) -> str:
        lines = [self.title, *metric_lines(self.metrics, self.missing)]
        if hard := self.hardest(5):
            width = max(len(label) for label, _ in hard)
            lines.append("hardest to foretell, bits per byte")
            lines += [f"  {label:<{width}}  {bits:.3f}" for label, bits in hard]
        return "\n".join([*lines, *self.notes])

    @property
    def count(self) -> int:
        """Documents."""
        return len(self.labels)

    @property
    def totals(self) -> dict[str, float]:
        """`nats`, and how many `tokens`, `unknown`, `words`, `characters` and `bytes` they are of."""
        return {"nats": float(self.nats.sum()), **{name: int(getattr(self, name).sum()) for name in COUNTS}}

    @property
    def title(self) -> str:
        """One line: how many documents, words and bytes, how the text was cut, and how fast."""
        totals = self.totals
        documents = "1 document" if self.count == 1 else f"{self.count:,} documents"
        size = f"{documents} of {totals['words']:,} words and {totals['bytes']:,} bytes"
        words = f"{size}, read as {totals['tokens']:,} {self.kind}"
        return f"{words}, {totals['tokens'] / self.seconds:,.0f} a second" if self.seconds > 0 else words

    @property
    def headline(self) -> str:
        """The first metric with its interval."""
        name, value = next(iter(self.metrics.items()))
        return f"{name} {value}"

    @property
    def bits(self) -> np.ndarray:
        """(N,) bits per byte of each document, NaN for one without a byte."""
        filled = self.bytes > 0
        return np.asarray(
            np.divide(self.nats, self.bytes * log(2), out=np.full(self.count, np.nan), where=filled)
        )

    def hardest(self, n: int = 10) -> tuple[tuple[str, float], ...]:
        """The `n` documents of most bits per byte, hardest first; short ones, and a single one, are not."""
        long = np.flatnonzero(self.bytes >= _LEAST)
        if len(long) < 2 or "bits per byte" in self.missing:
            return ()
        order = long[np.argsort(-self.bits[long], kind="stable")][:n]
        return tuple((self.labels[i], float(self.bits[i])) for i in order.tolist())

    def to_dict(self) -> dict[str, Any]:
        """The metrics, the totals, and the hardest documents; absent figures are listed as missing."""
        return {
            "kind": self.kind,
            "count": self.count,
            "seconds": round(self.seconds, 3),
            "metrics": {name: one.to_dict() for name, one in self.metrics.items()},
            "missing": list(self.missing),
            "totals": self.totals,
            "hardest": dict(self.hardest()),
            "notes": list(self.notes),
        }

    def to_csv(self) -> str:
        """A row for each document."""
        columns = (self.nats.tolist(), *(getattr(self, name).tolist() for name in COUNTS))
        return csv_table(("document", "nats", *COUNTS), zip(self.labels, *columns, strict=True))

    def to_html(self) -> str:
        """One self-contained page: the figures, how they are spread, and the documents."""
        from macaw.results.text_page import text_page

        return text_page(self)

    def save(self, path: str | Path) -> Path:
        """Write `.json` (figures, totals), `.csv` (the documents), `.html` (a page), `.png` (the sheet)."""
        return save_scores(self, self, path)

    def plot(self) -> Image:
        """One sheet: the figures with their intervals, how documents are spread, and the hardest of them."""
        from macaw.results.text_page import text_sheet

        return text_sheet(self)
