"""Token recipe: every number of a run over tokens, chosen by kind of network, amount of text and effort."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.language.shapes import MANY
from macaw.training.numbers import check_number

# Tokens a minute of two cores with bfloat16: of few that there are, measured, and of many, a guess
_OF_LETTERS = {"recurrent": 3.3e6, "transformer": 1.3e6}
_OF_PIECES = {"recurrent": 1.2e6, "transformer": 0.5e6}
_MINUTES = 10.0  # of effort 1
_PASSES = 8.0  # over a small text from weights that can read already, and soon would know it by heart


@dataclass(frozen=True)
class TokenRecipe:
    """One training. Rates are per step; `epochs` are passes over the text."""

    epochs: float = 10.0
    minutes: float | None = None  # when given, the schedule follows the clock and `epochs` is a guess
    batch: int = 32  # windows of a step
    length: int = 128  # tokens of a window
    rate: float = 0.02  # Muon, on the matrices inside a Transformer
    plain: str = "adam"  # what steps everything else: "adam" (AdamW), or "sgd"
    plain_rate: float = 3e-3  # its rate
    momentum: float = 0.95  # Muon's, and that of SGD where it is not 0
    decay: float = 0.1  # of Muon's matrices, times its rate, where a step does not go against it
    plain_decay: float = 0.0
    clip: float = 1.0  # largest norm of a gradient; 0 leaves them
    warmup: float = 0.02  # share of the run in which the rates rise
    average: str = "ema"  # the weights that are kept: "ema", or "asgd": Merity et al.'s, at a constant rate
    ema: float = 0.995
    patience: int = 0  # evaluations without a better score before stopping; 0 never stops early
    precision: str = "auto"  # float32, bfloat16, or auto: bfloat16 where the machine has it
    seed: int = 0
    start_size: ClassVar[float] = 1.0  # of pictures, which there are none of

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for the card."""
        return asdict(self)

    def override(self, **changes: Any) -> TokenRecipe:
        """A recipe with some numbers changed.

        Raises UnknownName for a number there is none of, InputError for one that cannot be.
        """
        known = list(self.__dataclass_fields__)
        for name, value in changes.items():
            if name not in known or name == "start_size":
                hint = did_you_mean(name, known)
                raise UnknownName(f"a recipe has no '{name}'.{hint} It has: {', '.join(known)}")
            _check(name, value)
        return replace(self, **changes)


_WORDS = {"plain": ("adam", "sgd"), "average": ("ema", "asgd"), "precision": ("auto", "float32", "bfloat16")}
_WHOLE = ("batch", "length", "patience", "seed")
_POSITIVE = ("epochs", "batch", "length", "rate", "plain_rate")
_SHARES = ("momentum", "warmup", "ema")


def _check(name: str, value: Any) -> None:
    """Refuse a value with which the loop cannot run."""
    if name in _WORDS:
        if value not in _WORDS[name]:
            hint = did_you_mean(str(value), _WORDS[name])
            raise UnknownName(f"{name}={value!r}: {' or '.join(_WORDS[name])}.{hint}")
        return
    if name == "minutes" and value is None:
        return
    check_number(name, value, whole=_WHOLE, positive=_POSITIVE, shares=_SHARES)


def choose(
    kind: str,
    tokens: int,
    *,
    effort: float = 1.0,
    minutes: float | None = None,
    seed: int = 0,
    start: str = "scratch",
    vocabulary: int = 0,
) -> TokenRecipe:
    """The recipe of a "recurrent" network or a "transformer" for so many tokens of text.

    `effort` 1 reads as many tokens of a `vocabulary` of that size as two cores do in ten minutes, each at
    most 30 times over; 2 twice as many. By the clock, `epochs` are what is to be expected. From a `start` of
    weights that were "trained" before, a small text is read at most 8 times. Rates stay: the LSTM of novels
    came in a pass over tiny Shakespeare to 1.954 bits a byte, at a fourth of them to 2.052; over children's
    stories, of which it knew most, to 1.543 and 1.546. Raises InputError for an effort that is not above 0.
    """
    if not 0 < effort < math.inf:
        raise InputError(f"effort={effort}: a number above 0 (1 is the default, 2 twice the work)")
    a_minute = (_OF_PIECES if vocabulary > MANY else _OF_LETTERS)[kind] / max(1, tokens)
    passes = 30.0 if start == "scratch" else _PASSES
    epochs = effort * min(passes, _MINUTES * a_minute) if minutes is None else minutes * a_minute
    common: dict[str, Any] = {"epochs": epochs, "minutes": minutes, "seed": seed}
    if kind == "recurrent":
        return TokenRecipe(batch=32, length=64, plain_rate=4e-3, clip=1.0, **common)
    return TokenRecipe(batch=16, length=256, **common)
