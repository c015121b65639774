"""Canvas: a picture that answers are drawn on: tints below, lines and points over them, words on top.

It has the size of the picture itself, within limits: at most 1600 pixels a side, and what is very small is
enlarged by a whole factor, so that words fit on it. Lines have a dark rim, to be seen on any ground.

Shapes: H and W pixels of the picture, N points
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.results.draw import TRACK, Box, Sheet, Style
from macaw.results.palette import ink, rgb

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from PIL.Image import Image

LARGEST, LEAST = 1600, 640  # pixels of the longer side
RIM, RIM_ALPHA = "#000000", 0.4
_LINES, _DOTS, _CHIPS = 1.0, 2.0, 2.5  # what lies over what; a Sheet's text is at 3


class Canvas:
    """The picture (H, W, 3) uint8, or plain ground, for places in pixels of a picture of `size`."""

    def __init__(self, picture: np.ndarray | None, size: tuple[int, int]) -> None:
        longer = max(size)
        factor = LARGEST / longer if longer > LARGEST else max(1, ceil(LEAST / longer))
        self.width, self.height = (max(1, round(side * factor)) for side in size)
        self.ratio = np.array([self.width / size[0], self.height / size[1]])
        self.sheet = Sheet(self.width, self.height)
        self.pixels = _ground(picture, (self.width, self.height))
        longer = max(self.width, self.height)
        self.stroke = min(5, max(2, round(longer / 320)))  # pixels
        self.letter = min(22.0, max(12.0, longer / 72))  # pixels, the height of words

    def place(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) or boxes (..., 4) in pixels of the picture -> pixels of the canvas."""
        return np.asarray(np.asarray(xy, np.float64) * np.tile(self.ratio, np.shape(xy)[-1] // 2))

    def tint(self, mask: np.ndarray, color: str, *, share: float = 0.45) -> None:
        """Colour the pixels where `mask` (H, W) bool is true, and draw its outline."""
        cover, left, top = self._cover(mask)
        if not cover.size:
            return
        bits = cover >= 0.5
        part = self.pixels[top : top + len(cover), left : left + cover.shape[1]]
        cover = np.where(_outline(bits, self.stroke), 1, share * cover)[..., None]
        part[:] = np.rint((1 - cover) * part + cover * rgb(color))

    def _cover(self, mask: np.ndarray) -> tuple[np.ndarray, int, int]:
        """How much of each pixel a mask covers, 0..1, where it lies on the canvas, and where that is."""
        from PIL import Image as Images

        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return np.zeros((0, 0)), 0, 0
        across, down = self.width / mask.shape[1], self.height / mask.shape[0]
        left, right = floor(columns[0] * across), min(self.width, ceil((columns[-1] + 1) * across))
        top, bottom = floor(rows[0] * down), min(self.height, ceil((rows[-1] + 1) * down))
        image = Images.fromarray(mask.astype(np.uint8) * 255)
        ends = (
            min(mask.shape[1], right / across),
            min(mask.shape[0], bottom / down),
        )  # rounding may exceed them
        box = (left / across, top / down, *ends)
        cover = image.resize((right - left, bottom - top), Images.Resampling.BILINEAR, box)
        return np.asarray(cover, np.float64) / 255, left, top

    def box(self, xyxy: np.ndarray, color: str) -> None:
        """The outline of a box, in pixels of the canvas; it stays whole at the picture's edge."""
        from matplotlib.patches import Rectangle

        half = self.stroke / 2
        ends = np.array([self.width, self.height] * 2) - half
        left, top, right, bottom = np.clip(xyxy, half, np.maximum(half, ends)).tolist()
        corner, size = (left, self.height - bottom), (right - left, bottom - top)
        for width, shade, alpha in ((self.stroke + 2, RIM, RIM_ALPHA), (self.stroke, color, 1.0)):
            self._add(Rectangle(corner, *size, fill=False, ec=shade, lw=width, alpha=alpha), _LINES)

    def line(self, xy: np.ndarray, color: str, *, dashed: bool = False) -> None:
        """A line through points (N, 2), in pixels of the canvas."""
        from matplotlib.lines import Line2D

        x, y = xy[:, 0], self.height - xy[:, 1]
        for width, shade, alpha in ((self.stroke + 2, RIM, RIM_ALPHA), (self.stroke, color, 1.0)):
            # In strokes, whatever the width: else rim and line would be out of step
            style = (0, (2 * self.stroke / width,) * 2) if dashed else "-"
            self._add(Line2D(x, y, color=shade, lw=width, ls=style, alpha=alpha), _LINES)

    def dots(self, xy: np.ndarray, color: str, *, size: float = 3, hollow: bool = False) -> None:
        """Points (N, 2), in pixels of the canvas, `size` strokes wide; hollow ones show what lies under."""
        from matplotlib.lines import Line2D

        x, y = xy[:, 0], self.height - xy[:, 1]
        size *= self.stroke
        face, edge = ("none", color) if hollow else (color, RIM)
        if hollow:
            rim: dict[str, Any] = {
                "mfc": "none",
                "mec": RIM,
                "mew": 0.75 * self.stroke + 2,
                "alpha": RIM_ALPHA,
            }
            self._add(Line2D(x, y, ls="none", marker="o", ms=size, **rim), _DOTS)
        width = 0.75 * self.stroke if hollow else 1
        self._add(Line2D(x, y, ls="none", marker="o", ms=size, mfc=face, mec=edge, mew=width), _DOTS)

    def chip_size(self, words: str) -> tuple[float, float]:
        """Width and height, in pixels of the canvas, of words on a chip."""
        return self.sheet.measure(words, self._words("#ffffff")) + 0.7 * self.letter, round(
            1.45 * self.letter
        )

    def fit(self, words: str) -> str:
        """`words`, or as much of them as a chip across the whole canvas holds."""
        return self.sheet.fit(words, self.width - 0.7 * self.letter, self._words("#ffffff"))

    def chip(self, words: str, place: Box, color: str) -> None:
        """`words` on a plate of `color` at `place`, in pixels of the canvas."""
        from matplotlib.patches import Rectangle

        x, y, width, height = place
        self._add(Rectangle((x, self.height - y - height), width, height, fc=color, lw=0), _CHIPS)
        style = self._words(ink(color))
        self.sheet.text(x + width / 2, y + height / 2, words, style=style, align="center")

    def picture(self) -> Image:
        """The finished picture, RGB."""
        self.sheet.paste(self.pixels, Box(0, 0, self.width, self.height))
        return self.sheet.picture()

    def _words(self, color: str) -> Style:
        return Style(self.letter, color)

    def _add(self, artist: Artist, order: float) -> None:
        """Put a drawing, in pixels from the lower left corner, on the sheet."""
        from matplotlib.transforms import IdentityTransform

        artist.set(transform=IdentityTransform(), zorder=order)
        self.sheet.figure.add_artist(artist)


def _ground(picture: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    """The picture at the size of the canvas, or plain ground: (H, W, 3) uint8, to be changed."""
    if picture is None:
        return np.full((size[1], size[0], 3), rgb(TRACK), np.uint8)
    from PIL import Image as Images

    image = Images.fromarray(picture)
    return np.array(image if image.size == size else image.resize(size, Images.Resampling.LANCZOS))


def _outline(bits: np.ndarray, stroke: int) -> np.ndarray:
    """The pixels of (H, W) bool that lie within `stroke` of its edge; the picture's edge is none."""
    inner = bits
    for _ in range(stroke):
        padded = np.pad(inner, 1, mode="edge")
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(bits & ~inner)
