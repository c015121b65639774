"""Box occlusion: cover one spot after another around a box, and ask what is left of its score.

As macaw.explanation.occlusion, Zeiler and Fergus 2013 (arXiv 1311.2901, section 4.2), but only around the
box: an answer of a detector costs many times that of a classifier, and what lies far from a box rarely moves
it. The picture keeps its place and its scale, so that the score asked for is the one that was given.

Shapes: A cells, S side of the prepared picture, H and W pixels of the window, G and E spots down and across,
K spots covered at a time, N pictures
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from macaw.explanation.box_case import BoxCase
from macaw.explanation.occlusion import spots
from macaw.metrics.maps import BLUR, blur
from macaw.metrics.overlap import box_iou
from macaw.results.box_explanation_parts import BoxHeat

STEPS = 8  # spots along a side of the window: with those over its edges 9 * 9 = 81 answers, whatever the size
REACH = 2  # steps that a spot is wide and high: half of a box that has its whole window
AROUND = 2.0  # sides of the window by those of the box
LEAST = 32  # pixels of the prepared picture that the window has at the least, or all there are
SAME = 0.5  # IoU from which on a cell's box is the same object's, as in VOC's and COCO's looser metric
_BATCH = 8  # pictures at a time: with more, a detector's first maps fill the memory


class Window(NamedTuple):
    """A part of the prepared picture, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int


def box_heat(case: BoxCase) -> BoxHeat:
    """What around the box in question holds its score up, in 2 + G * E answers."""
    window, blank = window_of(case), blur(case.prepared, BLUR * case.prepared.shape[-1])
    down, nearness_down = spots(window.bottom - window.top, STEPS, REACH)  # (G, H) each
    across, nearness_across = spots(window.right - window.left, STEPS, REACH)  # (E, W) each
    before, hidden, alone = scores_here(case, np.stack(list(_ends(case, blank)))).tolist()
    left = [scores_here(case, some) for some in _covered(case.prepared, blank, window, (down, across))]
    falls = before - np.concatenate(left).reshape(len(down), len(across))
    shares = [near / near.sum(axis=0) for near in (nearness_down, nearness_across)]
    heat = shares[0].T @ falls @ shares[1]  # (H, W)
    values = np.asarray(heat / max(float(np.abs(heat).max()), 1e-12), np.float32)
    inside, share = energy(values, _box(case) - [window.left, window.top, window.left, window.top])
    frame = case.letter.to_picture(np.array(window, np.float64)).tolist()
    return BoxHeat(values, tuple(frame), falls, before, hidden, alone, inside, share)


def window_of(case: BoxCase) -> Window:
    """Where spots are laid: around the box, `AROUND` times its sides, as far as the picture reaches."""
    letter, box = case.letter, _box(case)
    middle, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    half = np.maximum(AROUND * sides, LEAST) / 2
    first = np.array([letter.left, letter.top])
    last = first + np.array([letter.across, letter.down])
    low = np.clip(np.floor(middle - half), first, last - 1).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, last).astype(int)
    return Window(*low.tolist(), *high.tolist())


def scores_here(case: BoxCase, pictures: np.ndarray) -> np.ndarray:
    """(N, 3, S, S) -> (N,) the score of the class at the place of the box: of the best cell that finds it."""
    parts = [_scores(case, pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
    return np.concatenate(parts)


def energy(values: np.ndarray, box: np.ndarray) -> tuple[float, float]:
    """The share of what is above 0 in a map (H, W) that lies in `box` (4,), pixels, and the box's of the map.

    The energy-based pointing game of Wang et al. 2020 (Score-CAM, arXiv 1910.01279). A pixel lies in the box
    when its centre does. A map without anything above 0 has a share of 0.
    """
    rows, columns = (np.arange(count) + 0.5 for count in values.shape)
    left, top, right, bottom = box
    inside = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    heat = np.maximum(values, 0, dtype=np.float64)
    return float(heat[inside].sum() / max(float(heat.sum()), 1e-12)), float(inside.mean())


def _scores(case: BoxCase, pictures: np.ndarray) -> np.ndarray:
    raw = case.model.core(pictures)  # (K, A, 4 + C ...)
    letter = case.letter
    low = [letter.left, letter.top] * 2
    high = [letter.left + letter.across, letter.top + letter.down] * 2
    boxes = np.clip(raw[:, :, :4].astype(np.float64), low, high).reshape(-1, 4)
    same = box_iou(boxes, np.broadcast_to(_box(case), boxes.shape)) >= SAME
    given = np.where(same.reshape(raw.shape[:2]), raw[:, :, 4 + case.chosen.label], 0)
    return np.asarray(np.clip(given.max(axis=1), 0, 1), np.float64)


def _box(case: BoxCase) -> np.ndarray:
    """The box in question, (4,), pixels of the prepared picture."""
    return case.letter.to_prepared(case.chosen.xyxy)


def _ends(case: BoxCase, blank: np.ndarray) -> Iterator[np.ndarray]:
    """The picture as it is, the box covered, and everything but the box covered: (3, S, S) each."""
    left, top, right, bottom = _box(case)
    places = np.arange(case.prepared.shape[-1]) + 0.5
    rows, columns = (places >= top) & (places < bottom), (places >= left) & (places < right)
    box = rows[:, None] & columns
    yield case.prepared
    yield np.where(box, blank, case.prepared)
    yield np.where(box, case.prepared, blank)


def _covered(
    picture: np.ndarray, blank: np.ndarray, window: Window, covers: tuple[np.ndarray, np.ndarray]
) -> Iterator[np.ndarray]:
    """The picture with each spot of the window covered in turn, so many at a time: (K, 3, S, S)."""
    left, top, right, bottom = window
    part = (slice(None), slice(None), slice(top, bottom), slice(left, right))
    change = (blank - picture)[part[1:]]  # (3, H, W)
    count = len(covers[0]) * len(covers[1])
    for start in range(0, count, _BATCH):
        down, across = np.divmod(np.arange(start, min(start + _BATCH, count)), len(covers[1]))
        mask = covers[0][down][:, None, :, None] * covers[1][across][:, None, None, :]  # (K, 1, H, W)
        some = np.repeat(picture[None], len(down), axis=0)
        some[part] += mask * change
        yield some
