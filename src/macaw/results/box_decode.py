"""From a detector's raw output to Boxes: choose, bring back to the picture, suppress, and cut out masks.

Shapes: B pictures, A cells, C classes, M prototypes of h x w cells, N candidates, K boxes kept
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.results.boxes import Boxes
from macaw.results.checks import check_finite, check_parts
from macaw.results.labels import probabilities
from macaw.results.nms import suppress
from macaw.results.placing import Grid, Placing
from macaw.results.runs import bounds_of
from macaw.results.silhouette import Silhouette

BRANCHES = ("one-to-many", "one-to-one")
SLACK = 1e-3  # how far a score in half precision may lie outside 0..1
STRIP = 1 << 22  # pixels of a mask that are made at a time


@dataclass(frozen=True)
class Keep:
    """Which of a detector's candidates become boxes; a card's `decode` has these fields.

    Raises InputError for a value out of range, UnknownName for another branch.
    """

    score: float = 0.25  # what is less sure is left out, 0..1
    iou: float = 0.6  # of two boxes of a class that overlap by more, the better stays, 0..1
    limit: int = 300  # boxes of a picture
    branch: str = "one-to-many"  # several cells claim an object; by "one-to-one" one does: no suppression
    candidates: int = 1000  # of each class that suppression looks at

    def __post_init__(self) -> None:
        if self.branch not in BRANCHES:
            hint = did_you_mean(str(self.branch), BRANCHES)
            raise UnknownName(f"no branch '{self.branch}'; there are {' and '.join(BRANCHES)}.{hint}")
        for name in ("score", "iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1")
        if min(self.limit, self.candidates) < 1:
            raise InputError(f"limit {self.limit} and candidates {self.candidates} must be 1 or more")

    @classmethod
    def of(cls, how: Mapping[str, Any]) -> Keep:
        """What the `decode` of a card says."""
        return cls(**{name: how[name] for name in cls.__dataclass_fields__ if name in how})


class Candidates(NamedTuple):
    """What a detector proposes for one picture, in the order of cells and classes; N of them."""

    xyxy: np.ndarray  # (N, 4) float64 pixels of the picture, inside it
    labels: np.ndarray  # (N,) int64
    scores: np.ndarray  # (N,) float64
    cells: np.ndarray  # (N,) int64 the cell that proposes it

    def best(self, keep: Keep) -> np.ndarray:
        """The places (K,) of those that become boxes, best first."""
        if keep.branch == "one-to-one":
            return np.argsort(-self.scores, kind="stable")[: keep.limit]
        return suppress(
            self.xyxy,
            self.scores,
            self.labels,
            iou=keep.iou,
            limit=keep.limit,
            candidates=keep.candidates,
        )


def decode_boxes(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    letters: Sequence[Placing],
    keep: Keep | None = None,
    prototypes: np.ndarray | None = None,
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Boxes]:
    """One Boxes for each picture of `raw`, (B, A, 4 + C) or, with masks, (B, A, 4 + C + M).

    A cell holds left, top, right and bottom in pixels of the prepared picture, C scores of 0..1, and what its
    mask takes of each of the `prototypes` (B, M, h, w), which cover the prepared picture (YOLACT, Bolya et
    al. 2019, arXiv 1904.02689). `letters` say how each picture was placed. A cell can propose several
    classes; boxes are cut at the picture's edge, and what lies beyond it is left out.
    Raises ModelError when the output does not fit the class table or is not finite.
    """
    raw, names, keep = np.asarray(raw), tuple(names), keep or Keep()
    _check_raw(raw, len(names), prototypes)
    if len(letters) != len(raw):
        raise InputError(f"{len(letters)} letters for {len(raw)} outputs; give one for each")
    check_parts(len(raw), sources=sources, pictures=pictures)
    answers = []
    for place, letter in enumerate(letters):
        found = candidates(raw[place], len(names), letter=letter, score=keep.score)
        best = found.best(keep)
        taken = raw[place, found.cells[best], 4 + len(names) :]  # (K, M)
        answers.append(
            Boxes(
                names,
                found.xyxy[best],
                found.labels[best],
                np.clip(found.scores[best], 0, 1),
                (letter.width, letter.height),
                sources[place] if sources else "",
                pictures[place] if len(pictures) else None,
                ()
                if prototypes is None
                else tuple(cut_out(taken, prototypes[place], found.xyxy[best], letter)),
            )
        )
    return answers


def candidates(row: np.ndarray, classes: int, *, letter: Placing, score: float) -> Candidates:
    """What one picture's output (A, 4 + C ...) proposes with at least `score`, in pixels of the picture."""
    cells, labels = np.nonzero(row[:, 4 : 4 + classes] >= score)
    xyxy = letter.to_picture(row[cells, :4].astype(np.float64))
    xyxy = np.clip(xyxy, 0, [letter.width, letter.height] * 2)
    inside = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    cells, labels = cells[inside], labels[inside]
    return Candidates(xyxy[inside], labels, row[cells, 4 + labels].astype(np.float64), cells)


