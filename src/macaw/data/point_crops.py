"""Crops with points: some objects with their points and the lines that join them, and pictures in question.

Shapes: K points, S pixels of a crop's side
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from macaw.data.box_crops import View, close_view, drawn, whole_view
from macaw.data.contact import couple_crops
from macaw.data.copies import Couple
from macaw.data.examples import count
from macaw.data.facts import Fact
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.point_survey import PointSurvey
from macaw.results.found import Crop, Pair
from macaw.results.palette import BLACK, COLORS, rgb

SIDE = 192  # pixels of a crop
EXAMPLES = 6  # objects that are shown
_RANKS = tuple((place + 0.5) / EXAMPLES for place in range(EXAMPLES))  # along the list of all
_ZOOM = 2  # times the size that points are drawn at: a crop is scaled down, which smooths its lines
_MIDDLE, _LEFT, _RIGHT = (rgb(COLORS[at]) for at in (4, 0, 1))  # points that a mirror keeps, and both sides
_HIDDEN = 0.5  # share of a dot's radius that is filled where a point is hidden


def object_crops(held: PointSurvey, facts: Sequence[Fact]) -> tuple[Crop, ...]:
    """Some objects with their points, from all over the data; of train where it has any."""
    fine = np.array([_clear(held, facts, i) for i in range(len(held))], bool)[held.table.picture]
    fine &= held.seen.any(axis=1)
    rows = np.flatnonzero(fine & held.learned) if (fine & held.learned).any() else np.flatnonzero(fine)
    chosen = sorted({int(rank * len(rows)) for rank in _RANKS}) if len(rows) else []

    def one(place: int) -> Crop:
        row = int(rows[chosen[place]])
        picture = int(held.table.picture[row])
        name = held.names[held.table.labels[row]]
        note = count(len(held.table.labels), "object") if place == 0 else ""
        return Crop(marked(held, picture, _close(held, row, picture), (row,)), name, note)

    return tuple(_many(one, len(chosen)))


def sight_pairs(held: PointSurvey, facts: Sequence[Fact]) -> tuple[Pair, ...]:
    """Each place worth a picture: the whole with the points in question, and beside it a closer view."""
    sights = [sight for sight in held.sights if _clear(held, facts, sight.picture)]

    def one(place: int) -> Pair:
        code, picture, rows = sights[place]
        left = _whole(held, picture, rows)
        if len(rows) != 1:
            return Pair(code, left, Crop(_bare(held, picture), "the same, bare", held.splits[picture]))
        close = marked(held, picture, _close(held, rows[0], picture), rows)
        return Pair(code, left, Crop(close, "the same, closer", held.splits[picture]))

    return tuple(_many(one, len(sights)))


def couple_pairs(held: PointSurvey, couples: Sequence[Couple]) -> tuple[Pair, ...]:
    """Both of each couple: with their points where these are in question."""
    pointed = [one for one in couples if one.code == "point-conflict"]
    bare = [one for one in couples if one.code != "point-conflict"]

    def one(place: int) -> Pair:
        code, *pictures = pointed[place]
        left, right = (_whole(held, i, held.rows_of(i)) for i in pictures)
        return Pair(code, left, right)

    return (*_many(one, len(pointed)), *couple_crops(held, bare))


def marked(held: PointSurvey, picture: int, view: View, rows: Sequence[int]) -> np.ndarray:
    """A part of a picture with the points of these objects: (S, S, 3) uint8.

    A hidden point is a ring. Points that a mirror swaps have the colour of the side where most have them.
    """
    scale = _ZOOM * SIDE / view.side
    sheet = Image.fromarray(drawn(held, picture, view, (), side=_ZOOM * SIDE))
    pen = ImageDraw.Draw(sheet)
    shades = _shades(held)
    for row in rows:
        points = held.points[row]
        places = (points[:, :2] - np.array(view[:2])) * scale
        for one, other in held.skeleton.edges:
            if held.seen[row, one] and held.seen[row, other]:
                ends = [tuple(places[end].tolist()) for end in (one, other)]
                pen.line(ends, fill=rgb(BLACK), width=3 * _ZOOM)
                pen.line(ends, fill=shades[one], width=_ZOOM)
        for k in np.flatnonzero(held.seen[row]).tolist():
            _dot(pen, places[k].tolist(), shades[k], hidden=points[k, 2] == 1, radius=_radius(held))
    return np.asarray(sheet.resize((SIDE, SIDE), Image.Resampling.BOX))


def _dot(
    pen: ImageDraw.ImageDraw,
    place: Sequence[float],
    color: tuple[int, int, int],
    *,
    hidden: bool,
    radius: float,
) -> None:
    x, y = place
    rings: list[tuple[float, tuple[int, int, int]]] = [(radius + _ZOOM, rgb(BLACK)), (radius, color)]
    if hidden:
        rings.append((_HIDDEN * radius, rgb(BLACK)))
    for reach, fill in rings:
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=fill)


def _radius(held: PointSurvey) -> float:
    """Of a dot: the smaller, the more points there are."""
    return _ZOOM * (3.0 if len(held.skeleton.names) <= 20 else 1.5)


def _shades(held: PointSurvey) -> list[tuple[int, int, int]]:
    """The colour of each point: where it mostly lies beside its mirror image, so that a swap is seen."""
    flips = list(held.skeleton.flips or range(len(held.skeleton.names)))
    across, both = held.points[..., 0], held.seen & held.seen[:, flips]
    apart = np.where(both, across - across[:, flips], 0.0).sum(axis=0).tolist()  # (K,)
    pairs = zip(flips, apart, strict=True)
    return [_MIDDLE if k == other else _LEFT if way < 0 else _RIGHT for k, (other, way) in enumerate(pairs)]


def _close(held: PointSurvey, row: int, picture: int) -> View:
    """Around an object's box and all its points."""
    corners = held.table.xyxy[row].reshape(2, 2)
    places = np.concatenate([corners, held.points[row, held.seen[row], :2]])
    tight = np.concatenate([places.min(axis=0), places.max(axis=0)])
    frame = held.frames[picture]
    return close_view(tight, frame) if bool((corners[1] - corners[0] < frame).any()) else whole_view(frame)


def _whole(held: PointSurvey, picture: int, rows: Sequence[int]) -> Crop:
    view = whole_view(held.frames[picture])
    return Crop(marked(held, picture, view, rows), held.name(picture), count(len(rows), "object"))


def _bare(held: PointSurvey, picture: int) -> np.ndarray:
    return drawn(held, picture, whole_view(held.frames[picture]), (), side=SIDE)


def _clear(held: PointSurvey, facts: Sequence[Fact], picture: int) -> bool:
    """Whether a picture can be shown."""
    return not facts[picture].problem and min(held.frames[picture]) > 0


def _many(one: Callable[[int], Any], number: int) -> list[Any]:
    """What `one` makes of each place, in a few threads."""
    with quiet():
        parts = in_chunks(lambda part: [one(place) for place in part], number, chunk=4)
        return [item for _, some in parts for item in some]
