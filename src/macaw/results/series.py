"""Series: the evaluations of one application on one data set, oldest first, and the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from macaw.errors import UnknownName
from macaw.results.record import Record
from macaw.tasks import find

HASH = 12  # digits of a hash that are shown
_LOWER = ("NME", "failures", "bits per", "nats per", "perplexity")


@dataclass(frozen=True)
class Series:
    """Records whose application, content and split are equal, so that their scores can be compared."""

    records: tuple[Record, ...]  # oldest first, at least one

    @property
    def title(self) -> str:
        """The data set, as its latest record calls it, and the split."""
        return f"{self.records[-1].data}, {self.records[-1].split}"

    @property
    def note(self) -> str:
        """What was scored, in a line."""
        last = self.records[-1]
        size = f"{last.count:,} example{'' if last.count == 1 else 's'}"
        return f"{last.task}, {size}, content {last.content[:HASH]}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics, that of the application's row first."""
        names = list(dict.fromkeys(name for one in reversed(self.records) for name in one.metrics))
        try:
            first = find(self.records[0].task).metric
        except UnknownName:  # of a plug-in that is not there any more
            first = names[0]
        return tuple(sorted(names, key=lambda name: name != first))

    def best(self, metric: str) -> Record | None:
        """The record of the best value; the oldest among equals, and None where none has the metric."""
        scored = [one for one in self.records if metric in one.metrics]
        sign = 1 if lower_is_better(metric) else -1
        return min(scored, key=lambda one: sign * one.metrics[metric].value, default=None)

    def __str__(self) -> str:
        """A table for a terminal: a row each, the best of several marked by a star."""
        metric = self.metrics[0]
        best = self.best(metric) if len(self.records) > 1 else None
        rows = [("row", "time (UTC)", "model", metric, "engine")]
        for one in self.records:
            score = str(one.metrics[metric]) if metric in one.metrics else "n/a"
            rows.append((one.row, f"{one.when:%Y-%m-%d %H:%M}", one.model, score, one.engine))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        stars = [" ", *("*" if one is best else " " for one in self.records)]
        lines = [
            f"{star} "
            + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for star, row in zip(stars, rows, strict=True)
        ]
        return "\n".join([f"{self.title}: {self.note}", *lines])


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of the metric is the better one: so of errors, losses, failures, surprise."""
    return metric.endswith(("error", "loss")) or metric.startswith(_LOWER)


def series_of(records: Iterable[Record]) -> list[Series]:
    """The records by what they can be compared with: the data set of the latest first."""
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for one in sorted(records, key=lambda one: one.when):
        key = one.task, one.content, one.split
        groups[key] = [*groups.pop(key, []), one]
    return [Series(tuple(some)) for some in reversed(groups.values())]
