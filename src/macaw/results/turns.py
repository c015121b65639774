"""Turns: what happened at each token of a text: alternatives, what was kept, what others expected.

Shapes: K alternatives
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.results.erasure import Erasure
from macaw.results.evidence import listed, short

How = Literal["given", "drawn", "taken"]  # from the prompt, by chance, by the reader's choice
DIGITS = 6  # of probabilities in a dictionary: rare tokens matter here
RAREST = 100.0  # bits: a token that a model never expects costs so many, for a figure must be finite


class Rule(NamedTuple):
    """What one setting did at one token."""

    name: str  # "top_k"
    value: float
    kept: int  # tokens that can still come
    mass: float  # 0..1: the probability that those had together before it

    @property
    def title(self) -> str:
        """As people write it: `top-k 40`."""
        return f"{self.name.replace('_', '-')} {self.value:g}"

    def to_dict(self) -> dict[str, Any]:
        """The setting, and what it kept."""
        return {"name": self.name, "value": self.value, "kept": self.kept, "mass": round(self.mass, DIGITS)}


@dataclass(frozen=True, eq=False)
class Opinion:
    """What another model expected at the same place."""

    name: str
    probs: np.ndarray  # (K,) 0..1, of the same alternatives
    logp: float  # natural-log probability of the token that came
    rank: int  # of that token, from 1
    counts: str = ""  # of an n-gram: how often it saw that token after the same words

    @property
    def bits(self) -> float:
        """How much the token would have surprised it; at most RAREST."""
        return bits(self.logp)

    def to_dict(self) -> dict[str, Any]:
        """Its probabilities of the alternatives, and of what came."""
        found = {"bits": short(self.bits), "rank": self.rank, "counts": self.counts}
        return {"name": self.name, "probs": listed(self.probs, DIGITS), **found}


@dataclass(frozen=True, eq=False)
class Turn:
    """One token of a text, and what could have come in its place.

    Raises InputError for shapes that do not fit, and where the token is none of the alternatives.
    """

    token: int
    text: str  # what it makes readable; nothing where it ends within a character
    how: How
    ids: np.ndarray  # (K,) int64, the likeliest first; the token itself is one of them
    names: tuple[str, ...]  # (K,)
    probs: np.ndarray  # (K,) 0..1, as the model says
    drawn: np.ndarray  # (K,) 0..1, after the settings: what it was drawn from
    cut: tuple[str, ...]  # (K,) the setting that cut each, or nothing
    logp: float  # natural-log probability of the token, as the model says
    rank: int  # of the token among all, by the model, from 1
    entropy: float  # bits: how open the model was
    rules: tuple[Rule, ...] = ()  # what each setting did, in order
    counts: str = ""  # of an n-gram: how often it saw the token after the same words
    opinions: tuple[Opinion, ...] = ()
    erasure: Erasure | None = None  # which past tokens it depends on

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        arrays = (self.ids, self.probs, self.drawn, *(one.probs for one in self.opinions))
        if any(array.shape != shape for array in arrays) or len(self.cut) != len(self.names):
            found = ", ".join(str(array.shape) for array in arrays)
            raise InputError(
                f"{len(self.names)} alternatives have arrays of shape {found}; give one value each"
            )
        if self.token not in self.ids:
            raise InputError(f"token {self.token} is none of the alternatives {self.ids.tolist()}")

    @property
    def place(self) -> int:
        """Where the token stands among the alternatives."""
        return int(np.flatnonzero(self.ids == self.token)[0])

    @property
    def name(self) -> str:
        """The token as people read it."""
        return self.names[self.place]

    @property
    def prob(self) -> float:
        """What the model gave the token, 0..1."""
        return float(self.probs[self.place])

    @property
    def bits(self) -> float:
        """Its surprise; at most RAREST."""
        return bits(self.logp)

    def find(self, name: str) -> int:
        """The id of the alternative called `name`.

        Raises UnknownName where it is not shown.
        """
        if name in self.names:
            return int(self.ids[self.names.index(name)])
        close = did_you_mean(name, self.names)
        raise UnknownName(f"'{name}' is not among the alternatives: {', '.join(self.names)}.{close}")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        alternatives = zip(self.ids, self.names, self.probs, self.drawn, self.cut, strict=True)
        return {
            "token": {"id": self.token, "name": self.name, "text": self.text, "how": self.how},
            "probability": round(self.prob, DIGITS),
            "bits": short(self.bits),
            "rank": self.rank,
            "entropy": short(self.entropy),
            "counts": self.counts,
            "alternatives": [
                {
                    "id": int(i),
                    "name": name,
                    "prob": listed(p, DIGITS),
                    "drawn": listed(d, DIGITS),
                    "cut": cut,
                }
                for i, name, p, d, cut in alternatives
            ],
            "rules": [one.to_dict() for one in self.rules],
            "opinions": [one.to_dict() for one in self.opinions],
            "erasure": self.erasure.to_dict() if self.erasure else None,
        }


def bits(logp: float) -> float:
    """The surprise of a natural-log probability; at most RAREST."""
    return min(RAREST, max(0.0, -logp / float(np.log(2))))
