"""Figure: one measured value beside the same of held-out text, with how it was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from macaw.results.measures import Interval


@dataclass(frozen=True)
class Figure:
    """A value that means nothing alone; both are None where it was not measured."""

    name: str
    value: Interval | None
    held: Interval | None  # of human text that the training text has not
    meaning: str  # what is counted, as a noun phrase
    decoding: str  # how the text was drawn from the model, or why nothing was

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name} not measured"
        beside = f", held-out {self.held.text}" if self.held is not None else ""
        return f"{self.name} {self.value.text}{beside}"

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        values = {"value": self.value, "held": self.held}
        about = {"name": self.name, "meaning": self.meaning, "decoding": self.decoding}
        return about | {name: one.to_dict() if one is not None else None for name, one in values.items()}
