"""Parrot: where each passage of a text was seen before, and the four figures that say what it means."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.figure import Figure
from macaw.results.novelty import Novelty
from macaw.results.words import several

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FIGURES", "Figure", "Novelty", "Parrot", "Part", "Passage", "Source"]

FIGURES = ("verbatim overlap", "surprising overlap", "extractable", "exposure")


@dataclass(frozen=True)
class Source:
    """One place of the training text that has a passage."""

    label: str  # of the document
    start: int  # in symbols of the document
    before: str  # what stands there before the passage
    behind: str  # and behind it

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return dict(vars(self))


@dataclass(frozen=True)
class Passage:
    """A passage of the text that the training text has."""

    start: int  # characters of the text
    end: int  # exclusive
    count: int  # how often the training text has it
    documents: int  # how many documents have it, as far as they were counted
    sources: tuple[Source, ...]  # some of them; the document that explains most of the text first
    chance: Mapping[str, float]  # by null: log10 of how often it would be there by chance
    surprising: tuple[str, ...]  # the nulls that do not explain it

    @property
    def likely(self) -> float:
        """log10 of how often it would be there by chance, by the null that expects it most."""
        return max(self.chance.values())

    @property
    def unexplained(self) -> bool:
        """Whether none of the nulls explains it."""
        return set(self.surprising) == set(self.chance)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        lists = {"sources": [one.to_dict() for one in self.sources], "surprising": list(self.surprising)}
        return {**vars(self), "chance": dict(self.chance), **lists}


class Part(NamedTuple):
    """A stretch of the text, and the number in `seen` of the passage it is shown as; None where it is new."""

    text: str
    number: int | None


@dataclass(frozen=True, eq=False)
class Parrot(Result):
    """A text looked up in the training text; `macaw.language.parrot.measure` makes it.

    Raises InputError for passages outside the text, and where the four figures are not those.
    """

    text: str
    seen: tuple[Passage, ...]  # verbatim and surprising passages, in the order of the text; they may overlap
    curves: tuple[Novelty, ...]  # of this text, of held-out text, of a null model and of others
    figures: tuple[Figure, ...]  # the four of FIGURES, in their order
    unit: str  # what lengths are counted in: byte, character, word or piece
    least: int  # units of a passage that counts as verbatim
    decoding: str  # how the text was drawn from the model
    training: tuple[int, int]  # units and documents of the training text

    def __post_init__(self) -> None:
        names = tuple(one.name for one in self.figures)
        if names != FIGURES:
            raise InputError(f"the figures are {', '.join(names)}; they have to be {', '.join(FIGURES)}")
        for one in self.seen:
            if not 0 <= one.start <= one.end <= len(self.text):
                raise InputError(
                    f"passage {one.start} to {one.end} is outside a text of {len(self.text)} characters"
                )

    def plus(self, *figures: Figure) -> Parrot:
        """This with measured figures in their places. Raises InputError for one that is not of FIGURES."""
        new = {one.name: one for one in figures}
        strange = sorted(set(new) - set(FIGURES))
        if strange:
            raise InputError(f"figure '{strange[0]}' is none of {', '.join(FIGURES)}")
        return replace(self, figures=tuple(new.get(one.name, one) for one in self.figures))

    @property
    def headline(self) -> str:
        """The figures that were measured, each beside that of held-out text."""
        return "; ".join(str(one) for one in self.figures if one.value is not None)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The text in stretches, each passage at most one of them.

        The one least likely by chance takes its place first. Another has what is left of its own, in one
        piece, unless that is less than half of it: scraps would say nothing.
        """
        owner = np.full(len(self.text), -1)
        for number in sorted(range(len(self.seen)), key=lambda i: self.seen[i].likely):
            one = self.seen[number]
            start, end = _longest_run(owner[one.start : one.end] < 0)
            if 2 * (end - start) >= max(1, one.end - one.start):
                owner[one.start + start : one.start + end] = number
        cuts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(self.text)]
        return tuple(
            Part(self.text[low:high], int(owner[low]) if owner[low] >= 0 else None)
            for low, high in itertools.pairwise(cuts)
            if high > low
        )

    @property
    def documents(self) -> dict[str, int]:
        """Characters shown as seen in each document, the most first."""
        shown: Counter[str] = Counter()
        for part, one in self._painted():
            shown[one.sources[0].label if one.sources else "?"] += len(part.text)
        return dict(shown.most_common())

    def __str__(self) -> str:
        """The figures in lines, and the longest passages with where they were seen."""
        lines = [f"{one}  ({one.meaning}{_by(one)})" for one in self.figures]
        longest = sorted(self.seen, key=lambda one: one.start - one.end)[:5]
        lines += ["", *(self._line(one) for one in longest)] if longest else []
        return "\n".join(lines)

    def _line(self, one: Passage) -> str:
        words = " ".join(self.text[one.start : one.end].split())
        where = one.sources[0].label if one.sources else "?"
        more = f" and {several(one.documents - 1, 'other')}" if one.documents > 1 else ""
        return f"{several(one.count, 'time')} in {where}{more}: {words}"

    def _painted(self) -> Iterator[tuple[Part, Passage]]:
        return ((part, self.seen[part.number]) for part in self.parts if part.number is not None)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        units, documents = self.training
        return {
            "text": self.text,
            "figures": [one.to_dict() for one in self.figures],
            "seen": [one.to_dict() for one in self.seen],
            "curves": [one.to_dict() for one in self.curves],
            "unit": self.unit,
            "least": self.least,
            "decoding": self.decoding,
            "training": {"units": units, "documents": documents},
        }

    def to_html(self) -> str:
        """One self-contained page: the text in the colours of where it was seen, figures, curves, sources."""
        from macaw.results.parrot_page import parrot_page

        return parrot_page(self)

    def plot(self) -> Image:
        """The four figures and the novelty curves."""
        from macaw.results.parrot_plot import plot_parrot

        return plot_parrot(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (everything), `.png`, `.jpg` or `.webp` (figures and curves)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save this as '{path.name}': use .html, .json, .png, .jpg or .webp")
        return super().save(path)


def _longest_run(free: np.ndarray) -> tuple[int, int]:
    """Where the longest run of true starts and ends, the first of equal ones; 0, 0 where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest])


def _by(one: Figure) -> str:
    return f"; {one.decoding}" if one.decoding else ""
