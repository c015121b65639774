"""Mask as a map: the picture tinted by class with light borders, and beside it the key with shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from macaw.results.draw import BODY, HAIRLINE, MUTED, NOTE, TRACK, Box, Sheet, inside
from macaw.results.palette import colors, rgb

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.mask import Mask

MARGIN, GAP, PANEL = 44, 48, 400  # pixels
WIDEST, HIGHEST = 1000, 800  # of the picture
PITCH, LISTED = 56, 14  # pixels from line to line of the key, and its lines
TINT, BORDER = 0.55, 0.75  # how far a colour covers the picture, and white the border between two classes


class _Line(NamedTuple):
    """A line of the key."""

    name: str
    share: float
    color: str


def mask_plot(mask: Mask) -> Image:
    """The sheet; it is as high as the picture or the key."""
    tones, key = colors(mask.names), _key(mask)
    place = inside(mask.size, Box(MARGIN, MARGIN, WIDEST, HIGHEST))
    height = max(place.height, PITCH * len(key))
    sheet = Sheet(place.width + PANEL + GAP + 2 * MARGIN, height + 2 * MARGIN)
    place = Box(MARGIN, MARGIN + (height - place.height) // 2, place.width, place.height)
    table = np.array([rgb(tones[name]) for name in mask.names], np.float32)
    sheet.paste(_map(mask, table, (int(place.width), int(place.height))), place)
    _draw_key(sheet, key, Box(MARGIN + place.width + GAP, MARGIN, PANEL, height))
    return sheet.picture()


def _map(mask: Mask, table: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture (h, w, 3) uint8 of `size` (width, height) in the colours (C, 3) of its classes."""
    from PIL import Image as Images

    labels = np.asarray(Images.fromarray(mask.labels).resize(size, Images.Resampling.NEAREST))
    ground = np.full((*labels.shape, 3), rgb(TRACK), np.float32)
    if mask.picture is not None:
        image = Images.fromarray(mask.picture).resize(size, Images.Resampling.LANCZOS)
        ground = np.asarray(image, np.float32)
    tints = np.zeros((256, 3), np.float32)
    tints[: len(table)] = table
    cover = np.where(labels < len(table), TINT, 0)[..., None]  # the picture stays where no class is
    out = (1 - cover) * ground + cover * tints[labels]
    border = _borders(labels)
    out[border] = (1 - BORDER) * out[border] + BORDER * 255
    return np.asarray(np.rint(out), np.uint8)


def _borders(labels: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels whose right or lower neighbour is of another class."""
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    border[:-1] |= labels[1:] != labels[:-1]
    return border


def _key(mask: Mask) -> list[_Line]:
    """The classes found, the largest first; what is beyond the last line, in one."""
    tones = colors(mask.names)
    lines = [_Line(name, share, tones[name]) for name, share in mask.shares.items()]
    if mask.unlabelled:
        lines.append(_Line("no class", mask.unlabelled, HAIRLINE))
    if len(lines) > LISTED:
        rest = lines[LISTED - 1 :]
        lines[LISTED - 1 :] = [_Line(f"{len(rest)} more", sum(line.share for line in rest), MUTED)]
    return lines


def _draw_key(sheet: Sheet, key: list[_Line], panel: Box) -> None:
    """A line each: a square of its colour, the name, the share, and a bar."""
    top = panel.y + (panel.height - PITCH * len(key)) / 2
    for place, (name, share, color) in enumerate(key):
        y = top + place * PITCH + 18
        sheet.bar(Box(panel.x, y - 11, 22, 22), color)
        figure = f"{100 * share:.1f} %"
        room = panel.width - 36 - sheet.measure("100.0 %", NOTE) - 16
        sheet.text(panel.x + 36, y, sheet.fit(name, room), style=BODY)
        sheet.text(panel.x + panel.width, y, figure, style=NOTE, align="right")
        track = Box(panel.x + 36, y + 18, panel.width - 36, 6)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=track.width * share), color)
