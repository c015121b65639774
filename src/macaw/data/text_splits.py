"""Splits of text: val and test taken out of train by whole documents, or out of one text by characters.

Shapes: N documents
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from macaw.data.documents import Documents
from macaw.data.examples import count
from macaw.data.find import shown
from macaw.errors import DataError

_MARK = 8  # bytes of a text's hash that are kept: ten million texts confuse two once in 370,000 corpora


def carve(
    train: Documents, shares: Mapping[str, float], *, seed: int
) -> tuple[dict[str, Documents], list[str]]:
    """`train` without the shares of it that become other splits, those splits, and a note on each.

    Documents are chosen by the hash of their text and `seed`: renames change nothing, and copies stay
    together. A single document is cut, in the order of `shares` after train. Raises DataError for too few
    documents, or a text too short.
    """
    marks = text_marks(train)
    if len(marks) == 1:
        return _cut(train, shares)
    if not len(marks):
        raise DataError(f"{_named(train)}: the texts are empty; there is nothing to read, add some text")
    different = len(np.unique(marks))
    if different <= len(shares):
        raise DataError(
            f"{_named(train)}: train has {count(different, 'different document')}, too few to set some aside "
            f"as {' and '.join(shares)}; add texts, name a file for each split, or give val_share 0"
        )
    sides = drawn(marks, shares, seed=seed)
    notes = [
        f"no {name}: {int(sides[name].sum()):,} of {count(len(marks), 'document')} of train "
        f"set aside as {name}, by content"
        for name in shares
    ]
    return {name: train.subset(side) for name, side in sides.items()}, notes


def drawn(marks: np.ndarray, shares: Mapping[str, float], *, seed: int) -> dict[str, np.ndarray]:
    """(N,) bool for train and each share: which documents are its, equal ones in one; none is empty.

    There must be more different marks than shares.
    """
    different, where = np.unique(marks, return_inverse=True)
    own = different.tolist()
    rank = np.empty(len(different), np.int64)
    rank[sorted(range(len(different)), key=lambda i: _hashed(own[i], seed))] = np.arange(len(different))
    rank = rank[where]  # (N,)
    sides, taken = {}, 0
    for to_come, (name, share) in zip(range(len(shares), 0, -1), shares.items(), strict=True):
        wanted = min(max(1, round(share * len(different))), len(different) - taken - to_come)
        sides[name] = (rank >= taken) & (rank < taken + wanted)
        taken += wanted
    return {"train": rank >= taken, **sides}


def text_marks(some: Iterable[str]) -> np.ndarray:
    """(N,) uint64: the first bytes of each text's SHA-256."""
    return np.array([text_mark(text) for text in some], np.uint64)


def text_mark(text: str) -> int:
    """The first bytes of a text's SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_MARK], "little")


def _cut(train: Documents, shares: Mapping[str, float]) -> tuple[dict[str, Documents], list[str]]:
    ends = {"train": 1 - sum(shares.values()), **dict.fromkeys(shares, 1.0)}
    if len(shares) > 1:
        ends["val"] = 1 - shares["test"]
    starts = dict(zip(ends, [0.0, *ends.values()], strict=False))
    splits = {name: replace(train, part=(starts[name], stop)) for name, stop in ends.items()}
    empty = next((name for name, some in splits.items() if not any(some)), None)
    if empty is not None:
        raise DataError(
            f"{_named(train)}: the only text is too short to cut {empty} out of it; "
            "add text, or give val_share 0"
        )
    rest = " and ".join(shares)
    first = f"the first {100 * ends['train']:.4g} % of its characters"
    return splits, [f"one document: {first} are train, then comes {rest}"]


def _named(train: Documents) -> str:
    return shown(train.files[0].path if len(train.files) == 1 else train.root)


def _hashed(mark: int, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{mark}".encode()).digest()
