"""Autoregression: how a text came about, one token at a time, as values, one page, one picture.

P(x1 ... xn) = P(x1) P(x2 | x1) ... P(xn | x1 ... xn-1): every language model writes and scores by this
product.

Shapes: T tokens of the whole text, N of them shown, M models
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.evidence import listed, short
from macaw.results.glance import Glance
from macaw.results.turns import Turn

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.console import Group


@dataclass(frozen=True, eq=False)
class Autoregression(Result):
    """A text, and the last of its tokens one by one, each with what could have come in its place.

    Raises InputError when the parts do not fit together.
    """

    ids: np.ndarray  # (T,) int32, prompt and all that was added
    turns: tuple[Turn, ...]  # (N,) of the last N tokens
    given: int  # how many tokens of the text are the prompt
    lead: str = ""  # the text before the first turn
    before: float = 0.0  # natural-log probability of that, with the document's start in front
    model: str = ""  # what its card calls it
    settings: dict[str, float] = field(
        default_factory=dict
    )  # what differs from the model's own probabilities
    seed: int = 0
    limit: int = 0  # tokens that were to be added at most
    ends: str = ""  # "end" or "limit": why nothing follows
    notes: tuple[str, ...] = ()  # a line for each thing that could not be shown, and why
    inside: tuple[Glance, ...] = ()  # what the model and those beside it made of their past, at one turn

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or not 0 < len(self.turns) <= len(self.ids):
            raise InputError(
                f"{len(self.turns)} turns and ids of shape {self.ids.shape}; show one or more tokens"
            )
        shown = [turn.token for turn in self.turns]
        if self.ids[len(self.ids) - len(shown) :].tolist() != shown:
            raise InputError("the turns are not those of the last tokens of the text")
        if len({tuple(one.name for one in turn.opinions) for turn in self.turns}) > 1:
            raise InputError(
                "turns have opinions of different models; each needs one of every model beside it"
            )
        if not 0 <= self.given <= len(self.ids):
            raise InputError(
                f"the prompt is {self.given} of {len(self.ids)} tokens; it cannot be longer than the text"
            )
        for one in self.inside:
            if not 1 <= one.step <= len(self.turns):
                raise InputError(f"turn {one.step} was looked into; the text has 1 to {len(self.turns)}")

    @property
    def prompt(self) -> str:
        """The text that was given."""
        return self.lead + "".join(turn.text for turn in self.turns if turn.how == "given")

    @property
    def text(self) -> str:
        """The text that was added."""
        return "".join(turn.text for turn in self.turns if turn.how != "given")

    @property
    def running(self) -> np.ndarray:
        """(N,) float64: natural-log probability of the text up to and with each turn, by the chain rule."""
        return np.asarray(self.before + np.cumsum([-turn.bits * np.log(2) for turn in self.turns]))

    @property
    def bits(self) -> dict[str, float]:
        """Bits that the shown tokens cost this model and each beside it."""
        costs = {self.model or "the model": float(sum(turn.bits for turn in self.turns))}
        for place, one in enumerate(self.turns[0].opinions):
            costs[one.name] = float(sum(turn.opinions[place].bits for turn in self.turns))
        return costs

    @property
    def headline(self) -> str:
        """The text, on one line."""
        return " ".join(f"{self.prompt}{self.text}".split())

    def __str__(self) -> str:
        from macaw.results.autoregression_text import plain

        return plain(self)

    def __rich__(self) -> Group:
        from macaw.results.autoregression_text import coloured

        return coloured(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values: what a page needs to show it and to ask for another branch."""
        return {
            "model": self.model,
            "prompt": self.prompt,
            "text": self.text,
            "ids": self.ids.tolist(),
            "given": self.given,
            "lead": self.lead,
            "settings": dict(self.settings),
            "seed": self.seed,
            "limit": self.limit,
            "ends": self.ends,
            "before": short(self.before),
            "running": listed(self.running),
            "bits": {name: short(bits) for name, bits in self.bits.items()},
            "turns": [{"turn": n, **turn.to_dict()} for n, turn in enumerate(self.turns, start=1)],
            "inside": [one.to_dict() for one in self.inside],
            "notes": list(self.notes),
        }

    def plot(self) -> Image:
        """One sheet: the text, the surprise of each token, the last turns, what was made of the past."""
        from macaw.results.autoregression_sheet import draw_autoregression

        return draw_autoregression(self)

    def to_html(self) -> str:
        """One self-contained page, with a place for every token; loads nothing and runs no script."""
        from macaw.results.autoregression_page import autoregression_page

        return autoregression_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The text, each token the darker the more it surprised, for a page that shows several answers."""
        from macaw.results.autoregression_page import autoregression_fragment

        return autoregression_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (the values), `.png`, `.jpg` or `.webp` (a sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        return super().save(path)
