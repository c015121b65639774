"""Text scoring: a language model against texts of any layout, and the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from macaw.card import Card
from macaw.data.documents import Documents
from macaw.data.texts import read_texts
from macaw.data.titles import Titled
from macaw.metrics.likelihood import Scores, score_texts
from macaw.metrics.provenance import content_of_texts, record_of
from macaw.metrics.scoring import Made, Wanted, split_to_score
from macaw.results.record import Record
from macaw.results.text_scores import TextScores
from macaw.tasks import Task


class Writes(Protocol):
    """The part of `macaw.language.writer.Writer` that scoring needs."""

    card: Card
    folder: Path
    engine: str
    row: Task

    @property
    def model(self) -> Scores:
        """The language model."""
        ...


def score(opened: Writes, wanted: Wanted) -> tuple[TextScores, Made]:
    """The scores of a language model on a split of texts, stories with titles, and who makes their record.

    Raises what `read_texts` raises, InputError for a split the data lacks, DataError for a story without a
    title.
    """
    texts = read_texts(wanted.data, val_share=wanted.share)
    chosen = split_to_score(texts, wanted, texts.notes, unit="documents")
    some: Documents | Titled = texts.splits[chosen]
    if opened.row.gives == "Story":
        some = Titled(texts.splits[chosen])
    watcher, total = wanted.watcher, len(texts.splits[chosen])

    def progress(done: int) -> None:
        if watcher:
            watcher.read(done, total, "documents")

    scores = score_texts(opened.model, some.items(), progress=progress)

    def made() -> Record:
        return record_of(opened, wanted.data, split=chosen, content=content_of_texts(some), scores=scores)

    return scores, made
