"""Point lines: the two distributions behind each key point, over bins along x and along y, as they stand.

Shapes: K points, W bins of a line, X and Y bins along x and along y
"""

from __future__ import annotations

import numpy as np

from macaw.data.letterbox import Letter
from macaw.results.labels import probabilities
from macaw.results.point_decode import REACH
from macaw.results.point_explanation_parts import Line, Peak

LEAST = 0.05  # of the probability: a second peak that holds less is no peak
VALLEY = 0.5  # of a second peak's height: where no place between is as low, the line is only uneven


def lines_of(logits: np.ndarray, letter: Letter, side: int) -> list[tuple[Line, Line]]:
    """Logits (K, X + Y) of a square prepared picture of `side` pixels -> the lines of each point, x and y."""
    across, down = np.split(logits, [logits.shape[1] // 2], axis=1)  # the sheet is square: X is Y
    places = (np.arange(across.shape[1]) + 0.5) * side / across.shape[1]
    x, y = letter.to_picture(np.stack([places, places], axis=-1)).T
    rows = zip(probabilities(across), probabilities(down), strict=True)
    return [(line_of(one, x, letter.width), line_of(other, y, letter.height)) for one, other in rows]


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
