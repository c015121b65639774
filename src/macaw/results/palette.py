"""Palette: a colour for every class of a table, the same in every picture, told apart by everyone.

The first seven are those of Okabe and Ito ("Color Universal Design", 2008). Each of the others is the colour,
not too dark, pale or grey, that lies farthest from all before it for the kind of colour vision to which it is
nearest: of the first 14 no two are closer than 11 by CIEDE2000, of all not closer than 8, where 2 is just
seen. A table of more than 20 classes uses colours again: names stand beside them, colour alone never tells.
"""

from __future__ import annotations

from collections.abc import Sequence

COLORS = (
    *("#e69f00", "#56b4e9", "#d55e00", "#0072b2", "#f0e442", "#009e73", "#cc79a7"),
    *("#880033", "#3311cc", "#ffbbaa", "#00eeee", "#665500", "#006666", "#8877ff"),
    *("#dd4455", "#aaaa66", "#bb2288", "#557744", "#99dd77", "#9922ff"),
)
BLACK, WHITE = "#000000", "#ffffff"


def colors(names: Sequence[str]) -> dict[str, str]:
    """The colour of each name, by its place among all of them in the order of the alphabet."""
    order = {name: place for place, name in enumerate(sorted(names))}
    return {name: COLORS[order[name] % len(COLORS)] for name in names}


def ink(color: str) -> str:
    """Black or white, whichever reads better on `color`: a contrast of 4.5 or more, as WCAG 2.1 asks for."""
    return max((BLACK, WHITE), key=lambda one: contrast(one, color))


def contrast(one: str, other: str) -> float:
    """How well one colour reads on another, 1 to 21 (WCAG 2.1, "contrast ratio")."""
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(color: str) -> tuple[int, int, int]:
    """`#d55e00` as red, green and blue, 0..255."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _light(color: str) -> float:
    """Relative luminance, 0..1."""
    values = [part / 255 for part in rgb(color)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
