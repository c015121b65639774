"""Rerun: an evaluation of the board is run again, and the two are compared number by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from typing import Any, Literal

from macaw.results.record import Record
from macaw.results.series import HASH

Verdict = Literal["same", "within the interval", "different"]
ORDER: tuple[Verdict, ...] = ("same", "within the interval", "different")  # the worst of all metrics counts
CLOSE = 1e-6  # relative: sums in another order, on another machine or engine, differ by less


@dataclass(frozen=True)
class Comparison:
    """A record and what running it again gave."""

    old: Record
    new: Record
    verdicts: dict[str, Verdict]  # by metric
    notes: tuple[str, ...]  # what else is not as it was: data, weights, commit, machine

    @property
    def verdict(self) -> Verdict:
        """The worst of the metrics' verdicts."""
        return max(self.verdicts.values(), key=ORDER.index)

    def __str__(self) -> str:
        width = max(map(len, self.verdicts))
        lines = [f"row {self.old.row}, {self.old.model} on {self.old.data}: {self.verdict}"]
        for name, verdict in self.verdicts.items():
            old, new = (str(one.metrics.get(name, "n/a")) for one in (self.old, self.new))
            lines.append(f"  {name:<{width}}  {old} -> {new}  {verdict}")
        return "\n".join([*lines, *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """Verdicts, notes and both records as plain values."""
        return {
            "verdict": self.verdict,
            "metrics": dict(self.verdicts),
            "notes": list(self.notes),
            "old": self.old.to_dict(),
            "new": self.new.to_dict(),
        }


def rerun(record: Record, evaluate: Callable[..., Record]) -> Comparison:
    """Run a record again and compare.

    `evaluate(reference, path, split=..., engine=...)` scores as `macaw.evaluate` does and gives a Record.
    Raises what it raises: for data or a model that is gone, InputError or UnknownName.
    """
    again = evaluate(record.reference, record.path, split=record.split, engine=record.engine)
    return compare(record, again)


def compare(old: Record, new: Record) -> Comparison:
    """Compare each metric of two records: the new value is the same, within the old interval, or neither."""
    names = dict.fromkeys([*old.metrics, *new.metrics])
    return Comparison(old, new, {name: _verdict(old, new, name) for name in names}, tuple(_notes(old, new)))


def _verdict(old: Record, new: Record, name: str) -> Verdict:
    before, after = old.metrics.get(name), new.metrics.get(name)
    if before is None or after is None:
        return "different"
    if isclose(before.value, after.value, rel_tol=CLOSE, abs_tol=CLOSE):
        return "same"
    return "within the interval" if before.low <= after.value <= before.high else "different"


def _notes(old: Record, new: Record) -> list[str]:
    """What changed beside the numbers; hashes are cut to what tells them apart."""
    notes = []
    if old.content != new.content:
        change = f"{old.content[:HASH]} -> {new.content[:HASH]}, {old.count:,} -> {new.count:,} examples"
        notes.append(f"the data changed: {change}")
    if old.weights != new.weights:
        notes.append(f"the model changed: {old.weights[:HASH]} -> {new.weights[:HASH]}")
    for what in ("commit", "machine"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            notes.append(f"another {what}: {before} -> {after}")
    return notes
