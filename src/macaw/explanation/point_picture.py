"""Why a key point lies where it does: one picture in, a PointExplanation out."""

from __future__ import annotations

import numpy as np

from macaw.data.inputs import Input
from macaw.data.prepare import Fit
from macaw.errors import UnknownName, did_you_mean
from macaw.explanation.asked import one_answer
from macaw.explanation.point_lines import lines_of
from macaw.model import Model
from macaw.results.labels import probabilities
from macaw.results.point_explanation import PointExplanation


def explain_points(model: Model, picture: Input, *, target: str | None = None) -> PointExplanation:
    """What `model` says of where the point `target` lies, all of it; by default of the least sure point.

    Read from the raw output: any engine will do, and torch is not needed. Raises UnknownName for a point that
    is not known, InputError for an input that is not one picture, ModelError for a damaged folder.
    """
    if target is not None:
        _known(target, model.card.names)
    answer = one_answer(model, picture)
    width, height = answer.size
    least = int(np.argmin(answer.scores)) if target is None else answer.names.index(target)
    prepared = model.prepare([answer.picture], sizes=[(width, height)])
    logits, sheet = model.outputs(prepared)[0][0], (prepared.shape[2], prepared.shape[3])
    lines = lines_of(logits, Fit.of(model.card.prepare).placing(width, height), sheet)
    return PointExplanation(
        answer,
        answer.names[least],
        *lines[least],
        np.array([[one.spread for one in pair] for pair in lines]),
        asked=target is not None,
        model=model.card.name,
        map=probabilities(logits[least], multi=True) if logits.ndim == 3 else None,
    )


def _known(name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        hint = did_you_mean(name, names) or f" It has {len(names):,} points, in card.names."
        raise UnknownName(f"the model knows no point '{name}'.{hint}")
