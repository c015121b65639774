"""Rules of single pictures: what their files and pixels say against them, each alone and beside the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.find import shown
from macaw.data.survey import Survey

TINY, LARGE, ELONGATED = 16, 1024, 2.0  # pixels of the shorter side, twice; longer side over shorter
MIXED = 4.0  # times between small and large pictures of a set (its 5th and 95th hundredth)
# A class gives itself away when so many of its pictures have what so few of the others have.
_OWN, _OTHERS, _ENOUGH = 0.9, 0.1, 10


class _Mark(NamedTuple):
    """A rule that looks at one picture alone."""

    code: str
    applies: Callable[[Fact], bool]
    words: str  # after the number of pictures


_MARKS = (
    _Mark("wrong-suffix", lambda fact: not fact.named, "whose suffix is of another format"),
    _Mark("rotated", lambda fact: fact.turned, "stored turned or mirrored (EXIF orientation)"),
    _Mark("blank", lambda fact: fact.blank, "of one colour"),
    _Mark(
        "elongated",
        lambda fact: fact.long > ELONGATED * fact.short,
        "whose longer side is more than twice the shorter",
    ),
    _Mark("alpha", lambda fact: fact.mode == "alpha", "with transparency"),
    _Mark("cmyk", lambda fact: fact.mode == "cmyk", "in the four inks of print (CMYK)"),
    _Mark("deep", lambda fact: fact.mode == "deep", "of more than 8 bits"),
    _Mark("animated", lambda fact: fact.moving, "of several frames"),
)
# What a file has that has nothing to do with what it shows
_TRAITS: tuple[Callable[[Fact], str], ...] = (
    lambda fact: fact.kind,
    lambda fact: "grey" if fact.grey else "in colour",
    lambda fact: f"{fact.width} x {fact.height}",
)


def picture_findings(held: Survey, facts: Sequence[Fact], *, size: int | None) -> None:
    """Everything about single pictures; `size` is the side that a model reads, pixels, where it is known."""
    bad = [i for i, fact in enumerate(facts) if fact.problem]
    if bad:
        told = (_problem(held, i, facts[i].problem) for i in bad)
        held.report("unreadable", len(bad), f"{_pictures(len(bad))} cannot be read", told)
    read = [i for i, fact in enumerate(facts) if not fact.problem]
    for mark in _MARKS:
        _report(held, mark.code, [i for i in read if mark.applies(facts[i])], mark.words)
    tiny, large = (size // 2, 8 * size) if size else (TINY, LARGE)
    words = f"with a shorter side below {tiny} pixels"
    _report(held, "tiny", [i for i in read if facts[i].short < tiny], words)
    _report(held, "large", [i for i in read if facts[i].short > large], f"larger than {large} pixels")
    grey = [i for i in read if facts[i].grey and not facts[i].blank]
    if len(grey) < len(read):
        _report(held, "grey", grey, "in grey among those in colour")
    _sizes(held, [facts[i].short for i in read])
    if not held.multi:
        _giveaways(held, facts, read)


def _report(held: Survey, code: str, indices: Sequence[int], words: str) -> None:
    if indices:
        held.report(code, len(indices), f"{_pictures(len(indices))} {words}", map(held.name, indices))


def _problem(held: Survey, index: int, problem: str) -> str:
    """The reader's own words, with the file named as seen from the data set."""
    return problem.replace(shown(held.sources[index]), held.name(index), 1)


def _sizes(held: Survey, sides: Sequence[int]) -> None:
    if not sides:
        return
    low, high = (float(side) for side in np.percentile(sides, [5, 95]))
    if high >= MIXED * low:
        words = f"pictures of very different size: shorter sides of {low:.0f} to {high:.0f} pixels"
        held.report("mixed-sizes", len(sides), words)


def _giveaways(held: Survey, facts: Sequence[Fact], read: Sequence[int]) -> None:
    """Classes whose files alone tell them: all PNG among JPEG, all grey, all of one size.

    A network learns whatever tells the classes apart (Geirhos et al. 2020, "Shortcut learning in deep neural
    networks", arXiv 2004.07780).
    """
    learned = [i for i in read if held.splits[i] == "train" and held.labels[i]]
    told = []
    for trait in _TRAITS:
        by_class: dict[str, Counter[str]] = defaultdict(Counter)
        for i in learned:
            by_class[held.labels[i][0]][trait(facts[i])] += 1
        total = sum(by_class.values(), Counter[str]())
        for name, some in sorted(by_class.items()):
            value, number = some.most_common(1)[0]
            own, rest = some.total(), len(learned) - some.total()
            others = (total[value] - number) / rest if rest else 1.0
            if own >= _ENOUGH and number >= _OWN * own and others <= _OTHERS:
                share = f"{100 * number / own:.0f} % {value}, of the others {100 * others:.0f} %"
                told.append(f"'{shown(name)}': {share}")
    if told:
        words = f"{count(len(told), 'class', 'classes')} that the kind of file gives away"
        held.report("giveaway", len(told), words, told)


def _pictures(number: int) -> str:
    return count(number, "picture")