def cut_out(
    taken: np.ndarray, prototypes: np.ndarray, xyxy: np.ndarray, letter: Placing
) -> Iterator[Silhouette]:
    """The mask of each box (K, 4): sigmoid(taken (K, M) @ prototypes (M, h, w)) over 0.5, inside its box.

    It is made at the size of the prototypes, for the cells of its box alone, and scaled to the picture.
    """
    grid = Grid(letter, (prototypes.shape[1], prototypes.shape[2]))
    size = (letter.height, letter.width)
    for weights, box in zip(taken, xyxy, strict=True):
        (left, right), (top, bottom) = (_pixels(box[axis], box[axis + 2]) for axis in (0, 1))
        across, down = grid.columns(np.arange(left, right) + 0.5), grid.rows(np.arange(top, bottom) + 0.5)
        columns, rows = _used(across), _used(down)
        part = prototypes[:, rows, columns].astype(np.float32)
        cells = probabilities(np.tensordot(weights.astype(np.float32), part, 1), multi=True).astype(
            np.float32
        )
        edges = _edges(down[:, rows] @ cells, across[:, columns], left, top, size[0])
        yield Silhouette.of_bounds(np.concatenate([*edges, np.empty(0, np.int64)]), size)


def _pixels(low: float, high: float) -> tuple[int, int]:
    """The first pixel whose centre lies in low..high, and the one after the last."""
    return int(np.ceil(low - 0.5)), int(np.ceil(high - 0.5))


def _used(weights: np.ndarray) -> slice:
    """The cells, from the first to the last, that any of the places (P, cells) reads."""
    used = np.flatnonzero(weights.any(axis=0))
    return slice(used[0], used[-1] + 1) if len(used) else slice(0, 0)


def _edges(scaled: np.ndarray, across: np.ndarray, left: int, top: int, rows: int) -> Iterator[np.ndarray]:
    """Where a mask begins and ends down the columns; some columns at a time, since it may be of any size."""
    step = max(1, STRIP // max(1, len(scaled)))
    for start in range(0, len(across), step):
        bits = scaled @ across[start : start + step].T > 0.5
        yield bounds_of(bits, left=left + start, top=top, rows=rows)


def _check_raw(raw: np.ndarray, classes: int, prototypes: np.ndarray | None) -> None:
    masks = 0 if prototypes is None else prototypes.shape[1] if prototypes.ndim == 4 else -1
    if masks < 0 or raw.ndim != 3 or raw.shape[2] != 4 + classes + masks:
        more = f" and {masks} prototypes" if masks > 0 else ""
        raise ModelError(
            f"the detector's output has shape {raw.shape}; its {classes} classes{more} need "
            f"(B, A, {4 + classes + max(0, masks)})"
        )
    check_finite(raw)
    if prototypes is not None:
        if len(prototypes) != len(raw):
            raise ModelError(
                f"{len(prototypes)} sets of prototypes for {len(raw)} pictures; one each is needed"
            )
        check_finite(prototypes)
    scores = raw[:, :, 4 : 4 + classes]
    if scores.size and not (scores.min() >= -SLACK and scores.max() <= 1 + SLACK):
        raise ModelError(
            f"the detector's scores lie between {scores.min():.4g} and {scores.max():.4g}, not in 0..1; "
            "its graph must end in a sigmoid"
        )
