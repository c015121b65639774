"""Asked: what every explanation is given: one picture, some ways to explain it, a class by its name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from macaw.data.inputs import Input
from macaw.data.sources import source_name
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.model import Model


def one_answer(model: Model, picture: Input) -> Any:
    """The model's answer to one picture, with the picture.

    Raises InputError for what stands for several, or for none.
    """
    answers = list(itertools.islice(model.stream(picture, batch=1), 2))
    if len(answers) != 1:
        found = "several pictures" if answers else "no picture"
        raise InputError(f"'{source_name(picture)}' stands for {found}; an explanation is of one")
    return answers[0]


def chosen_ways(by: str | Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The ways to go, each once.

    Raises UnknownName for one that is not known, InputError for none at all.
    """
    ways, listed = [by] if isinstance(by, str) else by, list(known)
    for way in ways:
        if way not in listed:
            raise UnknownName(
                f"no way '{way}' to explain.{did_you_mean(way, listed)} There are: {', '.join(listed)}"
            )
    if not ways:
        raise InputError(f"no way to explain was given; there are: {', '.join(listed)}")
    return tuple(dict.fromkeys(ways))


def class_place(name: str, names: Sequence[str]) -> int:
    """Where a class stands in the table.

    Raises UnknownName.
    """
    if name not in names:
        hint = did_you_mean(name, names) or f" It has {len(names):,} classes, in card.names."
        raise UnknownName(f"the model knows no class '{name}'.{hint}")
    return names.index(name)
