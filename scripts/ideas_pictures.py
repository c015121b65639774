"""Draws the pictures of docs/ideas: what `macaw explain` says of one photograph, head by head.

`python scripts/ideas_pictures.py` draws all of them anew, with `box` behind it that one. They show the
embedded models as they are, so they change when those do; the photograph is in the public domain.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import macaw
from macaw.files import atomic_write
from macaw.results import heat
from macaw.results.draw import HEADING, NOTE, TITLE, Box, Sheet
from macaw.samples import SAMPLES

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "ideas"
PHOTO = "grace_hopper"  # the same for all heads
FACE = "hopper_face"  # cut out of it: key points are those of one face

# Picture -> what `macaw explain` is asked for it: the application, of which sample, and by which way
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "label": ("classify", PHOTO, {"by": "parts"}),
    "box": ("detect", PHOTO, {"by": "cells"}),
    "mask": ("segment", PHOTO, {}),
    "points": ("keypoints", FACE, {}),
}
NAMES = ("levels", *ASKED)

WIDTH = 900  # pixels: as wide as a page shows them; wider ones would take more than 300 kB
MARGIN, GAP = 40, 24
TOP = 140  # pixels above the maps
CHANNELS = 4  # of each level
SMALL = NOTE._replace(size=16)
COLOURS = 256  # of a palette: a third of the bytes of full colour, and on these pictures hard to tell from it


def draw(name: str) -> Image:
    """One of NAMES, as it comes."""
    if name == "levels":
        return levels()
    task, sample, how = ASKED[name]
    sheet: Image = macaw.explain(task, SAMPLES[sample].input, **how).plot()
    return sheet


def levels() -> Image:
    """The photograph as a model sees it, and the most active channels of each level of its front-end."""
    why = macaw.explain("classify", SAMPLES[PHOTO].input, by="parts")
    side, count = len(why.seen), len(why.levels)
    wide = (WIDTH - 2 * MARGIN - count * GAP) / (count + 1)
    sheet = Sheet(WIDTH, TOP + wide + 64)
    sheet.text(MARGIN, 40, "What the front-end makes of the photograph", style=TITLE._replace(size=24))
    _column(sheet, Box(MARGIN, TOP, wide, wide), why.seen, ("what it sees", f"3 of {side} × {side}"))
    for number, level in enumerate(why.levels, start=1):
        rows, columns = level.maps.shape[1:]
        tiles = heat.tiles(level.maps[:CHANNELS], columns=2, cell=128)
        place = Box(MARGIN + number * (wide + GAP), TOP, wide, wide)
        _column(sheet, place, tiles, (f"level {number}", f"{level.width} of {columns} × {rows}"))
    words = f"Of each level the {CHANNELS} most active maps, each from its least (blue) to its most (yellow)."
    sheet.text(MARGIN, TOP + wide + 32, words, style=SMALL)
    return sheet.picture()


def _column(sheet: Sheet, box: Box, picture: np.ndarray, words: tuple[str, str]) -> None:
    """A picture with two lines above it."""
    sheet.text(box.x, box.y - 50, words[0], style=HEADING._replace(size=18))
    sheet.text(box.x, box.y - 22, words[1], style=SMALL)
    sheet.paste(picture, box)


def encoded(picture: Image) -> bytes:
    """A PNG at most WIDTH wide."""
    from PIL import Image as Images

    if picture.width > WIDTH:
        size = WIDTH, round(picture.height * WIDTH / picture.width)
        picture = picture.resize(size, Images.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.quantize(COLOURS, dither=Images.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(NAMES)}; all, if none is given")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder of the pictures")
    chosen = parser.parse_args()
    for name in chosen.names or NAMES:
        if name not in NAMES:
            parser.error(f"no picture '{name}'. There are: {', '.join(NAMES)}")
        content = encoded(draw(name))
        path = atomic_write(chosen.out / f"{name}.png", content)
        print(f"{path}  {len(content) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
