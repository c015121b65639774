"""Survey of masks: every picture with its mask, how many pixels of each class it has, and what is wrong.

Training looks at some masks and refuses at the first fault; a survey reads all of them and goes on.

Shapes: N pictures, C classes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from macaw.data.examples import count
from macaw.data.find import no_such
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.mask_rules import found
from macaw.data.masked import IGNORE, MaskedPictures, read_mask
from macaw.data.maskfolders import laid_out
from macaw.data.problems import Problems
from macaw.data.survey import Survey
from macaw.errors import DataError, InputError

SHOWN = 4  # places of a finding that are worth a picture
_CHUNK = 16


class Sight(NamedTuple):
    """A picture worth showing beside its mask."""

    code: str  # of the finding
    picture: int


@dataclass
class MaskSurvey(Survey):
    """The pictures of a data set with their masks, and the findings so far.

    `labels` are left empty: neighbours in a film differ by what just came into sight, and are no conflict.
    """

    data: MaskedPictures | None = None  # as the reader gave it; None where it refused
    masks: list[Any] = field(default_factory=list)  # (N,)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), np.int64))  # (N, C + 1); last: none
    faults: dict[int, str] = field(default_factory=dict)  # picture -> why its mask cannot be read
    problems: Problems = field(default_factory=Problems)
    sights: list[Sight] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The class table of the data."""
        return self.data.names if self.data else ()

    @cached_property
    def read(self) -> np.ndarray:
        """(N,) bool: whether a picture's mask can be read; asked for when the survey is complete."""
        return np.array([i not in self.faults for i in range(len(self))], bool)

    def mask(self, index: int) -> np.ndarray:
        """The mask (H, W) of a picture, as `read_mask` gives it."""
        return read_mask(self.masks[index], self.data.legend if self.data else None)

    def report(self, code: str, number: int, words: str, where: Iterable[str] = ()) -> None:
        """One more finding, of the rule `code`."""
        self.findings.append(found(code, number, words, where))

    def report_pictures(self, code: str, pictures: Sequence[int], words: str) -> None:
        """One more finding, on these pictures, if any; the first of them are shown with their masks."""
        if pictures:
            told = f"{count(len(pictures), 'picture')} {words}"
            self.report(code, len(pictures), told, map(self.name, pictures))
            self.sights += [Sight(code, i) for i in pictures[:SHOWN]]

    def shows(self) -> dict[str, Counter[str]]:
        """Split -> class -> pictures that show it."""
        table: dict[str, Counter[str]] = {split: Counter() for split in dict.fromkeys(self.splits)}
        for split, row in zip(self.splits, self.pixels[:, :-1], strict=True):
            table[split].update(self.names[label] for label in np.flatnonzero(row).tolist())
        return table


def survey_masks(path: Path, *, progress: Callable[[int, int], None] | None = None) -> MaskSurvey:
    """What is there to be looked at, as far as it can be read; where nothing can, the refusal is a problem.

    Raises InputError when there is no such path.
    """
    if not path.exists():
        raise InputError(no_such(path))
    held = MaskSurvey(path, multi=True)
    try:
        held.data = laid_out(path, held.problems)
    except DataError as problem:
        held.problems.refused(problem)
        return held
    for split, some in held.data.splits.items():
        for source, mask in zip(some.sources, some.masks, strict=True):
            held.add(source, (), split)
            held.masks.append(mask)
    _tally(held, progress)
    return held


def _tally(held: MaskSurvey, progress: Callable[[int, int], None] | None) -> None:
    """Read every mask once."""
    width = len(held.names) + 1
    held.pixels = np.zeros((len(held), width), np.int64)

    def some(part: range) -> dict[int, str]:
        faults = {}
        for index in part:
            try:
                mask = held.mask(index)
            except InputError as problem:
                faults[index] = str(problem)
                continue
            numbers = np.bincount(mask.ravel(), minlength=IGNORE + 1)
            held.pixels[index] = [*numbers[: width - 1], numbers[IGNORE]]
        return faults

    with quiet():
        for part, faults in in_chunks(some, len(held), chunk=_CHUNK):
            held.faults.update(faults)
            if progress:
                progress(part.stop, len(held))
