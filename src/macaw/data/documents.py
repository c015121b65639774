"""Documents: the texts of one split, streamed from disk again and again, never more than one in memory.

Shapes: N documents
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from macaw.data.find import shown
from macaw.data.textfiles import Document, documents
from macaw.errors import DataError


@dataclass(frozen=True)
class TextFile:
    """A file, what parts its documents, and the split it belongs to unless its lines say another."""

    path: Path
    between: str  # one of BETWEEN
    split: str
    mixed: bool = False  # whether its lines say their splits

    def __iter__(self) -> Iterator[Document]:
        for one in documents(self.path, self.between):
            if one.split and not self.mixed:
                where = f"{shown(self.path)}, line {one.line:,}"
                raise DataError(
                    f"{where} has a field 'split', but the first has none; give it to every line, or to none"
                )
            yield one if one.split else one._replace(split=self.split)


@dataclass(frozen=True, eq=False)
class Documents:
    """The texts of one split, in order. Each time they are asked for they are read anew."""

    files: tuple[TextFile, ...]
    split: str  # as the files have it
    root: Path  # from which files are named
    chosen: np.ndarray | None = None  # bool, over all documents of the split in `files`; None for all
    part: tuple[float, float] = (0.0, 1.0)  # shares of the characters of each document

    def __iter__(self) -> Iterator[str]:
        for _, one in self._read():
            yield one.text

    def __len__(self) -> int:
        """N; the first time they are all read."""
        return self._size

    def __getitem__(self, index: int) -> str:
        """The text of one; what lies before it in its files is read too."""
        place = index if index >= 0 else index + len(self)
        found = next(islice(self, place, None), None) if place >= 0 else None
        if found is None:
            raise IndexError(f"document {index} of {len(self)}")
        return found

    def items(self) -> Iterator[tuple[str, str]]:
        """Each document's label and text."""
        for file, one in self._read():
            yield one.label(shown(file.path.relative_to(self.root))), one.text

    def titles(self) -> Iterator[tuple[str, str, str]]:
        """Each document's label, title ('' where it has none) and text."""
        for file, one in self._read():
            yield one.label(shown(file.path.relative_to(self.root))), one.title, one.text

    def label(self, index: int) -> str:
        """What messages call document `index`: its title, or as in `stories.jsonl, line 17`."""
        return self.labels[index]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """(N,) what each is called; the first time they are all read."""
        return tuple(label for label, _ in self.items())

    @cached_property
    def key(self) -> str:
        """SHA-256, in hex, over the texts in order; the first time they are all read."""
        total = hashlib.sha256()
        for text in self:
            total.update(hashlib.sha256(text.encode()).digest())
        return total.hexdigest()

    def subset(self, chosen: np.ndarray) -> Documents:
        """Those where `chosen` (N,) bool is true."""
        if self.chosen is None:
            return replace(self, chosen=np.asarray(chosen, bool))
        whole = self.chosen.copy()
        whole[whole] = chosen
        return replace(self, chosen=whole)

    @cached_property
    def _size(self) -> int:
        return sum(1 for _ in self._read()) if self.chosen is None else int(self.chosen.sum())

    def _read(self) -> Iterator[tuple[TextFile, Document]]:
        own = ((file, one) for file in self.files for one in file if one.split == self.split)
        for place, (file, one) in enumerate(own):
            if self.chosen is None or (place < len(self.chosen) and self.chosen[place]):
                yield file, self._cut(one)

    def _cut(self, one: Document) -> Document:
        if self.part == (0.0, 1.0):
            return one
        start, stop = (int(len(one.text) * share) for share in self.part)
        return one._replace(text=one.text[start:stop])
