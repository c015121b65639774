"""Point explanation: what lies behind the place of a key point, as values, page and picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.checks import own
from macaw.results.point_explanation_parts import Line
from macaw.results.points import Point, Points

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: K points, h and w pixels of what is drawn, Y and X places of the lines down and across


@dataclass(frozen=True, eq=False)
class PointExplanation(Result):
    """The two lines of probability from which a model read one point, and how wide those of all points are.

    Of a model that answers with maps the lines are what the point's map adds up to, and the map is here too.

    Raises InputError when the parts do not fit together.
    """

    answer: Points  # all points, with their picture
    target: str  # the point whose lines are shown
    across: Line  # along x
    down: Line  # along y
    spreads: np.ndarray  # (K, 2) float64 pixels of the picture: of the lines of every point, x and y
    asked: bool = False  # whether somebody chose `target`
    model: str = ""  # what its card calls it
    map: np.ndarray | None = None  # (Y, X) float64, 0..1: heat at the places of the lines

    def __post_init__(self) -> None:
        object.__setattr__(self, "spreads", own(self.spreads, np.float64))
        if self.map is not None:
            object.__setattr__(self, "map", own(self.map, np.float64))
        if self.answer.picture is None:
            raise InputError("the answer holds no picture; an explanation is drawn over one")
        if self.target not in self.answer.names:
            raise InputError(f"the point '{self.target}' is not one that the answer knows")
        if self.spreads.shape != (len(self.answer), 2):
            raise InputError(f"spreads have shape {self.spreads.shape}, not ({len(self.answer)}, 2)")
        cells = (len(self.down.places), len(self.across.places))
        if self.map is not None and self.map.shape != cells:
            raise InputError(f"the map has shape {self.map.shape}, the lines are of {cells} places")
        if (self.across.extent, self.down.extent) != self.answer.size:
            found = f"{self.across.extent} x {self.down.extent}"
            raise InputError(f"the lines are of a picture of {found} pixels, not {self.answer.size}")

    @property
    def point(self) -> Point:
        """The point in question."""
        return self.answer[self.target]

    @property
    def question(self) -> str:
        """What is explained, as a question."""
        return f"Where is “{self.target}”, and how sure?"

    @property
    def headline(self) -> str:
        """The question, the score, and how wide the lines are."""
        from macaw.results.point_explanation_words import headline

        return headline(self)

    @property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8: the photograph, perhaps smaller than it is."""
        return np.asarray(self.answer.picture)

    @property
    def order(self) -> np.ndarray:
        """(K,) places of the points in the table, the least sure first."""
        return np.argsort(self.answer.scores, kind="stable")

    def heat(self, size: tuple[int, int]) -> np.ndarray:
        """(h, w) float32, 0..1: the map, or the lines multiplied, over the picture at `size` (width, height).

        1 is where they are highest, which may lie beside the picture.
        """
        lines = (self.across, self.down)
        places = [
            (np.arange(side) + 0.5) * line.extent / side for line, side in zip(lines, size, strict=True)
        ]
        if self.map is not None:
            x, y = (_between(line.places, at) for line, at in zip(lines, places, strict=True))
            return np.asarray(y @ self.map @ x.T / max(self.map.max(), np.finfo(np.float32).tiny), np.float32)
        x, y = (line.at(at) / line.probs.max() for line, at in zip(lines, places, strict=True))
        return np.asarray(np.outer(y, x), np.float32)

    def __str__(self) -> str:
        from macaw.results.point_explanation_words import sentences

        return "\n  ".join([self.headline, *sentences(self)])

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures, as plain values."""
        answer = self.answer.to_dict()
        for one, (across, down) in zip(answer["points"], self.spreads.tolist(), strict=True):
            one["spread"] = [round(across, 2), round(down, 2)]
        return {
            "question": self.question,
            "model": self.model,
            "answer": answer,
            "target": self.target,
            "asked": self.asked,
            "across": self.across.to_dict(),
            "down": self.down.to_dict(),
        }

    def plot(self) -> Image:
        """One sheet: the heat over the picture between its two lines, and all points, least sure first."""
        from macaw.results.point_explanation_sheet import draw_point_explanation

        return draw_point_explanation(self)

    def to_html(self) -> str:
        """One self-contained page for whoever wants to know why; loads nothing and runs no script."""
        from macaw.results.point_explanation_page import point_explanation_page

        return point_explanation_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The heat and what it says, for a page that shows several answers."""
        from macaw.results.point_explanation_page import point_explanation_fragment

        return point_explanation_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (the values), `.png`, `.jpg` or `.webp` (a sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save an explanation as '{path.name}': use .html, .png, .jpg or .json")
        return super().save(path)


def _between(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Weights (n, W) by which values at `known` (W,) are read linearly at `places` (n,); 0 beyond them."""
    return np.stack([np.interp(places, known, one, left=0, right=0) for one in np.eye(len(known))], axis=1)
