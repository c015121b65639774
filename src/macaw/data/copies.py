"""Rules of copies: repeats, leaks from one split into another, and copies that carry different labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from macaw.data.duplicates import COPY, SAME_PIXELS, Fingerprints, NearCopies, correlation, near_copies
from macaw.data.examples import count, encode
from macaw.data.facts import Fact, read_thumb
from macaw.data.find import shown
from macaw.data.hashing import hashed_split
from macaw.data.survey import JUDGING, Survey

_LOOKED_AT = 20_000  # pairs of a crowded set whose pixels are compared, the most alike first
_SHOWN = 8  # pairs of each finding that are worth a picture

Group = list[int]  # pictures that are equal byte for byte


class Couple(NamedTuple):
    """Two pictures of which one is a copy of the other, or nearly."""

    code: str  # of the finding
    left: int
    right: int


class Near(NamedTuple):
    """Two pictures that are nearly equal."""

    left: int
    right: int
    sure: bool  # whether they are copies; else they may be


def copy_findings(
    held: Survey, facts: Sequence[Fact], prints: Fingerprints, *, val_share: float
) -> list[Couple]:
    """Everything about copies; answers the pairs that are worth a picture.

    `val_share` is the share that training sets aside as val where the data has none.
    """
    groups: dict[bytes, Group] = defaultdict(list)
    for index, fact in enumerate(facts):
        if not fact.problem:
            groups[fact.digest].append(index)
    seen = [group for group in groups.values() if not facts[group[0]].blank]
    near = _near(held, prints, seen)
    couples = [*_exact(held, [group for group in groups.values() if len(group) > 1]), *_alike(held, near)]
    if "train" in held.splits and "val" not in held.splits and val_share:
        couples += _carved(held, facts, near, val_share)
    return couples


def _exact(held: Survey, groups: Sequence[Group]) -> Iterator[Couple]:
    conflicts = [pair for group in groups if (pair := _conflict(held, group))]
    words = f"{_pictures(len(conflicts))} with different labels in equal copies"
    yield from _told(held, "label-conflict", conflicts, words)
    leaks = [pair for group in groups for pair in _leaks(held, group)]
    words = f"{_pictures(len(leaks))} in two splits, byte for byte ({_ways(held, leaks)})"
    yield from _told(held, "leak-exact", leaks, words)
    repeats = [pair for group in groups for pair in _repeats(held, group)]
    many = count(len(repeats), "picture repeats", "pictures repeat")
    words = f"{many} another, byte for byte"
    yield from _told(held, "duplicate", repeats, words)


def _conflict(held: Survey, group: Group) -> tuple[int, int] | None:
    """The first two copies with different labels."""
    first = {frozenset(held.labels[i]): i for i in reversed(group) if held.labels[i] or held.multi}
    places = sorted(first.values())
    return (places[0], places[1]) if len(places) > 1 else None


def _leaks(held: Survey, group: Group) -> list[tuple[int, int]]:
    """Each copy that a model is judged by, with one that it may have learned from."""
    first = {held.splits[i]: i for i in reversed(group)}
    return [
        (i, place)
        for i in group
        if (place := next((j for s, j in first.items() if _leaky(held.splits[i], s)), None)) is not None
    ]


def _leaky(judged: str, other: str) -> bool:
    """Whether a copy in `other` spoils one in `judged`; of val and test it is test's that is counted."""
    return bool(other) and judged in JUDGING and (other not in JUDGING or (judged, other) == ("test", "val"))


def _repeats(held: Survey, group: Group) -> list[tuple[int, int]]:
    """Each copy after the first of its split, with the first; all splits to learn from count as one."""
    first: dict[str, int] = {}
    pairs = []
    for i in group:
        home = _home(held, i)
        if home in first:
            pairs.append((i, first[home]))
        first.setdefault(home, i)
    return pairs


def _home(held: Survey, index: int) -> str:
    split = held.splits[index]
    return split if split in JUDGING else "train"


def _near(held: Survey, prints: Fingerprints, groups: Sequence[Group]) -> list[Near]:
    """All pairs of near copies, most alike first, among the first copies of each split and label."""
    if not groups:
        return []
    first = np.array([group[0] for group in groups])
    copies = near_copies(prints.subset(first))
    faces = [
        list({(held.splits[i], held.labels[i]): i for i in reversed(group)}.values()) for group in groups
    ]
    pairs = []
    for a, b, sure in _certain(held, first, copies) if copies.crowded else _likely(copies):
        pairs += [Near(i, j, sure) for i, j in product(faces[a], faces[b])]
    return pairs


