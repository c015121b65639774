"""Survey of boxes: every annotated picture that is there, all objects in one table, and what is wrong.

Training refuses at the first fault; a survey goes on, and takes down a finding in place of each refusal.

Shapes: N pictures, M objects of all of them
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from macaw.data.annotated import first_layout
from macaw.data.box_rules import found
from macaw.data.examples import count
from macaw.data.find import no_such
from macaw.data.objects import AnnotatedPictures, Objects
from macaw.data.reading import Reading
from macaw.data.rows import worded
from macaw.data.survey import Survey
from macaw.data.upright import Size
from macaw.errors import InputError

SHOWN = 4  # places of a finding that are worth a picture


class Sight(NamedTuple):
    """A place worth a picture."""

    code: str  # of the finding
    picture: int
    rows: tuple[int, ...] = ()  # of the table: its boxes; () where the picture as a whole is meant


@dataclass(frozen=True, eq=False)
class Table:
    """All objects of a data set, picture by picture."""

    picture: np.ndarray  # (M,) int64 positions in the survey
    xyxy: np.ndarray  # (M, 4) float64 pixels
    labels: np.ndarray  # (M,) int64, into the survey's names
    crowd: np.ndarray  # (M,) bool
    frame: np.ndarray  # (M, 2) float64 width and height of the picture; 0 where unknown

    @classmethod
    def of(cls, objects: Sequence[Objects], frames: Sequence[Size]) -> Table:
        """The objects of N pictures."""
        picture = np.repeat(np.arange(len(objects)), np.array([len(some) for some in objects], np.int64))
        parts = [*objects, Objects.empty()]
        xyxy, labels, crowd = (
            np.concatenate([getattr(some, name) for some in parts]) for name in ("xyxy", "labels", "crowd")
        )
        return cls(picture, xyxy, labels, crowd, np.array(frames, np.float64).reshape(-1, 2)[picture])

    @property
    def sides(self) -> np.ndarray:
        """(M, 2) width and height of each box, pixels."""
        return np.asarray(self.xyxy[:, 2:] - self.xyxy[:, :2])


@dataclass
class BoxSurvey(Survey):
    """The pictures of a data set with their objects, and the findings so far.

    `labels` are the classes in each picture, so that what is said of pictures with several labels holds here.
    """

    reading: Reading = field(default_factory=Reading)
    data: AnnotatedPictures | None = None  # as the reader gave it; None where it refused
    objects: list[Objects] = field(default_factory=list)  # (N,)
    frames: list[Size] = field(default_factory=list)  # (N,) width and height upright; 0 where unknown
    sights: list[Sight] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The class table of the data."""
        return self.data.names if self.data else ()

    @property
    def home(self) -> Path:
        """The folder that paths are told from."""
        return self.path if self.path.is_dir() else self.path.parent

    @cached_property
    def table(self) -> Table:
        """All objects; asked for when the survey is complete."""
        return Table.of(self.objects, self.frames)

    def hold(self, data: AnnotatedPictures) -> None:
        """The pictures of a data set that are there."""
        self.data = data
        for split, some in data.splits.items():
            for source, objects, size in zip(some.sources, some.objects, some.sizes.tolist(), strict=True):
                if not isinstance(source, Path) or source.exists():  # the reader has told the others
                    names = sorted({data.names[label] for label in objects.labels.tolist()})
                    self.add(source, tuple(names), split)
                    self.objects.append(objects)
                    self.frames.append((size[0], size[1]))

    def report(self, code: str, number: int, words: str, where: Iterable[str] = ()) -> None:
        """One more finding, of the rule `code`."""
        self.findings.append(found(code, number, words, where))

    def report_pictures(self, code: str, pictures: Sequence[int], words: str) -> None:
        """One more finding, on these pictures, if any; the first of them are shown with all their boxes."""
        if pictures:
            told = f"{count(len(pictures), 'picture')} {words}"
            self.report(code, len(pictures), told, map(self.name, pictures))
            self.sights += [Sight(code, i, self.rows_of(i)) for i in pictures[:SHOWN]]

    def report_boxes(self, code: str, groups: Sequence[tuple[int, ...]], words: str) -> None:
        """One more finding, on boxes, if any: each group of rows of the table is one place.

        The first of different pictures are shown.
        """
        if groups:
            self.report(code, len(groups), words, map(self.place, groups))
            first = {int(self.table.picture[rows[0]]): rows for rows in reversed(groups)}
            chosen = sorted(first.items())[:SHOWN]
            self.sights += [Sight(code, picture, rows) for picture, rows in chosen]

    def rows_of(self, picture: int) -> tuple[int, ...]:
        """The rows of the table that are this picture's."""
        start, end = np.searchsorted(self.table.picture, (picture, picture + 1)).tolist()
        return tuple(range(start, end))

    def place(self, rows: Sequence[int]) -> str:
        """`a.png: dog 10, 20, 30, 40 and cat 10, 20, 31, 40`."""
        table = self.table
        told = (f"{self.names[table.labels[row]]} {worded(table.xyxy[row].tolist())}" for row in rows)
        return f"{self.name(int(table.picture[rows[0]]))}: {' and '.join(told)}"

    def numbers(self) -> dict[str, Counter[str]]:
        """Split -> class -> objects to learn; crowds are none."""
        numbers: dict[str, Counter[str]] = {split: Counter() for split in dict.fromkeys(self.splits)}
        for split, objects in zip(self.splits, self.objects, strict=True):
            numbers[split].update(self.names[label] for label in objects.labels[~objects.crowd].tolist())
        return numbers


def survey_boxes(path: Path, *, rows: str | None = None, form: str | None = None) -> BoxSurvey:
    """What is there to be looked at, as far as it can be read; where nothing can, the refusal is a problem.

    `rows` and `form` as in `macaw.data.annotated.read_annotated`. Raises InputError when there is no such
    path, UnknownName for rows or a form that is not known.
    """
    held = BoxSurvey(path, multi=True, reading=Reading(rows, form))
    if not path.exists():
        raise InputError(no_such(path))
    try:
        held.hold(first_layout(path, held.reading))
    except InputError as problem:
        held.reading.problems.refused(problem)
    return held
