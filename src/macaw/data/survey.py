"""Survey: every picture that a data set lists, with its labels, and what is wrong around them.

The readers in `macaw.data.labelled` refuse at the first fault, as training must. A survey takes down a
finding in place of each refusal and goes on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.examples import Examples, LabelledPictures, encode
from macaw.data.find import shown
from macaw.data.rules import found
from macaw.data.sources import source_name
from macaw.results.found import Finding

JUDGING = ("val", "test")  # splits that a model is judged by; every other may be learned from


@dataclass
class Survey:
    """The pictures of a data set, a row each, and the findings so far."""

    path: Path
    multi: bool = False
    sources: list[Any] = field(default_factory=list)  # (N,) paths or items of packs
    labels: list[tuple[str, ...]] = field(default_factory=list)  # (N,); () where none is told
    splits: list[str] = field(default_factory=list)  # (N,); "" where nothing tells
    findings: list[Finding] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sources)

    def add(self, source: Any, labels: tuple[str, ...], split: str) -> None:
        """One more picture."""
        self.sources.append(source)
        self.labels.append(labels)
        self.splits.append(split)

    def report(self, code: str, number: int, words: str, where: Iterable[str] = ()) -> None:
        """One more finding, of the rule `code`."""
        self.findings.append(found(code, number, words, where))

    def name(self, index: int) -> str:
        """What a message calls a picture: its path within the data set, or its place in a pack."""
        return self.short(self.sources[index])

    def short(self, source: Any) -> str:
        """A path as seen from the data set; any other source by its own name."""
        return short_name(source, self.path)

    def counts(self) -> dict[str, Counter[str]]:
        """Split -> class -> pictures; pictures of several classes count for each."""
        counts: dict[str, Counter[str]] = {}
        for split, names in zip(self.splits, self.labels, strict=True):
            counts.setdefault(split, Counter()).update(names)
        return counts

    def labelled(self, indices: Iterable[int]) -> LabelledPictures:
        """These pictures as a data set; those without a label are left out, unless none is an answer too."""
        chosen = [i for i in indices if self.multi or self.labels[i]]
        names = tuple(sorted({name for i in chosen for name in self.labels[i]}))
        splits = {}
        for split in dict.fromkeys(self.splits[i] for i in chosen):
            own = [i for i in chosen if self.splits[i] == split]
            targets = encode([self.labels[i] for i in own], names, multi=self.multi)
            splits[split] = Examples([self.sources[i] for i in own], targets)
        return LabelledPictures(names, splits, multi=self.multi, kind="survey", notes=(), path=self.path)

    def take(self, data: LabelledPictures) -> None:
        """The pictures of a data set that a reader accepted."""
        self.multi = data.multi
        for split, examples in data.splits.items():
            for source, target in zip(examples.sources, examples.targets, strict=True):
                on = np.flatnonzero(target).tolist() if data.multi else [int(target)]
                self.add(source, tuple(data.names[i] for i in on), split)


def short_name(source: Any, data: Path) -> str:
    """A path as seen from the data set at `data`; any other source by its own name."""
    if not isinstance(source, str | Path):
        return source_name(source)
    inner = os.path.relpath(source, data if data.is_dir() else data.parent)
    return shown(source if inner.startswith("..") else inner)
