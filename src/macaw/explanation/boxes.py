"""Why a detector puts a box where it does, or finds none: one picture in, a BoxExplanation out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from macaw.data.inputs import Input
from macaw.explanation.asked import chosen_ways
from macaw.explanation.box_case import BoxCase, ask
from macaw.explanation.box_mixture import refuse_bare
from macaw.explanation.box_ways import WAYS, refuse_queries
from macaw.model import Model
from macaw.results.box_explanation import BoxExplanation
from macaw.results.boxes import Detection
from macaw.results.heat import Frame


def explain_boxes(
    model: Model,
    picture: Input,
    *,
    target: str | None = None,
    rank: int = 1,
    by: str | Sequence[str] = tuple(WAYS),
    score: float | None = None,
) -> BoxExplanation:
    """Why `model` finds one box in a picture: the surest, or the surest of class `target`; `rank` 2 the next.

    Where it finds none, the explanation is of the candidate that came nearest. `by` are some of WAYS; none
    needs torch, and "prototypes" says nothing of a model without outlines. `score` is the threshold in place
    of the model's own. Raises UnknownName for a class or a way that is not known, InputError for an input
    that is not one picture and for a rank that is not there, ModelError for a model whose cells are no grids.
    One whose cells are queries, which lie nowhere, is explained by covering and by its classes alone.
    """
    ways = chosen_ways(by, WAYS)
    case = ask(model, picture, target=target, rank=rank, score=score)
    if ways == ("prototypes",):
        refuse_bare(case)
    if ways == ("cells",):
        refuse_queries(case)
    parts = {name: part for way in ways for name, part in WAYS[way](case).items()}
    chosen = case.chosen
    left, top, right, bottom = chosen.xyxy.tolist()
    return BoxExplanation(
        case.answer,
        Detection(case.answer.names[chosen.label], chosen.score, (left, top, right, bottom)),
        chosen.place,
        case.keep.score,
        _sheet(case),
        case.prepared.shape[-1],
        target=target or "",
        model=model.card.name,
        **parts,
    )


def _sheet(case: BoxCase) -> Frame:
    """Where the prepared picture lies on the picture, which is smaller where it has bars: in its pixels."""
    side = float(case.prepared.shape[-1])
    left, top, right, bottom = case.letter.to_picture(np.array([0, 0, side, side])).tolist()
    return left, top, right, bottom
