"""Crops with masks: a part of a picture for each class, which is in colour, and pictures beside their masks.

Shapes: H, W rows and columns of a picture, S pixels of a crop's side
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from macaw.data.contact import SIDE as SMALL
from macaw.data.contact import read_crops
from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.letterbox import GREY
from macaw.data.mask_survey import MaskSurvey
from macaw.data.masked import IGNORE
from macaw.data.pictures import read_picture
from macaw.results.found import Crop, Pair
from macaw.results.palette import colors, rgb

SIDE = 192  # pixels of a picture in question
MOST = 254  # classes that are shown: all that a mask has room for
_TINT = 0.6  # share of the colour where a class is
_DIM = 0.45  # share of the picture's contrast that stays where it is not
_ROOM, _LEAST = 5.0, 48  # times the spread of a class that a crop shows, and pixels that it shows at least
_RANK = 0.1  # of a class's pictures, those with most of it first, the one that is shown


class _Part(NamedTuple):
    """A square of a picture, in its pixels; it may reach out of it."""

    left: int
    top: int
    side: int


def class_crops(held: MaskSurvey, facts: Sequence[Fact]) -> tuple[Crop, ...]:
    """One crop of each class that occurs, of train where it can be, and its share of all labelled pixels."""
    clear = held.read & np.array([not fact.problem for fact in facts], bool)
    learned = clear & np.array([split == "train" for split in held.splits], bool)
    chosen: list[tuple[int, int]] = []  # class, picture
    for label in range(len(held.names)):
        shows = held.pixels[:, label] > 0
        which = np.flatnonzero(shows & learned) if (shows & learned).any() else np.flatnonzero(shows & clear)
        if len(which):
            order = which[np.argsort(-held.pixels[which, label], kind="stable")]
            chosen.append((label, int(order[int(_RANK * len(order))])))
    total = max(1, int(held.pixels[:, :-1].sum()))

    def one(place: int) -> Crop:
        label, picture = chosen[place]
        pictures = count(int((held.pixels[:, label] > 0).sum()), "picture")
        note = f"{pictures}, {100 * held.pixels[:, label].sum() / total:.2g} %"
        return Crop(_of_class(held, picture, label), held.names[label], note)

    return tuple(_many(one, min(len(chosen), MOST)))


def sight_pairs(held: MaskSurvey, facts: Sequence[Fact]) -> tuple[Pair, ...]:
    """Each picture in question, and beside it the same with its mask."""
    sights = [sight for sight in held.sights if not facts[sight.picture].problem]

    def one(place: int) -> Pair:
        code, picture = sights[place]
        bare = Crop(_whole(held, picture, masked=False), held.name(picture), held.splits[picture])
        return Pair(code, bare, Crop(_whole(held, picture), "its mask", _shown(held, picture)))

    return tuple(_many(one, len(sights)))


def couple_pairs(held: MaskSurvey, couples: Sequence[Couple]) -> tuple[Pair, ...]:
    """Both of each couple: with their masks where these are in question."""
    masked = [one for one in couples if one.code == "mask-conflict"]
    bare = [one for one in couples if one.code != "mask-conflict"]
    places = [place for couple in bare for place in couple[1:]]
    splits = [held.splits[place] for place in places]
    crops = read_crops([held.sources[place] for place in places], list(map(held.name, places)), splits)

    def one(place: int) -> Pair:
        code, *both = masked[place]
        left, right = (Crop(_whole(held, i), held.name(i), _shown(held, i)) for i in both)
        return Pair(code, left, right)

    plain = (Pair(couple.code, crops[2 * k], crops[2 * k + 1]) for k, couple in enumerate(bare))
    return (*_many(one, len(masked)), *plain)


def _of_class(held: MaskSurvey, picture: int, label: int) -> np.ndarray:
    """A part of a picture around a class, which is in colour: (S, S, 3) uint8."""
    pixels, mask = _read(held, picture)
    chosen = mask == label
    part = _around(chosen)
    close, inside = (_cut(array, part, SMALL) for array in (pixels, chosen.astype(np.uint8)))
    return _painted(close, inside[..., None] > 0, np.array(rgb(colors(held.names)[held.names[label]])))


def _around(chosen: np.ndarray) -> _Part:
    """Where most pixels of a class are; inside the picture."""
    rows, columns = np.nonzero(chosen)
    middle = [float(np.median(rows)), float(np.median(columns))]
    nearest = np.argmin((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2)  # of a ring the middle is none
    spread = max(np.abs(rows - middle[0]).mean(), np.abs(columns - middle[1]).mean())
    side = int(min(max(_ROOM * spread, _LEAST), *chosen.shape))
    starts = [
        min(max(int(where[nearest]) - side // 2, 0), whole - side)
        for where, whole in zip((rows, columns), chosen.shape, strict=True)
    ]
    return _Part(starts[1], starts[0], side)


def _whole(held: MaskSurvey, picture: int, *, masked: bool = True) -> np.ndarray:
    """A whole picture on grey, every class of its mask in its colour: (S, S, 3) uint8."""
    pixels, mask = _read(held, picture)
    height, width = mask.shape
    side = max(height, width)
    part = _Part((width - side) // 2, (height - side) // 2, side)
    close = _cut(pixels, part, SIDE)
    if not masked:
        return close
    labels = _cut(mask, part, SIDE, outside=IGNORE)
    shades = colors(held.names)
    table = np.zeros((IGNORE + 1, 3), np.float64)
    table[: len(held.names)] = [rgb(shades[name]) for name in held.names]
    return _painted(close, labels[..., None] != IGNORE, table[labels])


def _read(held: MaskSurvey, picture: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) and its mask, of one size even where they are not."""
    pixels, mask = read_picture(held.sources[picture]), held.mask(picture)
    if pixels.shape[:2] != mask.shape:
        pixels = np.asarray(Image.fromarray(pixels).resize(mask.shape[::-1]))
    return pixels, mask


