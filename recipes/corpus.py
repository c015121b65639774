"""What the language models of the zoo read: public-domain novels, and children's stories with their titles.

The novels' split is that of the pack, by whole book. Stories come from several collections, and some are told
twice: those of the training split that share wording with a held-out one are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from macaw.data.texts import Texts, read_texts
from macaw.data.titles import Titled
from macaw.data.wording import words_of

NOVELS, STORIES = "lm_novels", "stories_children"
TIMES = 4  # that a network reads each story for once that it reads a novel: they are 4 % of the words
TERMS = {
    "code": "Apache-2.0",
    "weights": "Apache-2.0",
    "data": "88 English novels in the public domain; 931 children's stories, in the public domain or CC BY "
    "4.0 (African Storybook, Pratham Books, Grimm, Aesop)",
}
_SPAN = 8  # words of a passage
_SHARED = 0.05  # share of a story's passages from which it tells a held-out one again


def corpus(data: Path, *, times: int = TIMES) -> Texts:
    """Both packs as one: `train` has every novel, then the stories `times` over; `val` the pack's novels."""
    novels = read_texts(data / NOVELS)
    stories = [*Titled(told(data).splits["train"])]
    splits = {**novels.splits, "train": [*novels.splits["train"], *stories * times]}
    return replace(novels, splits=splits, terms=TERMS["data"])  # type: ignore[arg-type]  # texts are enough


def told(data: Path) -> Texts:
    """The stories, those of train apart from the others."""
    read = read_texts(data / STORIES)
    held = {span for split, some in read.splits.items() if split != "train" for span in _spans(Titled(some))}

    def new(story: str) -> bool:
        spans = _spans([story])
        return sum(one in held for one in spans) <= _SHARED * len(spans)

    train = read.splits["train"]
    apart = train.subset(np.array([new(story) for story in Titled(train)]))
    return replace(read, splits={**read.splits, "train": apart}, terms=TERMS["data"])


def _spans(stories: Iterable[str]) -> list[tuple[str, ...]]:
    """All passages of `_SPAN` words."""
    found: list[tuple[str, ...]] = []
    for story in stories:
        words = words_of(story.lower())
        found += zip(*(words[i:] for i in range(_SPAN)), strict=False)
    return found
