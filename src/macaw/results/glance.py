"""Glance: what a language model made of its past at one turn, as far as a model of its kind can show it.

A Transformer shows where its heads looked, and what it would have said after each block; a recurrent network
which past tokens still move it; an n-gram the counts from which a probability was made; a mixture what each
of its parts brought. All of it says what a model used, none of it why.

Shapes: L blocks, P past tokens shown, K tokens of a ranking, C contexts
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import listed
from macaw.results.turns import DIGITS

NINE_TENTHS = 0.9


@dataclass(frozen=True, eq=False)
class Attention:
    """How each block of a Transformer shared its look among the past. Raises InputError for unfit shapes."""

    tokens: tuple[str, ...]  # (P,) the last that it could look at, oldest first
    mean: np.ndarray  # (L, P) 0..1, over the heads of a block
    most: np.ndarray  # (L, P) 0..1, of the head that looked there most
    rest: np.ndarray  # (L,) 0..1, the mean share of all tokens before those
    heads: int

    def __post_init__(self) -> None:
        shape = (len(self.rest), len(self.tokens))
        if self.mean.shape != shape or self.most.shape != shape:
            shapes = f"{self.mean.shape} and {self.most.shape}"
            raise InputError(f"attention of shape {shapes} is not that of {shape} blocks and tokens")

    def top(self, block: int, count: int = 3) -> list[tuple[str, float]]:
        """The tokens that a block looked at most, and the share of each."""
        order = np.argsort(-self.mean[block], kind="stable")[:count]
        return [(self.tokens[place], float(self.mean[block, place])) for place in order.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "tokens": list(self.tokens), "heads": self.heads,
            "mean": listed(self.mean), "most": listed(self.most), "rest": listed(self.rest),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Lens:
    """What a Transformer would have said after each of its blocks. Raises InputError for unfit shapes.

    The logit lens (nostalgebraist 2020, lesswrong.com/posts/AcKRB8wDpdaN6v6ru).
    """

    names: tuple[tuple[str, ...], ...]  # (L, K) the likeliest after each block, the likeliest first
    probs: np.ndarray  # (L, K) 0..1
    came: np.ndarray  # (L,) 0..1, of the token that came
    ranks: np.ndarray  # (L,) int, of that token, from 1

    def __post_init__(self) -> None:
        blocks = len(self.names)
        if self.probs.shape != (blocks, len(self.names[0]) if blocks else 0):
            raise InputError(f"probabilities {self.probs.shape} are not those of the {blocks} rows of names")
        if self.came.shape != (blocks,) or self.ranks.shape != (blocks,):
            raise InputError(f"the token that came has {self.came.shape} values; give one for each block")

    @property
    def settled(self) -> int:
        """From which block on, counted from 1, its first choice stays the last block's."""
        firsts = [row[0] for row in self.names]
        return 1 + max((n for n, name in enumerate(firsts, start=1) if name != firsts[-1]), default=0)

    def to_dict(self) -> dict[str, Any]:
        """A row for each block."""
        rows = zip(self.names, self.probs, self.came, self.ranks, strict=True)
        return {
            "settled": self.settled,
            "blocks": [
                {
                    "tokens": [
                        {"name": name, "prob": listed(prob, DIGITS)}
                        for name, prob in zip(names, probs, strict=True)
                    ],
                    "came": listed(came, DIGITS),
                    "rank": int(rank),
                }
                for names, probs, came, rank in rows
            ],
        }


@dataclass(frozen=True, eq=False)
class Pull:
    """How much each of the past tokens moves what comes. Raises InputError for unfit shapes."""

    by: str  # "gradient" or "erasure"
    tokens: tuple[str, ...]  # (P,) oldest first
    values: np.ndarray  # (P,) 0 or more: by erasure bits, by gradient nats for one unit of an embedding

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.tokens),):
            raise InputError(f"{len(self.tokens)} tokens have values of shape {self.values.shape}")

    @property
    def reach(self) -> int:
        """How many tokens back nine tenths of all pull lie; 0 where nothing pulls."""
        total = float(self.values.sum())
        back = np.cumsum(self.values[::-1])
        return int(np.searchsorted(back, NINE_TENTHS * total) + 1) if total > 1e-9 else 0

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """The tokens that pull most, and how much."""
        order = np.argsort(-self.values, kind="stable")[:count]
        return [(self.tokens[place], float(self.values[place])) for place in order.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        values = listed(self.values, DIGITS)
        return {"by": self.by, "tokens": list(self.tokens), "values": values, "reach": self.reach}


class Rung(NamedTuple):
    """One context of an n-gram, and what its counts add to the probability of the token that came."""

    context: str  # as people read it; nothing for no context
    total: int  # counted after it
    times: int  # of which the token that came
    kinds: int  # different tokens counted after it
    firsts: tuple[tuple[str, int], ...]  # the commonest of them
    weight: float  # 0..1, what the longer contexts have left for this one
    share: float  # 0..1, of the token here, after discounting

    @property
    def adds(self) -> float:
        """What it adds to the probability."""
        return self.weight * self.share

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, and what it adds."""
        numbers = {"weight": self.weight, "share": self.share, "adds": self.adds}
        firsts = [{"name": name, "count": count} for name, count in self.firsts]
        told = self._asdict() | {name: round(value, DIGITS) for name, value in numbers.items()}
        return told | {"firsts": firsts}


@dataclass(frozen=True)
class Ladder:
    """From which counts an n-gram made a probability: the longest context that it knows first.

    The longest context counts how often a token came; a shorter one after how many different tokens it did
    (interpolated modified Kneser-Ney, Chen and Goodman 1999, DOI 10.1006/csla.1999.0128).
    """

    rungs: tuple[Rung, ...]  # (C,) longest first
    prob: float  # 0..1, of the token that came

    @property
    def rest(self) -> float:
        """What every token is given alike, seen or not."""
        return max(0.0, self.prob - sum(rung.adds for rung in self.rungs))

    def to_dict(self) -> dict[str, Any]:
        """Every context, and what is left."""
        rungs = [rung.to_dict() for rung in self.rungs]
        return {"prob": round(self.prob, DIGITS), "rest": round(self.rest, DIGITS), "rungs": rungs}


class Share(NamedTuple):
    """One part of a mixture at one turn."""

    name: str
    weight: float  # 0..1, of the part, whatever the text
    prob: float  # 0..1, what it gave the token that came
    brought: float  # 0..1, its share of the mixture's probability

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        numbers = {name: round(value, DIGITS) for name, value in self._asdict().items() if name != "name"}
        return {"name": self.name, **numbers}


@dataclass(frozen=True, eq=False)
class Glance:
    """What one model made of its past at one turn; what its kind cannot show is None, or nothing."""

    model: str  # what it is called
    step: int  # the turn, from 1
    token: str  # that came there, as people read it
    attention: Attention | None = None
    lens: Lens | None = None
    pull: Pull | None = None
    ladder: Ladder | None = None
    shares: tuple[Share, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        parts = {"attention": self.attention, "lens": self.lens, "pull": self.pull, "ladder": self.ladder}
        about = {"model": self.model, "turn": self.step, "token": self.token}
        told = {name: one.to_dict() if one is not None else None for name, one in parts.items()}
        return about | told | {"shares": [one.to_dict() for one in self.shares]}
