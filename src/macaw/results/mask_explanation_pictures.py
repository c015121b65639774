"""The pictures of an explanation of a mask: the answer, the probability of a class, and the doubt.

All are in the photograph's own frame: the bars that made it square for the model are cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.canvas import Canvas
from macaw.results.palette import colors

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.heat import Frame
    from macaw.results.mask_explanation import MaskExplanation

SIDE = 640  # pixels of the longer side of what is drawn


def answer_picture(why: MaskExplanation) -> Image:
    """The photograph tinted by class; the class in question more, and on top."""
    small = heat.dimmed(why.picture, _whole(why), side=SIDE)
    canvas, tones = Canvas(small, (small.shape[1], small.shape[0])), colors(why.answer.names)
    for name in sorted(why.answer.shares, key=lambda name: name == why.target):
        canvas.tint(why.answer[name], tones[name], share=0.6 if name == why.target else 0.4)
    return canvas.picture()


def probs_picture(why: MaskExplanation) -> np.ndarray:
    """The probability of the class over the photograph in grey."""
    return heat.overlay(why.picture, why.probs, _whole(why), side=SIDE)


def bits_picture(why: MaskExplanation) -> np.ndarray:
    """The doubt over the photograph in grey."""
    return heat.overlay(why.picture, why.bits / peak(why), _whole(why), side=SIDE)


def peak(why: MaskExplanation) -> float:
    """The bits that have the brightest colour: one, or the most there are; so little doubt looks little."""
    return max(1.0, float(why.bits.max()))


def _whole(why: MaskExplanation) -> Frame:
    """All of the photograph, in its pixels."""
    height, width = why.picture.shape[:2]
    return 0.0, 0.0, float(width), float(height)
