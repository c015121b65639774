"""Draws the pictures of docs/ideas: what `macaw explain` says of one photograph, head by head, and of a text.

`python scripts/ideas_pictures.py` draws all of them anew, with `box` behind it that one. They show the
embedded models as they are, so they change when those do; the photograph is in the public domain, and so is
the book. `parrot` looks into what the models were trained on, which has to lie where `--data` says.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import macaw
from macaw.files import atomic_write
from macaw.results import heat
from macaw.results.autoregression_words import percent
from macaw.results.draw import (
    BLUE,
    GOLD,
    HEADING,
    INK,
    MUTED,
    NOTE,
    PALE_BLUE,
    TITLE,
    TRACK,
    Box,
    Sheet,
    Style,
)
from macaw.results.explanation_sheet import MARGIN as EDGE
from macaw.results.explanation_sheet import WIDTH as WIDE
from macaw.results.glance_sheet import draw_inside
from macaw.samples import SAMPLES

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from macaw.results.autoregression import Autoregression
    from macaw.results.turns import Turn

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

# And of texts, for the other page: the application, a prompt, and how it is explained
BEGUN = "It was late in the evening when the carriage"
BOOK = (  # Frances Hodgson Burnett, The Secret Garden, 1911: none of the models has read it
    "When Mary Lennox was sent to Misselthwaite Manor to live with her uncle everybody said she was the "
    "most disagreeable-looking child ever seen. It was true, too. She had a little thin face and a little "
    "thin body"
)
REPEATED = BOOK.rpartition(" ")[0]  # its last word stands in it twice
TOLD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "turns": ("complete", BEGUN, {"by": "turns", "limit": 6, "seed": 4}),
    "parrot": ("complete", BEGUN, {"by": "parrot", "data": "lm_novels"}),
}
TEXT_NAMES = ("turns", "past", "kept", "contest", "parrot")
WRITERS = ("complete-ngram", "complete-lstm", "complete")  # the three ways to P(next | past)
KEPT: tuple[dict[str, Any], ...] = (  # what is done to one distribution
    {"temperature": 1.0, "top_p": 1.0},
    {"temperature": 0.5, "top_p": 1.0},
    {"temperature": 1.0, "top_p": 0.6},
)
PACKS = FOLDER.parents[2] / "shared" / "data"

WIDTH = 900  # pixels: as wide as a page shows them; wider ones would take more than 300 kB
MARGIN, GAP = 40, 24
TOP = 140  # pixels above the maps
CHANNELS = 4  # of each level
LARGE, SMALL, TINY = TITLE._replace(size=24), NOTE._replace(size=16), NOTE._replace(size=13)
ROWS = 12  # of a distribution
COLOURS = 256  # of a palette: a third of the bytes of full colour, and on these pictures hard to tell from it


def draw(name: str, data: Path = PACKS) -> Image:
    """One of NAMES or TEXT_NAMES, as it comes; `data` is the folder of the packs."""
    if name in TEXT_NAMES:
        return written(name, data)
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
    sheet.text(MARGIN, 40, "What the front-end makes of the photograph", style=LARGE)
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


def written(name: str, data: Path) -> Image:
    """One of TEXT_NAMES."""
    if name in TOLD:
        task, prompt, how = TOLD[name]
        folder = {"data": data / how["data"]} if "data" in how else {}
        sheet: Image = macaw.explain(task, prompt, **{**how, **folder}).plot()
        return sheet
    return {"past": past, "kept": kept, "contest": contest}[name]()


def past() -> Image:
    """What an n-gram, a recurrent network and a Transformer make of the same past, at the same token."""
    before, _, token = REPEATED.rpartition(" ")
    sheet, y = Sheet(WIDE, 3000), EDGE + 100.0
    sheet.text(EDGE, EDGE + 16, "Three ways to P(next | past)", style=TITLE)
    words = f"at “{token}”, after “… {' '.join(before.split()[-14:])}”"
    sheet.text(EDGE, EDGE + 56, sheet.fit(words, WIDE - 2 * EDGE, NOTE), style=NOTE)
    for name in WRITERS:
        y = draw_inside(sheet, read(name, REPEATED), y)
    return sheet.picture().crop((0, 0, WIDE, round(y)))


def read(name: str, text: str, **how: Any) -> Autoregression:
    """What a model expected of a text that is given whole, and its inside at the last token of it."""
    given = len(macaw.load(name).model.vocabulary.encode(text))
    wanted = {"before": given, "step": given, "limit": 1, "beside": (), **how}
    why: Autoregression = macaw.explain(name, text, **wanted)
    return why


def kept() -> Image:
    """One distribution as it is, at a lower temperature, and cut by top-p."""
    sheet = Sheet(WIDTH, 500)
    sheet.text(MARGIN, 40, "What comes next, and what the settings make of it", style=LARGE)
    sheet.text(MARGIN, 72, sheet.fit(f"after “{BEGUN}”", WIDTH - 2 * MARGIN, SMALL), style=SMALL)
    how: dict[str, Any] = {"by": "turns", "limit": 1, "before": 0, "show": ROWS, "beside": ()}
    turns = [macaw.explain("complete", BEGUN, **how, **settings).turns[0] for settings in KEPT]
    full = max(float(turn.drawn.max()) for turn in turns)
    wide = (WIDTH - 2 * MARGIN - (len(KEPT) - 1) * GAP) / len(KEPT)
    for place, turn in enumerate(turns):
        _distribution(sheet, turn, Box(MARGIN + place * (wide + GAP), 116, wide, 360), full)
    return sheet.picture()


def _distribution(sheet: Sheet, turn: Turn, box: Box, full: float) -> None:
    """The alternatives of a turn before and after the settings; `full` is the probability of a whole bar."""
    title = ", ".join(rule.title for rule in turn.rules) or "as the model says"
    sheet.text(box.x, box.y, title, style=HEADING._replace(size=18))
    for row, name in enumerate(turn.names[:ROWS]):
        y, cut = box.y + 34 + 28 * row, bool(turn.cut[row])
        style = Style(16, MUTED if cut else INK)
        sheet.text(box.x, y, sheet.fit(name, 0.31 * box.width, style), style=style)
        track = Box(box.x + 0.34 * box.width, y - 7, 0.42 * box.width, 14)
        before, after = (track.width * float(share[row]) / full for share in (turn.probs, turn.drawn))
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=max(1.0, before)), PALE_BLUE)
        if turn.rules and not cut:
            sheet.bar(track._replace(y=y - 1, height=7, width=max(1.0, after)), BLUE)
        words = "cut" if cut else percent(float(turn.drawn[row]))
        sheet.text(box.x + box.width, y, words, style=style, align="right")


def contest() -> Image:
    """Bits of each token of a text that none has read: of an n-gram, an LSTM and a Transformer."""
    why = read("complete", BOOK, beside=WRITERS[:2], by="turns")
    turns = why.turns[:-1]  # without the one that was drawn
    costs = {"complete": [turn.bits for turn in turns]}
    costs |= {name: [turn.opinions[n].bits for turn in turns] for n, name in enumerate(WRITERS[:2])}
    sheet, place = Sheet(WIDTH, 450), Box(MARGIN + 30, 110, WIDTH - 2 * MARGIN - 30, 240)
    sheet.text(MARGIN, 40, "Surprise of each token, in bits", style=LARGE)
    axes = sheet.axes(place)
    axes.bar(range(len(turns)), costs["complete"], color=PALE_BLUE, width=0.85)
    for name, color in zip(WRITERS, (GOLD, INK), strict=False):
        axes.plot(range(len(turns)), costs[name], color=color, lw=0, marker="_", ms=11, mew=2.2)
    axes.set(xlim=(-0.5, len(turns) - 0.5), xticks=[])
    for number, turn in enumerate(turns):
        x = place.x + (number + 0.5) * place.width / len(turns) + 4
        words = sheet.fit(turn.name.replace("␣", ""), 84, TINY)
        sheet.text(x, place.y + place.height + 12, words, style=TINY, align="right", turn=60)
    _key(sheet, {name: sum(bits) / len(bits) for name, bits in costs.items()})
    return sheet.picture()


def _key(sheet: Sheet, means: dict[str, float]) -> None:
    """Whose bars and marks they are, with the mean of each."""
    x = float(MARGIN)
    for (name, mean), color in zip(means.items(), (PALE_BLUE, GOLD, INK), strict=True):
        sheet.bar(Box(x, 75 if color == PALE_BLUE else 78, 26, 10 if color == PALE_BLUE else 4), color)
        words = f"{name}, {mean:.2f} a token"
        sheet.text(x + 34, 80, words, style=SMALL)
        x += 34 + sheet.measure(words, SMALL) + 30


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
    known = (*NAMES, *TEXT_NAMES)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(known)}; all, if none is given")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder of the pictures")
    parser.add_argument("--data", type=Path, default=PACKS, help="the folder of the data packs, for parrot")
    chosen = parser.parse_args()
    for name in chosen.names or known:
        if name not in known:
            parser.error(f"no picture '{name}'. There are: {', '.join(known)}")
        content = encoded(draw(name, chosen.data))
        path = atomic_write(chosen.out / f"{name}.png", content)
        print(f"{path}  {len(content) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
