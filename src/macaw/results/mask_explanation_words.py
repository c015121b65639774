"""The sentences of an explanation of a mask: what was found, how to read each picture, what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results.explanation_words import NBSP, percent
from macaw.results.mask_explanation_parts import Contest
from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.mask_explanation import MaskExplanation

NAMED = 3  # contests that the text names

PROBS = "The probability of “{name}” at every pixel, over the photograph in grey: the yellower, the surer."
PROBS_HIDE = "It says where the model sees the class, not what in the picture made it do so."
BITS = (
    "The doubt between all classes: no colour where one class has everything, 1 bit where two share it "
    "evenly; full yellow is {peak:.2g} bits."
)
BITS_HIDE = "A model may be sure and wrong: doubt shows only the errors that it half knows of."
CONTESTS = (
    "A pixel is contested where the second class has at least half the probability of the first. Along a "
    "border that is no surprise; a band wider than a cell of the raw output, here {cell:.0f} pixels, or no "
    "border at all, means that the two are confused."
)
MADE = {
    "Maps": "The logits of the raw output, scaled to the picture as decoding scales them, then softmax at "
    "every pixel. What the model said of the bars around the picture is left out.",
    "Doubt": "Shannon's entropy of the probabilities, in bits: that of one forward pass. It holds what is "
    "ambiguous in the picture, and not all of what the model never learned (Kendall and Gal 2017, "
    "arXiv 1703.04977).",
    "Contests": "Pixels are counted by their two most probable classes; a border by the edges between "
    "neighbouring pixels of the two, along rows and columns.",
}


def headline(why: MaskExplanation) -> str:
    """The question with its answer in figures."""
    doubt = f"{100 * why.doubt:.1f} % is contested"
    if not why.share:
        return f"{why.question} Nowhere: {100 * float(why.probs.max()):.0f} % at most; {doubt}"
    return f"{why.question} {100 * why.share:.1f} % of the picture, {100 * _inside(why):.0f} % sure; {doubt}"


def lede(why: MaskExplanation) -> str:
    """Who paints what, and why this class is looked at."""
    source = why.answer.source.replace("\\", "/").rsplit("/", 1)[-1] or "this picture"
    words = f"{why.model or 'The model'} finds {several(len(why.answer.shares), 'class')} in {source}."
    return f"{words} {taken(why)}{'' if why.asked else f' {chosen(why)}'}"


def chosen(why: MaskExplanation) -> str:
    """Which class is shown where nobody asked for one."""
    if len(why.answer.shares) == 1:
        return "It is the only one found."
    return "It is the one found with most certainty, the largest left aside."


def taken(why: MaskExplanation) -> str:
    """How much of the picture the class takes, and how surely."""
    highest = percent(float(why.probs.max()))
    if not why.share:
        return f"“{why.target}” is found nowhere: it reaches {highest} at most."
    return (
        f"“{why.target}” takes {percent(why.share)} of the picture, and has {percent(_inside(why))} there on "
        f"average; counted by probability it takes {percent(why.expected)}."
    )


def doubted(why: MaskExplanation) -> str:
    """How much of the picture is in doubt."""
    mean = float(why.bits.mean(dtype=np.float64))
    return (
        f"{percent(why.doubt)} of the picture is contested; the doubt is {mean:.2f} bits on average and "
        f"{float(why.bits.max()):.2f} at most, of {np.log2(len(why.answer.names)):.2f} that are possible."
    )


def contest(why: MaskExplanation, one: Contest) -> str:
    """`road | sidewalk: 3.1 % of the picture, a band of 14 pixels along 220 of border`."""
    words = f"{one.name} | {one.other}: {percent(one.pixels / why.bits.size)} of the picture"
    return f"{words}, {where(why, one)}"


def where(why: MaskExplanation, one: Contest) -> str:
    """Whether two classes are at odds along their border only."""
    if one.width is None:
        return "without a border"
    much = f"{one.border:,}{NBSP}px of border"
    if not one.pixels:
        return f"along {much}, all of it sure"
    band = f"a band of {one.width:.0f}{NBSP}px along {much}" if one.width >= 1 else f"along {much}"
    return f"{band}: confused, not only blurred" if one.width > why.cell else band


def sentences(why: MaskExplanation) -> list[str]:
    """What was found, a line each."""
    some = [one for one in why.contests if one.pixels][:NAMED]
    return [taken(why), doubted(why), *(contest(why, one) for one in some)]


def _inside(why: MaskExplanation) -> float:
    """The mean probability of the class where it is the answer."""
    return float(why.probs[why.answer[why.target]].mean(dtype=np.float64))
