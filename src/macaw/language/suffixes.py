"""Suffixes: all suffixes of the training text in order, so that any passage is looked up in microseconds.

One array answers "was this seen, how often, where": the longest match of every position of a text, the
documents that have it, the count of any n-gram of any length. Documents end with symbol 0 and ids are kept
one up, so no match ever spans two of them. It is built once, saved as arrays, and mapped from disk when it
is opened.

Shapes: N symbols with the ends of documents, D documents, T ids of a query, K pieces of it
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, ModelError
from macaw.files import atomic_folder
from macaw.machine import available_memory

if TYPE_CHECKING:
    from macaw.language.vocabulary import Vocabulary

Text = str | bytes | np.ndarray  # a text, its UTF-8 or other bytes, or ids (T,) of whole numbers from 0

FORMAT = 1
ABOUT = "suffixes.json"
_ARRAYS = ("symbols", "order", "starts")


@dataclass(frozen=True, eq=False)
class Matches:
    """For each position of a text, the longest passage from there on that the training text has.

    A passage of more than 1,024 symbols is followed where it was found: its length is exact there, and its
    count is that of its first 1,024.
    """

    lengths: np.ndarray  # (T,) symbols; 0 where not even the first was seen
    counts: np.ndarray  # (T,) how often the passage occurs; 0 with length 0
    places: np.ndarray  # (T,) where one of them starts, in symbols of the training text


@dataclass(frozen=True, eq=False)
class Suffixes:
    """The suffix array of some documents; `of` sorts them, `load` opens what `save` has written.

    Raises InputError when shapes disagree.
    """

    symbols: np.ndarray  # (N,) uint8, uint16 or int32: ids + 1, and 0 behind each document
    order: np.ndarray  # (N,) int32 or int64: where suffixes start, the smallest first
    starts: np.ndarray  # (D,) int64: where documents start
    labels: tuple[str, ...]  # what each document is called
    vocabulary: Vocabulary | None = None  # of the ids; None for bytes

    def __post_init__(self) -> None:
        if self.symbols.shape != self.order.shape or self.symbols.ndim != 1:
            raise InputError(f"symbols {self.symbols.shape} and order {self.order.shape} differ in shape")
        if self.starts.shape != (len(self.labels),):
            raise InputError(f"{len(self.labels)} labels need as many starts, got {self.starts.shape}")
        for name in _ARRAYS:  # a plain array, and nobody writes into it
            array = np.asarray(getattr(self, name)).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def of(
        cls, documents: Iterable[Text], *, labels: Sequence[str] = (), vocabulary: Vocabulary | None = None
    ) -> Suffixes:
        """Sort the suffixes of the documents; texts are encoded by the vocabulary, without one as UTF-8.

        Takes five bytes of memory for each of text (100 MB: half a gigabyte). Without labels documents are
        numbered. Raises InputError where an id is negative, labels are more or fewer than documents, or the
        array would not fit into memory.
        """
        from macaw.language.suffix_sorting import suffix_order

        parts = [_ids(one, vocabulary) for one in documents]
        if labels and len(labels) != len(parts):
            raise InputError(f"{len(labels)} labels for {len(parts)} documents; give one each")
        names = tuple(labels) or tuple(f"document {i + 1}" for i in range(len(parts)))
        ends = np.cumsum([len(part) + 1 for part in parts], dtype=np.int64)
        top = max((int(part.max()) for part in parts if len(part)), default=0)
        symbols = _room(int(ends[-1]) if parts else 0, top + 1)
        starts = np.concatenate([[0], ends[:-1]]).astype(np.int64) if parts else np.zeros(0, np.int64)
        for start, part in zip(starts, parts, strict=True):
            np.add(part, 1, out=symbols[start : start + len(part)], dtype=symbols.dtype, casting="unsafe")
        parts.clear()
        return cls(symbols, suffix_order(symbols, top + 2), starts, names, vocabulary)

    def save(self, folder: str | Path) -> Path:
        """Write the arrays, the labels and the vocabulary into a folder, whole or not at all.

        Raises StorageError.
        """
        with atomic_folder(folder) as new:
            for name in _ARRAYS:
                np.save(new / f"{name}.npy", getattr(self, name), allow_pickle=False)
            about = {"format": FORMAT, "vocabulary": self.vocabulary is not None, "labels": self.labels}
            (new / ABOUT).write_text(json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8")
            if self.vocabulary is not None:
                self.vocabulary.save(new)
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Suffixes:
        """Open what `save` has written; the arrays stay on disk, and are read where they are asked.

        Raises ModelError when something is missing or damaged.
        """
        folder = Path(folder)
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            arrays = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS]
            vocabulary = _vocabulary(folder) if about["vocabulary"] else None
            if about["format"] > FORMAT:
                raise ModelError(f"{folder} is of format {about['format']}, and this macaw reads {FORMAT}")
            return cls(arrays[0], arrays[1], arrays[2], tuple(about["labels"]), vocabulary)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            if isinstance(problem, ModelError):
                raise
            raise ModelError(f"'{folder}' holds no suffix array ({problem}); build it again") from problem

    def __len__(self) -> int:
        """Symbols, without the ends of documents."""
        return len(self.symbols) - len(self.starts)

    @property
    def unit(self) -> str:
        """What is counted: byte, character, word or piece."""
        return "byte" if self.vocabulary is None else self.vocabulary.kind.removesuffix("s")

    def ids(self, text: Text) -> np.ndarray:
        """(T,) of a text as this array counts it: bytes, or the tokens of its vocabulary."""
        return _ids(text, self.vocabulary)

    def read(self, ids: np.ndarray) -> str:
        """The text that ids stand for; bytes that are no UTF-8 become U+FFFD."""
        if self.vocabulary is None:
            return bytes(np.asarray(ids, np.uint8)).decode("utf-8", "replace")
        return self.vocabulary.decode(ids)

    def match(self, text: Text) -> Matches:
        """The longest match of every position, in O(T log N) for matches of ordinary length."""
        from macaw.language.suffix_queries import match_all

        query = self._query(text)
        found = np.zeros((len(query), 3), np.int64)
        match_all(self.symbols, self.order, query, found)
        return Matches(found[:, 0], found[:, 1], found[:, 2])

    def rows(self, text: Text, pieces: np.ndarray) -> np.ndarray:
        """(K, 2) for each piece (start, end) of a text the rows low .. high - 1 of `order` that have it.

        high - low is how often it occurs; an empty piece, and one that was never seen, has 0, 0.
        """
        from macaw.language.suffix_queries import find_pieces

        rows = np.zeros((len(pieces), 2), np.int64)
        find_pieces(self.symbols, self.order, self._query(text), np.asarray(pieces, np.int64), rows)
        return rows

    def count(self, text: Text) -> int:
        """How often a passage occurs."""
        low, high = self.rows(text, np.array([[0, len(self.ids(text))]]))[0]
        return int(high - low)

    def find(self, text: Text, *, most: int = 1000) -> np.ndarray:
        """Where a passage occurs, in symbols of the training text and in its order; at most `most` places."""
        low, high = self.rows(text, np.array([[0, len(self.ids(text))]]))[0]
        return np.sort(self.order[low : min(high, low + most)])

    def document(self, places: np.ndarray) -> np.ndarray:
        """The documents, 0 .. D - 1, in which places (...) of the training text lie."""
        return np.asarray(np.searchsorted(self.starts, places, side="right") - 1)

    def passage(self, place: int, length: int, *, around: int = 0) -> tuple[str, str, str]:
        """The text before, of and behind a passage: up to `around` symbols of its document on either side."""
        number = int(self.document(np.array([place]))[0])
        first = int(self.starts[number])
        last = int(self.starts[number + 1] if number + 1 < len(self.starts) else len(self.symbols)) - 1
        cuts = [max(first, place - around), place, place + length, min(last, place + length + around)]
        before, itself, behind = (
            self.read(self.symbols[low:high].astype(np.int64) - 1) for low, high in itertools.pairwise(cuts)
        )
        return before, itself, behind

    def _query(self, text: Text) -> np.ndarray:
        return np.asarray(self.ids(text).astype(np.int32) + 1, np.int32)


def _ids(text: Text, vocabulary: Vocabulary | None) -> np.ndarray:
    """(T,) whole numbers from 0; bytes are not copied. Raises InputError."""
    if isinstance(text, str):
        if vocabulary is not None:
            return vocabulary.encode(text)
        text = text.encode("utf-8", "surrogateescape")
    if isinstance(text, bytes | bytearray | memoryview):
        return np.frombuffer(text, np.uint8)
    ids = np.asarray(text)
    if ids.ndim != 1 or (ids.size and not np.issubdtype(ids.dtype, np.integer)):
        raise InputError(
            f"ids are {ids.dtype} of shape {ids.shape}; give a text, or one row of whole numbers"
        )
    if ids.size and not (0 <= ids.min() and ids.max() < 2**31 - 2):
        raise InputError(f"ids run from {ids.min()} to {ids.max()}; they are counted from 0, below 2^31 - 2")
    return ids if ids.size else ids.astype(np.uint8)


def _room(size: int, top: int) -> np.ndarray:
    """(N,) zeros for symbols 0 .. top, in few bytes. Raises InputError where the array would not fit."""
    kind = np.min_scalar_type(top) if top < 2**16 else np.dtype(np.int32)
    needed, free = size * (kind.itemsize + (4 if size < 2**31 else 8)), available_memory()
    if needed > free:
        raise InputError(
            f"the suffixes of {size:,} symbols take {needed / 1e9:.1f} GB and {free / 1e9:.1f} are "
            "free; take a part of the documents"
        )
    return np.zeros(size, kind)


def _vocabulary(folder: Path) -> Any:
    from macaw.language.vocabulary import Vocabulary

    return Vocabulary.load(folder)
