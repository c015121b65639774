"""Asked: what a user wants of a text that is to be written: how it is drawn, where it ends, and how often."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from macaw.card import Card
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.language.settings import PLAIN, Settings
from macaw.language.spelling import Stops

LIMIT = 128  # tokens, where neither the card nor the user says more
LIMITS = {"story": 600}  # and of rows whose texts are longer: a story ends when it is told
_SETTINGS = tuple(one.name for one in fields(Settings))


@dataclass(frozen=True)
class Asked:
    """The wishes of one request; `of` makes them of a model's card and of what the user wrote."""

    settings: Settings = PLAIN
    seed: int = 0
    limit: int = LIMIT  # tokens at the most
    stop: tuple[str, ...] = ()  # strings before the first of which the text ends
    count: int = 1  # continuations of each prompt

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("limit", 1), ("count", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"{name} is {value!r}; it must be a whole number, {least} or more")
        Stops(self.stop)

    @classmethod
    def of(cls, card: Card, *, task: str = "", **values: Any) -> Asked:
        """What the card's `decode` says, and over it `values`: settings by their names, and the fields above.

        None leaves a value as the card has it. `task` is the row that is asked, by default the card's. Raises
        UnknownName for a name there is not, InputError for a value that cannot be.
        """
        known = known_names()
        for name in values:
            if name not in known:
                hint = did_you_mean(name, known)
                raise UnknownName(f"there is no setting '{name}'.{hint} There are: {', '.join(known)}")
        default = {"limit": LIMITS.get(task or card.task, LIMIT)}
        own = {name: value for name, value in card.decode.items() if name in known}
        given = {name: value for name, value in values.items() if value is not None}
        merged = {name: _plain(name, value) for name, value in {**default, **own, **given}.items()}
        drawn = {name: merged.pop(name) for name in _SETTINGS if name in merged}
        return cls(Settings.of(drawn), **merged)


def known_names() -> list[str]:
    """All that can be asked for: the names of the settings, and seed, limit, stop and count."""
    return [*_SETTINGS, *(one.name for one in fields(Asked) if one.name != "settings")]


def _plain(name: str, value: Any) -> Any:
    """A value as Python has it. Raises InputError for what is no number, or no string to stop at."""
    if name == "stop":
        some = (value,) if isinstance(value, str) else value
        if not isinstance(some, list | tuple) or not all(isinstance(one, str) for one in some):
            raise InputError(f"stop is {value!r}; give a string, or a list of strings")
        return tuple(some)
    if isinstance(value, np.number):
        value = value.item()
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"{name} is {value!r}; it must be a number")
    return value
