"""Spelling: text from tokens while they come, never half a character nor the beginning of a stop string.

A token of bytes may end within a character, so what cannot be read yet is held back until the next tokens
complete it. A stop string may begin in one token and end in another, so what could become one is held back
too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from macaw.errors import InputError

if TYPE_CHECKING:
    from macaw.language.vocabulary import Vocabulary

UNREADABLE = (
    "\ufffd"  # what a decoder writes in place of bytes that are no character, one for each beginning of one
)
_KEPT = 16  # tokens that are decoded again: a character lies across 8 at most, its four bytes by halves


class Spelling:
    """The text of tokens that are added one by one after `before` (T,), whose own text is not given again."""

    def __init__(self, vocabulary: Vocabulary, before: np.ndarray) -> None:
        self._vocabulary = vocabulary
        # A few tokens are decoded again each time: what a token adds may depend on the one before it, as the
        # space between two words does.
        self._ids = [int(token) for token in before[-_KEPT:]]
        self._given = len(self._readable())

    def add(self, token: int) -> str:
        """What `token` makes readable; nothing where it ends within a character, or stands for no text."""
        if token in (self._vocabulary.begin, self._vocabulary.end):
            return self.rest()
        self._ids.append(int(token))
        readable = self._readable()
        new, self._given = readable[self._given :], max(self._given, len(readable))
        if len(self._ids) > 4 * _KEPT and not self._text().endswith(UNREADABLE):
            self._ids = self._ids[-_KEPT:]
            self._given = len(self._text())
        return new

    def rest(self) -> str:
        """What was held back, as it is; nothing follows it."""
        text = self._text()
        new, self._given = text[self._given :], len(text)
        return new

    def _text(self) -> str:
        return self._vocabulary.decode(np.array(self._ids, np.int32)) if self._ids else ""

    def _readable(self) -> str:
        return self._text().removesuffix(UNREADABLE)


class Stops:
    """Text that goes through until one of some strings is complete; of several at once the longest.

    Raises InputError for an empty string, which would stop everything.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        if isinstance(stops, str) or not all(stops):
            raise InputError(f"stop strings are {stops!r}; give a list of strings, none of them empty")
        self._stops = sorted(stops, key=len, reverse=True)
        self._held = ""
        self.found = ""  # the string that came, and nothing until then

    def add(self, text: str) -> str:
        """What of the text so far can be shown: all but what could still become a stop string."""
        self._held += text
        ends = [(place + len(stop), stop) for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if ends:
            end, self.found = min(ends, key=lambda one: one[0])  # of equals the longest, which stands first
            shown, self._held = self._held[: end - len(self.found)], ""
            return shown
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def rest(self) -> str:
        """What was held back: no stop string came of it."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
