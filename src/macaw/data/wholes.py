"""Wholes: pictures as they are read, each with the size it really has, several at a time.

For models whose answers are places: a large picture may be read at a fraction of its size, and its boxes
belong to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from macaw.data.decode import Levels
from macaw.data.guard import quiet
from macaw.data.hashing import in_chunks
from macaw.data.prepare import Fit, read_whole

Size = tuple[int, int]  # width and height, upright, pixels


def read_wholes(
    sources: Sequence[Any], how: Fit, *, levels: Levels | None = None
) -> tuple[list[np.ndarray], list[Size]]:
    """Every picture, (H, W, 3) uint8, and its size; `levels` as in `read_picture`.

    Raises InputError, which names it, for the first that cannot be read.
    """

    def some(part: range) -> list[tuple[np.ndarray, Size]]:
        return [read_whole(sources[index], how, levels=levels) for index in part]

    with quiet():
        found = [pair for _, read in in_chunks(some, len(sources), chunk=8) for pair in read]
    return [picture for picture, _ in found], [size for _, size in found]
