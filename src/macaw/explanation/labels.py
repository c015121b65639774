"""Why a classifier gives an answer: one picture and one class in, an Explanation out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from macaw.data.inputs import Input
from macaw.data.prepare import Fit, fit
from macaw.errors import InputError
from macaw.explanation.asked import chosen_ways, class_place, one_answer
from macaw.explanation.case import Case
from macaw.explanation.frame import seen_frame
from macaw.explanation.ways import WAYS, Job
from macaw.model import Model
from macaw.results.explanation import Explanation
from macaw.results.labels import Labels


def explain_labels(
    model: Model,
    picture: Input,
    *,
    target: str | None = None,
    against: str | None = None,
    by: str | Sequence[str] = tuple(WAYS),
    data: str | Path | None = None,
    seed: int = 0,
) -> Explanation:
    """Why `model` says `target`, by default its best guess, of one picture, and not `against` where given.

    `by` are some of WAYS. "gradient" needs torch, and so do the feature maps of "parts"; without it a note
    says so. `data` is a copy of the training data, from which near pictures are shown; `seed` is that of the
    randomised weights. Raises UnknownName for a class or a way that is not known, InputError for an input
    that is not one picture, MissingExtra when nothing of `by` can be done without torch.
    """
    ways = chosen_ways(by, WAYS)
    answer: Labels = one_answer(model, picture)
    names = model.card.names
    goal = class_place(target or answer.best.name, names)
    other = class_place(against, names) if against else None
    if goal == other:
        raise InputError(f"'{names[goal]}' cannot be held against itself; give another class")
    how, seen = Fit.of(model.card.prepare), np.asarray(answer.picture)
    job = Job(Case(model, model.prepare([seen])[0], goal, other), data, seed)
    job.work(ways)
    return Explanation(
        answer,
        names[goal],
        fit(seen, how),
        seen_frame(seen.shape[0], seen.shape[1], how),
        against="" if other is None else names[other],
        model=model.card.name,
        maps=tuple(job.maps),
        notes=tuple(job.notes),
        **job.found,
    )
