"""Box explanation: how a detector came to one box, as values, one page, one picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.box_explanation_parts import BoxHeat, LevelScores, Proposals, Suppression
from macaw.results.box_mixture import Mixture
from macaw.results.boxes import Boxes, Detection
from macaw.results.evidence import listed, short

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.heat import Frame


@dataclass(frozen=True, eq=False)
class BoxExplanation(Result):
    """Why a detector puts `box` there, or, where it found none, how near it came.

    Every part may be missing, where nobody asked for it. Raises InputError when the parts do not fit
    together.
    """

    answer: Boxes  # all that was found, with its picture
    box: Detection  # the one that is explained
    place: int  # its rank in the answer, from 1; 0 where it lies below the threshold, so nothing was found
    threshold: float  # the score that a box needs, 0..1
    sheet: Frame  # where what the model saw lies on the picture, bars included: in its pixels, beyond it too
    side: int  # pixels of that, which is square
    target: str = ""  # the class that was asked about, or nothing
    model: str = ""  # what its card calls it
    levels: tuple[LevelScores, ...] = ()  # what each cell gives the class of the box, fine to coarse
    claims: Proposals | None = None  # cells whose own box is this one, or nearly; overlaps are with it
    classes: tuple[tuple[str, float], ...] = ()  # what the box's cell gives each class, highest first
    suppression: Suppression | None = None
    misses: Proposals | None = None  # boxes of the picture just below the threshold; overlaps are with `box`
    heat: BoxHeat | None = None
    mixture: Mixture | None = None  # of its outline, where the model gives one

    def __post_init__(self) -> None:
        if self.answer.picture is None:
            raise InputError("the answer holds no picture; an explanation is drawn over one")
        if self.box.name not in self.answer.names:
            raise InputError(f"the box is of class '{self.box.name}', which the answer does not know")
        if not 0 <= self.place <= len(self.answer):
            raise InputError(f"the box has rank {self.place} in an answer of {len(self.answer)}")
        if self.place and (name := self.answer[self.place - 1].name) != self.box.name:
            raise InputError(f"box {self.place} of the answer is “{name}”, not “{self.box.name}”")

    @property
    def found(self) -> bool:
        """Whether the box is part of the answer; else it would be, at a lower threshold."""
        return self.place > 0

    @property
    def question(self) -> str:
        """What is explained, as a question."""
        from macaw.results.box_explanation_words import question

        return question(self)

    @property
    def headline(self) -> str:
        """The question, and the score it is about."""
        from macaw.results.box_explanation_words import headline

        return headline(self)

    @property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: the photograph, perhaps smaller than it is."""
        return np.asarray(self.answer.picture)

    def __str__(self) -> str:
        from macaw.results.box_explanation_words import sentences

        return "\n  ".join([self.headline, *sentences(self)])

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures, as plain values."""
        names, name, score, xyxy = self.answer.names, *self.box
        return {
            "question": self.question,
            "model": self.model,
            "answer": self.answer.to_dict(),
            "box": {
                "name": name, "score": short(score), "xyxy": listed(np.asarray(xyxy), 2), "rank": self.place,
            },
            "threshold": self.threshold,
            "target": self.target,
            "levels": [level.to_dict() for level in self.levels],
            "claims": None if self.claims is None else self.claims.to_list(names),
            "classes": [{"name": one, "score": short(value)} for one, value in self.classes],
            "suppression": None if self.suppression is None else self.suppression.to_dict(names),
            "misses": None if self.misses is None else self.misses.to_list(names),
            "heat": None if self.heat is None else self.heat.to_dict(),
            "mixture": None if self.mixture is None else self.mixture.to_dict(),
        }  # fmt: skip

    def plot(self) -> Image:
        """One sheet: the boxes, the scores of every level, the map by covering, and what was not taken."""
        from macaw.results.box_explanation_sheet import draw_box_explanation

        return draw_box_explanation(self)

    def to_html(self) -> str:
        """One self-contained page for whoever wants to know why; loads nothing and runs no script."""
        from macaw.results.box_explanation_page import box_explanation_page

        return box_explanation_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The maps and what they say, for a page that shows several answers."""
        from macaw.results.box_explanation_page import box_explanation_fragment

        return box_explanation_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (the values), `.png`, `.jpg` or `.webp` (a sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save an explanation as '{path.name}': use .html, .png, .jpg or .json")
        return super().save(path)
