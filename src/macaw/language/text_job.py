"""Text job: one training on texts: what is trained, on what, for whom, since when; and what its card says."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from macaw.card import Card
from macaw.data.documents import Documents
from macaw.data.texts import Texts
from macaw.data.titles import Titled
from macaw.errors import DataError
from macaw.files import Stage
from macaw.language.canaries import Canaries
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows, packed
from macaw.tasks import Task
from macaw.training.progress import Watcher

SAVE_SECONDS = 5.0  # kept back from a run by the clock
_WHOLE = 1 << 40  # tokens of a window that has them all
# How `run` draws unless told otherwise: a model as small as ours says much that is unlikely, and unlikely
# tokens lead a text astray. A token of a character is a fourth of one of a piece.
_DECODE = {"temperature": 0.8, "top_p": 0.95}
_LIMITS = {"Completion": 128, "Story": 600}
_LETTERS = {"characters": 4, "bytes": 4}


@dataclass(frozen=True, eq=False)
class Rows:
    """The texts as one vocabulary reads them, for a row of the table; a split is read when first needed."""

    task: Task
    texts: Texts
    vocabulary: Vocabulary
    canaries: Canaries | None = None  # planted in the train split

    @cached_property
    def train(self) -> Windows:
        """The train split as one row of ids. Raises DataError where there is none, or no text."""
        return packed(learned_from(self.texts, self.task, self.canaries), self.vocabulary, _WHOLE)

    @cached_property
    def val(self) -> Windows:
        """The same of the val split."""
        return packed(documents_of(self.texts, "val", self.task), self.vocabulary, _WHOLE)


@dataclass(frozen=True, eq=False)
class Job:
    """One training: on what, where, for whom, since when (time.monotonic)."""

    rows: Rows
    stage: Stage
    watcher: Watcher
    began: float
    kept: float = SAVE_SECONDS  # seconds of the user's minutes that are for what comes after the training

    @property
    def vocabulary(self) -> Vocabulary:
        """What the text is read by."""
        return self.rows.vocabulary

    def seconds_left(self, minutes: float | None) -> float | None:
        """What the user's minutes leave for training; None where there is no such limit."""
        return None if minutes is None else 60 * minutes - (time.monotonic() - self.began) - self.kept

    def card(self, builder: str, head: dict[str, Any], training: dict[str, Any]) -> Card:
        """The card of what is trained here."""
        task, texts = self.rows.task, self.rows.texts
        splits, name = texts.splits, Path(texts.path).resolve().name.split(".")[0]
        held = {split: some for split in ("train", "val") if isinstance(some := splits[split], Documents)}
        limit = _LIMITS[task.gives] * _LETTERS.get(self.vocabulary.kind, 1)
        return Card(
            task=task.name,
            name=f"{task.name}-{name}",
            builder=builder,
            frontend={"name": self.vocabulary.kind, "config": {"tokens": len(self.vocabulary)}},
            head=head,
            names=(),
            prepare={},
            decode={**_DECODE, "limit": limit},
            training={
                "data": name,
                "data_sha256": {split: some.key for split, some in held.items()},
                "documents": {
                    split: len(some) for split, some in splits.items() if split in ("train", "val")
                },
                "tokens": len(self.rows.train.ids),
                **({"canaries": canaries.to_dict()} if (canaries := self.rows.canaries) else {}),
                **training,
            },
            terms={"code": "Apache-2.0", "data": texts.terms or "not stated by the data set"},
        )


def documents_of(texts: Texts, split: str, task: Task) -> Iterable[str]:
    """The documents of a split as a model of the row reads them: stories with their titles above them.

    Raises DataError where there is no such split.
    """
    if split not in texts.splits:
        there = ", ".join(texts.splits)
        raise DataError(f"'{texts.path}' has no {split} split; it has: {there}; add {split}.txt")
    some = texts.splits[split]
    return Titled(some) if task.gives == "Story" and isinstance(some, Documents) else some


def learned_from(texts: Texts, task: Task, canaries: Canaries | None = None) -> Iterable[str]:
    """The documents of the train split, with the canaries planted in them. Raises as `documents_of`."""
    documents = documents_of(texts, "train", task)
    return canaries.planted(documents) if canaries else documents
