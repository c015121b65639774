"""Region: the exact extent of one object, as run lengths, or as polygons that are drawn when asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from macaw.data.outlines import outline_runs
from macaw.errors import InputError
from macaw.results.runs import compress, decompress, from_bounds, spans, united

__all__ = ["Region", "compress", "decompress", "iou"]

# Shapes: H, W rows and columns of the picture, R runs, P corners of a polygon, N and M regions
_MOST_PIXELS = 1 << 31  # of one picture; a text that claims more is damaged


class Region:
    """The pixels of one object; treat it as a value, its arrays cannot be written to.

    `counts` are drawn from the polygons when first asked for: reading 50,000 polygons takes no time, and they
    are kept as they were for writing. Coordinates are pixels from the picture's top left corner, (0, 0).
    Raises InputError when run lengths do not add up to the picture, and for polygons of fewer than 3 corners.
    """

    size: tuple[int, int]  # rows, columns of the picture
    polygons: tuple[np.ndarray, ...]  # each (P, 2) float64 x, y; () where it came from a mask

    def __init__(
        self,
        size: tuple[int, int],
        counts: np.ndarray | None = None,
        polygons: Sequence[np.ndarray] = (),
    ) -> None:
        rows, columns = (int(side) for side in size)
        if rows < 1 or columns < 1 or rows * columns > _MOST_PIXELS:
            raise InputError(f"a region of a picture of {columns} x {rows} px; sides start at 1 px")
        self.size = (rows, columns)
        self.polygons = tuple(_corners(polygon) for polygon in polygons)
        if counts is not None:
            self.__dict__["counts"] = _checked(counts, self.size)  # where cached_property looks first
        elif not self.polygons:
            raise InputError("a region needs run lengths or polygons; give one of them")

    @cached_property
    def counts(self) -> np.ndarray:
        """Run lengths (R,) int64, column-major, the zeros first: COCO's encoding, not compressed."""
        parts = [outline_runs(polygon, self.size) for polygon in self.polygons]
        counts = parts[0] if len(parts) == 1 else united(parts, self.size[0] * self.size[1])
        counts.setflags(write=False)
        return counts

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Region:
        """The region of a mask (H, W), in which whatever is not zero belongs to the object."""
        mask = np.asarray(mask)
        if mask.ndim != 2:
            raise InputError(f"a mask has shape {mask.shape}; a region needs (H, W)")
        flat = (mask != 0).T.ravel()
        bounds = np.flatnonzero(np.diff(flat, prepend=False))
        return cls((mask.shape[0], mask.shape[1]), from_bounds(bounds, flat.size))

    @classmethod
    def of_polygons(cls, polygons: Sequence[Any], size: tuple[int, int]) -> Region:
        """The union of polygons, each (P, 2) or a flat list x1, y1, x2, y2 ... of at least 3 corners."""
        if not polygons:
            raise InputError("a region of no polygon; give at least one, or no region")
        return cls(size, polygons=polygons)

    @classmethod
    def of_coco(cls, segmentation: Any, size: tuple[int, int]) -> Region:
        """The region in a field `segmentation`: a list of polygons, or {"size", "counts"} in either form.

        Raises InputError for another form, and where its size is not the picture's.
        """
        if isinstance(segmentation, list):
            return cls.of_polygons(segmentation, size)
        if not isinstance(segmentation, Mapping) or not {"size", "counts"} <= segmentation.keys():
            raise InputError(f"{_named(segmentation)} is no region; write polygons, or size and counts")
        found = segmentation["size"]
        if not isinstance(found, Sequence) or list(found) != list(size):
            raise InputError(f"run lengths of size {found} in a picture of {list(size)} (rows, columns)")
        counts = segmentation["counts"]
        if isinstance(counts, str | bytes):
            return cls(size, decompress(counts))
        array = _array(counts)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise InputError(f"{_named(counts)} are no run lengths; write whole numbers or COCO's text")
        return cls(size, array)

    def to_coco(self) -> list[list[float]] | dict[str, Any]:
        """The field `segmentation`: the polygons, where there are any, else size and compressed counts."""
        if self.polygons:
            return [polygon.ravel().tolist() for polygon in self.polygons]
        return {"size": list(self.size), "counts": compress(self.counts)}

    def mask(self) -> np.ndarray:
        """(H, W) bool, True inside."""
        rows, columns = self.size
        values = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(values, self.counts).reshape(columns, rows).T

    def inner(self) -> tuple[np.ndarray, tuple[int, int]]:
        """The part of the mask (h, w) bool that holds the object, and the left and top of its first pixel.

        Of a large picture no more is drawn than the columns that the object reaches.
        """
        left, top, right, bottom = self.xyxy.astype(int).tolist()
        rows, (starts, ends) = self.size[0], spans(self.counts)
        steps = np.zeros((right - left) * rows + 1, np.int8)
        np.add.at(steps, starts[starts < ends] - left * rows, 1)
        np.add.at(steps, ends[starts < ends] - left * rows, -1)
        columns = np.cumsum(steps[:-1], dtype=np.int8).reshape(right - left, rows)
        return columns[:, top:bottom].T > 0, (left, top)

    @property
    def area(self) -> int:
        """Pixels inside."""
        return int(self.counts[1::2].sum())

    @property
    def xyxy(self) -> np.ndarray:
        """The tight box (4,) float64: left, top, right, bottom of the pixels; zeros where there is none."""
        starts, ends = spans(self.counts)
        starts, ends = starts[starts < ends], ends[starts < ends]
        if not len(starts):
            return np.zeros(4)
        rows = self.size[0]
        first, last = starts // rows, (ends - 1) // rows
        whole = bool((first < last).any())  # a run that goes on in the next column touches both edges
        top = 0 if whole else (starts % rows).min()
        bottom = rows if whole else ((ends - 1) % rows).max() + 1
        return np.array([first.min(), top, last.max() + 1, bottom], np.float64)


