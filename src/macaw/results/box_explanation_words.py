"""The sentences of an explanation of a box: what was found, how to read each picture, what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.explanation_words import NBSP
from macaw.results.explanation_words import percent as exactly
from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.box_explanation import BoxExplanation

NAMED = 3  # classes and near misses that a sentence names
SEEN = 0.0005  # what is less would be written as 0.0 %

LEVELS = (
    "The model lays grids of cells over the picture, fine ones for small things and coarse ones for large "
    "ones, and every cell answers: a score for each class, and a box. Yellow is where cells give “{name}” a "
    "high score; dots are the cells that claim this very object, the red one is the surest."
)
LEVELS_HIDE = "A score says that a cell speaks for the class, not what in the picture made it do so."
SUPPRESSION = (
    "Several cells see one object, each a little differently. Of boxes of one class that overlap by more "
    "than {iou:.2f} the surest stays and removes the others; overlap is intersection over union."
)
MISSES = (
    "What the next lower threshold would let in, most of it rightly left out. An object that you miss may "
    "be among it: then a lower threshold finds it, and with it whatever stands above it here."
)
APART = "Scores of a detector do not add up to one: each class is asked for by itself."
HEAT = (
    "The part of the picture around the box: its spots were blurred in turn and the model asked again, what "
    "it gives this class at this place. Yellow is where that hurt, blue where it helped."
)
HEAT_HIDES = (
    "It shows what the box needs, one spot at a time: of two that say the same, neither is missed. The "
    "blur is nothing the model was trained on, so some of a fall is its surprise."
)
MADE = {
    "Scores": "The raw output for one class, cell by cell, before anything is chosen; no cell is left out.",
    "Claims": "Cells whose own box overlaps the explained one by more than suppression allows, and that give "
    "no other class a higher score; what gives less than 1 % claims nothing.",
    "Suppression": "Greedy non-maximum suppression, exact and without a clock; who removed whom is written "
    "down as it happens.",
    "By covering": "Occlusion (Zeiler and Fergus 2013, arXiv 1311.2901) with the score of the best cell "
    "whose box overlaps the explained one by half or more: the mean fall over the blurred spots that cover a "
    "pixel, most by those around it. Its trial is the energy-based pointing game (Wang et al. 2020, "
    "arXiv 1910.01279).",
    "Prototypes": "Each times its weight (Bolya et al. 2019, YOLACT, arXiv 1904.02689), as the graph gives "
    "them; shown are those of the largest mean size in the box.",
}


def percent(score: float, space: str = NBSP) -> str:
    """`81 %`, on one line; below one per cent with a digit more."""
    return f"{100 * score:.{0 if score >= 0.0095 else 1}f}{space}%"


def question(why: BoxExplanation) -> str:
    """What is explained."""
    if why.found:
        return f"Why “{why.box.name}” here?"
    return f"Why no “{why.target}”?" if why.target else "Why nothing?"


def headline(why: BoxExplanation) -> str:
    """The question and its score; of a box that was not found also what it would have needed."""
    score = percent(why.box.score, " ")
    if why.found:
        return f"{why.question} {score}"
    what = "" if why.target else f", a “{why.box.name}”"
    return f"{why.question} {score} at best{what}; {percent(why.threshold, ' ')} are needed"


def lede(why: BoxExplanation) -> str:
    """Who finds what, and where it stands among everything found."""
    source = why.answer.source.replace("\\", "/").rsplit("/", 1)[-1] or "this picture"
    who = why.model or "The model"
    if why.found:
        of = f"number {why.place} of {several(len(why.answer), 'box')}"
        score = percent(why.box.score)
        return f"{who} puts this box around a “{why.box.name}” in {source} with {score}: {of}."
    what = f"no “{why.target}”" if why.target else "nothing"
    return (
        f"{who} finds {what} in {source}. The surest candidate is a “{why.box.name}” with "
        f"{percent(why.box.score)}, and a box needs {percent(why.threshold)}. What follows is about that one."
    )


def sentences(why: BoxExplanation) -> list[str]:
    """What was found, a line for each part that there is."""
    parts = (claimed(why), mixed(why), removed(why), confused(why), missed(why), held(why))
    return [words for words in parts if words]


def claimed(why: BoxExplanation) -> str:
    """How many cells see this object, and which is the surest."""
    if why.claims is None or not len(why.claims):
        return ""
    count, levels = len(why.claims), len(set(why.claims.strides.tolist()))
    sure = int((why.claims.scores >= why.threshold).sum())
    much = "none" if not sure else "all" if sure == count else f"{sure}"
    surest = f"the surest, at stride {why.claims.strides[0]}, gives {percent(float(why.claims.scores[0]))}"
    if count == 1:
        return f"1 cell claims it, at stride {why.claims.strides[0]}."
    return (
        f"{several(count, 'cell')} on {several(levels, 'level')} claim it, {much} of them with the "
        f"{percent(why.threshold)} that a box needs; {surest}."
    )


def mixed(why: BoxExplanation) -> str:
    """How well the strongest prototypes of its outline would do alone."""
    if why.mixture is None:
        return ""
    count, shown = len(why.mixture.weights), len(why.mixture.shown)
    return (
        f"Its outline is mixed from {several(count, 'prototype')}; the {shown} strongest alone would give a "
        f"mask that overlaps it by {why.mixture.alike:.2f}."
    )


def removed(why: BoxExplanation) -> str:
    """What suppression did for this box, and how close the closest call was."""
    told = why.suppression
    if told is None:
        return ""
    if not told.needed:
        return "One cell alone answers for each object in this model, so no box had to be removed."
    if not why.found:
        return ""
    rivals = told.of(why.place)
    if not len(rivals):
        return "No other box had to be removed for it."
    least, most, one = float(rivals.overlaps.min()), float(rivals.overlaps.max()), len(rivals) == 1
    much = f"{least:.2f}" if one else f"{least:.2f} to {most:.2f}"
    which = "which overlaps" if one else "which overlap"
    words = f"It removed {several(len(rivals), 'other box')}, {which} it by {much}"
    return f"{words}; more than {told.iou:.2f} is too much."


def confused(why: BoxExplanation) -> str:
    """What else the box's own cell thinks it could be."""
    others = [one for one in why.classes if one[0] != why.box.name and one[1] >= SEEN][:NAMED]
    if not others:
        return ""
    words = ", ".join(f"“{name}” {percent(score)}" for name, score in others)
    more = f": more than “{why.box.name}”" if others[0][1] > why.box.score else ""
    return f"The same cell gives {words}{more}."


def missed(why: BoxExplanation) -> str:
    """The next boxes of the picture that a lower threshold would bring."""
    if why.misses is None or not len(why.misses):
        return ""
    rows = zip(why.misses.labels[:NAMED], why.misses.scores[:NAMED], strict=True)
    some = ", ".join(f"“{why.answer.names[label]}” {exactly(float(score))}" for label, score in rows)
    return f"Next below the threshold of {percent(why.threshold)}: {some}."


def held(why: BoxExplanation) -> str:
    """What covering does to the score, and whether the heat lies where the box is."""
    heat = why.heat
    if heat is None:
        return ""
    before, worst = percent(heat.before), percent(max(0.0, heat.worst))
    words = (
        f"One covered spot takes it from {before} to {worst} at worst, the whole box covered to "
        f"{percent(heat.hidden)}; the box alone has {percent(heat.alone)}. Of what holds it up "
        f"{percent(heat.inside)} lies in the box, which is {percent(heat.share)} of what was covered."
    )
    return words if heat.better else f"{words} So the map finds no more than a guess would."
