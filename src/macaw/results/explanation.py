"""Explanation: how the answer to one picture came about, as values, one page, one picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, UnknownName
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.evidence import Heat, Sanity, Trial, listed, short
from macaw.results.insides import Ledger, LevelView, Neighbours
from macaw.results.labels import Labels

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.heat import Frame

# Shapes: S side of the picture as the model saw it


@dataclass(frozen=True, eq=False)
class Explanation(Result):
    """Why a model says `target` of a picture, and not `against` where that is given.

    Every part may be missing; `notes` say why. Raises InputError when the parts do not fit together,
    UnknownName for a class that the answer does not rank.
    """

    answer: Labels  # with its picture
    target: str  # the class that is explained
    seen: np.ndarray  # (S, S, 3) uint8, what reached the model
    frame: Frame  # where that lies on the picture: left, top, right, bottom, in its pixels
    against: str = ""  # the class it is held against, or nothing
    model: str = ""  # what its card calls it
    maps: tuple[Heat, ...] = ()
    guess: Trial | None = None  # how a map does that knows nothing, and points at the centre
    sanity: Sanity | None = None  # of the map by gradient
    neighbours: Neighbours | None = None
    ledger: Ledger | None = None
    levels: tuple[LevelView, ...] = ()  # fine to coarse
    notes: tuple[str, ...] = ()  # a line for each thing that could not be shown, and why

    def __post_init__(self) -> None:
        if self.answer.picture is None:
            raise InputError("the answer holds no picture; an explanation is drawn over one")
        for name in filter(None, (self.target, self.against)):
            if name not in self.answer.names:
                raise UnknownName(f"the answer ranks no class '{name}'")
        side = self.seen.shape[0]
        if self.seen.shape != (side, side, 3) or self.seen.dtype != np.uint8:
            raise InputError(f"what was seen is {self.seen.dtype} of shape {self.seen.shape}; it is a square")
        for heat in self.maps:
            if heat.values.shape != (side, side):
                raise InputError(f"the map by {heat.by} has shape {heat.values.shape}, what was seen {side}")

    @property
    def question(self) -> str:
        """What is explained, as a question."""
        other = f" and not “{self.against}”" if self.against else ""
        return f"Why “{self.target}”{other}?"

    @property
    def headline(self) -> str:
        """The question, and the probability it is about."""
        return f"{self.question} {100 * self.answer[self.target]:.1f} %"

    def map(self, by: str) -> Heat:
        """The map by "gradient" or by "occlusion".

        Raises UnknownName when it was not made.
        """
        for heat in self.maps:
            if heat.by == by:
                return heat
        made = ", ".join(heat.by for heat in self.maps) or "none"
        raise UnknownName(f"this explanation has no map by '{by}'; it has: {made}")

    @property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: the photograph."""
        return np.asarray(self.answer.picture)

    def __str__(self) -> str:
        from macaw.results.explanation_words import found, near

        lines = [
            self.headline,
            found(self),
            self.sanity.words if self.sanity else "",
            near(self),
            *self.notes,
        ]
        return "\n  ".join(filter(None, lines))

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures and feature maps, as plain values."""
        return {
            "question": self.question,
            "model": self.model,
            "answer": self.answer.to_dict(),
            "target": {"name": self.target, "probability": short(self.answer[self.target])},
            "against": self.against,
            "frame": listed(np.asarray(self.frame), 2),
            "maps": [heat.to_dict() for heat in self.maps],
            "centre_first": self.guess.to_dict() if self.guess else None,
            "sanity": self.sanity.to_dict() if self.sanity else None,
            "neighbours": self.neighbours.to_dict() if self.neighbours else None,
            "head": self.ledger.to_dict() if self.ledger else None,
            "levels": [level.to_dict() for level in self.levels],
            "notes": list(self.notes),
        }

    def plot(self) -> Image:
        """One sheet: photograph and answer, maps and their trials, neighbours, the head's channels."""
        from macaw.results.explanation_sheet import draw_explanation

        return draw_explanation(self)

    def to_html(self) -> str:
        """One self-contained page for whoever wants to know why; loads nothing and runs no script."""
        from macaw.results.explanation_page import explanation_page

        return explanation_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The maps with their scale and what they say, for a page that shows several answers."""
        from macaw.results.explanation_page import explanation_fragment

        return explanation_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (the values), `.png`, `.jpg` or `.webp` (a sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save an explanation as '{path.name}': use .html, .png, .jpg or .json")
        return super().save(path)