def iou(
    regions: Sequence[Region], others: Sequence[Region], crowd: Sequence[bool] | np.ndarray = ()
) -> np.ndarray:
    """Intersection over union (N, M) float64 of each region with each of the others.

    Where `crowd` (M,) says so the other is a group, and the intersection is divided by the region's own area,
    as COCO's metric does. Raises InputError when they are not of one picture.
    """
    sizes = {region.size for region in (*regions, *others)}
    if len(sizes) > 1:
        raise InputError(f"regions of pictures of {len(sizes)} sizes; compare those of one picture")
    result = np.zeros((len(regions), len(others)))
    if not result.size:
        return result
    ends = [spans(region.counts) for region in regions]
    starts, stops = (np.concatenate(side) for side in zip(*ends, strict=True))
    owner = np.repeat(np.arange(len(regions)), [len(side) for side, _ in ends])
    area = np.array([region.area for region in regions], np.float64)
    for column, other in enumerate(others):
        bounds = np.cumsum(other.counts)
        ones = np.cumsum(np.where(np.arange(len(bounds)) % 2 == 1, other.counts, 0))
        bounds, ones = np.concatenate([[0], bounds]), np.concatenate([[0], ones])
        # How many of its pixels lie before a place rises by 0 or 1 a pixel: interpolation is exact
        shared = np.interp(stops, bounds, ones) - np.interp(starts, bounds, ones)
        both = np.bincount(owner, shared, len(regions))
        group = len(crowd) > 0 and bool(crowd[column])
        whole = area if group else area + other.area - both
        result[:, column] = np.divide(both, whole, out=np.zeros(len(both)), where=both > 0)
    return result


def _corners(polygon: Any) -> np.ndarray:
    """A polygon as (P, 2) float64."""
    array = _array(polygon)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{_named(polygon)} is no polygon; write numbers x1, y1, x2, y2 and so on in a list")
    if array.ndim not in (1, 2) or array.size % 2 or (array.ndim == 2 and array.shape[1] != 2):
        raise InputError(f"a polygon of {array.size} numbers; x and y take turns, so their number is even")
    corners = array.astype(np.float64).reshape(-1, 2)
    if len(corners) < 3:
        raise InputError(f"a polygon of {len(corners)} corners; an area has at least 3")
    if not np.isfinite(corners).all():
        raise InputError("a polygon with a coordinate that is not finite; correct or remove it")
    corners.setflags(write=False)
    return corners


def _checked(counts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    counts = np.array(counts, np.int64)
    total = size[0] * size[1]
    if counts.ndim != 1 or (counts < 0).any() or (counts > total).any() or counts.sum() != total:
        found = f"{counts.sum():,}" if counts.ndim == 1 and (counts >= 0).all() else "no number of"
        raise InputError(
            f"run lengths cover {found} pixels; a picture of {size[1]} x {size[0]} has {total:,}"
        )
    counts.setflags(write=False)
    return counts


def _array(value: Any) -> np.ndarray:
    """A list as an array; one of no numbers for whatever cannot be one."""
    try:
        return np.array(value) if isinstance(value, list | tuple | np.ndarray) else np.zeros(0, "U1")
    except ValueError:  # lists of different lengths
        return np.zeros(0, "U1")


def _named(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
