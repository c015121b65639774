"""Mask maps: what a segmenter's logits say at every pixel of the picture, besides which class is largest.

As in decoding the logits are scaled, not the answer, and the bars of the prepared picture are never read.

Shapes: C classes, h and w cells, H and W pixels of the picture, S rows of a strip
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from macaw.data.letterbox import Letter
from macaw.results.mask_decode import as_logits
from macaw.results.placing import Grid

CLOSE = 0.5  # a pixel is contested where the second class has so much of the first one's probability
_STRIP = 1 << 18  # logits of a strip: few enough to stay in the processor's cache
_FAR = -80.0  # below the largest logit, and so of no probability; less would overflow


class Maps(NamedTuple):
    """What is known of every pixel (H, W)."""

    probs: np.ndarray  # float32, 0..1: of one class
    bits: np.ndarray  # float32: entropy of the probabilities of all classes, 0 to log2 C
    best: np.ndarray  # uint8: the most probable class
    second: np.ndarray  # uint8: the next; the same again where there is but one class
    contested: np.ndarray  # bool: whether the second comes close


def maps_of(logits: np.ndarray, letter: Letter, label: int, *, evidence: str = "logits") -> Maps:
    """Logits (C, h, w) -> the maps of the picture that lay so on what the model saw, for class `label`.

    `evidence` is what the output holds, as in `macaw.results.mask_decode.decode_mask`. Raises ModelError when
    the cells do not cover the prepared picture evenly.
    """
    grid = Grid(letter, (logits.shape[1], logits.shape[2]))
    down = grid.rows(np.arange(letter.height) + 0.5)  # (H, h)
    across = grid.columns(np.arange(letter.width) + 0.5)  # (W, w)
    wide = np.asarray(logits, np.float32) @ across.T  # (C, h, W)
    step = max(1, _STRIP // (len(logits) * letter.width))
    strips = [
        _strip(as_logits(np.tensordot(wide, down[at : at + step], (1, 1)).swapaxes(1, 2), evidence), label)
        for at in range(0, letter.height, step)
    ]
    return Maps(*(np.concatenate(parts) for parts in zip(*strips, strict=True)))


def _strip(scaled: np.ndarray, label: int) -> Maps:
    """The maps of (C, S, W) logits."""
    best = scaled.argmax(axis=0)
    far = np.maximum(scaled - scaled.max(axis=0), _FAR)
    powers = np.exp(far)
    total = powers.sum(axis=0)
    bits = (np.log(total) - (powers * far).sum(axis=0) / total) / np.log(2)
    probs = powers[label] / total
    np.put_along_axis(powers, best[None], -1, axis=0)  # the largest, whose power is 1, steps aside
    second = powers.argmax(axis=0)
    close = powers.max(axis=0) >= CLOSE
    return Maps(
        probs.astype(np.float32),
        np.maximum(bits, 0).astype(np.float32),
        best.astype(np.uint8),
        second.astype(np.uint8),
        close,
    )
