"""Boxes with points: what a model of key points said of each object becomes part of the answer about boxes.

Shapes: N boxes, K key points of each
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from macaw.results.boxes import Boxes
from macaw.results.skeleton import Bones, Edges

OBJECT = "object"  # the class of boxes that somebody gave without saying what they hold


def boxes_at(xyxy: Any, *, size: tuple[int, int], source: str = "") -> Boxes:
    """Boxes (N, 4) that somebody gave, in their order, as an answer: objects of score 1.

    Raises InputError for what are no boxes.
    """
    corners = np.asarray(xyxy, np.float32)
    corners = corners.reshape(-1, 4) if corners.size == 0 else corners
    count = len(corners)
    return Boxes((OBJECT,), corners, np.zeros(count, np.int64), np.ones(count), size, source)


def pointed(
    boxes: Boxes, points: Sequence[np.ndarray], names: Sequence[str], *, edges: Edges = (), **more: Any
) -> Boxes:
    """`boxes` with the points of each: N arrays (K, 3) of x, y in pixels of the picture and a score.

    `names` and `edges` are what they are called and how they are joined; `more` replaces further fields.
    """
    table = np.stack(points) if len(points) else np.zeros((0, len(names), 3))
    return replace(boxes, points=table, skeleton=Bones(tuple(names), edges), **more)
