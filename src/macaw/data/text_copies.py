"""Rules of copied texts: repeats, and leaks from one split into another, whole or by passages.

Shapes: N documents, K hashes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from macaw.data.examples import count
from macaw.data.survey import JUDGING
from macaw.data.text_splits import drawn
from macaw.data.text_survey import TextSurvey

COPY, PART = 0.6, 0.1  # shares of its windows from which a document is a copy, and from which a part of it is
_ENOUGH = 8  # windows by which a document is judged: some 130 bytes where one of 16 is kept
COMMON = 0.01  # share of the documents from which what they have in common is boilerplate, not a copy
_LEAST = 10  # documents that must have it at least


class Copied(NamedTuple):
    """A document, the one that it has most in common with, and the share of its windows that are copied."""

    document: int
    other: int
    share: float


def copy_findings(held: TextSurvey, *, val_share: float) -> None:
    """Everything about copies; `val_share` is what training sets aside as val where the data has none."""
    groups: dict[int, list[int]] = {}
    for index, mark in enumerate(held.marks):
        groups.setdefault(mark, []).append(index)
    firsts = [group for group in groups.values() if held.sizes[group[0]]]  # empty lines are no copies
    leaked = _exact(held, [group for group in firsts if len(group) > 1])
    hashes, owners = _rare(held)
    judged = np.array([split in JUDGING for split in held.splits], bool)
    repeats = {i for group in firsts for i in group[1:]}
    leaks = [one for one in _copied(held, hashes, owners, judged) if one.document not in leaked]
    told = (
        ("leak-near", [one for one in leaks if one.share >= COPY], "mostly copied from another split"),
        ("leak-part", [one for one in leaks if one.share < COPY], "with passages of another split"),
    )
    for code, some, words in told:
        _pairs(held, code, some, words)
    near = [
        one
        for one in _copied(held, hashes, owners, None)
        if one.share >= COPY and one.document not in repeats
    ]
    _pairs(held, "duplicate-near", near, "mostly copied from another of the same split")
    _carved(held, groups, near, val_share)


def _exact(held: TextSurvey, groups: Sequence[list[int]]) -> set[int]:
    """Findings on equal texts; answers the documents that another split has too."""
    leaks, repeats = [], []
    for group in groups:
        learned = next((i for i in group if held.splits[i] not in JUDGING), None)
        val = next((i for i in group if held.splits[i] == "val"), None)
        first: set[str] = set()
        for i in group:
            split = held.splits[i]
            other = learned if split in JUDGING and learned is not None else val if split == "test" else None
            if other is not None:
                leaks.append(Copied(i, other, 1.0))
            if split in first:
                repeats.append(i)
            first.add(split)
    ways = Counter(f"{held.splits[one.document]} and {held.splits[one.other]}" for one in leaks)
    shares = ", ".join(f"{way} {number:,}" for way, number in ways.most_common())
    _pairs(held, "leak-exact", leaks, f"in two splits, character for character ({shares})")
    held.report_documents("duplicate", repeats, "repeating another, character for character")
    return {one.document for one in leaks}


def _rare(held: TextSurvey) -> tuple[np.ndarray, np.ndarray]:
    """The fingerprints but for those that many documents share, (K,) each."""
    hashes, owners = held.prints.table()
    if not len(hashes):
        return hashes, owners
    _, where, times = np.unique(hashes, return_inverse=True, return_counts=True)
    kept = times[where] < max(_LEAST, COMMON * len(held))
    return hashes[kept], owners[kept]


def _copied(
    held: TextSurvey, hashes: np.ndarray, owners: np.ndarray, judged: np.ndarray | None
) -> list[Copied]:
    """Documents of which PART is in an earlier one of their split; with `judged` (N,), in a learned one."""
    if not len(hashes):
        return []
    splits = np.unique(np.array(held.splits), return_inverse=True)[1]
    # For each hash the first document that may be its source: of all, or of each split
    keys = hashes if judged is not None else hashes ^ (splits[owners].astype(np.uint64) << np.uint64(56))
    sources = np.flatnonzero(~judged[owners]) if judged is not None else np.arange(len(hashes))
    distinct, first = np.unique(keys[sources], return_index=True)
    if not len(distinct):
        return []
    place = np.minimum(np.searchsorted(distinct, keys), len(distinct) - 1)
    origin = np.where(distinct[place] == keys, owners[sources][first][place], -1)
    copied = (origin >= 0) & (origin != owners)
    if judged is not None:
        copied &= judged[owners]
    whole, part = (np.bincount(some, minlength=len(held)) for some in (owners, owners[copied]))
    share = part / np.maximum(whole, 1)
    chosen = np.flatnonzero((whole >= _ENOUGH) & (share >= PART))
    groups = _groups(owners[copied], origin[copied], chosen)
    found = [Copied(i, groups[i], float(share[i])) for i in chosen.tolist()]
    return sorted(found, key=lambda one: (-one.share, one.document))


def _groups(owners: np.ndarray, origin: np.ndarray, chosen: np.ndarray) -> dict[int, int]:
    """Document -> the one that most of its copied windows come from."""
    order = np.argsort(owners, kind="stable")
    owners, origin = owners[order], origin[order]
    starts, stops = (np.searchsorted(owners, chosen, side=side) for side in ("left", "right"))
    return {
        i: int(np.bincount(origin[a:b]).argmax())
        for i, a, b in zip(chosen.tolist(), starts.tolist(), stops.tolist(), strict=True)
    }


def _pairs(held: TextSurvey, code: str, some: Sequence[Copied], words: str) -> None:
    if some:
        told = f"{count(len(some), 'document')} {words}"
        held.report(code, len(some), told, (_pair(held, one) for one in some))


def _pair(held: TextSurvey, one: Copied) -> str:
    share = f" ({100 * one.share:.0f} %)" if one.share < 1 else ""
    return f"{held.labels[one.document]} = {held.labels[one.other]}{share}"


def _carved(held: TextSurvey, groups: dict[int, list[int]], near: Iterable[Copied], val_share: float) -> None:
    """What training will set aside as val, and the copies that this would part."""
    mine = [i for i, split in enumerate(held.splits) if split == "train"]
    if not mine or "val" in held.splits or not val_share:
        return
    if len(groups) < 2:
        held.report(
            "val-missing", 1, f"no val: training cuts {100 * val_share:g} % of the only document off as val"
        )
        return
    side = drawn(np.array([held.marks[i] for i in mine], np.uint64), {"val": val_share}, seed=0)["val"]
    aside = {i for i, inside in zip(mine, side.tolist(), strict=True) if inside}
    words = (
        f"no val: training sets {len(aside):,} of {count(len(mine), 'document')} of train aside, by content"
    )
    held.report("val-missing", len(aside), words)
    parted = [one for one in near if (one.document in aside) != (one.other in aside)]
    _pairs(held, "leak-carved", parted, "that training would set aside from their copies")
