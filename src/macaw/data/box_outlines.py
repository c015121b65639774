"""Rules of outlines: nothing in them, beyond their box, crossing themselves, there for some objects alone.

Shapes: M objects of all pictures, P corners of a polygon
"""

from __future__ import annotations

import numpy as np

from macaw.data.box_survey import BoxSurvey
from macaw.data.examples import count
from macaw.data.regions import Region

BEYOND = 2.0, 0.05  # pixels, or share of the box's side, by which an outline may reach out of its box
_LONGEST = 1000  # corners; of a longer outline all pairs of edges are too many to look at


def outline_findings(held: BoxSurvey) -> None:
    """Everything about outlines, where there are any."""
    regions = _regions(held)
    known = [row for row, region in enumerate(regions) if region is not None]
    if not known:
        return
    real = ~held.table.crowd
    bare = [row for row, region in enumerate(regions) if region is None and real[row]]
    _report(held, "outline-missing", bare, "without an outline, among others that have one")
    sizes = np.array([_bounds(region) for region in regions])  # (M, 4)
    empty = [row for row in known if real[row] and not sizes[row].any()]
    _report(held, "outline-empty", empty, "whose outline holds no pixel")
    boxes, sides = held.table.xyxy, held.table.sides
    slack = np.maximum(BEYOND[0], BEYOND[1] * sides)
    out = (sizes[:, :2] < boxes[:, :2] - slack) | (sizes[:, 2:] > boxes[:, 2:] + slack)  # (M, 2)
    beyond = [row for row in known if real[row] and sizes[row].any() and out[row].any()]
    _report(held, "outline-beyond", beyond, "whose outline reaches out of its box")
    crossed = [row for row in known if any(map(crosses_itself, regions[row].polygons))]  # type: ignore[union-attr]
    _report(held, "outline-crossed", crossed, "whose outline crosses itself")


def crosses_itself(polygon: np.ndarray) -> bool:
    """Whether two edges of a polygon (P, 2) cross; edges that only touch do not."""
    if not 4 <= len(polygon) <= _LONGEST:
        return False
    start, end = polygon, np.roll(polygon, -1, axis=0)

    def sides(points: np.ndarray) -> np.ndarray:
        """(P, P): on which side of each edge each point lies, above 0, below 0, or on it."""
        way, to = (end - start)[:, None], points[None] - start[:, None]
        return np.asarray(np.sign(way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0]))

    apart = sides(start) * sides(end) < 0  # the ends of edge j lie on both sides of edge i
    return bool((apart & apart.T).any())


def _regions(held: BoxSurvey) -> list[Region | None]:
    """The regions of all objects, in the order of the table."""
    return [region for some in held.objects for region in (some.regions or (None,) * len(some))]


def _bounds(region: Region | None) -> list[float]:
    bounds: list[float] = [0.0] * 4 if region is None else region.xyxy.tolist()
    return bounds


def _report(held: BoxSurvey, code: str, rows: list[int], words: str) -> None:
    told = f"{count(len(rows), 'object')} {words}"
    held.report_boxes(code, [(row,) for row in rows], told)
