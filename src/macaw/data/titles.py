"""Titles: stories as a model learns and is asked for them: the title, an empty line, then the text.

So a title is enough to begin one, and what tells the title from the story is on the page, not in a format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from macaw.data.documents import Documents
from macaw.data.find import shown
from macaw.errors import DataError

_MOST = 200  # characters of a first line that may be a title; a paragraph is longer


@dataclass(frozen=True, eq=False)
class Titled:
    """Documents with their titles above them; read anew each time, as they are."""

    documents: Documents

    def __iter__(self) -> Iterator[str]:
        for _, text in self.items():
            yield text

    def items(self) -> Iterator[tuple[str, str]]:
        """Each story's label and text. Raises DataError for one without a title."""
        return titled(self.documents)


def titled(documents: Documents) -> Iterator[tuple[str, str]]:
    """Each document's label, and its text under its title and an empty line.

    The title is that of its JSON line, or of the line `<|The Fox|>` in front of it; else a first line with an
    empty one below, and then the text is taken as it stands. Raises DataError for a document without any.
    """
    for label, title, text in documents.titles():
        if not title and not _begins_with_title(text):
            raise DataError(
                f"{shown(label)} has no title, which a story begins with; give a field 'title', a line "
                "<|Title|> in front of it, or a first line with an empty one below"
            )
        yield label, f"{' '.join(title.split())}\n\n{text}" if title else text.lstrip("\n")


def _begins_with_title(text: str) -> bool:
    title, parted, rest = text.strip("\n").partition("\n\n")
    return bool(parted and rest.strip() and title.strip()) and "\n" not in title and len(title) <= _MOST
