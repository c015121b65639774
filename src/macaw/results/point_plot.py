"""Points on their picture: joined, and what is doubtful told apart from what is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results.canvas import Canvas
from macaw.results.palette import COLORS

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.points import Points

SURE, DOUBTFUL = COLORS[1], COLORS[0]
FEW = 24  # up to so many points are drawn larger; those of a face lie close together


def point_plot(points: Points) -> Image:
    """The picture; edges under their points."""
    canvas = Canvas(points.picture, _size(points))
    xy, sure = canvas.place(points.xy), points.sure
    for pair in points.edges:
        canvas.line(xy[list(pair)], SURE, dashed=not sure[list(pair)].all())
    size = 5 if len(points) <= FEW else 3
    canvas.dots(xy[sure], SURE, size=size)
    canvas.dots(xy[~sure], DOUBTFUL, size=1.5 * size, hollow=True)
    return canvas.picture()


def _size(points: Points) -> tuple[int, int]:
    """Width and height of the picture; as far as the points reach where nobody knows."""
    if min(points.size) > 0:
        return points.size
    right, bottom = np.ceil(points.xy.max(axis=0)).astype(int).tolist()
    return max(1, right), max(1, bottom)
