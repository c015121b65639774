"""Provenance: passages as people read them, in characters, with the documents that have them.

Shapes: T positions, P passages
"""

from __future__ import annotations

import re

import numpy as np

from macaw.language.overlap import Overlap
from macaw.language.suffixes import Suffixes
from macaw.results.parrot import Passage, Source

ROWS = 5000  # places of a passage whose documents are counted
SOURCES, AROUND = 3, 90  # documents that are named, and symbols on either side that are quoted
_TORN = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as they are decoded


def as_read(text: Overlap, suffixes: Suffixes) -> tuple[str, np.ndarray, np.ndarray]:
    """The texts as people read them, and (P,) characters at which each passage starts and ends."""
    one, shown, at = text.track, "", 0
    starts, ends = np.zeros_like(text.passages.starts), np.zeros_like(text.passages.ends)
    for end in np.flatnonzero(one.room == 1) + 1:
        part, limits = _spelled(one.ids[at:end], suffixes)
        within = (text.passages.starts >= at) & (text.passages.starts < end)
        offsets = _byte_offsets(part)  # a passage is shown without the characters that it has in part only
        first = np.searchsorted(offsets, limits[text.passages.starts[within] - at])
        last = np.searchsorted(offsets, limits[text.passages.ends[within] - at], side="right") - 1
        shown += "\n\n" if shown else ""
        starts[within], ends[within] = len(shown) + first, len(shown) + np.maximum(first, last)
        shown, at = shown + _TORN.sub("\ufffd", part), int(end)
    return shown, starts, ends


def _spelled(ids: np.ndarray, suffixes: Suffixes) -> tuple[str, np.ndarray]:
    """The text of ids (T,), and at which of its bytes each of them starts, and the last ends, (T + 1,).

    Bytes that are no UTF-8 are half surrogates; words, which do not know their blanks, have one each.
    """
    vocabulary = suffixes.vocabulary
    if vocabulary is None:
        return bytes(ids.astype(np.uint8)).decode("utf-8", "surrogateescape"), np.arange(len(ids) + 1)
    if vocabulary.lossless:
        text, ends = vocabulary.decode(ids), np.cumsum(vocabulary.lengths[ids])
        lead = int(ends[-1]) - len(text.encode()) if len(ends) else 0  # a blank that some put in front
        return text, np.concatenate([[0], np.maximum(0, ends - lead)])
    tokens = [vocabulary.decode([number]) for number in ids.tolist()]
    ends = np.cumsum([len(token.encode()) + 1 for token in tokens])
    return " ".join(tokens), np.concatenate([[0], ends[:-1], ends[-1:] - 1])


def _byte_offsets(text: str) -> np.ndarray:
    """At which byte each character starts, and at which the text ends."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    sizes[(codes >= 0xDC80) & (codes <= 0xDCFF)] = 1
    return np.concatenate([[0], np.cumsum(sizes)])


def seen_passages(
    text: Overlap, suffixes: Suffixes, starts: np.ndarray, ends: np.ndarray
) -> tuple[Passage, ...]:
    """What is shown of each passage; of its documents the one that explains most of the text is first."""
    passages = text.passages
    rows = suffixes.rows(text.track.ids, np.stack([passages.starts, passages.ends], axis=1))
    places = [np.sort(suffixes.order[low : min(high, low + ROWS)]) for low, high in rows]
    documents = [np.unique(suffixes.document(some)) for some in places]
    lengths, weight = passages.ends - passages.starts, np.zeros(len(suffixes.labels))
    for some, length in zip(documents, lengths, strict=True):
        weight[some] += length
    return tuple(
        Passage(
            int(starts[i]),
            int(ends[i]),
            count=int(passages.counts[i]),
            documents=len(documents[i]),
            sources=_sources(suffixes, places[i], weight, int(lengths[i])),
            chance={name: round(float(values[i]), 2) for name, values in text.chance.items()},
            surprising=tuple(name for name, which in text.surprising.items() if which[i]),
        )
        for i in np.flatnonzero(text.verbatim | text.unexplained)
    )


def _sources(suffixes: Suffixes, places: np.ndarray, weight: np.ndarray, length: int) -> tuple[Source, ...]:
    documents, first = np.unique(suffixes.document(places), return_index=True)
    ranked = np.argsort(-weight[documents], kind="stable")[:SOURCES]
    found = []
    for number, place in zip(documents[ranked], places[first[ranked]], strict=True):
        before, _, behind = suffixes.passage(int(place), length, around=AROUND)
        found.append(Source(suffixes.labels[number], int(place - suffixes.starts[number]), before, behind))
    return tuple(found)