def _cut(array: np.ndarray, part: _Part, side: int, *, outside: int = GREY) -> np.ndarray:
    """A part of a picture (H, W, 3), smooth, or of a mask (H, W), nearest pixels; `outside` around it."""
    height, width = array.shape[:2]
    left, top = max(0, part.left), max(0, part.top)
    right, bottom = min(width, part.left + part.side), min(height, part.top + part.side)
    scale = side / part.side
    size = [max(1, math.floor(length * scale)) for length in (right - left, bottom - top)]
    how = Image.Resampling.BICUBIC if array.ndim == 3 else Image.Resampling.NEAREST
    inner = np.asarray(Image.fromarray(array[top:bottom, left:right]).resize((size[0], size[1]), how))
    sheet = np.full((side, side, *array.shape[2:]), outside, np.uint8)
    x, y = (round((start - begin) * scale) for start, begin in ((left, part.left), (top, part.top)))
    x, y = min(x, side - size[0]), min(y, side - size[1])
    sheet[y : y + size[1], x : x + size[0]] = inner
    return sheet


def _painted(picture: np.ndarray, inside: np.ndarray, color: np.ndarray) -> np.ndarray:
    """A picture in grey, paler where nothing is meant, with `color` (3,) or (S, S, 3) inside."""
    grey = picture.mean(axis=2, keepdims=True)
    pale = 255 - _DIM * (255 - grey)
    result = np.where(inside, (1 - _TINT) * grey + _TINT * color, pale)
    return np.asarray(np.rint(np.clip(result, 0, 255)), np.uint8)


def _shown(held: MaskSurvey, picture: int) -> str:
    """What a mask shows, the largest first."""
    row = held.pixels[picture, :-1]
    order = [int(label) for label in np.argsort(-row, kind="stable") if row[label]]
    return ", ".join(held.names[label] for label in order[:3]) or "nothing"


def _many(one: Callable[[int], Any], number: int) -> list[Any]:
    """What `one` makes of each place, in a few threads."""
    with quiet():
        parts = in_chunks(lambda part: [one(place) for place in part], number, chunk=4)
        return [item for _, some in parts for item in some]
