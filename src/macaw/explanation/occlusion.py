"""Occlusion: cover one spot after another and ask again; what lowers the answer held the evidence.

Zeiler and Fergus 2013 (arXiv 1311.2901), section 4.2. It needs the model's answers alone, so any engine does.

Shapes: S side of a prepared picture, G spots along a side, K spots covered at a time
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from macaw.metrics.maps import BLUR, blur

Evidence = Callable[[np.ndarray], np.ndarray]  # prepared pictures (N, 3, S, S) -> (N,), higher for the class

# Chosen on 80 training pictures of 64 pixels, against spots of 2 and 4 steps, soft edges, grey for the blur
# and the probability in place of its log-odds: none was clearly better.
STEPS = 16  # spots along a side: with those over the edges 18 * 18 = 324 answers, whatever the size
REACH = 3  # steps that a spot is wide and high
_BATCH = 64


def occlusion_map(
    picture: np.ndarray, evidence: Evidence, *, steps: int = STEPS, reach: int = REACH
) -> np.ndarray:
    """How much each pixel of `picture` (3, S, S) holds up the evidence: (S, S) float32, -1..1.

    The mean fall of the evidence over the spots that cover the pixel, most by those it is in the middle of,
    by the largest of all; below 0 covering it helps the class. A spot is a square of blur, which takes things
    away and puts none there.
    """
    side = picture.shape[-1]
    covers, nearness = spots(side, steps, reach)  # (G, S) each
    blank = blur(picture, BLUR * side)
    falls = [evidence(picture[None])[0] - evidence(some) for some in _covered(picture, blank, covers)]
    grid = np.concatenate(falls).reshape(len(covers), len(covers))  # (G, G)
    share = nearness / nearness.sum(axis=0)
    heat = share.T @ grid @ share
    return np.asarray(heat / max(float(np.abs(heat).max()), 1e-12), np.float32)


def spots(side: int, steps: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels along a side each spot covers, 0 or 1, and how near they are to its middle, 1 down to 0.

    (G, S) float32 each. Spots begin before the edge and end after it: every pixel has `reach` of them.
    """
    step = -(-side // steps)
    first = np.arange(step - reach * step, side, step)[:, None]  # (G, 1)
    place, wide = np.arange(side), reach * step
    covers = (place >= first) & (place < first + wide)
    away = np.abs(place - first - (wide - 1) / 2)
    return covers.astype(np.float32), np.where(covers, 1 - 2 * away / wide, 0).astype(np.float32)


def _covered(picture: np.ndarray, blank: np.ndarray, covers: np.ndarray) -> Iterator[np.ndarray]:
    """The picture with each spot covered in turn, row by row, so many at a time: (K, 3, S, S)."""
    count = len(covers) ** 2
    for start in range(0, count, _BATCH):
        down, across = np.divmod(np.arange(start, min(start + _BATCH, count)), len(covers))
        mask = covers[down][:, None, :, None] * covers[across][:, None, None, :]  # (K, 1, S, S)
        yield picture + mask * (blank - picture)
