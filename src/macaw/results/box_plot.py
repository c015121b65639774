"""Boxes on their picture: extents tinted, boxes outlined, key points joined, names where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results.canvas import Canvas
from macaw.results.chips import Chips
from macaw.results.palette import colors

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.boxes import Boxes

MANY = 12  # of more boxes those that are small have their names alone, without the score
CROWD = 40  # of more boxes those that are smaller than their words have none
DOUBT = 0.3  # a key point of a lower score is not drawn
COVERED = 0.25  # of words in a crowd: what others cover more of is left out


def box_plot(boxes: Boxes) -> Image:
    """The picture; small boxes lie on top of large ones, and the surest have their words placed first."""
    canvas, shades = Canvas(boxes.picture, _size(boxes)), colors(boxes.names)
    tone = [shades[boxes.names[label]] for label in boxes.labels]
    area = np.diff(boxes.xyxy.reshape(-1, 2, 2), axis=1).prod(axis=2)[:, 0]
    for place in np.argsort(-area, kind="stable"):
        if boxes.regions:
            canvas.tint(boxes.regions[place].mask(), tone[place])
        canvas.box(canvas.place(boxes.xyxy[place]), tone[place])
        if boxes.points is not None:
            _joints(canvas, boxes, place, tone[place])
    _words(canvas, boxes, tone)
    return canvas.picture()


def _size(boxes: Boxes) -> tuple[int, int]:
    """Width and height of the picture; as far as the boxes reach where nobody knows."""
    if min(boxes.size) > 0:
        return boxes.size
    right, bottom = boxes.xyxy[:, 2:].max(axis=0, initial=1)
    return max(1, int(np.ceil(right))), max(1, int(np.ceil(bottom)))


def _joints(canvas: Canvas, boxes: Boxes, place: int, color: str) -> None:
    points = np.empty((0, 3)) if boxes.points is None else boxes.points[place]
    xy, clear = canvas.place(points[:, :2]), points[:, 2] >= DOUBT
    for pair in boxes.skeleton.edges if boxes.skeleton else ():
        if clear[list(pair)].all():
            canvas.line(xy[list(pair)], color)
    canvas.dots(xy[clear], color)


def _words(canvas: Canvas, boxes: Boxes, tone: list[str]) -> None:
    chips, crowd = Chips(canvas.width, canvas.height), len(boxes) > CROWD
    for place, (name, score, corners) in enumerate(boxes):
        xyxy = canvas.place(np.array(corners))
        words = canvas.fit(f"{name} {100 * score:.0f} %")
        if len(boxes) > MANY and canvas.chip_size(words)[0] > xyxy[2] - xyxy[0]:
            words = canvas.fit(name)
        size = canvas.chip_size(words)
        if crowd and size[0] > xyxy[2] - xyxy[0]:
            continue
        spot = chips.spot(size, xyxy + canvas.stroke / 2 * np.array([-1, -1, 1, 1]))
        if spot is None or (crowd and spot.covered > COVERED):
            continue
        chips.take(spot.box)
        canvas.chip(words, spot.box, tone[place])
