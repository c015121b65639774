"""Point lines: the two distributions behind each key point, over bins along x and along y, as they stand.

Shapes: K points, W bins of a line, X and Y bins along x and along y, h and w cells of a map
"""

from __future__ import annotations

import numpy as np

from macaw.results.labels import probabilities
from macaw.results.placing import Placing
from macaw.results.point_decode import REACH
from macaw.results.point_explanation_parts import Line, Peak

LEAST = 0.05  # of the probability: a second peak that holds less is no peak
VALLEY = 0.5  # of a second peak's height: where no place between is as low, the line is only uneven


def lines_of(logits: np.ndarray, letter: Placing, sheet: tuple[int, int]) -> list[tuple[Line, Line]]:
    """The lines of each point, x and y, of raw output over a prepared picture of `sheet` (height, width).

    Logits (K, X + Y) over the bins of two lines; or (K, h, w) of a map, of which each line is the sum along
    the other side, as a share of all heat.
    """
    across, down = _sums(logits) if logits.ndim == 3 else _halves(logits, sheet)
    ends = [(np.arange(line.shape[1]) + 0.5) / line.shape[1] for line in (across, down)]
    x, y = (
        letter.to_picture(np.stack([place * sheet[1], place * sheet[0]], axis=-1))[:, side]
        for side, place in enumerate(ends)
    )
    rows = zip(across, down, strict=True)
    return [(line_of(one, x, letter.width), line_of(other, y, letter.height)) for one, other in rows]


def _halves(logits: np.ndarray, sheet: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(K, X + Y) logits -> probabilities (K, X) and (K, Y)."""
    bins = logits.shape[1] * sheet[1] // sum(sheet)
    return probabilities(logits[:, :bins]), probabilities(logits[:, bins:])


def _sums(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K, h, w) logits whose sigmoid is heat -> shares (K, w) and (K, h) of all heat of their map."""
    faint = -np.logaddexp(0, -np.asarray(logits, np.float64))  # the logarithm of heat: none of it is lost
    shares = probabilities(faint.reshape(len(logits), -1)).reshape(logits.shape)
    return shares.sum(axis=1), shares.sum(axis=2)


def line_of(probs: np.ndarray, places: np.ndarray, extent: int) -> Line:
    """Probabilities (W,) at places (W,), pixels of a picture of `extent`, with their one or two peaks."""
    reach = max(1, round(REACH * len(probs) ** 0.5))  # as far as decoding looks
    first = int(probs.argmax())
    peaks = [_peak(probs, places, first, reach)]
    second = _second(probs, first, reach)
    if second is not None:
        peaks.append(_peak(probs, places, second, reach))
    return Line(places, probs, extent, tuple(peaks))


def _peak(probs: np.ndarray, places: np.ndarray, at: int, reach: int) -> Peak:
    share = float(probs[max(0, at - reach) : at + reach + 1].sum())
    return Peak(float(places[at]), min(1.0, share))


def _second(probs: np.ndarray, first: int, reach: int) -> int | None:
    """The highest top out of the first peak's reach, if a valley lies between and it has enough about it."""
    padded = np.pad(probs, 1, constant_values=-1.0)
    tops = (probs >= padded[:-2]) & (probs >= padded[2:])
    apart = np.abs(np.arange(len(probs)) - first) > 2 * reach  # so that the two shares have no bin in common
    found = np.flatnonzero(tops & apart)
    if not len(found):
        return None
    at = int(found[probs[found].argmax()])
    valley = float(probs[min(first, at) : max(first, at)].min())
    enough = probs[max(0, at - reach) : at + reach + 1].sum() >= LEAST
    return at if enough and valley <= VALLEY * probs[at] else None
