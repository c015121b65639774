"""Found: a finding, the pictures that it is about, and all that a look at a data set found, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from macaw.errors import InputError

# Gravest first. An error: training fails, learns what is wrong, or its score cannot be believed. A warning:
# look at it. A note: good to know.
SEVERITIES = ("error", "warning", "note")
FAILED, SOUND = "Not fit to train on: mend the errors first", "Fit to train on"
_WHERE = 3  # places that the text names of each finding; files name all that are kept
_SUSPECTS = 10  # of those the text lists
_LINE = 90  # letters that places share a line in


@dataclass(frozen=True)
class Finding:
    """One thing that was found, with the first places where."""

    code: str  # the rule's name, as in `leak-exact`
    severity: str  # one of SEVERITIES
    count: int  # how many pictures, rows, files or classes
    words: str  # one line that says what
    where: tuple[str, ...] = ()
    remedy: str = ""  # what to do

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise InputError(f"severity '{self.severity}' is unknown; allowed are {', '.join(SEVERITIES)}")

    def places(self, most: int) -> list[str]:
        """The first `most` places, and how many more there are."""
        # Only the first of many places are kept: then the count knows how many there are
        more = max(len(self.where), self.count if len(self.where) >= most else 0) - most
        return [*self.where[:most], *([f"and {more:,} more"] if more > 0 else [])]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "count": self.count,
            "words": self.words,
            "where": list(self.where),
            "remedy": self.remedy,
        }


@dataclass(frozen=True, eq=False)
class Crop:
    """A picture cut to a square, and what to write below it."""

    picture: np.ndarray  # (S, S, 3) uint8
    name: str
    note: str = ""

    def __post_init__(self) -> None:
        shape = np.shape(self.picture)
        if len(shape) != 3 or shape[2] != 3 or shape[0] != shape[1] or self.picture.dtype != np.uint8:
            raise InputError(f"a crop is {self.picture.dtype} of shape {shape}; it must be uint8 (S, S, 3)")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures that should not both be there, or not so."""

    code: str  # of the finding that they are an example of
    left: Crop
    right: Crop


@dataclass(frozen=True, eq=False)
class Suspect:
    """A picture whose label a model that never saw it doubts."""

    source: str
    given: tuple[str, ...]
    suggested: tuple[str, ...]
    doubt: float  # share of wrong labels, 0..1, expected among it and those before it
    crop: Crop | None = None

    def __str__(self) -> str:
        given, suggested = (", ".join(names) or "none" for names in (self.given, self.suggested))
        return f"{given} -> {suggested}"

    def to_dict(self) -> dict[str, Any]:
        """All but the picture, ready for JSON."""
        names = {"given": list(self.given), "suggested": list(self.suggested)}
        return {"source": self.source, **names, "doubt": round(self.doubt, 4)}


@dataclass(frozen=True, eq=False)
class Found:
    """What a look at a whole data set found; as a Result it is `macaw.results.findings.Findings`.

    Raises InputError for a class that has pictures in a split that is not there.
    """

    path: str
    splits: dict[str, int]  # pictures, or documents, in each
    classes: dict[str, dict[str, int]]  # class -> split -> pictures, or objects: see `counted`
    findings: tuple[Finding, ...]
    crops: tuple[Crop, ...] = ()  # one or more of each class, those of a class side by side
    pairs: tuple[Pair, ...] = ()
    suspects: tuple[Suspect, ...] = ()  # most doubtful first
    seconds: float = 0.0
    counted: str = "picture"  # what `classes` counts: "picture" or "object"; "document": there are no classes

    def __post_init__(self) -> None:
        strange = {split for counts in self.classes.values() for split in counts} - set(self.splits)
        if strange:
            raise InputError(
                f"classes have pictures in {sorted(strange)}, but the splits are {[*self.splits]}"
            )
        order = sorted(self.findings, key=lambda one: SEVERITIES.index(one.severity))
        object.__setattr__(self, "findings", tuple(order))

    def __str__(self) -> str:
        lines = [self.title, ""]
        width = max((len(one.code) for one in self.findings), default=0)
        for one in self.findings:
            lines.append(f"{one.severity:<7}  {one.code:<{width}}  {one.words}")
            indent = " " * (width + 11)
            lines += [f"{indent}{words}" for words in (*_folded(one.places(_WHERE)), one.remedy) if words]
        if self.suspects:
            lines += ["", *self._suspect_lines(), ""]
        return "\n".join([*lines, *([""] if self.findings and not self.suspects else []), self.verdict])

    @property
    def title(self) -> str:
        """One line: how many pictures and classes, or documents, in which splits, and how fast."""
        total = sum(self.splits.values())
        shares = ", ".join(f"{split} {number:,}" for split, number in self.splits.items())
        objects = f", {self.objects:,} objects" if self.counted == "object" else ""
        classes = f"{objects}, {len(self.classes):,} classes" if self.counted != "document" else ""
        words = f"{self.path}: {total:,} {self.things}{classes}"
        words += f" ({shares})" if self.splits else ""
        if self.seconds > 0:
            words += f"; {self.seconds:.1f} s, {total / self.seconds:,.0f} a second"
        return words

    @property
    def things(self) -> str:
        """What `splits` counts."""
        return "documents" if self.counted == "document" else "pictures"

    @property
    def objects(self) -> int:
        """All that `classes` counts."""
        return sum(sum(counts.values()) for counts in self.classes.values())

    @property
    def failed(self) -> bool:
        """Whether anything found is an error."""
        return self.count("error") > 0

    @property
    def verdict(self) -> str:
        """The totals and what follows from them, in one line."""
        totals = Counter(one.severity for one in self.findings)
        told = [f"{totals[s]} {s}{'' if totals[s] == 1 else 's'}" for s in SEVERITIES if totals[s]]
        return f"{', '.join(told) or 'Nothing found'}. {FAILED if self.failed else SOUND}"

    def count(self, severity: str) -> int:
        """How many findings are of this severity."""
        return sum(one.severity == severity for one in self.findings)

    def of(self, code: str) -> Finding | None:
        """The finding of this rule; None where there is none."""
        return next((one for one in self.findings if one.code == code), None)

    def _suspect_lines(self) -> list[str]:
        shown = self.suspects[:_SUSPECTS]
        changes = [str(one) for one in shown]
        width = max(map(len, changes))
        lines = [f"most doubtful labels, given -> suggested{_of(len(shown), len(self.suspects))}"]
        return lines + [
            f"  {words:<{width}}  {one.source}" for words, one in zip(changes, shown, strict=True)
        ]


def _folded(places: list[str]) -> list[str]:
    """Short places in one line, long ones in a line each."""
    line = "; ".join(places)
    return [line] if len(line) <= _LINE and line.count(";") == len(places) - 1 else places


def _of(shown: int, total: int) -> str:
    return f" ({shown} of {total:,})" if shown < total else ""
