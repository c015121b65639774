"""Token options: what a user may choose of the training of one network over tokens; known without torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.language.shapes import SHAPES, Shape
from macaw.language.token_recipe import TokenRecipe, choose

_DIALS = {"recurrent": 1, "transformer": 4}
# Passes over a text from which a network learns it by heart unless it is hindered; a Transformer that makes
# six is the worse for it: on the text of below 1.480 nats without, 1.488 with
OFTEN = {"recurrent": 5.0, "transformer": 10.0}
# The last twentieth of what of tiny Shakespeare is learned from: width 256 without these came to 1.842 nats a
# character in ten minutes of two cores, with these 384 came to 1.496 and 512 to 1.466 in five
_DROPPED = {"dropout": 0.3, "weight_drop": 0.2}
_LARGER = {"width": 512, **_DROPPED}


@dataclass(frozen=True)
class TokenOptions:
    """What a user may choose; None lets the text decide."""

    network: str = "transformer"  # or "recurrent"
    effort: float = 1.0
    minutes: float | None = None
    seed: int = 0
    dial: float | None = None  # size of the network: layers of a Transformer, share of the usual width
    device: str = "auto"  # "cpu", "cuda", or auto: the GPU where there is one
    numbers: tuple[tuple[str, Any], ...] = ()  # of the network's shape, and of the recipe

    @classmethod
    def of(cls, **values: Any) -> TokenOptions:
        """Options from keywords; those it does not know itself are the network's or the recipe's.

        Raises UnknownName or InputError for a name or a value that cannot be.
        """
        own = {k: v for k, v in values.items() if k in cls.__dataclass_fields__ and k != "numbers"}
        rest = {k: v for k, v in values.items() if k not in own}
        options = cls(**own, numbers=tuple(sorted(rest.items())))
        if options.network not in SHAPES:
            hint = did_you_mean(options.network, SHAPES)
            raise UnknownName(f"network='{options.network}': {' or '.join(SHAPES)}.{hint}")
        for name in ("effort", "minutes", "dial"):
            value = getattr(options, name)
            if value is not None and not (isinstance(value, int | float | np.number) and 0 < value < np.inf):
                raise InputError(f"{name}={value!r}: a number above 0")
        if options.device not in {"auto", "cpu", "cuda"}:
            raise UnknownName(f"device='{options.device}': auto, cpu or cuda.")
        options.recipe(1)
        options.shape(2, options.recipe(1), never=None)
        return options

    def recipe(self, tokens: int, *, vocabulary: int = 0, start: str = "scratch") -> TokenRecipe:
        """The recipe for so many tokens of text, from a `start` of `choose`; the user's numbers in it."""
        dials: dict[str, Any] = {"effort": self.effort, "minutes": self.minutes, "seed": self.seed}
        return choose(self.network, tokens, vocabulary=vocabulary, start=start, **dials).override(
            **self._numbers(of_shape=False)
        )

    def shape(self, tokens: int, recipe: TokenRecipe, *, never: int | None) -> Shape:
        """The network for a vocabulary of so many tokens, the user's numbers in it."""
        numbers: dict[str, Any] = {"never": -1 if never is None else never}
        if self.network == "transformer":
            numbers |= {"context": recipe.length, "dropout": dropout_of(recipe)}
        elif recipe.epochs >= OFTEN["recurrent"]:
            numbers |= _LARGER if self.dial is None else _DROPPED
        dial: Any = self.dial or _DIALS[self.network]
        if self.network == "transformer" and dial != int(dial):
            raise InputError(f"dial={dial:g}: the layers of a Transformer, a whole number")
        return SHAPES[self.network].dialled(tokens, dial=dial, **(numbers | self._numbers(of_shape=True)))

    @property
    def of_shape(self) -> tuple[str, ...]:
        """The names among the user's numbers that only a new network can have."""
        return tuple(self._numbers(of_shape=True))

    def _numbers(self, *, of_shape: bool) -> dict[str, Any]:
        names = {one.name for one in fields(SHAPES[self.network])} - {"tokens", "never"}
        return {name: value for name, value in self.numbers if (name in names) == of_shape}


def dropout_of(recipe: TokenRecipe) -> float:
    """A Transformer's: text that is seen again and again is learned by heart without it."""
    return 0.1 if recipe.epochs >= OFTEN["transformer"] else 0.0
