"""Lint of texts: a look at a whole corpus before a minute is spent on training with it.

Every document is read once: everything is found, nothing is changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from macaw.data.examples import count
from macaw.data.reading import in_order
from macaw.data.text_copies import COMMON, copy_findings
from macaw.data.text_looks import LOOKS, NOISE, REPEATS
from macaw.data.text_survey import TextSurvey, survey_texts
from macaw.data.texts import read_texts
from macaw.errors import InputError
from macaw.results.findings import Findings

FEW = 10  # documents of a split below which figures over documents say little
SHORT = 20  # bytes of a document that is hardly one
LARGE = 0.5  # share of its split from which one document weighs more than all others
_LINES = 5  # documents that must share a line at least for it to be boilerplate


def lint_texts(
    path: str | Path,
    *,
    between: str | None = None,
    val_share: float = 0.1,
    progress: Callable[[int], None] | None = None,
) -> Findings:
    """Look for everything in `macaw.data.text_rules`, in the corpora that `read_texts` reads.

    `between` and `val_share` as there. `progress(done)` is called while documents are read. Raises InputError
    when there is no such path; all else becomes a finding.
    """
    began = time.monotonic()
    path = Path(path)
    held = survey_texts(path, between=between, progress=progress)
    if len(held):
        _split_findings(held)
        _look_findings(held)
        _line_findings(held)
        copy_findings(held, val_share=val_share)
    _refusal(held, between)
    return Findings(
        path=str(path),
        splits={split: held.splits.count(split) for split in in_order(set(held.splits))},
        classes={},
        findings=tuple(held.findings),
        counted="document",
        seconds=time.monotonic() - began,
    )


def _split_findings(held: TextSurvey) -> None:
    """Splits that are missing or too few, and documents out of proportion."""
    sizes = np.array(held.sizes)
    numbers = Counter(held.splits)
    if "train" not in numbers:
        held.report("train-missing", 1, f"no train, only {', '.join(in_order(numbers))}")
    few = [split for split in in_order(numbers) if numbers[split] < FEW]
    if few:
        words = ", ".join(f"{numbers[split]} in {split}" for split in few)
        held.report("documents-few", len(few), f"few documents: {words}")
    large = []
    for split, number in numbers.items():
        own = np.flatnonzero(np.array(held.splits) == split)
        most = own[sizes[own].argmax()]
        if number > 2 and sizes[most] > LARGE * sizes[own].sum():
            large.append(int(most))
    held.report_documents("document-large", large, "of more than half of their split")
    short = np.flatnonzero((sizes > 0) & (sizes < SHORT)).tolist()  # an empty line is no accident
    held.report_documents("document-short", short, f"below {SHORT} bytes")


def _look_findings(held: TextSurvey) -> None:
    """What a glance at each document told."""
    for code, (_, words) in LOOKS.items():
        if places := held.seen.get(code):
            held.report(code, len(places), f"{count(len(places), 'document')} {words}", places)
    densities = np.array(held.densities)
    held.report_documents(
        "repetitive", np.flatnonzero(densities <= REPEATS).tolist(), "saying the same again and again"
    )
    held.report_documents("noise", np.flatnonzero(densities >= NOISE).tolist(), "that look like noise")
    scripts = Counter(filter(None, held.scripts))
    if len(scripts) > 1:
        main = scripts.most_common(1)[0][0]
        odd = [i for i, script in enumerate(held.scripts) if script and script != main]
        words = f"in another script than {main.capitalize()}, as most are"
        held.report_documents("script-odd", odd, words)


def _line_findings(held: TextSurvey) -> None:
    """Lines at the ends of many documents."""
    least = max(_LINES, COMMON * len(held))
    common = [(line, times) for line, times in held.repeated.most_common() if times >= least]
    if common:
        words = f"{count(len(common), 'line')} at the beginning or end of many documents"
        places = (f"'{held.examples[line]}' in {times:,} documents" for line, times in common)
        held.report("boilerplate", len(common), words, places)


def _refusal(held: TextSurvey, between: str | None) -> None:
    """What the reader of training says, where no finding so far tells why it refuses."""
    if any(one.severity == "error" for one in held.findings):
        return
    try:
        read_texts(held.path, between=between, val_share=0)
    except InputError as problem:
        held.report("refused", 1, str(problem))
