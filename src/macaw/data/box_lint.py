"""Lint of boxes: a look at a whole set of annotated pictures before a minute is spent on training with it.

The annotations are read once, then every picture: everything is found, nothing is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from macaw.data.box_classes import class_findings
from macaw.data.box_copies import conflict_findings
from macaw.data.box_crops import both_pairs, class_crops, sight_pairs
from macaw.data.box_forms import form_findings
from macaw.data.box_outlines import outline_findings
from macaw.data.box_places import place_findings
from macaw.data.box_problems import problem_findings
from macaw.data.box_survey import BoxSurvey, survey_boxes
from macaw.data.contact import couple_crops
from macaw.data.copies import Couple, copy_findings
from macaw.data.facts import Fact, read_facts
from macaw.data.picture_rules import picture_findings
from macaw.data.reading import in_order
from macaw.results.findings import Findings
from macaw.results.found import Pair

_CONFLICTS = frozenset({"label-conflict", "conflict-near", "box-conflict"})  # of which the boxes are shown


def lint_boxes(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    val_share: float = 0.1,
    rows: str | None = None,
    form: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Look for everything in `macaw.data.box_rules`, in any layout that `read_annotated` reads.

    `names` is a model's class table and `size` the side of its sheet, pixels, where the data is meant for
    one. `val_share` is the share that training sets aside where there is no val; `rows` and `form` settle
    what YOLO leaves open, as in `read_annotated`. `progress(done, total)` is called while pictures are read.
    In the answer a class has numbers of objects. Raises InputError when there is no such path, UnknownName
    for rows or a form that is not known; all else becomes a finding.
    """
    began = time.monotonic()
    path = Path(path)
    held = survey_boxes(path, rows=rows, form=form)
    facts, prints = read_facts(held.sources, progress=progress)
    form_findings(held, facts)
    problem_findings(held)
    class_findings(held, names)
    picture_findings(held, facts, size=None)  # what it says of a size is meant for squares cut from them
    place_findings(held, facts, size=size)
    outline_findings(held)
    couples = [*conflict_findings(held, facts), *copy_findings(held, facts, prints, val_share=val_share)]
    return Findings(
        path=str(path),
        splits={split: held.splits.count(split) for split in in_order(set(held.splits))},
        classes=_classes(held),
        findings=tuple(held.findings),
        crops=class_crops(held, facts),
        pairs=(*_conflicts(held, facts, couples), *sight_pairs(held, facts)),
        seconds=time.monotonic() - began,
        counted="object",
    )


def _classes(held: BoxSurvey) -> dict[str, dict[str, int]]:
    """Class -> split -> objects."""
    numbers = held.numbers()
    return {
        name: {split: numbers[split][name] for split in in_order(numbers) if numbers[split][name]}
        for name in held.names
    }


def _conflicts(held: BoxSurvey, facts: Sequence[Fact], couples: Sequence[Couple]) -> tuple[Pair, ...]:
    """Both of each couple: with their boxes where these are in question."""
    boxed = [one for one in couples if one.code in _CONFLICTS]
    bare = [one for one in couples if one.code not in _CONFLICTS]
    return (*both_pairs(held, boxed), *couple_crops(held, bare))
