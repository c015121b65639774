"""Crops for the contact sheet: one picture of each class, and both of a pair, cut to their middle square."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from macaw.data.copies import Couple
from macaw.data.facts import Fact
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.prepare import read_fit
from macaw.data.survey import Survey
from macaw.results.found import Crop, Pair

SIDE = 96  # pixels: some three kilobytes each on a page
MOST = 1000  # classes that are shown


def class_crops(held: Survey, facts: Sequence[Fact]) -> tuple[Crop, ...]:
    """One picture of each class, of train where it has one, in the order of the names."""
    chosen: dict[str, int] = {}
    totals = Counter[str]()
    for i in sorted(range(len(held)), key=lambda i: held.splits[i] != "train"):
        totals.update(held.labels[i])
        if not (facts[i].problem or facts[i].blank):
            for name in held.labels[i]:
                chosen.setdefault(name, i)
    names = sorted(chosen)[:MOST]
    notes = [f"{totals[name]:,}" for name in names]
    return read_crops([held.sources[chosen[name]] for name in names], names, notes)


def couple_crops(held: Survey, couples: Sequence[Couple]) -> tuple[Pair, ...]:
    """Both pictures of each pair, with their names and labels."""
    places = [i for couple in couples for i in (couple.left, couple.right)]
    labels = [", ".join(held.labels[i]) or "no label" for i in places]
    crops = read_crops([held.sources[i] for i in places], list(map(held.name, places)), labels)
    return tuple(Pair(couple.code, crops[2 * k], crops[2 * k + 1]) for k, couple in enumerate(couples))


def read_crops(sources: Sequence[Any], names: Sequence[str], notes: Sequence[str]) -> tuple[Crop, ...]:
    """A crop of each of these pictures, which can be read."""

    def some(part: range) -> list[Crop]:
        return [Crop(read_fit(sources[i], SIDE), names[i], notes[i]) for i in part]

    with quiet():
        return tuple(crop for _, crops in in_chunks(some, len(sources), chunk=8) for crop in crops)
