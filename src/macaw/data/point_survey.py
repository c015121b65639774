"""Survey of key points: every picture with its objects, all their points in one array, and what is wrong.

Shapes: M objects of all pictures, K points
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from macaw.data.box_survey import SHOWN, BoxSurvey, Sight
from macaw.data.objects import Skeleton
from macaw.data.point_rules import found
from macaw.data.pointfiles import scan_points
from macaw.data.reading import Reading

_NAMED = 3  # points of an object that a line names


@dataclass
class PointSurvey(BoxSurvey):
    """The pictures of a data set with their key points, and the findings so far."""

    reading: Reading = field(default_factory=lambda: Reading("pose"))

    @property
    def skeleton(self) -> Skeleton:
        """What the points are; none where nothing could be read."""
        return (self.data.skeleton if self.data else None) or Skeleton(())

    @cached_property
    def points(self) -> np.ndarray:
        """(M, K, 3) x, y and v of every object, in the order of `table`; asked for at the end."""
        number = len(self.skeleton.names)
        blank = np.zeros((0, number, 3))
        parts = [blank if some.points is None else some.points for some in self.objects]
        return np.concatenate([blank, *parts])

    @cached_property
    def seen(self) -> np.ndarray:
        """(M, K) bool: whether a point is labelled."""
        return np.asarray(self.points[..., 2] > 0)

    @cached_property
    def learned(self) -> np.ndarray:
        """(M,) bool: whether an object is of train."""
        return np.asarray(np.array([split == "train" for split in self.splits], bool)[self.table.picture])

    @cached_property
    def span(self) -> np.ndarray:
        """(M,) how far the labelled points of an object are apart, pixels, along the longer side."""
        low, high = (np.where(self.seen[..., None], self.points[..., :2], edge) for edge in (np.inf, -np.inf))
        if not low.size:
            return np.zeros(len(low))
        reach = high.max(axis=1) - low.min(axis=1)
        return np.asarray(np.where(self.seen.any(axis=1), reach.max(axis=1), 0.0))

    def report(self, code: str, number: int, words: str, where: Iterable[str] = ()) -> None:
        """One more finding, of the rule `code`."""
        self.findings.append(found(code, number, words, where))

    def report_objects(
        self, code: str, chosen: np.ndarray, words: str, *, which: np.ndarray | None = None
    ) -> None:
        """One more finding, on these objects (M,) bool, if any; `which` (M, K) are the points it is about.

        The first of different pictures are shown.
        """
        rows = np.flatnonzero(chosen).tolist()
        if not rows:
            return
        self.report(code, len(rows), words, (self._told(row, which) for row in rows))
        first = {int(self.table.picture[row]): row for row in reversed(rows)}
        self.sights += [Sight(code, picture, (row,)) for picture, row in sorted(first.items())[:SHOWN]]

    def _told(self, row: int, which: np.ndarray | None) -> str:
        """`a.png: nose 10, 20`."""
        name = self.name(int(self.table.picture[row]))
        if which is None:
            return name
        some = np.flatnonzero(which[row]).tolist()
        told = [
            f"{self.skeleton.names[k]} {_worded(self.points[row, k, :2].tolist())}" for k in some[:_NAMED]
        ]
        more = f" and {len(some) - _NAMED} more" if len(some) > _NAMED else ""
        return f"{name}: {'; '.join(told)}{more}"


def _worded(xy: Sequence[float]) -> str:
    return ", ".join(f"{value:.5g}" for value in xy)


def survey_points(path: Path) -> PointSurvey:
    """What is there to be looked at, as far as it can be read; where nothing can, the refusal is a problem.

    Raises InputError when there is no such path.
    """
    held = PointSurvey(path, multi=True)
    data, problems = scan_points(path)
    held.reading.problems.extend(problems)
    if data is not None:
        held.reading.notes.extend(data.notes)
        held.hold(data)
    return held
