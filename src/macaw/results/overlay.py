"""Overlay: an answer drawn on the frame that it is about, fast enough for a video: Pillow, no matplotlib.

`plot` makes a picture to look at for a while, with words that keep out of each other's way. In a video they
would jump from frame to frame: here each stays at the corner of its box, and what is about the whole frame
stands in the upper left corner.

Shapes: H and W pixels of the frame
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from macaw.results.base import Result
from macaw.results.boxes import Boxes
from macaw.results.labels import Labels
from macaw.results.mask import NONE, Mask
from macaw.results.palette import COLORS, colors, ink, rgb
from macaw.results.points import Points

DOUBT = 0.3  # a point of a box of a lower score is not drawn
LEAST = 0.01  # a class of a smaller share of the frame is not named
GUESSES = 3  # of a classifier
RIM = "#000000"
_LABEL = "#1c2733"


def overlay(answer: Result, frame: np.ndarray) -> np.ndarray:
    """The frame (H, W, 3) uint8 with its answer, as a new one; of an unknown kind the headline."""
    brush = Brush(frame)
    if isinstance(answer, Boxes):
        _boxes(brush, answer)
    elif isinstance(answer, Mask):
        _mask(brush, answer)
    elif isinstance(answer, Points):
        _points(brush, answer)
    elif isinstance(answer, Labels):
        brush.column([(f"{name} {100 * prob:.0f} %", _LABEL) for name, prob in answer.top(GUESSES)])
    else:
        brush.column([(answer.headline, _LABEL)])
    return brush.frame()


class Brush:
    """A copy of a frame that is drawn on; places are its pixels."""

    def __init__(self, frame: np.ndarray) -> None:
        self.pixels = np.array(frame)
        height, width = frame.shape[:2]
        self.stroke = max(2, round(max(width, height) / 400))
        self.font = _font(max(11, round(max(width, height) / 56)))
        self._opened: Any = None

    @property
    def drawing(self) -> Any:
        """Pillow's, over what was tinted."""
        if self._opened is None:
            from PIL import Image, ImageDraw

            self._image = Image.fromarray(self.pixels)
            self._opened = ImageDraw.Draw(self._image)
        return self._opened

    def tint(self, labels: np.ndarray, table: np.ndarray) -> None:
        """Colour pixels half by their label: (H, W) uint8, into (256, 3) uint8; black changes nothing."""
        painted: np.ndarray = np.asarray(table.any(axis=1))
        mixed = (self.pixels.astype(np.uint16) + table[labels]) // 2
        np.copyto(self.pixels, mixed.astype(np.uint8), where=painted[labels][..., None])

    def box(self, xyxy: np.ndarray, color: str) -> None:
        """The outline of a box."""
        left, top, right, bottom = np.rint(xyxy).astype(int).tolist()
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        self.drawing.rectangle(corners, outline=RIM, width=self.stroke + 2)
        inner = (corners[0] + 1, corners[1] + 1, max(left + 1, corners[2] - 1), max(top + 1, corners[3] - 1))
        self.drawing.rectangle(inner, outline=color, width=self.stroke)

    def line(self, one: tuple[float, float], other: tuple[float, float], color: str) -> None:
        """A line between two points."""
        for shade, width in ((RIM, self.stroke + 2), (color, self.stroke)):
            self.drawing.line((*one, *other), fill=shade, width=width)

    def dot(self, xy: tuple[float, float], color: str) -> None:
        """A point with a rim."""
        radius = self.stroke + 1
        x, y = xy
        self.drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color, outline=RIM)

    def chip(self, words: str, corner: tuple[float, float], color: str, *, above: bool = False) -> float:
        """Words on a plate whose upper, or with `above` lower, left corner is there; its height in pixels."""
        pad = self.stroke
        _, top, right, bottom = self.drawing.textbbox((0, 0), "Xg", font=self.font)
        right = self.drawing.textlength(words, font=self.font)
        width, height = right + 2 * pad, bottom - top + 2 * pad
        x = max(0, min(corner[0], self.pixels.shape[1] - width))
        y = corner[1] - height if above else corner[1]
        if y < 0:
            y = min(corner[1], self.pixels.shape[0] - height)
        self.drawing.rectangle((x, y, x + width, y + height), fill=color)
        self.drawing.text((x + pad, y + pad - top), words, fill=ink(color), font=self.font)
        return float(height)

    def column(self, lines: list[tuple[str, str]]) -> None:
        """Words, each in a colour, below each other in the upper left corner."""
        y = 0.0
        for words, color in lines:
            y += self.chip(words, (0, y), color) + 1

    def frame(self) -> np.ndarray:
        """What was drawn, (H, W, 3) uint8."""
        return self.pixels if self._opened is None else np.asarray(self._image)


def _boxes(brush: Brush, boxes: Boxes) -> None:
    shades = colors(boxes.names)
    tone = [shades[boxes.names[label]] for label in boxes.labels]
    ratio = np.tile(_ratio(brush, boxes.size), 2)
    for region, color in zip(boxes.regions, tone, strict=False):
        table = np.zeros((256, 3), np.uint8)
        table[1] = rgb(color)
        brush.tint(_fitted(region.mask().astype(np.uint8), brush), table)
    places = [np.asarray(xyxy * ratio) for xyxy in boxes.xyxy]
    for place in reversed(range(len(boxes))):  # the surest on top
        brush.box(places[place], tone[place])
        if boxes.points is not None:
            edges = boxes.skeleton.edges if boxes.skeleton else ()
            found = boxes.points[place]
            _joints(brush, found[:, :2] * ratio[:2], found[:, 2] >= DOUBT, edges, color=tone[place])
    for place in reversed(range(len(boxes))):
        left, top = places[place][:2].tolist()
        words = f"{boxes.names[boxes.labels[place]]} {100 * boxes.scores[place]:.0f} %"
        brush.chip(words, (left, top), tone[place], above=True)


def _mask(brush: Brush, mask: Mask) -> None:
    shades = colors(mask.names)
    table = np.zeros((NONE + 1, 3), np.uint8)
    table[: len(mask.names)] = [rgb(shades[name]) for name in mask.names]
    brush.tint(_fitted(mask.labels, brush), table)
    found = mask.shares
    listed = [name for name in mask.names if found.get(name, 0) >= LEAST]  # in the order of the table
    brush.column([(name, shades[name]) for name in listed])


def _points(brush: Brush, points: Points) -> None:
    xy = points.xy * _ratio(brush, points.size)
    _joints(brush, xy, points.sure, points.edges, color=COLORS[1])


def _joints(brush: Brush, xy: np.ndarray, sure: np.ndarray, edges: Any, *, color: str) -> None:
    """Points (K, 2) of which (K,) are sure, and the edges between those."""
    places = [(float(x), float(y)) for x, y in xy]
    for one, other in edges:
        if sure[one] and sure[other]:
            brush.line(places[one], places[other], color)
    for place in np.flatnonzero(sure):
        brush.dot(places[place], color)


def _ratio(brush: Brush, size: tuple[int, int]) -> np.ndarray:
    """Pixels of the frame for one of the answer's picture, across and down."""
    height, width = brush.pixels.shape[:2]
    return np.array([width / (size[0] or width), height / (size[1] or height)])


def _fitted(labels: np.ndarray, brush: Brush) -> np.ndarray:
    """Labels (h, w) uint8 at the size of the frame."""
    from PIL import Image

    height, width = brush.pixels.shape[:2]
    if labels.shape == (height, width):
        return labels
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    """DejaVu Sans, as everywhere else; it comes with matplotlib."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
