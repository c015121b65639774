"""Lint: a look at a whole set of labelled pictures before a minute is spent on training with it.

One pass over the files: everything is found, nothing is changed, and some 500 bytes are kept of a picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from macaw.data.class_rules import class_findings
from macaw.data.contact import class_crops, couple_crops
from macaw.data.copies import copy_findings
from macaw.data.examples import LabelledPictures
from macaw.data.facts import Fact, read_facts
from macaw.data.find import find_pictures, no_such
from macaw.data.labelled import read_labelled
from macaw.data.packs import read_pack
from macaw.data.picture_rules import picture_findings
from macaw.data.rawpacks import read_raw
from macaw.data.survey import Survey
from macaw.data.survey_folders import survey_class_folders, survey_split_folders
from macaw.data.survey_tables import survey_table_file, survey_table_folder
from macaw.errors import DataError, InputError
from macaw.results.findings import Findings

_ORDER = {"train": 0, "val": 1, "test": 2}


class Linted(NamedTuple):
    """What was found, and what is sound enough to look for wrong labels in."""

    findings: Findings
    sound: LabelledPictures  # what can be read and has a label, of equal copies one


def lint_pictures(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    val_share: float = 0.1,
    progress: Callable[[int, int], None] | None = None,
) -> Linted:
    """Look for everything in `macaw.data.rules` but wrong labels, in any layout that `read_labelled` reads.

    `names` is a model's class table and `size` the side that it reads, pixels, where the data is meant for
    one. `val_share` is the share that training sets aside where there is no val. `progress(done, total)` is
    called while pictures are read. Raises InputError when there is no such path; all else becomes a finding.
    """
    began = time.monotonic()
    path = Path(path)
    held = survey(path)
    class_findings(held, names)
    _refusal(held, names)
    facts, prints = read_facts(held.sources, progress=progress)
    picture_findings(held, facts, size=size)
    couples = copy_findings(held, facts, prints, val_share=val_share)
    findings = Findings(
        path=str(path),
        splits=_splits(held),
        classes=_classes(held),
        findings=tuple(held.findings),
        crops=class_crops(held, facts),
        pairs=couple_crops(held, couples),
        seconds=time.monotonic() - began,
    )
    return Linted(findings, held.labelled(_sound(facts)))


def survey(path: Path) -> Survey:
    """The pictures of a data set in the layout that `read_labelled` would take; of no layout, all there are.

    Raises InputError when there is no such path.
    """
    if not path.exists():
        raise InputError(no_such(path))
    held = Survey(path)
    if survey_table_file(held, path) or _packed(held, path):
        return held
    if path.is_dir() and not (
        survey_table_folder(held, path)
        or survey_split_folders(held, path)
        or survey_class_folders(held, path)
    ):
        try:
            loose = find_pictures([path])
        except InputError:  # not one: the reader's refusal says so
            return held
        for picture in loose:
            held.add(picture, (), "")
    return held


def _packed(held: Survey, path: Path) -> bool:
    """Whether the data is a pack; a damaged one has nothing to look at but the reader's refusal."""
    for read in (read_pack, read_raw):
        try:
            data = read(path)
        except DataError:
            return True
        if data is not None:
            held.take(data)
            return True
    return False


def _refusal(held: Survey, names: Sequence[str] | None) -> None:
    """What the reader of training says, where no finding so far tells why it refuses."""
    if any(one.severity == "error" for one in held.findings):
        return
    try:
        read_labelled(held.path, names=names, val_share=0)
    except InputError as problem:
        held.report("refused", 1, str(problem))


def _sound(facts: Sequence[Fact]) -> list[int]:
    """The first of each picture that can be read and shows something."""
    first: dict[bytes, int] = {}
    for index, fact in enumerate(facts):
        if not (fact.problem or fact.blank):
            first.setdefault(fact.digest, index)
    return list(first.values())


def _splits(held: Survey) -> dict[str, int]:
    order = sorted(dict.fromkeys(held.splits), key=lambda split: (_ORDER.get(split, 3), split))
    return {split or "no split": held.splits.count(split) for split in order}


def _classes(held: Survey) -> dict[str, dict[str, int]]:
    classes: dict[str, dict[str, int]] = {}
    for split, some in held.counts().items():
        for name, number in some.items():
            classes.setdefault(name, {})[split or "no split"] = number
    return {name: classes[name] for name in sorted(classes)}
