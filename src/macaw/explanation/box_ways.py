"""Ways to explain a box, each on its own: its cells, what suppression took, covering, its outline's parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.explanation.box_case import BoxCase
from macaw.explanation.box_mixture import by_prototypes
from macaw.explanation.box_occlusion import box_heat
from macaw.metrics.overlap import box_iou
from macaw.results.box_decode import Candidates
from macaw.results.box_explanation_parts import LevelScores, Proposals, Suppression
from macaw.results.nms import ASIDE

# Shapes: A cells, C classes, N candidates
CLAIM = 0.01  # a cell that gives a class no more than this says that it is not there
SHOWN = 5  # near misses, and classes of a cell


def by_cells(case: BoxCase) -> dict[str, Any]:
    """What every cell gives the class of the box, level by level, and the cells that claim this very box.

    Nothing of a model whose cells are queries.
    """
    if not case.gridded:
        return {}
    scores = np.clip(case.scores[:, case.chosen.label], 0, 1)
    parts = zip(case.cells.levels, case.cells.split(scores), strict=True)
    return {
        "levels": tuple(LevelScores(level.stride, part) for level, part in parts),
        "claims": _claims(case),
    }


def refuse_queries(case: BoxCase) -> None:
    """Raises InputError where cells alone are asked for, and the model's are queries."""
    if not case.gridded:
        raise InputError(
            "this model answers by queries, which lie on no grid, so there are no cells; explain it otherwise"
        )


def by_suppression(case: BoxCase) -> dict[str, Any]:
    """Who was removed for whom, what nearly became a box, and what else the box could have been.

    Of queries, which have no place of their own, the last alone.
    """
    given = np.clip(case.scores[case.chosen.cell], 0, 1)  # (C,)
    order = np.argsort(-given, kind="stable")[:SHOWN]
    names = case.answer.names
    classes = tuple((names[label], float(given[label])) for label in order)
    if not case.gridded:
        return {"classes": classes}
    return {"suppression": _suppression(case), "misses": _misses(case), "classes": classes}


def by_occlusion(case: BoxCase) -> dict[str, Any]:
    """A map by covering; any engine does."""
    return {"heat": box_heat(case)}


def _claims(case: BoxCase) -> Proposals:
    """The cells whose own box is the one in question or nearly, and that take it for nothing else."""
    label = case.chosen.label
    scores = case.scores[:, label]
    mine = (case.overlaps > case.keep.iou) & (case.scores.argmax(axis=1) == label) & (scores > CLAIM)
    mine &= scores <= scores[case.chosen.cell]  # a surer one went to another box, beside this one
    mine[case.chosen.cell] = True  # it may give another class more: then it proposes two
    cells = np.flatnonzero(mine)
    cells = cells[np.argsort(-scores[cells], kind="stable")]
    xyxy = np.clip(case.letter.to_picture(case.raw[cells, :4]), 0, [*case.answer.size, *case.answer.size])
    some = Candidates(xyxy, np.full(len(cells), label), scores[cells].astype(np.float64), cells)
    return case.proposals(some, case.overlaps[cells])


def _suppression(case: BoxCase) -> Suppression:
    found, (kept, by) = case.found, case.trace
    gone = np.flatnonzero((by != ASIDE) & (by != np.arange(len(by))))
    gone = gone[np.argsort(-found.scores[gone], kind="stable")]
    overlaps = box_iou(found.xyxy[gone], found.xyxy[by[gone]])
    ranks = np.zeros(len(by), np.int64)
    ranks[kept] = np.arange(1, len(kept) + 1)
    removed = case.proposals(_some(found, gone), overlaps)
    return Suppression(removed, ranks[by[gone]], case.keep.iou, needed=case.keep.branch != "one-to-one")


def _misses(case: BoxCase) -> Proposals:
    """The surest of what lies below the threshold, but for the box in question."""
    below, chosen = case.below(), case.chosen
    other = (below.cells != chosen.cell) | (below.labels != chosen.label)
    some = _some(below, np.flatnonzero(other & (below.scores > CLAIM))[:SHOWN])
    return case.proposals(some, case.overlap(some.xyxy))


def _some(found: Candidates, which: np.ndarray) -> Candidates:
    return Candidates(*(part[which] for part in found))


WAYS: dict[str, Callable[[BoxCase], dict[str, Any]]] = {
    "cells": by_cells,
    "suppression": by_suppression,
    "occlusion": by_occlusion,
    "prototypes": by_prototypes,
}
