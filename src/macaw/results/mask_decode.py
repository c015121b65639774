"""From a segmenter's raw output to Mask: the logits scaled to the picture, the largest at each pixel.

The logits are scaled, not the answer: so edges are smooth, and lie between cells where the evidence does.

Shapes: B pictures, C classes, h and w cells, H and W pixels of the picture, S rows of a strip
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.results.checks import check_finite, check_parts
from macaw.results.mask import NONE, Mask
from macaw.results.placing import Grid, Placing, taps

STRIP = 1 << 18  # logits of a strip: few enough to stay in the processor's cache
EVIDENCE = ("logits", "votes")  # what an output may hold of each class
_FEWEST = 1e-30  # votes that count as none: their logarithm must be finite


def decode_mask(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    evidence: str = "logits",
    letters: Sequence[Placing] = (),
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Mask]:
    """One Mask for each picture of `raw`, (B, C, h, w) logits that cover the prepared picture evenly.

    `letters` say how each picture was placed. Without them each filled the prepared one, whatever its shape:
    the mask has the size of the picture in `pictures`, or that of the logits where there is none.
    Probabilities are the softmax of the scaled logits; by `evidence` "votes" the output holds votes of 0 or
    more, and a probability is a class's share of them. Raises ModelError when the output does not fit the
    class table or is not finite, UnknownName for other evidence.
    """
    raw, names = np.asarray(raw), tuple(names)
    if raw.ndim != 4 or raw.shape[1] != len(names):
        raise ModelError(
            f"the segmenter's output has shape {raw.shape}; its class table needs (B, {len(names)}, h, w)"
        )
    if len(names) > NONE:
        raise InputError(f"{len(names)} classes; a mask tells {NONE} apart, as a PNG of indices does")
    check_parts(len(raw), letters=letters, sources=sources, pictures=pictures)
    check_finite(raw)
    if evidence not in EVIDENCE:
        close = did_you_mean(evidence, EVIDENCE)
        raise UnknownName(f"no evidence '{evidence}'; there are {' and '.join(EVIDENCE)}.{close}")
    answers = []
    for place, logits in enumerate(raw.astype(np.float32, copy=False)):
        picture = pictures[place] if len(pictures) else None
        readers = _placed(letters[place], logits) if letters else _filled(picture, logits)
        labels, probs = _chosen(logits, readers, evidence)
        answers.append(Mask(names, labels, probs, sources[place] if sources else "", picture))
    return answers


def as_logits(scaled: np.ndarray, evidence: str) -> np.ndarray:
    """What the softmax reads of an output that was scaled: logits, or the logarithms of votes."""
    return np.log(np.maximum(scaled, _FEWEST)) if evidence == "votes" else scaled


class _Readers(NamedTuple):
    """How the rows and columns of a picture read those of the logits."""

    down: np.ndarray  # (H, h) float32
    across: np.ndarray  # (W, w) float32


def _placed(letter: Placing, logits: np.ndarray) -> _Readers:
    grid = Grid(letter, (logits.shape[1], logits.shape[2]))
    return _Readers(grid.rows(np.arange(letter.height) + 0.5), grid.columns(np.arange(letter.width) + 0.5))


def _filled(picture: np.ndarray | None, logits: np.ndarray) -> _Readers:
    cells = logits.shape[1:]
    pixels = cells if picture is None else picture.shape[:2]
    down, across = (
        taps((np.arange(side) + 0.5) * many / side, many) for side, many in zip(pixels, cells, strict=True)
    )
    return _Readers(down, across)


def _chosen(logits: np.ndarray, readers: _Readers, evidence: str) -> tuple[np.ndarray, np.ndarray]:
    """The class of the largest output at each pixel (H, W) uint8, and its probability (H, W) float32."""
    size = len(readers.down), len(readers.across)
    labels, probs = np.empty(size, np.uint8), np.empty(size, np.float32)
    wide = logits @ readers.across.T  # (C, h, W)
    step = max(1, STRIP // (len(logits) * size[1]))
    for start in range(0, size[0], step):
        down = readers.down[start : start + step]
        used = np.flatnonzero(down.any(axis=0))
        rows = slice(used[0], used[-1] + 1)  # a strip reads few of them, so this is a small product
        scaled = down[:, rows] @ wide[:, rows]  # (C, S, W)
        labels[start : start + step], probs[start : start + step] = _largest(as_logits(scaled, evidence))
    return labels, probs


def _largest(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place (S, W) uint8 and softmax (S, W) of the largest of (C, S, W); of equal ones the first."""
    best, labels = scaled[0].copy(), np.zeros(scaled.shape[1:], np.uint8)
    for place, values in enumerate(scaled[1:], start=1):
        np.copyto(labels, np.uint8(place), where=values > best)
        np.maximum(best, values, out=best)
    with np.errstate(over="ignore"):  # what is so far below counts for nothing
        scaled -= best
    return labels, 1 / np.exp(scaled, out=scaled).sum(axis=0)
