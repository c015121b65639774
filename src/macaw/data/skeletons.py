"""Skeletons people share: the 17 joints of COCO, the 68 face points of 300-W, and mirrors told by names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from macaw.data.objects import Skeleton

_BODY = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
)
_BODY_EDGES = (
    "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"  # COCO's own
)
# COCO's spread of each joint (Ronchi and Perona 2017, arXiv 1707.05388; values of the COCO API)
_BODY_SIGMAS = "26 25 25 35 35 79 79 72 72 62 62 107 107 87 87 89 89"

# Sagonas et al. 2016 (doi 10.1016/j.imavis.2016.01.002), left and right as the face's owner says:
# name, how many points, and whether a line through them closes
_FACE = (
    ("jaw", 17, False),
    ("right brow", 5, False),
    ("left brow", 5, False),
    ("nose", 4, False),
    ("nostril", 5, False),
    ("right eye", 6, True),
    ("left eye", 6, True),
    ("lip", 12, True),
    ("inner lip", 8, True),
)
_FACE_FLIPS = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *range(27, 31),  # the bridge of the nose
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}


def named_skeleton(
    names: Sequence[str],
    *,
    edges: Sequence[tuple[int, int]] = (),
    flips: Sequence[int] | None = None,
) -> Skeleton:
    """A skeleton of these names; mirrors are told by names of sides, COCO's sigmas by COCO's names.

    Raises InputError when edges or flips do not fit the names.
    """
    table = tuple(names)
    mirrored = mirror_of(table) if flips is None else tuple(flips)
    return Skeleton(table, tuple(edges), mirrored, BODY.sigmas if table == BODY.names else None)


def mirror_of(names: Sequence[str]) -> tuple[int, ...] | None:
    """For each point the index of its mirror image, by names such as left_eye, eye-R or "right eye 3".

    None where no name has a side, or one has no partner: then nothing may be mirrored.
    """
    index = {name.lower(): number for number, name in enumerate(names)}
    partners = [_other_side(name.lower()) for name in names]
    sided = partners != [name.lower() for name in names]
    if not sided or len(index) < len(names) or not set(partners) <= index.keys():
        return None
    return tuple(index[partner] for partner in partners)


def _other_side(name: str) -> str:
    """The name with left and right swapped, as whole words: `upright` has no side."""
    parts = re.split(r"([\W_\d]+)", name)
    return "".join(_SIDES.get(part, part) for part in parts)


def _face() -> Skeleton:
    names: list[str] = []
    edges: list[tuple[int, int]] = []
    for name, number, closed in _FACE:
        first = len(names)
        names += [f"{name} {place}" for place in range(1, number + 1)]
        edges += [(at, at + 1) for at in range(first, first + number - 1)]
        edges += [(first + number - 1, first)] if closed else []
    return Skeleton(tuple(names), tuple(edges), _FACE_FLIPS)


def _body() -> Skeleton:
    edges = tuple((int(start), int(end)) for start, _, end in (e.partition("-") for e in _BODY_EDGES.split()))
    names = tuple(_BODY.split())
    return Skeleton(names, edges, mirror_of(names), tuple(int(part) / 1000 for part in _BODY_SIGMAS.split()))


BODY = _body()  # the 17 joints of COCO
FACE = _face()  # the 68 points of 300-W and iBUG
