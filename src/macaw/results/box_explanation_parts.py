"""The parts of an explanation of a box: scores by level, what cells propose, what suppression did, heat.

Shapes: h and w cells of a level, N proposals, G and E spots down and across, H and W pixels of a map
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.evidence import listed, short

if TYPE_CHECKING:
    from macaw.results.heat import Frame


@dataclass(frozen=True, eq=False)
class LevelScores:
    """What the cells of one level give one class; they cover the sheet, the picture with its bars."""

    stride: int  # pixels of the sheet from cell to cell
    scores: np.ndarray  # (h, w) float32, 0..1

    def __post_init__(self) -> None:
        if self.scores.ndim != 2 or not self.scores.size or self.stride < 1:
            raise InputError(f"a level has scores of shape {self.scores.shape} at stride {self.stride}")

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The scores at places of the sheet, in pixels: (len(rows), len(columns))."""
        at = [
            np.clip(places // self.stride, 0, count - 1).astype(int)
            for places, count in zip((rows, columns), self.scores.shape, strict=True)
        ]
        return np.asarray(self.scores[np.ix_(*at)])

    def to_dict(self) -> dict[str, Any]:
        """Stride, the highest score, and all of them row by row."""
        return {
            "stride": self.stride,
            "highest": short(float(self.scores.max())),
            "scores": listed(self.scores),
        }


@dataclass(frozen=True, eq=False)
class Proposals:
    """Boxes, each as a single cell proposes it, the surest first.

    Raises InputError for shapes that do not fit.
    """

    xyxy: np.ndarray  # (N, 4) pixels of the picture
    labels: np.ndarray  # (N,) int64, into the answer's names
    scores: np.ndarray  # (N,) 0..1
    overlaps: np.ndarray  # (N,) IoU with the box that is said where they are kept, 0..1
    strides: np.ndarray  # (N,) int64 pixels, of the level of the cell
    centres: np.ndarray  # (N, 2) x, y of the cell, pixels of the picture; beyond it on a bar

    def __post_init__(self) -> None:
        count = len(self.scores)
        shapes = [part.shape for part in (self.xyxy, self.centres, self.labels, self.overlaps, self.strides)]
        if shapes != [(count, 4), (count, 2), (count,), (count,), (count,)]:
            raise InputError(f"{count} proposals have parts of shapes {shapes}; give one of each")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, some: slice | np.ndarray) -> Proposals:
        """Those of a slice, a mask (N,) or places."""
        return Proposals(
            self.xyxy[some],
            self.labels[some],
            self.scores[some],
            self.overlaps[some],
            self.strides[some],
            self.centres[some],
        )

    def to_list(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Each as plain values."""
        return [
            {
                "name": names[label],
                "score": short(score),
                "xyxy": listed(xyxy, 2),
                "overlap": short(overlap),
                "stride": int(stride),
                "cell": listed(centre, 2),
            }
            for xyxy, label, score, overlap, stride, centre in zip(
                self.xyxy, self.labels, self.scores, self.overlaps, self.strides, self.centres, strict=True
            )
        ]


@dataclass(frozen=True, eq=False)
class Suppression:
    """What non-maximum suppression took from the picture, and for whose sake.

    Raises InputError when the parts do not fit.
    """

    removed: Proposals  # overlaps are with the box that removed each
    by: np.ndarray  # (N,) int64 the rank, from 1, of that box in the answer
    iou: float  # the overlap from which on a box is removed
    needed: bool = True  # False of a model in which one cell alone answers for each object

    def __post_init__(self) -> None:
        if self.by.shape != (len(self.removed),):
            raise InputError(f"{self.by.shape} boxes removed {len(self.removed)}; give one for each")

    def of(self, rank: int) -> Proposals:
        """Those that the box of this rank removed, the surest first."""
        return self.removed[self.by == rank]

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """The overlap, and each removed box with the rank of the one that removed it."""
        rows = zip(self.removed.to_list(names), self.by.tolist(), strict=True)
        return {"iou": self.iou, "needed": self.needed, "removed": [{**row, "by": by} for row, by in rows]}


@dataclass(frozen=True, eq=False)
class BoxHeat:
    """Where covering a spot lowers the score of a box, and how that did when tried.

    The trial is the energy-based pointing game (Wang et al. 2020, Score-CAM, arXiv 1910.01279): how much of
    the heat lies in the box, held against the box's share of what was covered, which is what chance would
    give. Raises InputError for values that are no map in -1..1.
    """

    values: np.ndarray  # (H, W) float32, -1..1: 1 holds the score up most, below 0 covering it helps
    frame: Frame  # where the map lies on the picture: left, top, right, bottom, in its pixels
    falls: np.ndarray  # (G, E) how far the score falls when each spot is covered
    before: float  # the score of the picture as it is
    hidden: float  # and with the box covered
    alone: float  # and with everything but the box covered
    inside: float  # share of the heat above 0 that lies in the box, 0..1
    share: float  # the box's share of the pixels of the map, 0..1

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or not (np.abs(self.values) <= 1).all():
            raise InputError(f"the map has shape {self.values.shape}; it must have rows and columns of -1..1")
        if self.falls.ndim != 2 or not self.falls.size:
            raise InputError(f"the falls have shape {self.falls.shape}; give one for each spot, row by row")

    @property
    def worst(self) -> float:
        """The score that is left when the spot that counts most is covered."""
        return self.before - float(self.falls.max())

    @property
    def better(self) -> bool:
        """Whether more of the heat lies in the box than chance would put there."""
        return self.inside > self.share

    def to_dict(self) -> dict[str, Any]:
        """What was measured; the map follows from the falls."""
        return {
            "frame": listed(np.asarray(self.frame), 2),
            "before": short(self.before),
            "worst": short(self.worst),
            "box_hidden": short(self.hidden),
            "box_alone": short(self.alone),
            "heat_in_box": short(self.inside),
            "box_share": short(self.share),
            "falls": listed(self.falls),
        }
