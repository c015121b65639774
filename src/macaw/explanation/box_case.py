"""Box case: one question to a detector, why this box, with all that its raw output says about it.

Shapes: A cells, C classes, K prototypes of h x w cells, S side of the prepared picture, N proposals
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from macaw.data.inputs import Input
from macaw.data.letterbox import Letter
from macaw.data.prepare import Fit
from macaw.errors import InputError
from macaw.explanation.asked import class_place, one_answer
from macaw.explanation.box_cells import Cells, cells_of
from macaw.metrics.overlap import box_iou
from macaw.model import Model
from macaw.results.box_decode import Candidates, Keep, candidates
from macaw.results.box_explanation_parts import Proposals
from macaw.results.boxes import Boxes
from macaw.results.nms import ASIDE, Trace, trace

LOOK = 300  # proposals below the threshold that are looked at, the surest


class Chosen(NamedTuple):
    """The box in question, and the cell that proposes it."""

    xyxy: np.ndarray  # (4,) float64 pixels of the picture
    label: int
    score: float
    cell: int
    place: int  # rank in the answer, from 1; 0 where it lies below the threshold


@dataclass(frozen=True, eq=False)
class BoxCase:
    """A picture, what a detector made of it, and which of its boxes is in question."""

    model: Model
    answer: Boxes  # all that was found, with its picture
    prepared: np.ndarray  # (3, S, S) float32
    raw: np.ndarray  # (A, 4 + C ...) float32
    letter: Letter
    keep: Keep
    target: int | None = None  # the class in question, any where nobody said
    rank: int = 1  # which of its boxes, from 1
    prototypes: np.ndarray | None = None  # (K, h, w) float32: what outlines are mixed from

    @property
    def scores(self) -> np.ndarray:
        """(A, C) what each cell gives each class."""
        return self.raw[:, 4 : 4 + len(self.answer.names)]

    @property
    def gridded(self) -> bool:
        """Whether cells lie on grids, as all of our own models' do; queries of a DETR lie nowhere."""
        return self.model.card.builder != "whole"

    @cached_property
    def cells(self) -> Cells:
        """Where the cells are. Raises ModelError where that cannot be told."""
        return cells_of(len(self.raw), self.prepared.shape[-1])

    @cached_property
    def found(self) -> Candidates:
        """The proposals that reach the threshold, in the order of cells."""
        return candidates(self.raw, len(self.answer.names), letter=self.letter, score=self.keep.score)

    @cached_property
    def trace(self) -> Trace:
        """What suppression did with each of `found`; those that stay are the answer, in its order."""
        found, keep = self.found, self.keep
        if keep.branch == "one-to-one":  # nothing is suppressed
            kept, by = found.best(keep), np.full(len(found.scores), ASIDE, np.int64)
            by[kept] = kept
            return Trace(kept, by)
        return trace(
            found.xyxy,
            found.scores,
            found.labels,
            iou=keep.iou,
            limit=keep.limit,
            candidates=keep.candidates,
        )

    @cached_property
    def chosen(self) -> Chosen:
        """The box in question; where no box of the class was found, the surest that is too unsure.

        Raises InputError where there are not as many as `rank` says, or no cell proposes any.
        """
        labels = self.answer.labels
        places = np.arange(len(labels)) if self.target is None else np.flatnonzero(labels == self.target)
        if not len(places):
            return self._nearest()
        if self.rank > len(places):
            found = f"the model finds {len(places)} {self._what} here; give 1 to {len(places)}"
            raise InputError(f"there is no box of rank {self.rank}: {found}")
        at = int(places[self.rank - 1])
        return _picked(self.found, int(self.trace.kept[at]), at + 1)

    def _nearest(self) -> Chosen:
        """The surest proposal where nothing was found."""
        if self.rank > 1:
            found = f"the model finds no {self._what} here; ask for rank 1 to see how near it came"
            raise InputError(f"there is no box of rank {self.rank}: {found}")
        below = self.below(self.target)
        if not len(below.scores):
            raise InputError(f"the model finds no {self._what} here, and no cell proposes one inside it")
        return _picked(below, 0, 0)

    @property
    def _what(self) -> str:
        return "box" if self.target is None else f"'{self.answer.names[self.target]}'"

    @cached_property
    def overlaps(self) -> np.ndarray:
        """(A,) IoU of each cell's own box, as far as it lies in the picture, with the one in question."""
        xyxy = self.letter.to_picture(self.raw[:, :4])
        return box_iou(np.clip(xyxy, 0, [*self.answer.size, *self.answer.size]), self._alike(len(xyxy)))

    def overlap(self, xyxy: np.ndarray) -> np.ndarray:
        """(N,) IoU of boxes (N, 4), pixels of the picture, with the one in question."""
        return box_iou(xyxy, self._alike(len(xyxy)))

    def below(self, target: int | None = None) -> Candidates:
        """The proposals that a lower threshold would make answers of, surest first; of class `target` alone.

        None overlaps a better one of its class by more than suppression allows.
        """
        row, classes = self.raw, len(self.answer.names)
        if target is not None:
            row = row.copy()
            row[:, 4 + np.delete(np.arange(classes), target)] = -1  # no threshold is as low
        scores, least = row[:, 4 : 4 + classes], np.float32(self.keep.score)
        low = np.sort(scores[(scores >= 0) & (scores < least)])[-LOOK:]
        floor = float(low[0]) if len(low) else self.keep.score
        wide = candidates(row, classes, letter=self.letter, score=floor)
        best = wide.best(replace(self.keep, limit=self.keep.limit + LOOK))
        best = best[wide.scores[best] < least]
        return Candidates(*(part[best] for part in wide))

    def proposals(self, some: Candidates, overlaps: np.ndarray) -> Proposals:
        """Candidates (N) with the cells they come from; whose `overlaps` (N,) are is said where they go."""
        return Proposals(
            some.xyxy,
            some.labels,
            np.clip(some.scores, 0, 1),
            overlaps,
            self.cells.strides[some.cells],
            self.letter.to_picture(self.cells.centres[some.cells]),
        )

    def _alike(self, count: int) -> np.ndarray:
        """The box in question, so many times: (count, 4)."""
        return np.broadcast_to(self.chosen.xyxy, (count, 4))


def _picked(some: Candidates, one: int, rank: int) -> Chosen:
    score = float(np.clip(some.scores[one], 0, 1))
    return Chosen(some.xyxy[one], int(some.labels[one]), score, int(some.cells[one]), rank)


def ask(model: Model, picture: Input, *, target: str | None, rank: int, score: float | None) -> BoxCase:
    """The question as a case. Raises InputError, UnknownName, and ModelError for a damaged folder."""
    if rank < 1:
        raise InputError(f"rank is {rank}; boxes are counted from 1, the surest")
    label = None if target is None else class_place(target, model.card.names)
    card = model.card
    if score is not None:
        card = card.replace(decode={**card.decode, "score": score})
    keep, seen = Keep.of(card.decode), one_answer(model, picture)
    prepared = model.prepare([seen.picture], sizes=[seen.size])
    outputs = model.outputs(prepared)
    told = {"sources": [seen.source], "pictures": [seen.picture], "sizes": [seen.size]}
    answer = model.decode(outputs, card=card, **told)[0]
    width, height = seen.size
    letter = Fit.of(card.prepare).letter(width, height)
    prototypes = outputs[1][0] if len(outputs) > 1 else None
    return BoxCase(model, answer, prepared[0], outputs[0][0], letter, keep, label, rank, prototypes)
