"""Text options: what a user may choose when a language model is trained: its kind, its tokens, its start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.language.shapes import SHAPES
from macaw.language.token_options import TokenOptions
from macaw.language.token_recipe import TokenRecipe
from macaw.language.vocabulary import KINDS

NETWORKS = ("ngram", "recurrent", "transformer", "mixture")
_COUNTING = ("order", "prune", "entries")
_IDLE = {"effort", "minutes", "seed", "device"}  # of an n-gram, which is counted at once: they change nothing
_STARTS = ("auto", "embedded", "scratch")


@dataclass(frozen=True)
class Options:
    """What a user may choose; None lets the row and the text decide."""

    network: str | None = None  # one of NETWORKS; "mixture" is an n-gram and a recurrent network as one
    vocabulary: str | None = None  # one of KINDS to learn, or a model's folder whose vocabulary to take
    tokens: int | None = None  # the most that a new vocabulary may have
    start: str = "auto"  # "embedded", "scratch", a model's folder; "auto": embedded where that suits the text
    order: int | None = None  # of the n-gram
    prune: tuple[int, ...] = ()  # thresholds of order 1, 2 ... up to which n-grams are dropped
    entries: int | None = None  # n-grams to keep at most
    canaries: int | None = None  # secrets to plant in the training text, whose exposure is then measured
    network_options: tuple[tuple[str, Any], ...] = ()  # of TokenOptions, its numbers among them

    @classmethod
    def of(cls, **values: Any) -> Options:
        """Options from keywords: its own, those of `TokenOptions`, of a network's shape and of its recipe.

        Raises UnknownName or InputError for a name or a value that cannot be.
        """
        own = {one.name for one in fields(cls)} - {"network_options"}
        known = _known()
        values = {name: value for name, value in values.items() if value is not None}
        for name in values:
            if name not in known:
                raise UnknownName(
                    f"training a language model has no option '{name}'.{did_you_mean(name, known)} "
                    f"There are: {', '.join(known)}"
                )
        given = {name: value for name, value in values.items() if name in own}
        rest = tuple(sorted((name, value) for name, value in values.items() if name not in own))
        for name in ("vocabulary", "start"):
            if name in given:
                given[name] = str(given[name])
        for name in ("tokens", "order", "entries", "canaries"):
            if name in given:
                given[name] = _whole(name, given[name])
        if "prune" in given:
            given["prune"] = _thresholds(given["prune"])
        options = cls(**given, network_options=rest)
        options._check()
        return options

    @property
    def origin(self) -> str:
        """What the network starts from: `start`, and from scratch where something new is asked for."""
        return "scratch" if self.start == "auto" and self._new else self.start

    @property
    def folder(self) -> Path | None:
        """The model's folder to start from; None for a start without one."""
        return None if self.start in _STARTS else Path(self.start)

    def of_network(self, kind: str) -> TokenOptions:
        """What is chosen of a network of this kind. Raises as `TokenOptions.of`."""
        return TokenOptions.of(network=kind, **dict(self.network_options))

    @property
    def minutes(self) -> float | None:
        """That all of it may take."""
        return dict(self.network_options).get("minutes")

    @property
    def seed(self) -> int:
        """Of everything random."""
        return int(dict(self.network_options).get("seed", 0))

    @property
    def _new(self) -> str:
        """What is chosen that only a network from scratch can have; '' for nothing."""
        chosen = dict(self.network_options)
        shaped = [*_shape_names(), "dial"]
        names = [name for name in ("vocabulary", "tokens") if getattr(self, name) is not None]
        names += [name for name in shaped if chosen.get(name) is not None]
        return names[0] if names else ""

    def _check(self) -> None:
        if self.network is not None and self.network not in NETWORKS:
            hint = did_you_mean(str(self.network), NETWORKS)
            raise UnknownName(
                f"network='{self.network}': {', '.join(NETWORKS[:-1])} or {NETWORKS[-1]}.{hint}"
            )
        self._check_places()
        if self.network == "ngram":
            self._check_ngram()
            return
        for name in _COUNTING:
            if self.network in SHAPES and getattr(self, name):
                raise InputError(
                    f"{name}={getattr(self, name)} is of an n-gram, and network='{self.network}' has none; "
                    "leave it out, or train network=mixture"
                )
        self._check_shape("transformer" if self.network == "transformer" else "recurrent")
        if self._new and self.start not in {"auto", "scratch"}:
            raise InputError(f"{self._new} is of a new network, start='{self.start}' has its own; give one")

    def _check_shape(self, kind: str) -> None:
        """Refuse numbers of another kind of network, and those that cannot be."""
        fit = [one.name for one in fields(SHAPES[kind])]
        for name, value in self.network_options:
            if name in _shape_names() and name not in fit:
                words = "Transformer" if kind == "recurrent" else "recurrent network"
                wanted = f"; give network={self.network or 'recurrent'} one of its own, or another network"
                raise InputError(f"{name}={value} is of a {words}{wanted}")
        self.of_network(kind)

    def _check_places(self) -> None:
        """A vocabulary and a start are words, or folders that are there."""
        for name, words in (("vocabulary", KINDS), ("start", _STARTS)):
            value = getattr(self, name)
            if value is not None and value not in words and not Path(value).is_dir():
                hint = did_you_mean(value, words)
                raise UnknownName(f"{name}='{value}': {', '.join(words)}, or a model's folder.{hint}")
        if self.tokens is not None and self.vocabulary is not None and self.vocabulary not in KINDS:
            raise InputError(
                f"tokens={self.tokens}: the vocabulary of '{self.vocabulary}' has its own number"
            )

    def _check_ngram(self) -> None:
        """An n-gram is counted: nothing of it is stepped, and there is nothing that it could start from."""
        needless = [name for name, _ in self.network_options if name not in _IDLE]
        if needless:
            raise InputError(
                f"an n-gram is counted, it has no '{needless[0]}'; it has: vocabulary, tokens, "
                f"{', '.join(_COUNTING)}"
            )
        if self.start not in {"auto", "scratch"}:
            raise InputError(
                f"start='{self.start}': an n-gram is counted from nothing; vocabulary=FOLDER takes the "
                "vocabulary of another model"
            )


def _known() -> list[str]:
    own = [one.name for one in fields(Options) if one.name != "network_options"]
    network = [one.name for one in fields(TokenOptions) if one.name not in {"network", "numbers"}]
    recipe = [one.name for one in fields(TokenRecipe)]
    return list(dict.fromkeys([*own, *network, *_shape_names(), *recipe]))


def _shape_names() -> list[str]:
    names = [one.name for kind in SHAPES.values() for one in fields(kind)]
    return [name for name in dict.fromkeys(names) if name not in {"tokens", "never"}]


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or value != int(value):
        raise InputError(f"{name}={value!r}: a whole number")
    if value < 1:
        raise InputError(f"{name}={value!r}: 1 or more")
    return int(value)


def _thresholds(value: Any) -> tuple[int, ...]:
    """`0,0,1` as the command line gives it, a number, or a row of them."""
    parts: Sequence[Any] = value.split(",") if isinstance(value, str) else np.atleast_1d(value).tolist()
    try:
        found = tuple(int(one) for one in parts)
    except (TypeError, ValueError):
        raise InputError(f"prune={value!r}: whole numbers, of order 1, 2 and so on, such as 0,0,1") from None
    return found
