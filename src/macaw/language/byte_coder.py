"""Bytes as tokens: 256 of them and the document's end spell every text of every script, none is unknown.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from macaw.language.coder import END, Coder, readable_bytes, utf8


class ByteCoder(Coder):
    """UTF-8: ids 0..255 are the bytes, 256 is the document's end."""

    kind = "bytes"
    end = 256

    def __len__(self) -> int:
        return 257

    def encode(self, text: str) -> np.ndarray:
        """One id a byte."""
        return np.frombuffer(utf8(text), np.uint8).astype(np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """The bytes as text."""
        return bytes(i for i in ids if i != self.end).decode("utf-8", "replace")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Letters as they are, every other byte as in `<0xE2>`."""
        return (*(readable_bytes(bytes([i])) for i in range(256)), END)

    @cached_property
    def lengths(self) -> np.ndarray:
        """One each."""
        return np.array([1] * 256 + [0], np.int32)

    def tokens(self) -> list[str]:
        """None: the kind says it all."""
        return []
