"""Record: one evaluation, with everything that is needed to judge it and to run it again."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from macaw.errors import DataError, InputError
from macaw.results.measures import Interval

FORMAT = 1
USUAL = ("onnxruntime", "numpy")  # engines that a command need not name: of what sees, and of what writes
DIGITS = 10  # of a row's name


@dataclass(frozen=True)
class Record:
    """One row of the board. Raises InputError without a metric, or for a time that is none."""

    task: str  # the row of the table: "classify"
    data: str  # what the data set is called
    path: str  # where it lay, absolute
    content: str  # SHA-256 of its pictures and labels, hex
    split: str  # train, val, test or what the data calls its own
    count: int  # examples that were scored
    metrics: dict[str, Interval]  # by name: 'top-1 error' ...
    model: str  # what its card calls it
    reference: str  # what `macaw.load` takes: an application, an absolute folder, a place on the Hub
    weights: str  # SHA-256 of its weights and of how it is fed and read, hex
    engine: str  # what computed the core
    seed: int  # of the intervals' resamples
    commit: str  # of the folder where it was run, or macaw's version where that is no checkout
    machine: str  # what it ran on
    time: str  # when it was scored, UTC: 2026-11-24T05:53:22Z
    seconds: float  # how long the answers took

    def __post_init__(self) -> None:
        if not self.metrics:
            raise InputError("a record needs a metric; none was given")
        try:
            _ = self.when
        except ValueError as problem:
            raise InputError(f"the time '{self.time}' is none; write it as 2026-11-24T05:53:22Z") from problem

    @property
    def row(self) -> str:
        """Its name on the board: the beginning of the hash of all its fields."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]

    @property
    def when(self) -> datetime:
        """When it was scored, with its time zone."""
        return datetime.fromisoformat(self.time).astimezone(UTC)

    @property
    def command(self) -> str:
        """What evaluates the same again, for a shell."""
        words = ["macaw", "evaluate", self.reference, self.path, "--split", self.split]
        return shlex.join(words if self.engine in USUAL else [*words, "--engine", self.engine])

    def to_dict(self) -> dict[str, Any]:
        """Every field, with the format, the row's name and the command."""
        return {"format": FORMAT, "row": self.row, **asdict(self), "command": self.command}

    @classmethod
    def of(cls, values: Any) -> Record:
        """The record that `to_dict` gave; fields it does not know are passed over. Raises DataError."""
        if not isinstance(values, dict):
            raise DataError(f"it holds a {type(values).__name__}, not an object of fields")
        if not isinstance(values.get("format"), int) or values["format"] > FORMAT:
            raise DataError(
                f"it has format {values.get('format')}, and this macaw reads {FORMAT}; upgrade macaw"
            )
        found = {}
        for one in fields(cls):
            kind = _KINDS.get(one.name, str)
            if not isinstance(values.get(one.name), kind):
                raise DataError(f"its field '{one.name}' is missing or of another type")
            found[one.name] = values[one.name]
        try:
            found["metrics"] = {name: Interval(**value) for name, value in found["metrics"].items()}
            return cls(**found)
        except (TypeError, InputError) as problem:
            raise DataError(f"a value in it makes no sense ({problem})") from problem


_KINDS: dict[str, Any] = {"count": int, "seed": int, "seconds": int | float, "metrics": dict}
