"""Lint of key points: a look at a whole set of marked pictures before a minute is spent on training with it.

The points are read once, then every picture: everything is found, nothing is changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from macaw.data.aligned import finished
from macaw.data.box_problems import problem_findings
from macaw.data.copies import copy_findings
from macaw.data.examples import count, listed
from macaw.data.facts import read_facts
from macaw.data.find import shown
from macaw.data.picture_rules import picture_findings
from macaw.data.point_copies import conflict_findings
from macaw.data.point_crops import couple_pairs, object_crops, sight_pairs
from macaw.data.point_places import number_findings, place_findings
from macaw.data.point_survey import PointSurvey, survey_points
from macaw.data.reading import Reading, in_order
from macaw.errors import InputError, did_you_mean
from macaw.results.findings import Findings


def lint_points(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    val_share: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Look for everything in `macaw.data.point_rules`, in any layout that `read_points` reads.

    `names` are a model's points and `size` the side of its sheet, pixels, where the data is meant for one.
    `val_share` is the share that training sets aside where there is no val. `progress(done, total)` is called
    while pictures are read. In the answer a class has numbers of objects. Raises InputError when there is no
    such path; all else becomes a finding.
    """
    began = time.monotonic()
    path = Path(path)
    held = survey_points(path)
    facts, prints = read_facts(held.sources, progress=progress)
    problem_findings(held)
    if held.data is not None:
        _whole(held, names)
        place_findings(held)
        number_findings(held)
    picture_findings(held, facts, size=size)
    couples = [*conflict_findings(held, facts), *copy_findings(held, facts, prints, val_share=val_share)]
    _refusal(held)
    return Findings(
        path=str(path),
        splits={split: held.splits.count(split) for split in in_order(set(held.splits))},
        classes=_classes(held),
        findings=tuple(held.findings),
        crops=object_crops(held, facts),
        pairs=(*couple_pairs(held, couples), *sight_pairs(held, facts)),
        seconds=time.monotonic() - began,
        counted="object",
    )


def _whole(held: PointSurvey, names: Sequence[str] | None) -> None:
    """The splits, the number of objects in a picture, and a model's points against these."""
    if "train" not in held.splits and names is None:
        held.report("train-missing", 1, f"there is {listed(set(held.splits)) or 'no picture'}, but no train")
    numbers = np.array([len(some) for some in held.objects], np.int64)
    other = np.flatnonzero(numbers != 1).tolist()
    held.report_pictures("object-count", other, "with more or less than one object, so that each is cut out")
    own = held.skeleton.names
    if names is None or own == tuple(names):
        return
    strange = [name for name in own if name not in names]
    told = [f"'{shown(name)}'.{did_you_mean(name, names)}".removesuffix(".") for name in strange]
    told += [f"no '{shown(name)}'" for name in names if name not in own]
    words = f"{count(len(own), 'point')}, but not the {len(names):,} of the model"
    held.report("point-not-in-model", max(1, len(told)), words, told or ["the same, in another order"])


def _classes(held: PointSurvey) -> dict[str, dict[str, int]]:
    """Class -> split -> objects; classes without an object are of no use here."""
    numbers = held.numbers()
    total = sum(numbers.values(), Counter[str]())
    return {
        name: {split: numbers[split][name] for split in in_order(numbers) if numbers[split][name]}
        for name in held.names
        if total[name]
    }


def _refusal(held: PointSurvey) -> None:
    """What training says to the whole, where no finding so far tells why it refuses."""
    if held.data is None or any(one.severity == "error" for one in held.findings):
        return
    try:
        finished(held.data, Reading(), names=None, seed=0, val_share=0)
    except InputError as problem:
        held.report("refused", 1, str(problem))
