"""From raw output to Points: places between the bins of two lines, or between the cells of a map of heat.

Shapes: B pictures, K points, W bins of a line, h and w cells of a map
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from macaw.errors import ModelError
from macaw.results.checks import check_finite, check_parts
from macaw.results.labels import probabilities
from macaw.results.placing import Placing
from macaw.results.points import Points
from macaw.results.skeleton import Edges

REACH = (
    0.5  # times the root of the bins: heads are trained for a variance of bins / 16, this is twice its root
)
FAINT = 1e-6  # heat below it is noise, and its logarithm would be a cliff
_BLUR = np.array([1, 4, 6, 4, 1]) / 16  # of a map, before it is differentiated twice


def decode_simcc(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    prepared: tuple[int, int],
    letters: Sequence[Placing] = (),
    edges: Edges = (),
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Points]:
    """One Points for each picture of `raw`, (B, K, Wx + Wy) logits over the bins along x, then along y.

    Two classifications take the place of a map (SimCC, Li et al. 2022, arXiv 2107.03332; RTMPose, Jiang et
    al. 2023, arXiv 2303.07399). Where they take the best bin, here the place is the mean of the probability
    about it, which lies between bins (Sun et al. 2018, arXiv 1711.08229, kept to one peak): as far as two
    standard deviations of what a head is trained to say. The score is the probability of these bins, of x or
    of y, whichever is less: of a point that could as well be elsewhere it is low.
    `prepared` is (height, width) of what the model saw; `letters` bring places back to the picture, which
    filled the prepared one where there are none. Raises ModelError when the output does not fit the table of
    points or is not finite.
    """
    raw, told = np.asarray(raw), _Told(tuple(names), prepared, letters, edges, sources, pictures)
    height, width = prepared
    bins, rest = divmod(raw.shape[-1] * width, width + height) if raw.ndim == 3 else (0, 1)
    if rest or not 0 < bins < raw.shape[2] or raw.shape[1] != len(names):
        raise ModelError(
            f"the output has shape {raw.shape}; {len(names)} points in {height} x {width} pixels need "
            f"(B, {len(names)}, {height + width} x bins of a pixel)"
        )
    check_finite(raw)
    (x, share_x), (y, share_y) = _peak(raw[:, :, :bins]), _peak(raw[:, :, bins:])
    return told.points(np.stack([x, y], axis=-1) * (width / bins), np.minimum(share_x, share_y))


def decode_heatmaps(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    prepared: tuple[int, int],
    letters: Sequence[Placing] = (),
    edges: Edges = (),
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Points]:
    """One Points for each picture of `raw`, (B, K, h, w) logits, whose sigmoid is heat.

    Heat is near 1 about a point and near 0 elsewhere. The place is that of the hottest cell, moved to where
    the logarithm of the smoothed heat has its top by its first and second differences: exact for a Gaussian
    (DARK, Zhang et al. 2020, arXiv 1910.06278, section 3.2). The score is the heat of the cell. The other
    arguments, and what is raised, as in `decode_simcc`.
    """
    raw, told = np.asarray(raw), _Told(tuple(names), prepared, letters, edges, sources, pictures)
    if raw.ndim != 4 or raw.shape[1] != len(names) or 0 in raw.shape[2:]:
        raise ModelError(
            f"the output has shape {raw.shape}; {len(names)} points need (B, {len(names)}, h, w)"
        )
    check_finite(raw)
    down, across = raw.shape[2:]
    flat = probabilities(raw, multi=True).reshape(*raw.shape[:2], down * across)
    best = flat.argmax(axis=2)  # (B, K)
    scores = np.take_along_axis(flat, best[..., None], 2)[..., 0]
    row, column = np.divmod(best, across)
    cells = np.stack([column, row], axis=-1) + 0.5 + _top(flat.reshape(raw.shape), row, column)  # (B, K, 2)
    return told.points(cells * [prepared[1] / across, prepared[0] / down], scores)


def decode_unbiased(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    prepared: tuple[int, int],
    letters: Sequence[Placing] = (),
    edges: Edges = (),
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Points]:
    """One Points for each picture of `raw`, (B, K, h, w) heat itself, as ViTPose of the Hub answers.

    As in `decode_heatmaps`, but the outer cells lie on the outer pixels (Huang et al. 2020, arXiv
    1911.07524), and places are refined in the steps and the precision of the transformers library. Where no
    cell is warm its answer is arbitrary: here it is the hottest cell with a score of 0. Scores above 1,
    which such heat may have, are 1.
    """
    from macaw.results.unbiased import refined

    raw, told = np.asarray(raw), _Told(tuple(names), prepared, letters, edges, sources, pictures)
    if raw.ndim != 4 or raw.shape[1] != len(names) or min(raw.shape[2:], default=0) < 2:
        raise ModelError(
            f"the output has shape {raw.shape}; {len(names)} points need (B, {len(names)}, h, w)"
        )
    check_finite(raw)
    cells, scores = refined(raw)
    steps = [(side - 1) / (cells - 1) for side, cells in zip(prepared[::-1], raw.shape[:1:-1], strict=True)]
    return told.points(cells * steps + 0.5, np.clip(scores, 0, 1))


# How raw output says places: by two lines of bins, by maps of logits, by maps of heat
DECODERS = {"lines": decode_simcc, "maps": decode_heatmaps, "unbiased": decode_unbiased}


class _Told(NamedTuple):
    """What a decoder was told besides the output."""

    names: tuple[str, ...]
    prepared: tuple[int, int]  # height, width
    letters: Sequence[Placing]
    edges: Edges
    sources: Sequence[str]
    pictures: Sequence[np.ndarray]

    def points(self, xy: np.ndarray, scores: np.ndarray) -> list[Points]:
        """The answers of places (B, K, 2) in prepared pixels with their scores (B, K)."""
        parts = {"letters": self.letters, "sources": self.sources, "pictures": self.pictures}
        check_parts(len(xy), **parts)
        answers = []
        for place in range(len(xy)):
            picture = self.pictures[place] if len(self.pictures) else None
            moved, size = self._back(xy[place], place)
            source = self.sources[place] if self.sources else ""
            answers.append(Points(self.names, moved, scores[place], self.edges, source, picture, size))
        return answers

    def _back(self, xy: np.ndarray, place: int) -> tuple[np.ndarray, tuple[int, int]]:
        """Places (K, 2) on the picture, and its width and height."""
        if self.letters:
            letter = self.letters[place]
            return letter.to_picture(xy), (letter.width, letter.height)
        shape = self.pictures[place].shape[:2] if len(self.pictures) else self.prepared
        size = int(shape[1]), int(shape[0])
        return xy * [size[0] / self.prepared[1], size[1] / self.prepared[0]], size


def _peak(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each line (..., W) has its peak, in bins (the centre of bin k is k + 0.5), and its share there.

    The mean is over as many bins on either side, fewer at the ends: else a flat line would lean inwards.
    """
    probs, bins = probabilities(logits), logits.shape[-1]
    best, reach = probs.argmax(axis=-1)[..., None], max(1, round(REACH * bins**0.5))
    steps = np.arange(-reach, reach + 1)
    near = np.take_along_axis(probs, np.clip(best + steps, 0, bins - 1), -1)
    near *= (best + steps >= 0) & (best + steps < bins)
    even = near * (np.abs(steps) <= np.minimum(best, bins - 1 - best))
    return best[..., 0] + 0.5 + (even * steps).sum(axis=-1) / even.sum(axis=-1), np.minimum(
        near.sum(axis=-1), 1
    )


