"""The picture of an explanation of a key point: heat over the photograph in grey, and the point on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.canvas import Canvas
from macaw.results.draw import SCARLET

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.point_explanation import PointExplanation

SIDE = 640  # pixels of the longer side of what is drawn
OTHER = "#ffffff"


def heat_picture(why: PointExplanation) -> Image:
    """The product of the two lines, the point in question in red, the others white."""
    height, width = why.picture.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    frame = (0.0, 0.0, float(width), float(height))
    canvas = Canvas(heat.overlay(why.picture, why.heat(size), frame, side=SIDE), size)
    xy = canvas.place(why.answer.xy * (np.array(size) / why.answer.size))
    mine = np.array([name == why.target for name in why.answer.names])
    canvas.dots(xy[~mine], OTHER, size=2)
    canvas.dots(xy[mine], SCARLET, size=4)
    return canvas.picture()