def _likely(copies: NearCopies) -> Iterator[Near]:
    for (a, b), likeness in zip(copies.pairs.tolist(), copies.likeness.tolist(), strict=True):
        yield Near(a, b, likeness >= COPY)


def _certain(held: Survey, first: np.ndarray, copies: NearCopies) -> Iterator[Near]:
    """The pairs of a crowded set whose pixels are equal but for some noise; a straight 1 is like another."""
    for (a, b), mirrored in zip(copies.pairs[:_LOOKED_AT].tolist(), copies.mirrored, strict=False):
        left, right = (read_thumb(held.sources[first[place]]) for place in (a, b))
        if correlation(left[:, ::-1] if mirrored else left, right) >= SAME_PIXELS:
            yield Near(a, b, sure=False)


def _alike(held: Survey, near: Sequence[Near]) -> Iterator[Couple]:
    """Findings on pictures that are nearly equal."""
    leaks: dict[int, Near] = {}  # judged picture -> its most alike pair
    apart, beside = [], []
    for one in near:
        for judged, other in ((one.left, one.right), (one.right, one.left)):
            if _leaky(held.splits[judged], held.splits[other]):
                leaks.setdefault(judged, Near(judged, other, one.sure))
        if held.labels[one.left] != held.labels[one.right] and all(held.labels[i] for i in one[:2]):
            apart.append((one.left, one.right))
        elif _home(held, one.left) == _home(held, one.right):
            beside.append((one.left, one.right))
    for code, sure in (("leak-near", True), ("leak-alike", False)):
        pairs = [(one.left, one.right) for one in leaks.values() if one.sure == sure]
        what = "nearly equal to one" if sure else "much like one"
        yield from _told(
            held, code, pairs, f"{_pictures(len(pairs))} {what} of another split ({_ways(held, pairs)})"
        )
    words = f"{count(len(apart), 'pair')} of nearly equal pictures with different labels"
    yield from _told(held, "conflict-near", apart, words)
    many = len({index for pair in beside for index in pair})
    words = f"{_pictures(many)} nearly equal to another"
    yield from _told(held, "duplicate-near", beside, words)


def _carved(held: Survey, facts: Sequence[Fact], near: Sequence[Near], val_share: float) -> Iterator[Couple]:
    """What training will set aside as val, and the copies that this would part."""
    mine = [i for i, s in enumerate(held.splits) if s == "train" and facts[i].digest and _counts(held, i)]
    if not mine:
        return
    names = sorted({name for i in mine for name in held.labels[i]})
    targets = encode([held.labels[i] for i in mine], names, multi=held.multi)
    _, places = hashed_split([facts[i].digest for i in mine], targets, share=val_share)
    aside = {mine[place] for place in places}
    words = f"no val: training sets {len(aside):,} of {_pictures(len(mine))} of train aside, by content"
    held.report("val-missing", len(aside), words)
    inside = set(mine)
    parted: dict[int, tuple[int, int]] = {}
    for left, right, _ in near:
        if inside.issuperset((left, right)) and (left in aside) != (right in aside):
            pair = (left, right) if left in aside else (right, left)
            parted.setdefault(pair[0], pair)
    words = f"{_pictures(len(parted))} of those set aside as val nearly equal to one that stays in train"
    yield from _told(held, "leak-carved", list(parted.values()), words)


def _counts(held: Survey, index: int) -> bool:
    return held.multi or bool(held.labels[index])


def _told(held: Survey, code: str, pairs: Sequence[tuple[int, int]], words: str) -> Iterator[Couple]:
    """Report the pairs, if any; the first of them, no picture twice, are worth a picture."""
    if not pairs:
        return
    held.report(code, len(pairs), words, (_pair(held, *pair) for pair in pairs))
    seen: set[int] = set()
    for left, right in pairs:
        if len(seen) < 2 * _SHOWN and seen.isdisjoint((left, right)):
            seen |= {left, right}
            yield Couple(code, left, right)


def _pair(held: Survey, left: int, right: int) -> str:
    """`a.png = b.png`, with the labels where they differ."""
    names = [held.name(i) for i in (left, right)]
    if held.labels[left] != held.labels[right]:
        told = (shown(", ".join(held.labels[i]) or "no label") for i in (left, right))
        names = [f"{name} ({words})" for name, words in zip(names, told, strict=True)]
    return " = ".join(names)


def _ways(held: Survey, pairs: Iterable[tuple[int, int]]) -> str:
    """`val and train 3, test and train 2`."""
    ways = Counter(f"{held.splits[i]} and {held.splits[j]}" for i, j in pairs)
    return ", ".join(f"{way} {number:,}" for way, number in ways.most_common())


def _pictures(number: int) -> str:
    return count(number, "picture")
