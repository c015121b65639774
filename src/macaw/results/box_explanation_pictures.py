"""The pictures of an explanation of a box: the photograph with its boxes, scores and heat over it in grey.

All are in the photograph's own frame: the bars that made it square for the model are cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.box_explanation_parts import BoxHeat, LevelScores, Proposals
from macaw.results.box_explanation_words import percent
from macaw.results.canvas import Canvas
from macaw.results.chips import Chips
from macaw.results.draw import GOLD, SCARLET

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.box_explanation import BoxExplanation
    from macaw.results.heat import Frame

# Shapes: H and W pixels of what is drawn
SIDE = 640  # pixels of the longer side of what is drawn
RIVALS = 6  # boxes drawn of those that were removed; more hide the object
LETTER, STROKE = 1 / 36, 1 / 160  # of the longer side: words, and the box in question; a page shows it small
BOX, OTHER, RIVAL, CELL = SCARLET, "#ffffff", GOLD, "#ffffff"


def found_picture(why: BoxExplanation) -> Image:
    """The photograph with the box in question, the others that were found, and the rivals it removed."""
    drawing = _Drawing(why, heat.dimmed(why.picture, _whole(why), side=SIDE))
    for place in reversed(range(len(why.answer))):
        if place != why.place - 1:
            drawing.outline(why.answer.xyxy[place], OTHER)
    if why.suppression is not None and why.found:
        for xyxy in why.suppression.of(why.place)[:RIVALS].xyxy[::-1]:
            drawing.outline(xyxy, RIVAL, dashed=True)
    drawing.outline(np.array(why.box.xyxy), BOX, dashed=not why.found, bold=True)
    drawing.chip(f"{why.box.name} {percent(why.box.score, ' ')}", np.array(why.box.xyxy), BOX)
    return drawing.picture()


def level_picture(why: BoxExplanation, level: LevelScores) -> Image:
    """The scores of a level over the photograph, the box in question, and the cells that claim it."""
    values = _over(why, level) / peak(why)
    drawing = _Drawing(why, heat.overlay(why.picture, values, _whole(why), side=SIDE))
    drawing.outline(np.array(why.box.xyxy), OTHER)
    if why.claims is not None and len(why.claims):
        mine = np.flatnonzero(why.claims.strides == level.stride)
        drawing.dots(why.claims.centres[mine[mine > 0]], CELL)
        drawing.dots(why.claims.centres[mine[mine == 0]], BOX)  # the surest of all levels
    return drawing.picture()


def heat_picture(why: BoxExplanation, one: BoxHeat) -> Image:
    """The map by covering over its part of the photograph, with the box in question."""
    return map_picture(why, one.values, one.frame)


def map_picture(why: BoxExplanation, values: np.ndarray, frame: Frame) -> Image:
    """A map (h, w) of -1..1 over the part of the photograph where it lies, with the box in question."""
    place = np.array(frame)
    part = _part(why, place)
    tall, wide = part.shape[:2]
    pixels = heat.overlay(part, values, (0.0, 0.0, float(wide), float(tall)), side=SIDE)
    drawing = _Drawing(why, pixels, origin=place[:2], extent=place[2:] - place[:2])
    drawing.outline(np.array(why.box.xyxy), OTHER)
    return drawing.picture()


def missed_picture(why: BoxExplanation, misses: Proposals) -> Image:
    """The photograph with the box in question and what lies just below the threshold."""
    drawing = _Drawing(why, heat.dimmed(why.picture, _whole(why), side=SIDE))
    drawing.outline(np.array(why.box.xyxy), BOX, bold=True)
    for xyxy in misses.xyxy[::-1]:
        drawing.outline(xyxy, RIVAL, dashed=True)
    for xyxy, label, score in zip(misses.xyxy, misses.labels, misses.scores, strict=True):
        drawing.chip(f"{why.answer.names[label]} {percent(float(score), ' ')}", xyxy, RIVAL)
    return drawing.picture()


def peak(why: BoxExplanation) -> float:
    """The score that has the brightest colour: the highest of all levels."""
    return max([float(level.scores.max()) for level in why.levels] + [1e-6])


def _over(why: BoxExplanation, level: LevelScores) -> np.ndarray:
    """The scores of a level at every pixel of what is drawn, (H, W): each cell is a block."""
    height, width = why.picture.shape[:2]
    scale = SIDE / max(height, width)
    left, top, right, bottom = why.sheet
    across, down = (
        ((np.arange(count) + 0.5) / count * whole - start) / (end - start) * why.side
        for count, whole, start, end in (
            (max(1, round(width * scale)), why.answer.size[0], left, right),
            (max(1, round(height * scale)), why.answer.size[1], top, bottom),
        )
    )
    return level.read(down, across)


def _whole(why: BoxExplanation) -> Frame:
    """All of the photograph, in its pixels."""
    height, width = why.picture.shape[:2]
    return 0.0, 0.0, float(width), float(height)


def _part(why: BoxExplanation, frame: np.ndarray) -> np.ndarray:
    """What lies in a frame (4,), pixels of the picture, SIDE pixels long: (h, w, 3) uint8."""
    from PIL import Image as Images

    height, width = why.picture.shape[:2]
    whole = np.array([width, height, width, height])  # of the copy of the picture that is at hand
    place = np.clip(frame * whole / np.tile(why.answer.size, 2), 0, whole)
    sides = place[2:] - place[:2]
    wide, tall = np.maximum(1, np.rint(sides * SIDE / sides.max())).astype(int).tolist()
    image = Images.fromarray(why.picture)
    return np.asarray(image.resize((wide, tall), Images.Resampling.LANCZOS, tuple(place.tolist())))


class _Drawing:
    """Pixels (H, W, 3) of the photograph, or of a map over it, to draw boxes on.

    Places are pixels of the picture. It shows all of it, or `extent` (width, height) from `origin` (x, y) on.
    """

    def __init__(
        self,
        why: BoxExplanation,
        pixels: np.ndarray,
        *,
        origin: np.ndarray | None = None,
        extent: np.ndarray | None = None,
    ) -> None:
        size = pixels.shape[1], pixels.shape[0]
        self.canvas = Canvas(pixels, size)
        longer = max(self.canvas.width, self.canvas.height)
        self.canvas.letter = max(self.canvas.letter, LETTER * longer)
        self.thin, self.thick = self.canvas.stroke, max(self.canvas.stroke, round(STROKE * longer))
        self.origin = np.zeros(2) if origin is None else origin
        self.ratio = np.array(size) / (why.answer.size if extent is None else extent)
        self.chips = Chips(self.canvas.width, self.canvas.height)

    def outline(self, xyxy: np.ndarray, color: str, *, dashed: bool = False, bold: bool = False) -> None:
        placed, self.canvas.stroke = self._place(xyxy), self.thick if bold else self.thin
        if not dashed:
            self.canvas.box(placed, color)
            return
        edge = self.canvas.stroke / 2  # a line stays whole at the picture's edge
        ends = np.maximum(edge, np.array([self.canvas.width, self.canvas.height] * 2) - edge)
        left, top, right, bottom = np.clip(placed, edge, ends)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
        self.canvas.line(np.array(corners), color, dashed=True)

    def dots(self, xy: np.ndarray, color: str) -> None:
        if len(xy):
            self.canvas.dots(self._place(xy), color)

    def chip(self, words: str, xyxy: np.ndarray, color: str) -> None:
        """Words on a box; left out where they do not fit."""
        words = self.canvas.fit(words)
        half = self.canvas.stroke / 2
        around = self._place(xyxy) + half * np.array([-1, -1, 1, 1])
        spot = self.chips.spot(self.canvas.chip_size(words), around)
        if spot is not None:
            self.chips.take(spot.box)
            self.canvas.chip(words, spot.box, color)

    def picture(self) -> Image:
        return self.canvas.picture()

    def _place(self, xy: np.ndarray) -> np.ndarray:
        pairs = np.shape(xy)[-1] // 2
        return self.canvas.place((xy - np.tile(self.origin, pairs)) * np.tile(self.ratio, pairs))
