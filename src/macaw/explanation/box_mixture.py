"""Box mixture: which prototypes the outline of a box is mixed from, and what each says around it.

Shapes: K prototypes of h x w cells, S side of the prepared picture, n prototypes shown
"""

from __future__ import annotations

from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.explanation.box_case import BoxCase
from macaw.results.box_mixture import Mixture

SHOWN = 4  # prototypes that have a picture
AROUND = 1.6  # sides of the part that is shown by those of the box
LEAST = 8  # cells that it has at the least


def by_prototypes(case: BoxCase) -> dict[str, Any]:
    """The strongest prototypes of the mask, each times its weight, and their sum; nothing without masks."""
    if case.prototypes is None:
        return {}
    taken = case.raw[case.chosen.cell, 4 + len(case.answer.names) :].astype(np.float32)  # (K,)
    stride = case.prepared.shape[-1] / case.prototypes.shape[-1]
    box = case.letter.to_prepared(case.chosen.xyxy) / stride  # in cells
    (left, top), (right, bottom) = _window(case, box, stride)
    near = case.prototypes[:, top:bottom, left:right].astype(np.float32)
    parts = taken[:, None, None] * near  # (K, h, w)
    inside = _inside(box - [left, top, left, top], near.shape[1:])
    strength = np.abs(parts[:, inside]).mean(axis=1)
    shown = np.argsort(-strength, kind="stable")[:SHOWN]
    whole, some = parts.sum(axis=0), parts[shown].sum(axis=0)
    frame = case.letter.to_picture(np.array([left, top, right, bottom]) * stride).tolist()
    outline = np.asarray(1 / (1 + np.exp(-whole.clip(-60, 60))), np.float32)
    alike = _overlap((whole > 0) & inside, (some > 0) & inside)
    return {"mixture": Mixture(taken, shown, parts[shown], outline, tuple(frame), alike)}


def refuse_bare(case: BoxCase) -> None:
    """Raises InputError where prototypes alone are asked for, and the model has none."""
    if case.prototypes is None:
        raise InputError(
            "this model gives boxes without masks, so there are no prototypes; explain it another way"
        )


def _window(case: BoxCase, box: np.ndarray, stride: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """The whole cells around a box, first and last corner; none lies beside the picture."""
    letter = case.letter
    low = np.ceil(np.array([letter.left, letter.top]) / stride - 1e-6)
    high = np.floor(np.array([letter.left + letter.across, letter.top + letter.down]) / stride + 1e-6)
    high = np.maximum(high, low + 1)
    middle, half = (box[:2] + box[2:]) / 2, np.maximum(AROUND * (box[2:] - box[:2]), LEAST) / 2
    first = np.clip(np.floor(middle - half), low, high - 1).astype(int)
    last = np.clip(np.ceil(middle + half), first + 1, high).astype(int)
    return (int(first[0]), int(first[1])), (int(last[0]), int(last[1]))


def _inside(box: np.ndarray, cells: tuple[int, ...]) -> np.ndarray:
    """(h, w) bool: the cells whose centre lies in a box; all of them where none does."""
    rows, columns = (np.arange(count) + 0.5 for count in cells)
    left, top, right, bottom = box
    found = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    return found if found.any() else np.ones_like(found)


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
