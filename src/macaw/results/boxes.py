"""Boxes: which objects a picture shows and where; perhaps with their exact extent, or their key points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.results.base import Result
from macaw.results.box_checks import checked
from macaw.results.points import SURE
from macaw.results.silhouette import Extent
from macaw.results.skeleton import Joined

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: N boxes, C classes, K key points of each, H and W pixels
SHOWN = 20  # boxes in text; a street holds hundreds
RANKED = 5  # boxes that a page lists
Corners = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the picture


class Detection(NamedTuple):
    """One object: its class, how sure the model is (0 to 1), and its box."""

    name: str
    score: float
    xyxy: Corners


@dataclass(frozen=True, eq=False)
class Boxes(Result):
    """The answer of a detector for one picture, the surest box first.

    Places are pixels of the picture, continuous: the pixel in column c covers c to c + 1. `boxes[0]` is the
    surest detection, `boxes[:3]`, `boxes[mask]` and `boxes["dog"]` are Boxes again; iterating gives every
    detection.
    Raises InputError when shapes, ranges or the order are wrong.
    """

    names: tuple[str, ...]  # the model's class table, C names
    xyxy: np.ndarray  # (N, 4) float32 pixels: left, top, right, bottom
    labels: np.ndarray  # (N,) int64, into names
    scores: np.ndarray  # (N,) float32, 0..1, falling
    size: tuple[int, int] = (0, 0)  # width, height of the picture in pixels; 0 where nobody knows
    source: str = ""  # where the picture came from: a file name, or nothing
    picture: np.ndarray | None = None  # (H, W, 3) uint8, for plot; perhaps smaller than size
    regions: tuple[Extent, ...] = ()  # (N,) or none: the exact extents
    points: np.ndarray | None = None  # (N, K, 3) float32: x, y, score 0..1
    skeleton: Joined | None = None  # what the key points are

    def __post_init__(self) -> None:
        for name, value in checked(self).items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Detection]:
        return (self[place] for place in range(len(self)))

    @overload
    def __getitem__(self, key: int) -> Detection: ...
    @overload
    def __getitem__(self, key: slice | str | np.ndarray | Sequence[int]) -> Boxes: ...
    def __getitem__(self, key: int | slice | str | np.ndarray | Sequence[int]) -> Detection | Boxes:
        """A detection by rank (0 is the surest); or those of a slice, a mask (N,), ranks, or a class."""
        if isinstance(key, int | np.integer):
            left, top, right, bottom = self.xyxy[key].tolist()
            corners = (left, top, right, bottom)
            return Detection(self.names[self.labels[key]], float(self.scores[key]), corners)
        if isinstance(key, str):
            return self.only(key)
        some = np.sort(np.arange(len(self))[key])  # surest first, in whatever order they were asked for
        return replace(
            self,
            xyxy=self.xyxy[some],
            labels=self.labels[some],
            scores=self.scores[some],
            regions=tuple(self.regions[place] for place in some) if self.regions else (),
            points=None if self.points is None else self.points[some],
        )

    def __str__(self) -> str:
        return self.text()

    def text(self, n: int = SHOWN) -> str:
        """The `n` surest boxes, a line each: rank, name, score and place; below how many more there are."""
        if not len(self):
            return "nothing found"
        shown = list(self[:n])
        width = max((len(one.name) for one in shown), default=0)
        places = [
            f"{left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}"
            for _, _, (left, top, right, bottom) in shown
        ]
        lines = [
            f"{rank:3}  {name:<{width}}  {100 * score:5.1f} %  {place}{self._pointed(rank - 1)}"
            for rank, ((name, score, _), place) in enumerate(zip(shown, places, strict=True), start=1)
        ]
        more = len(self) - len(shown)
        return "\n".join([*lines, *([f"     and {more:,} more"] if more else [])])

    def _pointed(self, place: int) -> str:
        """Of how many of its key points the model is sure, in words; nothing where there are none."""
        if self.points is None:
            return ""
        sure = int((self.points[place, :, 2] >= SURE).sum())
        return f"; {sure} of {self.points.shape[1]} points sure"

    @property
    def counts(self) -> dict[str, int]:
        """How many boxes of each class that was found, the most frequent first, then by the class table."""
        found = Counter(self.labels.tolist())
        order = sorted(found, key=lambda label: (-found[label], label))
        return {self.names[label]: found[label] for label in order}

    @property
    def headline(self) -> str:
        """How many of what: `2 dogs, 1 cat`."""
        from macaw.results.words import counted

        return counted(self.counts) or "nothing found"

    def above(self, score: float) -> Boxes:
        """The boxes of at least this score, 0 to 1."""
        if not 0 <= score <= 1:
            raise InputError(f"the score is {score}; it must lie between 0 and 1")
        return self[self.scores >= score]

    def only(self, *names: str) -> Boxes:
        """The boxes of these classes.

        Raises UnknownName for a class that is not in the table.
        """
        for name in names:
            if name not in self.names:
                hint = did_you_mean(name, self.names) or f" The {len(self.names)} names are in .names."
                raise UnknownName(f"no class '{name}' in this model.{hint}")
        wanted = [label for label, name in enumerate(self.names) if name in names]
        return self[np.isin(self.labels, wanted)]

    def rank(self, names: Collection[str]) -> int | None:
        """The place, from 1, of the surest box of one of `names`; None where there is none."""
        return next((rank for rank, one in enumerate(self, start=1) if one.name in names), None)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The picture with its boxes, and the five surest as bars; those in `right` are ticked."""
        from macaw.results.fragments import Ranked, ranking

        rows = [
            Ranked(rank, one.name, one.score, one.name in right) for rank, one in enumerate(self, start=1)
        ]
        far = [row for row in rows[RANKED:] if row.right and row.rank == self.rank(right)]
        listed = ranking([*rows[:RANKED], *far]) if rows else "<p>nothing found</p>"
        return f"{super().fragment(right=right)}\n{listed}"

    def to_dict(self) -> dict[str, Any]:
        """`source`, `size` and `boxes`: each a name, a score, corners x0 y0 x1 y1, and what else there is.

        Pixels are rounded to 2 digits, scores to 6. Regions are COCO's run lengths.
        """
        from macaw.results.box_values import to_values

        return to_values(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], names: Sequence[str] = ()) -> Boxes:
        """What `to_dict` gave, or its JSON; `names` is the class table, else the names that occur, sorted.

        Raises InputError for anything else, UnknownName for a class that is not in `names`.
        """
        from macaw.results.box_values import fields_of

        return cls(**fields_of(values, names))

    def to_supervision(self) -> Any:
        """As `Detections` of the supervision library; its annotators, trackers and zones take them.

        Raises MissingExtra when the library is not installed.
        """
        from macaw.results.exchange import to_supervision

        return to_supervision(self)

    @classmethod
    def from_supervision(cls, detections: Any, names: Sequence[str]) -> Boxes:
        """Of the supervision library's `Detections`; classes by name where it has them, else by number.

        Raises InputError where they have neither, UnknownName for a class that is not in `names`.
        """
        from macaw.results.exchange import fields_of

        return cls(**fields_of(detections, names))

    def plot(self) -> Image:
        """The picture with its boxes, extents and key points in the colours of their classes."""
        from macaw.results.box_plot import box_plot

        return box_plot(self)
