"""Ways to explain an answer, each on its own: by gradient, by covering, by near pictures, by its parts."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import MissingExtra
from macaw.explanation.case import Case
from macaw.explanation.index import NAME
from macaw.explanation.ledger import head_ledger
from macaw.explanation.neighbours import find_neighbours
from macaw.explanation.occlusion import occlusion_map
from macaw.metrics.maps import centre_map, trial
from macaw.results.evidence import Heat
from macaw.runtime.eager import load_module

CHANNELS = 8  # of the head's account whose activity is shown


@dataclass
class Job:
    """What is asked, and what has been found of it so far."""

    case: Case
    data: str | Path | None = None  # a copy of the training data
    seed: int = 0
    found: dict[str, Any] = field(default_factory=dict)  # fields of an Explanation
    maps: list[Heat] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def work(self, ways: Sequence[str]) -> None:
        """Go these ways of WAYS; one that lacks a dependency leaves a note.

        Raises MissingExtra when nothing is found for lack of one, and whatever else a way raises.
        """
        missing: list[MissingExtra] = []
        for way in ways:
            try:
                WAYS[way](self)
            except MissingExtra as problem:
                missing.append(problem)
                self.notes.append(str(problem))
        if missing and not self.found and not self.maps:
            raise missing[0]
        if self.maps:
            picture = self.case.prepared
            self.found["guess"] = trial(centre_map(picture.shape[-1]), picture, self.case.probs)

    def add_map(self, by: str, values: np.ndarray) -> None:
        """Keep a map (S, S) together with its trial."""
        self.maps.append(Heat(by, values, trial(values, self.case.prepared, self.case.probs)))

    @cached_property
    def pooled(self) -> np.ndarray:
        """(D,) the features of the picture. Raises ModelError where the model gives none."""
        return np.asarray(self.case.model.pooled(self.case.prepared[None])[0])

    @cached_property
    def module(self) -> Any:
        """The recogniser in torch. Raises ModelError for a damaged folder."""
        return load_module(self.case.model.folder, self.case.model.card).eval().requires_grad_(False)


def by_gradient(job: Job) -> None:
    """A map by gradient, and whether it shows what was learned."""
    gradient = _of_torch("gradient", "explaining by gradient")
    case, how = job.case, job.case.model.card.decode
    goal = gradient.log_odds(case.target, case.against, multi=how["multi"], temperature=how["temperature"])
    job.add_map("gradient", gradient.gradient_map(job.module, case.prepared, goal))
    job.found["sanity"] = gradient.randomised(job.module, case.prepared, goal, seed=job.seed)


def by_occlusion(job: Job) -> None:
    """A map by covering; any engine does."""
    job.add_map("occlusion", occlusion_map(job.case.prepared, job.case.odds))


def by_neighbours(job: Job) -> None:
    """The nearest training pictures, of a model that has an index of them."""
    model = job.case.model
    if not (model.folder / NAME).is_file():
        job.notes.append(
            f"no near pictures: model '{model.card.name}' has no {NAME}; train again to have one"
        )
        return
    job.found["neighbours"], notes = find_neighbours(model, job.pooled, data=job.data)
    job.notes += notes


def by_parts(job: Job) -> None:
    """The head's account, from weights alone, and feature maps, for which torch is needed."""
    case = job.case
    ledger = head_ledger(case.model, job.pooled, case.target, case.against)
    if ledger is not None:
        job.found["ledger"] = ledger
    else:
        job.notes.append(f"no account of the head: that of '{case.model.card.name}' is not one linear layer")
    activity = _of_torch("activity", "showing feature maps")
    levels = activity.level_activity(job.module, case.prepared)
    job.found["levels"] = activity.level_views(levels, job.module.frontend.strides)
    # Only where a feature is the mean of a channel does the channel's map say where the feature comes from
    if ledger is not None and np.allclose(levels[-1].mean((1, 2)), ledger.values, rtol=1e-2, atol=1e-3):
        ledger.maps.update({channel: levels[-1][channel] for channel in ledger.top(CHANNELS)})


def _of_torch(name: str, purpose: str) -> Any:
    """A module beside this one that imports torch.

    Raises MissingExtra without torch.
    """
    try:
        return importlib.import_module(f"macaw.explanation.{name}")
    except ModuleNotFoundError as problem:
        if (problem.name or "").split(".")[0] != "torch":
            raise
        raise MissingExtra(purpose, "torch", "train") from problem


WAYS: dict[str, Callable[[Job], None]] = {
    "gradient": by_gradient,
    "occlusion": by_occlusion,
    "neighbours": by_neighbours,
    "parts": by_parts,
}
