"""Windows: documents packed into one long row of ids on disk, and the pieces of it that a step learns from.

The row is a ring: the last document's end stands before the first one's beginning, so that any place may be
the first of an epoch, and none is left out.

Shapes: N ids of the row, B rows of a batch, T positions of a window
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from macaw.errors import DataError
from macaw.language.vocabulary import Vocabulary

_CHUNK = 1 << 20  # ids gathered before they are written


@dataclass(frozen=True, eq=False)
class Windows:
    """The row, and how it is read: `length` positions at a time."""

    ids: np.ndarray  # (N,) uint16 or uint32, memory-mapped
    length: int  # T

    def __len__(self) -> int:
        return max(1, len(self.ids) // self.length)

    def of_length(self, length: int) -> Windows:
        """The same row, read so many positions at a time, or as many as there are."""
        return replace(self, length=max(1, min(length, len(self.ids) - 1)))

    def documents(self, end: int | None) -> Iterator[np.ndarray]:
        """The documents one by one, as they were packed: (T,) ids, the last of which is `end`."""
        start = 0
        for stop in (np.flatnonzero(self.ids == end) + 1).tolist():
            yield np.asarray(self.ids[start:stop]).astype(np.int32)
            start = stop
        if start < len(self.ids):  # of a vocabulary without an end
            yield np.asarray(self.ids[start:]).astype(np.int32)

    def scattered(self, indices: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and those that follow them, (B, T) int64 each, of the windows of these numbers.

        Window i begins at place i * T + `shift`.
        """
        return self._rows(np.asarray(indices) * self.length + shift)

    def abreast(self, step: int, rows: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
        """The same of `rows` windows, each of which goes on where that of the step before it ended."""
        lane = len(self.ids) // rows
        return self._rows(np.arange(rows) * lane + step * self.length + shift)

    def _rows(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places = starts[:, None] + np.arange(self.length + 1)
        rows = np.take(self.ids, places, mode="wrap").astype(np.int64)
        return rows[:, :-1], rows[:, 1:]


def packed(documents: Iterable[str], vocabulary: Vocabulary, length: int) -> Windows:
    """Encode documents one by one; the ids lie in a file without a name, which goes when they do.

    Without a begin the end of each document stands before the next. Raises DataError where there is no text.
    """
    kind = np.uint16 if len(vocabulary) <= 1 << 16 else np.uint32
    held: list[np.ndarray] = []
    count = waiting = texts = 0
    with tempfile.TemporaryFile() as file:
        for text in documents:
            ids = vocabulary.document(text).astype(kind)
            texts += len(ids) > len(vocabulary.document("")) if texts == 0 else 0
            held.append(ids)
            waiting += len(ids)
            if waiting >= _CHUNK:
                file.write(np.concatenate(held).tobytes())
                count, waiting, held = count + waiting, 0, []
        if held:
            file.write(np.concatenate(held).tobytes())
        count += waiting
        if count < 2 or not texts:
            raise DataError("the documents hold no text; there is nothing to learn from, add some")
        file.flush()
        return Windows(np.memmap(file, kind, "r", shape=(count,)), min(length, count - 1))
