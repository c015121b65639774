"""Survey of texts: every document of a corpus read once, what a glance tells of it, and what is wrong.

Training refuses at the first fault; a survey takes it down and goes on with the next file. Of a document its
label, its marks and some numbers are kept, never its text.

Shapes: N documents
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from macaw.data.examples import count
from macaw.data.find import walk
from macaw.data.survey import short_name
from macaw.data.text_looks import LOOKS, density, script
from macaw.data.text_prints import Prints
from macaw.data.text_rules import found
from macaw.data.text_splits import text_mark
from macaw.data.textfiles import JSON, text_kind
from macaw.data.texts import looked_at, text_files
from macaw.errors import InputError
from macaw.results.found import Finding

LINES = 5  # of each end of a document, where boilerplate stands
LINE = 25  # characters from which a line is no accident
_SHOWN = 60  # characters of a repeated line that are told
Progress = Callable[[int], None]


@dataclass
class TextSurvey:
    """The documents of a corpus, a row each, and the findings so far."""

    path: Path
    labels: list[str] = field(default_factory=list)  # (N,)
    splits: list[str] = field(default_factory=list)  # (N,)
    marks: list[int] = field(default_factory=list)  # (N,) hashes of the texts
    sizes: list[int] = field(default_factory=list)  # (N,) bytes of UTF-8
    densities: list[float] = field(default_factory=list)  # (N,) shares to which they can be compressed
    scripts: list[str] = field(default_factory=list)  # (N,)
    seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # a look -> places
    repeated: Counter[bytes] = field(default_factory=Counter)  # hash of a line at an end -> documents
    examples: dict[bytes, str] = field(default_factory=dict)  # the line, where it was seen again
    prints: Prints = field(default_factory=Prints)
    findings: list[Finding] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def report(self, code: str, number: int, words: str, where: Iterable[str] = ()) -> None:
        """One more finding, of the rule `code`."""
        self.findings.append(found(code, number, words, where))

    def report_documents(self, code: str, documents: Iterable[int], words: str) -> None:
        """One more finding, on these documents, if any."""
        if some := list(documents):
            told = f"{count(len(some), 'document')} {words}"
            self.report(code, len(some), told, (self.labels[i] for i in some))

    def add(self, label: str, text: str, split: str) -> None:
        """One more document."""
        self.labels.append(label)
        self.splits.append(split)
        self.marks.append(text_mark(text))
        self.sizes.append(len(text.encode()))
        self.densities.append(density(text))
        self.scripts.append(script(text))
        for code, (look, _) in LOOKS.items():
            if what := look(text):
                self.seen[code].append(f"{label}: {what}")
        self._take_ends(text)
        self.prints.add(text)

    def _take_ends(self, text: str) -> None:
        """The lines at both ends, for boilerplate; a document of one line has none."""
        rows = [row for line in text.split("\n") if (row := line.strip())]
        if len(rows) < 2:
            return
        for row in {row for row in (*rows[:LINES], *rows[-LINES:]) if len(row) >= LINE}:
            key = blake2b(row.encode(), digest_size=8).digest()
            self.repeated[key] += 1
            if self.repeated[key] == 2:
                self.examples[key] = row[:_SHOWN]


def survey_texts(path: Path, *, between: str | None, progress: Progress | None = None) -> TextSurvey:
    """What is there to be looked at, as far as it can be read.

    Raises InputError when there is no such path.
    """
    held = TextSurvey(path)
    if not path.exists():
        text_files(path)  # says so
    try:
        names = [path] if path.is_file() else [*walk(path)]
    except InputError as problem:
        held.report("refused", 1, str(problem))
        return held
    _ignored(held, names)
    faults: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if text_kind(name):
            _take(held, name, between, faults, progress)
    _told(held, faults)
    return held


def _ignored(held: TextSurvey, names: Iterable[Path]) -> None:
    other = [short_name(name, held.path) for name in names if not text_kind(name) and name.stem != "README"]
    if other:
        words = f"{count(len(other), 'file')} of another kind, not read"
        held.report("file-ignored", len(other), words, other)


def _take(
    held: TextSurvey,
    name: Path,
    between: str | None,
    faults: dict[str, list[str]],
    progress: Progress | None,
) -> None:
    """The documents of one file, up to its first fault."""
    try:
        for one in looked_at(name, held.path, between):
            held.add(one.label(short_name(name, held.path)), one.text, one.split)
            if progress:
                progress(len(held))
    except InputError as problem:
        row = text_kind(name) == JSON and ", line" in str(problem) and "is not UTF-8" not in str(problem)
        faults["row-bad" if row else "file-unreadable"].append(_short(held, str(problem)))


def _short(held: TextSurvey, words: str) -> str:
    """A reader's words without the remedy, and with paths as seen from the data."""
    root = held.path if held.path.is_dir() else held.path.parent
    return (words.rpartition("; ")[0] or words).replace(f"{root}{os.sep}", "")


def _told(held: TextSurvey, faults: dict[str, list[str]]) -> None:
    for code, words in (
        ("file-unreadable", "that cannot be read"),
        ("row-bad", "with a line that cannot be used"),
    ):
        if some := faults.get(code):
            held.report(code, len(some), f"{count(len(some), 'file')} {words}", some)
