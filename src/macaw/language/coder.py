"""Coder: what turns text into token ids and back; one file for each kind, and `Vocabulary` in front of all.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from macaw.errors import InputError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"  # as KenLM and SRILM write them
_MARKS = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\0": "␀"}


class Coder(ABC):
    """Base of the kinds. Ids are 0..V - 1; a role is the id that plays it, or None."""

    kind: ClassVar[str]  # its name: "bytes", "characters", "words" or "pieces"
    lossless: ClassVar[bool] = True  # whether decode(encode(text)) is the text, whatever it is
    begin: int | None = None  # the document's begin
    end: int | None = None  # its end
    unknown: int | None = None  # all that the vocabulary lacks

    @abstractmethod
    def __len__(self) -> int:
        """V."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """The text's ids (T,) int32, without begin and end. Raises InputError for half a character."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text; begin and end stand for none. Bytes that form no character become U+FFFD."""

    @cached_property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """(V,) the tokens as people read them: blanks and bytes are marked."""

    @cached_property
    @abstractmethod
    def lengths(self) -> np.ndarray:
        """(V,) int32: UTF-8 bytes that each token stands for; 0 for a role."""

    @abstractmethod
    def tokens(self) -> list[str]:
        """What must be kept beside the kind and the roles to make the coder again."""


def utf8(text: str) -> bytes:
    """The text's bytes. Raises InputError for half a surrogate pair, which is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as problem:
        raise InputError(
            f"character {problem.start + 1} of the text is half a surrogate pair "
            f"(U+{ord(text[problem.start]):04X}), which is no character; remove it"
        ) from problem


def readable(text: str) -> str:
    """A token's text with every blank and control character marked: `␣the`, `↵`, `<U+200B>`."""
    return "".join(_MARKS.get(c) or (c if c.isprintable() else f"<U+{ord(c):04X}>") for c in text)


def readable_bytes(data: bytes) -> str:
    """Bytes as the text they are, or as in `<0xE2>` where they are only a part of a character."""
    try:
        return readable(data.decode())
    except UnicodeDecodeError:
        return "".join(chr(b) if 32 < b < 127 else f"<0x{b:02X}>" for b in data)
