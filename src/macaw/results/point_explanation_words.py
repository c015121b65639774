"""The sentences of an explanation of a key point: what was found, how to read each picture, what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from macaw.results.explanation_words import NBSP, percent
from macaw.results.point_explanation_parts import Line

if TYPE_CHECKING:
    from macaw.results.point_explanation import PointExplanation

SEEN = 0.0005  # what is less would be written as 0.0 %

_PEAKS = (
    "A peak holds what lies as near to it as decoding looks. A second one lies twice as far away "
    "or more, holds 5 % or more, and is twice as high as the lowest place between."
)


class Told(NamedTuple):
    """What a page says of one way to answer with places."""

    heat: str  # what the picture shows
    hides: str  # what it does not
    table: str  # how to read the rows
    made: dict[str, str]  # how each part was made


LINES = Told(
    heat="The model answers with two lines of probability, one along the picture and one down its side; "
    "yellow is their product, the red dot the place that was read from it.",
    hides="The lines are said apart: where each has two peaks the product has four spots, and nothing says "
    "which of them belong together.",
    table="All points, the least sure first. The score is the probability about the peak, of x or of y, "
    "whichever is less; the spread is the standard deviation of the whole line, in pixels.",
    made={
        "Lines": "The softmax of the raw output over the bins of each side (SimCC, Li et al. 2022, "
        "arXiv 2107.03332), brought back to the picture; what lies on its bars is counted as beside it.",
        "Peaks": _PEAKS,
    },
)
MAP = Told(
    heat="The model answers with a map of heat for the point; yellow is hot, the red dot the place that was "
    "read from it. The lines are what the map adds up to, across and down.",
    hides="Heat is said cell by cell and need not add up: a map that is faint everywhere looks like a sure "
    "one here, and has a low score.",
    table="All points, the least sure first. The score is the heat of the hottest cell; the spread is the "
    "standard deviation of what the map adds up to across and down, in pixels.",
    made={
        "Map": "The sigmoid of the raw output (heat maps, Xiao et al. 2018, arXiv 1804.06208), brought back "
        "to the picture; the place lies between cells (DARK, Zhang et al. 2020, arXiv 1910.06278).",
        "Lines": "The sums of the map's columns and of its rows, as shares of all heat; what lies on the "
        "picture's bars is counted as beside it.",
        "Peaks": _PEAKS,
    },
)


def words_of(why: PointExplanation) -> Told:
    """What a page says of the way in which this model answers."""
    return LINES if why.map is None else MAP


def headline(why: PointExplanation) -> str:
    """The question with its answer in figures."""
    x, y = why.across.spread, why.down.spread
    return f"{why.question} {100 * why.point.score:.0f} %, spread {x:.1f} px across and {y:.1f} px down"


def lede(why: PointExplanation) -> str:
    """Who puts the point where, and why this one is looked at."""
    source = why.answer.source.replace("\\", "/").rsplit("/", 1)[-1] or "this picture"
    point, who = why.point, why.model or "The model"
    words = f"{who} puts it at {point.x:.1f}, {point.y:.1f} in {source}, with {percent(point.score)}."
    if why.asked or len(why.answer) == 1:
        return words
    return f"{words} Of its {len(why.answer):,} points it is the least sure."


def told(line: Line, side: str) -> str:
    """What one line says: its peak, how wide it is, whether there is a second peak."""
    first = line.peaks[0]
    words = f"{side}: {percent(first.share)} about {first.place:.1f}, spread {line.spread:.1f}{NBSP}px"
    if len(line.peaks) > 1:
        second = line.peaks[1]
        words += f"; a second peak at {second.place:.1f} has {percent(second.share)}"
    if line.beside >= SEEN:
        words += f"; {percent(line.beside)} lies beside the picture"
    return f"{words}."


def sentences(why: PointExplanation) -> list[str]:
    """What was found, a line each."""
    return [told(why.across, "Across"), told(why.down, "Down")]
