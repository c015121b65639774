"""What the language models of the zoo read: public-domain novels, and children's stories with their titles.

The novels' split is that of the pack, by whole book. Stories come from several collections, and some are told
twice: those of the training split that share wording with a held-out one are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from macaw.data.documents import Documents
from macaw.data.texts import Texts, read_texts
from macaw.data.wording import words_of

NOVELS, STORIES = "lm_novels", "stories_children"
TIMES = 4  # that a network reads each story for once that it reads a novel: they are 4 % of the words
TERMS = {
    "code": "Apache-2.0",
    "weights": "Apache-2.0",
    "data": "88 English novels in the public domain; 931 children's stories, in the public domain or CC BY "
    "4.0 (African Storybook, Pratham Books, the Grimm and Aesop collections)",
}
_SPAN = 8  # words of a passage
_SHARED = 0.05  # share of a story's passages from which it tells a held-out one again


def corpus(data: Path) -> Texts:
    """Both packs as one: `train` has every novel, then the stories `TIMES` over; `val` the pack's novels."""
    novels, stories = read_texts(data / NOVELS), told(data)
    train = [*novels.splits["train"], *stories["train"] * TIMES]
    splits: dict[str, Documents] = {"train": train, "val": novels.splits["val"]}  # type: ignore[dict-item]
    return Texts(splits, (), data / NOVELS, TERMS["data"])


def told(data: Path) -> dict[str, list[str]]:
    """The stories by split, each with its title above it, those of train apart from the others."""
    read = read_texts(data / STORIES)
    found = {split: list(titled(some)) for split, some in read.splits.items()}
    held = {one for split, some in found.items() if split != "train" for story in some for one in _spans(story)}

    def new(story: str) -> bool:
        spans = _spans(story)
        return sum(one in held for one in spans) <= _SHARED * len(spans)

    return found | {"train": [story for story in found["train"] if new(story)]}


def titled(stories: Documents) -> Iterator[str]:
    """Each with its title as the first line and an empty one below."""
    for title, text in stories.items():
        yield f"{title}\n\n{text}"


def _spans(story: str) -> list[tuple[str, ...]]:
    words = words_of(story.lower())
    return list(zip(*(words[i:] for i in range(_SPAN)), strict=False))
