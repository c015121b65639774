"""Stack: pictures of several answers below each other, each under its name and its headline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from macaw.results.base import Result

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN, GAP, HEAD = 44, 40, 58  # pixels
WIDTH, HIGHEST = 1200, 900  # of a picture, at most


def stack(parts: Mapping[str, Result]) -> Image:
    """One sheet of them, in their order; none is enlarged."""
    from macaw.results.draw import HEADING, NOTE, Box, Sheet, inside

    pictures = [part.plot().convert("RGB") for part in parts.values()]
    places = []
    for picture in pictures:
        room = Box(0, 0, min(WIDTH, picture.width), min(HIGHEST, picture.height))
        places.append(inside(picture.size, room))
    width = max(WIDTH // 2, *(place.width for place in places))
    height = sum(HEAD + place.height for place in places) + GAP * (len(places) - 1)
    sheet, y = Sheet(width + 2 * MARGIN, height + 2 * MARGIN), float(MARGIN)
    for (name, part), picture, place in zip(parts.items(), pictures, places, strict=True):
        sheet.text(MARGIN, y + 16, sheet.fit(name, width, HEADING), style=HEADING)
        start = sheet.measure(name, HEADING) + 20
        sheet.text(MARGIN + start, y + 18, sheet.fit(part.headline, width - start, NOTE), style=NOTE)
        sheet.paste(picture, Box(MARGIN, y + HEAD, place.width, place.height))
        y += HEAD + place.height + GAP
    return sheet.picture()
