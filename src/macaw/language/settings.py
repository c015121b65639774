"""Settings: how the next token is drawn: temperature, what is cut, what is discouraged.

They are values that travel with a text, so that whoever reads it can say how it came about, and make it
again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from macaw.errors import InputError, UnknownName, did_you_mean

# What each may be: least, most, and how to say it. The value that changes nothing is its default.
_RANGES: dict[str, tuple[float, float, str]] = {
    "temperature": (0.0, float("inf"), "0 (always the likeliest) or more"),
    "top_k": (0, float("inf"), "a whole number; 0 cuts nothing"),
    "top_p": (0.0, 1.0, "above 0 and at most 1; 1 cuts nothing"),
    "min_p": (0.0, 1.0, "0 to 1; 0 cuts nothing"),
    "typical": (0.0, 1.0, "above 0 and at most 1; 1 cuts nothing"),
    "repetition": (0.0, float("inf"), "above 0; 1 changes nothing, 1.1 to 1.3 discourages repetition"),
    "presence": (-2.0, 2.0, "-2 to 2; 0 changes nothing"),
    "frequency": (-2.0, 2.0, "-2 to 2; 0 changes nothing"),
    "no_repeat": (0, float("inf"), "a whole number of tokens; 0 forbids nothing"),
}
_ABOVE_ZERO = {"top_p", "typical", "repetition"}
_WHOLE = {"top_k", "no_repeat"}


@dataclass(frozen=True)
class Settings:
    """How to draw; as it stands, from the model's own probabilities. `macaw.language.warpers` does it.

    Raises InputError for a value out of its range, with the range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical: float = 1.0
    repetition: float = 1.0
    presence: float = 0.0
    frequency: float = 0.0
    no_repeat: int = 0

    def __post_init__(self) -> None:
        for name, (least, most, words) in _RANGES.items():
            value = getattr(self, name)
            whole = name not in _WHOLE or (isinstance(value, int) and not isinstance(value, bool))
            inside = whole and least <= value <= most and value != float("inf")
            if not inside or (name in _ABOVE_ZERO and value == 0):
                raise InputError(f"{name} is {value}; it must be {words}")

    @property
    def changed(self) -> dict[str, float]:
        """What differs from drawing from the model's own probabilities."""
        held = [(one.name, getattr(self, one.name), one.default) for one in fields(self)]
        return {name: value for name, value, plain in held if value != plain}

    @property
    def looks_back(self) -> bool:
        """Whether what was written before changes what may come: the penalties of repetition."""
        return not {"repetition", "presence", "frequency", "no_repeat"}.isdisjoint(self.changed)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Settings:
        """The settings of `changed`, or of what a user wrote.

        Raises UnknownName for a setting there is not, InputError for a value out of its range.
        """
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                words = f"there is no setting '{name}'; there are: {', '.join(known)}."
                raise UnknownName(words + did_you_mean(name, known))
        return cls(**values)

    def __str__(self) -> str:
        words = ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in self.changed.items())
        return words or "the model's own probabilities"


PLAIN = Settings()
GREEDY = Settings(temperature=0.0)
