"""Lint of masks: a look at a whole set of masked pictures before a minute is spent on training with it.

Every mask is read once, then every picture: everything is found, nothing is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from macaw.data.copies import copy_findings
from macaw.data.facts import read_facts
from macaw.data.mask_classes import class_findings, pixel_findings
from macaw.data.mask_copies import conflict_findings
from macaw.data.mask_crops import class_crops, couple_pairs, sight_pairs
from macaw.data.mask_problems import problem_findings
from macaw.data.mask_survey import MaskSurvey, survey_masks
from macaw.data.maskfolders import read_masked
from macaw.data.picture_rules import picture_findings
from macaw.data.reading import in_order
from macaw.errors import InputError
from macaw.results.findings import Findings

Progress = Callable[[int, int], None]


def lint_masks(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    val_share: float = 0.1,
    progress: Progress | None = None,
) -> Findings:
    """Look for everything in `macaw.data.mask_rules`, in the folders that `read_masked` reads.

    `names` is a model's class table and `size` the side of its sheet, pixels, where the data is meant for
    one. `val_share` is the share that training sets aside where there is no val. `progress(done, total)` is
    called while masks and pictures are read. In the answer a class has numbers of pictures that show it.
    Raises InputError when there is no such path; all else becomes a finding.
    """
    began = time.monotonic()
    path = Path(path)
    held = survey_masks(path, progress=_half(progress, second=False))
    facts, prints = read_facts(held.sources, progress=_half(progress, second=True))
    problem_findings(held)
    class_findings(held, names)
    pixel_findings(held)
    picture_findings(held, facts, size=size)
    couples = [*conflict_findings(held, facts), *copy_findings(held, facts, prints, val_share=val_share)]
    _refusal(held, names)
    return Findings(
        path=str(path),
        splits={split: held.splits.count(split) for split in in_order(set(held.splits))},
        classes=_classes(held),
        findings=tuple(held.findings),
        crops=class_crops(held, facts),
        pairs=(*couple_pairs(held, couples), *sight_pairs(held, facts)),
        seconds=time.monotonic() - began,
    )


def _half(progress: Progress | None, *, second: bool) -> Progress | None:
    """Progress of one of two passes over the same pictures."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(done + second * total, 2 * total)


def _classes(held: MaskSurvey) -> dict[str, dict[str, int]]:
    """Class -> split -> pictures that show it."""
    shows = held.shows()
    return {
        name: {split: shows[split][name] for split in in_order(shows) if shows[split][name]}
        for name in held.names
    }


def _refusal(held: MaskSurvey, names: Sequence[str] | None) -> None:
    """What training says to the whole, where no finding so far tells why it refuses."""
    if any(one.severity == "error" for one in held.findings):
        return
    try:
        read_masked(held.path, names=names, val_share=0)
    except InputError as problem:
        held.report("refused", 1, str(problem))
