"""Examples: pictures with their targets, still on disk; and a labelled data set with its class table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.find import shown
from macaw.data.sources import source_name
from macaw.errors import InputError

# What folders, files and a column `split` may call the three splits.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, eq=False)
class Examples:
    """Pictures not read yet, each with its target."""

    sources: Sequence[Any]  # (N,) each a Path, or an item of a pack with .read() and .label
    targets: np.ndarray  # (N,) int64 class index, or (N, C) float32 of 0 and 1 for several labels

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets):
            raise InputError(
                f"{len(self.sources)} sources but {len(self.targets)} targets; give one for each"
            )

    def __len__(self) -> int:
        return len(self.sources)

    def subset(self, indices: Sequence[int] | np.ndarray | slice) -> Examples:
        """The examples at these positions, in this order; a boolean mask (N,) works too."""
        chosen = np.arange(len(self))[indices]
        return Examples([self.sources[index] for index in chosen], self.targets[chosen])

    def label(self, index: int) -> str:
        """What messages call item `index`: its path, or as in `train.npz[17]`."""
        return source_name(self.sources[index])


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """A labelled data set: targets index `names`."""

    names: tuple[str, ...]  # (C,) the class table
    splits: dict[str, Examples]  # by train, val, test, or a pack's own name
    multi: bool  # whether a picture can have several labels, or none
    kind: str  # "folder", "table", "pack" or "raw"
    notes: tuple[str, ...]  # one line each, for the user
    path: Path
    terms: str = ""  # licence lines of a README.md beside the data
    carved: bool = False  # whether val was taken out of train here


def nfc(name: str) -> str:
    """The composed Unicode form: macOS writes é as two characters, most others as one."""
    return unicodedata.normalize("NFC", name)


def encode(labels: Sequence[Sequence[str]], names: Sequence[str], *, multi: bool) -> np.ndarray:
    """Labels of each picture as targets: (N,) int64, or (N, C) float32 of 0 and 1 when `multi`."""
    index = {name: number for number, name in enumerate(names)}
    if not multi:
        return np.array([index[label] for (label,) in labels], np.int64)
    targets = np.zeros((len(labels), len(names)), np.float32)
    for row, some in enumerate(labels):
        targets[row, [index[label] for label in some]] = 1
    return targets


def listed(items: Iterable[str], most: int = 3) -> str:
    """`'a', 'b', 'c' and 4 more`."""
    quoted = [f"'{shown(item)}'" for item in items]
    rest = len(quoted) - most
    if rest > 0:
        return f"{', '.join(quoted[:most])} and {rest} more"
    return " and ".join([*([", ".join(quoted[:-1])] if quoted[1:] else []), *quoted[-1:]])


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 picture`, `2,000 pictures`, `3 classes`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def licence_lines(folder: Path) -> str:
    """The lines about licence and terms in the folder's README.md, '' when there are none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if re.match(r"\W*(licen[cs]e|terms)\b", line, re.IGNORECASE))
