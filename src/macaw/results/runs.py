"""Run lengths of a mask, and the text that COCO makes of them: five bits a letter, runs told by differences.

The runs go down the columns, and the first is of zeros, perhaps of none.
"""

from __future__ import annotations

import numpy as np

from macaw.errors import InputError

# Shapes: R runs, L letters, D letters of one number, H and W pixels
_LONGEST = 7  # letters of one number: 35 bits hold every run of a picture that can be opened
_FIRST, _LAST = "0", "o"
_DAMAGED = "it is damaged, take it from its source again"


def compress(counts: np.ndarray) -> str:
    """Run lengths (R,) as COCO's text, letter for letter what pycocotools' `rleToString` writes.

    From the fourth run on, the difference to the run two before is written, five bits a letter, the lowest
    first; the sixth bit says that more follow.
    """
    counts = np.asarray(counts, np.int64)
    steps = counts.copy()
    steps[3:] -= counts[1:-2]
    rest = steps[:, None] >> (5 * np.arange(_LONGEST + 1))  # (R, D + 1)
    low = rest[:, :-1] & 31
    more = np.where(low & 16, rest[:, 1:] != -1, rest[:, 1:] != 0)  # (R, D): its sign is not told yet
    written = np.concatenate([np.ones((len(steps), 1), bool), more[:, :-1]], axis=1)
    letters = low + 32 * more + ord(_FIRST)
    return str(letters[written].astype(np.uint8).tobytes(), "ascii")


def decompress(text: str | bytes) -> np.ndarray:
    """Run lengths (R,) int64 from COCO's text.

    Raises InputError for a letter that is none of its alphabet, a text that stops within a number, and a run
    that is negative or of more than 35 bits.
    """
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
    letters = np.frombuffer(raw, np.uint8).astype(np.int64) - ord(_FIRST)  # (L,) 0..63
    _check_letters(raw, letters)
    ends = np.flatnonzero(letters < 32)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        at = int(starts[np.argmax(lengths)])
        raise InputError(
            f"a run-length text has a number of {lengths.max()} letters at letter {at}; {_DAMAGED}"
        )
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    values = np.add.reduceat((letters & 31) << (5 * place), starts)
    values -= np.where(letters[ends] & 16, 1 << (5 * lengths), 0)
    counts = values.copy()
    counts[1::2], counts[2::2] = np.cumsum(values[1::2]), np.cumsum(values[2::2])
    if (counts < 0).any():
        raise InputError(f"run {int(np.argmax(counts < 0))} of a run-length text is negative; {_DAMAGED}")
    return counts


def _check_letters(raw: bytes, letters: np.ndarray) -> None:
    if not len(letters):
        raise InputError(f"a run-length text is empty; {_DAMAGED}")
    wrong = np.flatnonzero((letters < 0) | (letters > 63))
    if wrong.size:
        at = int(wrong[0])
        found = f"a run-length text has {bytes(raw[at : at + 1])!r} at letter {at}"
        raise InputError(f"{found}; allowed are '{_FIRST}' to '{_LAST}': {_DAMAGED}")
    if letters[-1] >= 32:
        raise InputError(f"a run-length text stops within a number, after {len(letters)} letters; {_DAMAGED}")


def spans(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the runs of ones start and end, each (ones,) int64, half-open, in column-major order."""
    bounds = np.concatenate([[0], np.cumsum(counts)])  # (R + 1,)
    ends = bounds[2::2]
    return bounds[1:-1:2][: len(ends)], ends


def bounds_of(bits: np.ndarray, *, left: int, top: int, rows: int) -> np.ndarray:
    """The places, rising, where the value changes down the columns of a picture of `rows` rows.

    `bits` (H, W) bool are the part of it whose upper left pixel is at `left`, `top`; around it is nothing.
    """
    height, width = bits.shape
    padded = np.zeros((width, height + 2), bool)
    padded[:, 1:-1] = bits.T
    column, row = np.nonzero(padded[:, 1:] != padded[:, :-1])  # in each column start, end, start, end ...
    return np.asarray((left + column) * rows + top + row, np.int64)


def from_bounds(bounds: np.ndarray, total: int) -> np.ndarray:
    """Run lengths, zeros first, of `total` pixels whose value changes at each of `bounds`, which rise.

    A run that ends where the next starts, as at the foot of a column, goes on in it.
    """
    if len(bounds):
        double = np.concatenate([[False], bounds[1:] == bounds[:-1], [False]])
        bounds = bounds[~(double[1:] | double[:-1])]
    inside = not len(bounds) or bounds[-1] < total
    return np.diff(np.concatenate([[0], bounds, [total]] if inside else [[0], bounds]))


def united(many: list[np.ndarray], total: int) -> np.ndarray:
    """Run lengths of the union of masks, each given by its own, all of `total` pixels."""
    starts, ends = (np.concatenate(side) for side in zip(*map(spans, many), strict=True))
    place = np.concatenate([starts, ends])
    step = np.concatenate([np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)])
    order = np.lexsort((-step, place))  # at one place starts come first: masks that touch become one run
    place, step = place[order], step[order]
    covers = np.cumsum(step)
    edge = ((step > 0) & (covers == 1)) | (covers == 0)
    return from_bounds(place[edge], total)
