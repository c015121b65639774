"""Characters as tokens: those that were learned, and an alphabet of 32 that spells every other.

A character that was never seen is written as the two halves of each of its UTF-8 bytes. So no text is
unknown and bits per byte exist for all of them, at the price of 32 more tokens: 256, for whole bytes, would
make the last layer over Shakespeare's 65 characters five times as large.

Shapes: T tokens, V vocabulary, C learned characters
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from macaw.errors import InputError
from macaw.language.coder import END, Coder, readable, utf8

HALVES = 16  # values of half a byte
_POINTS = 0x110000  # Unicode's code points


class CharacterCoder(Coder):
    """Ids 0..C - 1 are the characters in order of code point, then the end, 16 upper and 16 lower halves.

    Raises InputError unless every token is one character, and none comes twice.
    """

    kind = "characters"

    def __init__(self, characters: Sequence[str]) -> None:
        if any(len(one) != 1 for one in characters) or len(set(characters)) < len(characters):
            raise InputError("a vocabulary of characters has one in each token, and none twice")
        self.characters = "".join(characters)
        self.end = len(characters)
        self._upper, self._lower = self.end + 1, self.end + 1 + HALVES

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int | None, least: int) -> CharacterCoder:
        """The characters that occur `least` times, the most frequent of them where `size` is too small."""
        counts: Counter[str] = Counter()
        for text in texts:
            utf8(text)  # refuses what cannot be written
            counts.update(text)
        kept = sorted((one for one, times in counts.items() if times >= least), key=lambda c: (-counts[c], c))
        if size is not None:
            if size < 1 + 2 * HALVES:
                raise InputError(f"{size} tokens are too few: the end and the halves of bytes are 33 already")
            kept = kept[: size - 1 - 2 * HALVES]
        return cls(sorted(kept))

    def __len__(self) -> int:
        return self._lower + HALVES

    def encode(self, text: str) -> np.ndarray:
        """One id a learned character, two ids a byte of any other."""
        points = np.frombuffer(_utf32(text), np.uint32)
        ids = self._places[points]  # (T,), -1 for what was not learned
        where = np.flatnonzero(ids < 0)
        if not len(where):
            return ids
        spelled = [self._spelled(chr(point)) for point in points[where].tolist()]
        repeats = np.ones(len(ids), np.int64)
        repeats[where] = [len(one) for one in spelled]
        ids = np.repeat(ids, repeats)
        ids[ids < 0] = np.concatenate(spelled)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text; half a byte that has no other half is passed over."""
        values = np.asarray(ids, np.int64)
        if not len(values) or values.max() < self.end:
            return self._points[values].astype("<u4").tobytes().decode("utf-32-le")
        data, upper = bytearray(), None
        for i in values.tolist():
            if i >= self._lower:
                if upper is not None:
                    data.append(HALVES * upper + i - self._lower)
                upper = None
            else:
                upper = i - self._upper if i >= self._upper else None
                data += self.characters[i].encode() if i < self.end else b""
        return data.decode("utf-8", "replace")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The characters, and the halves as in `<0xE_>` and `<0x_2>`."""
        halves = (*(f"<0x{i:X}_>" for i in range(HALVES)), *(f"<0x_{i:X}>" for i in range(HALVES)))
        return (*map(readable, self.characters), END, *halves)

    @cached_property
    def lengths(self) -> np.ndarray:
        """1 to 4 for a character; of the halves of a byte the upper counts for both."""
        own = [len(one.encode()) for one in self.characters]
        return np.array([*own, 0, *[1] * HALVES, *[0] * HALVES], np.int32)

    def tokens(self) -> list[str]:
        """The characters."""
        return list(self.characters)

    @cached_property
    def _points(self) -> np.ndarray:
        """(C,) code points."""
        return np.frombuffer(_utf32(self.characters), np.uint32)

    @cached_property
    def _places(self) -> np.ndarray:
        """Code point -> id, -1 where there is none."""
        places = np.full(_POINTS, -1, np.int32)
        places[self._points] = np.arange(len(self.characters), dtype=np.int32)
        return places

    def _spelled(self, character: str) -> np.ndarray:
        """(2 * bytes,) ids."""
        data = np.frombuffer(character.encode(), np.uint8).astype(np.int32)
        upper, lower = self._upper + data // HALVES, self._lower + data % HALVES
        return np.asarray(np.stack([upper, lower], axis=1).ravel())


def _utf32(text: str) -> bytes:
    try:
        return text.encode("utf-32-le")
    except UnicodeEncodeError:
        utf8(text)  # says it in one line
        raise
