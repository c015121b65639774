"""Boxes as plain values for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, MacawError, UnknownName, did_you_mean
from macaw.results.silhouette import Extent, Silhouette
from macaw.results.skeleton import Bones, Edges

if TYPE_CHECKING:
    from macaw.results.boxes import Boxes

CORNERS = ("x0", "y0", "x1", "y1")


def to_values(boxes: Boxes) -> dict[str, Any]:
    """What `Boxes.to_dict` gives."""
    values: dict[str, Any] = {"source": boxes.source, "size": list(boxes.size)}
    if boxes.skeleton is not None:
        edges = [list(pair) for pair in boxes.skeleton.edges]
        values["skeleton"] = {"names": list(boxes.skeleton.names), "edges": edges}
    values["boxes"] = [_box(boxes, place) for place in range(len(boxes))]
    return values


def _box(boxes: Boxes, place: int) -> dict[str, Any]:
    name, score, corners = boxes[place]
    value: dict[str, Any] = {"name": name, "score": round(score, 6)}
    value |= {side: round(at, 2) for side, at in zip(CORNERS, corners, strict=True)}
    if boxes.regions:
        value["region"] = _coded(boxes.regions[place])
    if boxes.points is not None:
        value["points"] = [
            [round(x, 2), round(y, 2), round(s, 6)] for x, y, s in boxes.points[place].tolist()
        ]
    return value


def _coded(region: Extent) -> dict[str, Any]:
    """Its run lengths; one that is kept as polygons is painted first."""
    value = region.to_coco()
    return value if isinstance(value, dict) else Silhouette.of_mask(region.mask()).to_coco()


def fields_of(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields of Boxes that `values` hold; what is raised is in `Boxes.from_dict`."""
    try:
        found, bones = list(values["boxes"]), values.get("skeleton")
        table = tuple(names) or tuple(sorted({one["name"] for one in found})) or ("object",)
        return {
            "names": table,
            "xyxy": np.array([[one[side] for side in CORNERS] for one in found], np.float64).reshape(-1, 4),
            "labels": labels_of([one["name"] for one in found], table),
            "scores": np.array([one["score"] for one in found], np.float64),
            "size": (values["size"][0], values["size"][1]),
            "source": values.get("source", ""),
            "regions": tuple(Silhouette.of_coco(one["region"]) for one in found if "region" in one),
            "points": np.array([one["points"] for one in found], np.float64) if _pointed(found) else None,
            "skeleton": None if bones is None else Bones(tuple(bones["names"]), _pairs(bones["edges"])),
        }
    except MacawError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        what = f"it has no {problem}" if isinstance(problem, KeyError) else " ".join(str(problem).split())
        raise InputError(f"these are not the values of Boxes: {what}; give what to_dict() gave") from problem


def _pointed(found: Sequence[Mapping[str, Any]]) -> bool:
    return any("points" in one for one in found)


def _pairs(edges: Sequence[Sequence[int]]) -> Edges:
    return tuple((int(one), int(other)) for one, other in edges)


def labels_of(found: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """The places (N,) int64 of names in a class table.

    Raises UnknownName, which says what is close.
    """
    table = {name: place for place, name in enumerate(names)}
    for name in found:
        if name not in table:
            raise UnknownName(
                f"no class '{name}' in the {len(names)} names given.{did_you_mean(name, names)}"
            )
    return np.array([table[name] for name in found], np.int64)
