"""Points: where the key points of one object lie, a face's or a body's, and how sure each is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.results.base import Result
from macaw.results.checks import check_names, check_picture, own
from macaw.results.skeleton import Edges

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: K points, H and W pixels
SURE = 0.5  # a point of a lower score is drawn as doubtful: half of its distribution lies elsewhere
LISTED = 5  # points that a page lists


class Point(NamedTuple):
    """One key point: its name, how sure the model is (0 to 1), and where it lies in pixels of the picture."""

    name: str
    score: float
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Points(Result):
    """The answer of a key point model for one picture.

    Places are continuous: the centre of the pixel in column c is at c + 0.5. `points[0]` and
    `points["nose"]` are Points' items; iterating gives all, in the order of the table.
    Raises InputError when shapes or ranges are wrong.
    """

    names: tuple[str, ...]  # what the K points are called
    xy: np.ndarray  # (K, 2) float32 pixels of the picture; a point may lie beside it
    scores: np.ndarray  # (K,) float32, 0..1
    edges: Edges = ()  # pairs of points that are joined when drawn
    source: str = ""  # where the picture came from: a file name, or nothing
    picture: np.ndarray | None = None  # (H, W, 3) uint8, for plot; perhaps smaller than size
    size: tuple[int, int] = (0, 0)  # width, height of the picture in pixels; 0 where nobody knows

    def __post_init__(self) -> None:
        values: dict[str, Any] = {
            "names": tuple(self.names),
            "xy": own(self.xy, np.float32),
            "scores": own(self.scores, np.float32),
            "edges": tuple((int(one), int(other)) for one, other in self.edges),
            "size": (int(self.size[0]), int(self.size[1])),
        }
        if self.picture is not None:
            check_picture(self.picture)
            if min(values["size"]) < 1:
                values["size"] = (self.picture.shape[1], self.picture.shape[0])
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _check(self)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Point]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, key: int | str) -> Point:
        """A point by its place in the table, or by its name.

        Raises UnknownName for a name that is not in the table.
        """
        if isinstance(key, str):
            if key not in self.names:
                hint = did_you_mean(key, self.names) or f" The {len(self)} names are in .names."
                raise UnknownName(f"no point '{key}' in this model.{hint}")
            key = self.names.index(key)
        x, y = self.xy[key].tolist()
        return Point(self.names[key], float(self.scores[key]), x, y)

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """A line for each point: name, score and place."""
        width = max(map(len, self.names))
        return "\n".join(
            f"  {name:<{width}}  {100 * score:5.1f} %  {x:7.1f}, {y:7.1f}" for name, score, x, y in self
        )

    @property
    def sure(self) -> np.ndarray:
        """(K,) bool: the points of which the model is sure."""
        return np.asarray(self.scores >= SURE)

    @property
    def headline(self) -> str:
        """How many points, and how many of them are sure: `68 points, 65 of them sure`."""
        sure, total = int(self.sure.sum()), len(self)
        noun = "point" if total == 1 else "points"
        return f"{total:,} {noun}, {'all sure' if sure == total else f'{sure:,} of them sure'}"

    def rank(self, names: Collection[str]) -> int | None:
        """None: points are not ranked."""
        return None

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The picture with its points, and in words how sure they are."""
        from html import escape

        order = np.argsort(self.scores, kind="stable")[:LISTED]
        doubtful = [self.names[place] for place in order if not self.sure[place]]
        words = f"{self.headline}; least sure: {', '.join(doubtful)}" if doubtful else self.headline
        return f"{super().fragment(right=right)}\n<p>{escape(words)}</p>"

    def to_dict(self) -> dict[str, Any]:
        """`source`, `size`, `edges` and `points`: each a name, x, y in pixels (2 digits) and a score (6)."""
        points = [
            {"name": name, "x": round(x, 2), "y": round(y, 2), "score": round(score, 6)}
            for name, score, x, y in self
        ]
        edges = [list(pair) for pair in self.edges]
        return {"source": self.source, "size": list(self.size), "edges": edges, "points": points}

    def plot(self) -> Image:
        """The picture with its points and edges; doubtful points are hollow, and their edges dashed."""
        from macaw.results.point_plot import point_plot

        return point_plot(self)


def _check(points: Points) -> None:
    check_names(points.names, "points")
    count = len(points.names)
    if points.xy.shape != (count, 2) or points.scores.shape != (count,):
        raise InputError(
            f"xy has shape {points.xy.shape} and scores {points.scores.shape}; {count} names need "
            f"({count}, 2) and ({count},)"
        )
    if not np.isfinite(points.xy).all():
        raise InputError(
            f"point '{points.names[int(np.argmin(np.isfinite(points.xy).all(axis=1)))]}' is not finite"
        )
    if not ((points.scores >= 0) & (points.scores <= 1)).all():  # false for NaN too
        low, high = points.scores.min(), points.scores.max()
        raise InputError(f"scores lie between {low:.4g} and {high:.4g}; they must lie in 0..1")
    if any(not 0 <= place < count for pair in points.edges for place in pair):
        raise InputError(f"an edge joins points that are not there; there are {count}, counted from 0")
