"""Silhouette: the exact extent of one object in an answer, as run lengths; an instance mask is one.

Run lengths, because an answer holds hundreds of them: as pixels of a 12,000 by 9,000 photograph each would be
108 MB, as runs it is some kB.

Shapes: R runs, H and W pixels of the picture
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from macaw.errors import InputError
from macaw.results.runs import bounds_of, compress, decompress, from_bounds, spans


class Extent(Protocol):
    """What an answer asks of a region: a Silhouette, or a Region that somebody annotated."""

    @property
    def area(self) -> int:
        """Pixels."""
        ...

    def mask(self) -> np.ndarray:
        """(H, W) bool."""
        ...

    def to_coco(self) -> Any:
        """As COCO files hold it: polygons, or size and run lengths."""
        ...


@dataclass(frozen=True, eq=False)
class Silhouette:
    """Which pixels of a picture belong to one object.

    Raises InputError when the runs do not make up the picture.
    """

    size: tuple[int, int]  # rows, columns of the picture
    counts: np.ndarray  # (R,) int64 lengths of runs down the columns, zeros first

    def __post_init__(self) -> None:
        counts = np.array(self.counts, np.int64)
        total = self.size[0] * self.size[1]
        if counts.ndim != 1 or (counts < 0).any() or counts.sum() != total:
            raise InputError(f"runs of shape {counts.shape} do not make up the {total:,} pixels of a mask")
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Silhouette:
        """Of (H, W), true where the object is."""
        rows, columns = mask.shape
        return cls.of_bounds(bounds_of(np.asarray(mask, bool), left=0, top=0, rows=rows), (rows, columns))

    @classmethod
    def of_bounds(cls, bounds: np.ndarray, size: tuple[int, int]) -> Silhouette:
        """Of the places, rising, where the value changes, as `macaw.results.runs.bounds_of` gives them."""
        return cls(size, from_bounds(bounds, size[0] * size[1]))

    @classmethod
    def of_coco(cls, value: Mapping[str, Any]) -> Silhouette:
        """Of COCO's `size` and `counts`, these as text or as a list of numbers.

        Raises InputError where they are neither, or do not fit each other.
        """
        try:
            (rows, columns), counts = value["size"], value["counts"]
            counts = decompress(counts) if isinstance(counts, str) else counts
            return cls((int(rows), int(columns)), counts)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            raise InputError("a mask is no 'size' and 'counts', as COCO's run lengths have them") from problem

    @property
    def area(self) -> int:
        """Pixels of the object."""
        return int(self.counts[1::2].sum())

    @property
    def xyxy(self) -> np.ndarray:
        """Its box (4,) float64: left, top, right, bottom; zeros where there is no pixel."""
        starts, ends = spans(self.counts)
        starts, last, rows = starts[starts < ends], ends[starts < ends] - 1, self.size[0]
        if not len(starts):
            return np.zeros(4)
        whole = (starts // rows != last // rows).any()  # a run that goes on in the next column: foot and top
        top, bottom = (0, rows) if whole else ((starts % rows).min(), (last % rows).max() + 1)
        return np.array([starts[0] // rows, top, last[-1] // rows + 1, bottom], np.float64)

    def mask(self) -> np.ndarray:
        """(H, W) bool, true where the object is."""
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(self.size[::-1]).T

    def to_coco(self) -> dict[str, Any]:
        """`size` and `counts`, the run lengths as text."""
        return {"size": list(self.size), "counts": compress(self.counts)}
