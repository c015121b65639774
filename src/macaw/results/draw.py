"""A sheet to draw on, measured in pixels: one palette, one font, text that fits its place, bare axes.

Built on matplotlib's objects (Figure and Agg canvas), without pyplot, so that no figure is kept and no global
setting is changed. All positions are pixels from the upper left corner of the sheet.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties
    from PIL.Image import Image

# The blue, gold and scarlet of a macaw; blue and gold stay apart for every kind of colour vision.
PAPER = "#ffffff"
INK = "#1c2733"
MUTED = "#64717f"
HAIRLINE = "#d5dce3"
TRACK = "#eef2f5"
BLUE = "#17639f"
PALE_BLUE = "#a9c7df"
GOLD = "#e09a1a"
SCARLET = "#c2411c"

# Only those installed are used; DejaVu Sans comes with matplotlib, the others add East Asian scripts.
FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Arial Unicode MS",
)


class Style(NamedTuple):
    """How a piece of text looks: its height in pixels, colour and weight."""

    size: float
    color: str = INK
    weight: Literal["normal", "bold"] = "normal"


class Box(NamedTuple):
    """A place on a sheet: left and top corner, width and height, in pixels."""

    x: float
    y: float
    width: float
    height: float


TITLE = Style(32, INK, "bold")
HEADING = Style(24, INK, "bold")
BODY = Style(21, INK)
NOTE = Style(18, MUTED)
TICK = Style(17, MUTED)

ELLIPSIS = "…"


class Sheet:
    """White paper of `width` x `height` pixels."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = round(width), round(height)
        # At 72 dots an inch a point is a pixel, so one unit serves for places and for style.
        self.figure = Figure((self.width / 72, self.height / 72), dpi=72, facecolor=PAPER, edgecolor=PAPER)
        self.canvas: Any = FigureCanvasAgg(self.figure)  # Any: matplotlib leaves its canvas untyped
        self._pasted: list[tuple[Image, int, int]] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        style: Style = BODY,
        align: Literal["left", "center", "right"] = "left",
        turn: float = 0,
    ) -> None:
        """Write `words` with their middle line at `y`, turned by `turn` degrees about (x, y)."""
        self.figure.text(
            x / self.width,
            1 - y / self.height,
            drawable(words),
            fontproperties=_font(style),
            color=style.color,
            ha=align,
            va="center_baseline" if not turn else "center",
            rotation=turn,
            rotation_mode="anchor",
            parse_math=False,  # a class may be called $5 or x_1
            usetex=False,
        )

    def measure(self, words: str, style: Style = BODY) -> float:
        """Width of one line of text, in pixels."""
        renderer = self.canvas.get_renderer()
        return float(renderer.get_text_width_height_descent(drawable(words), _font(style), ismath=False)[0])

    def fit(self, words: str, width: float, style: Style = BODY) -> str:
        """`words`, or the longest beginning of them that ends in an ellipsis and is at most `width` wide."""
        words = " ".join(words.split())
        if self.measure(words, style) <= width:
            return words
        return words[: self._reach(words, width, style, end=ELLIPSIS)].rstrip(" ,;") + ELLIPSIS

    def wrap(self, words: str, width: float, *, lines: int = 2, style: Style = BODY) -> list[str]:
        """`words` in at most `lines` lines, broken at spaces if possible; the last may end in an ellipsis."""
        rows: list[str] = []
        rest = " ".join(words.split())
        while len(rows) < lines - 1 and self.measure(rest, style) > width:
            reach = max(1, self._reach(rest, width, style))
            space = rest.rfind(" ", 0, reach + 1)
            cut = space if space > 0 else reach  # one endless word is broken where the line ends
            rows.append(rest[:cut].rstrip())
            rest = rest[cut:].lstrip()
        return [*rows, self.fit(rest, width, style)]

    def _reach(self, words: str, width: float, style: Style, *, end: str = "") -> int:
        """How many characters of `words`, followed by `end`, are at most `width` pixels wide."""
        low, high = 0, len(words)
        while low < high:
            middle = (low + high + 1) // 2
            if self.measure(words[:middle] + end, style) <= width:
                low = middle
            else:
                high = middle - 1
        return low

    def bar(self, box: Box, color: str) -> None:
        """A filled rectangle on whole pixels, so that its edges are sharp."""
        from matplotlib.patches import Rectangle

        left, top = round(box.x), round(box.y)
        width, height = round(box.x + box.width) - left, round(box.y + box.height) - top
        place = (left / self.width, 1 - (top + height) / self.height)
        size = (width / self.width, height / self.height)
        self.figure.add_artist(Rectangle(place, *size, transform=self.figure.transFigure, fc=color, lw=0))

    def rule(self, box: Box, color: str = HAIRLINE) -> None:
        """A hairline around `box`."""
        x, y, width, height = box
        for edge in (
            Box(x, y, width, 1),
            Box(x, y + height - 1, width, 1),
            Box(x, y, 1, height),
            Box(x + width - 1, y, 1, height),
        ):
            self.bar(edge, color)

    def axes(self, box: Box, *, spines: tuple[str, ...] = ("left", "bottom")) -> Axes:
        """Bare axes in `box`: hairlines on the named sides, small grey numbers, no frame, no grid."""
        place = (
            box.x / self.width,
            1 - (box.y + box.height) / self.height,
            box.width / self.width,
            box.height / self.height,
        )
        axes = self.figure.add_axes(place, facecolor="none")
        for side, spine in axes.spines.items():
            spine.set(visible=side in spines, color=HAIRLINE, linewidth=1.5, zorder=0.5)  # under the curves
        axes.tick_params(
            length=0, pad=8, colors=MUTED, labelsize=TICK.size, labelfontfamily=list(installed_families())
        )
        axes.grid(visible=False)
        return axes

    def paste(self, picture: np.ndarray | Image, box: Box) -> Box:
        """Put a picture, scaled to lie inside `box` and centred there; returns where it lies."""
        from PIL import Image as Images

        image = picture if isinstance(picture, Images.Image) else Images.fromarray(picture)
        place = inside(image.size, box)
        # Lanczos both ways: averaging when a photograph shrinks, smooth when a 32-pixel picture grows.
        image = image.convert("RGB").resize((int(place.width), int(place.height)), Images.Resampling.LANCZOS)
        self._pasted.append((image, int(place.x), int(place.y)))
        return place

    def cells(self, colors: np.ndarray, box: Box, *, gap: int = 0) -> None:
        """Fill `box` with (H, W, 3) uint8 colours as even cells, each ending in `gap` pixels of white."""
        from PIL import Image as Images

        width, height = round(box.width), round(box.height)
        scale = max(1, -(-width // colors.shape[1]), -(-height // colors.shape[0]))
        large = colors.repeat(scale, axis=0).repeat(scale, axis=1)
        for i in range(scale - gap, scale):
            large[i::scale] = large[:, i::scale] = 255
        # Larger than the box, then averaged down: cells stay even though pixels do not divide among them.
        image = Images.fromarray(large).resize((width, height), Images.Resampling.BOX)
        self._pasted.append((image, round(box.x), round(box.y)))

    def picture(self) -> Image:
        """The finished sheet, RGB. Pasted pictures lie under everything else that was drawn."""
        from PIL import Image as Images

        self.figure.patch.set_alpha(0.0)
        self.canvas.draw()
        drawn = Images.fromarray(np.asarray(self.canvas.buffer_rgba()).copy())
        paper = Images.new("RGB", drawn.size, PAPER)
        for image, x, y in self._pasted:
            paper.paste(image, (x, y))
        paper.paste(drawn, (0, 0), drawn)
        return paper


def inside(size: tuple[int, int], box: Box) -> Box:
    """The largest place for a picture of `size` (width, height) inside `box`, centred, in whole pixels."""
    scale = min(box.width / size[0], box.height / size[1])
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    return Box(
        round(box.x + (box.width - width) / 2), round(box.y + (box.height - height) / 2), width, height
    )


def blend(share: np.ndarray, color: str, paper: str = PAPER) -> np.ndarray:
    """Colours between `paper` (share 0) and `color` (share 1): any shape to that shape + (3,), uint8."""
    low, high = _rgb(paper), _rgb(color)
    mixed = low + np.clip(share, 0, 1)[..., None] * (high - low)  # (..., 3)
    return np.asarray(np.round(mixed), np.uint8)


def drawable(words: str) -> str:
    """`words` on one line, with U+FFFD for each character that no installed font can draw."""
    known = _characters()
    return "".join(c if ord(c) in known else "\ufffd" for c in " ".join(words.split()))


@lru_cache(maxsize=1)
def installed_families() -> tuple[str, ...]:
    """Those of FAMILIES that are installed; asking for another would make matplotlib complain."""
    from matplotlib.font_manager import fontManager

    found = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FAMILIES if name in found)


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    paths = [findfont(name) for name in installed_families()]
    return frozenset(code for path in paths for code in get_font(path).get_charmap())


@lru_cache(maxsize=64)
def _font(style: Style) -> FontProperties:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(installed_families()), size=style.size, weight=style.weight)


def _rgb(color: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float64)