def _top(heat: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """How far (B, K, 2), as x, y in cells, the top of each map (B, K, h, w) lies from its hottest cell."""
    smooth = np.log(np.maximum(_smoothed(heat), FAINT))
    padded = np.pad(smooth, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    picture, point = np.ogrid[: heat.shape[0], : heat.shape[1]]

    def at(down: int, across: int) -> np.ndarray:
        return np.asarray(padded[picture, point, row + 1 + down, column + 1 + across])

    here = at(0, 0)
    x, y = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    xx, yy = at(0, 1) - 2 * here + at(0, -1), at(1, 0) - 2 * here + at(-1, 0)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    bend = xx * yy - xy * xy
    hill = (xx < 0) & (bend > 0)  # elsewhere there is no top to go to
    step = np.stack([xy * y - yy * x, xy * x - xx * y], axis=-1) / np.where(hill, bend, 1)[..., None]
    return np.where(hill[..., None], np.clip(step, -1, 1), 0)


def _smoothed(heat: np.ndarray) -> np.ndarray:
    """Maps (B, K, h, w) blurred a little, so that one odd cell does not decide."""
    for axis in (2, 3):
        ends = [(2, 2) if axis == one else (0, 0) for one in range(4)]
        wide, side = np.pad(np.asarray(heat, np.float64), ends, mode="edge"), heat.shape[axis]
        parts = [np.take(wide, range(shift, shift + side), axis) for shift in range(5)]
        heat = np.tensordot(_BLUR, np.stack(parts), 1)
    return heat
