"""Pieces of words as tokens: byte-pair encoding by the `tokenizers` library, over bytes, so nothing is lost.

Sennrich et al. 2016 (arXiv 1508.07909), on bytes as in GPT-2 (Radford et al. 2019). Words of the text that
look like a role, such as `</s>`, are text like any other.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from macaw.errors import InputError, ModelError
from macaw.language.coder import END, Coder, readable, readable_bytes, utf8

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SIZE = 4096  # tokens that are learned unless told: an epoch over novels is half that over characters
_LEAST = 2  # a pair that occurs once is nobody's habit
_SMALLEST = 257  # the bytes and the end


def _alphabet() -> dict[str, int]:
    """GPT-2's letter for each byte -> the byte: itself where it can be seen, else a letter from 256 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


_BYTES = _alphabet()


class PieceCoder(Coder):
    """A tokenizer of the `tokenizers` library; `begin` and `end` are ids of its own, or None.

    One over bytes gives every text back; others, such as those of some checkpoints of the Hub, may not.
    """

    kind = "pieces"

    def __init__(self, tokenizer: Tokenizer, *, begin: int | None = None, end: int | None = None) -> None:
        self.tokenizer = tokenizer
        tokenizer.encode_special_tokens = True  # a `</s>` in the text is text
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.begin, self.end = begin, end
        for role, value in (("begin", begin), ("end", end)):
            if value is not None and not 0 <= value < len(self):
                raise InputError(f"{role} is id {value}, and the tokenizer has 0..{len(self) - 1}")

    @classmethod
    def learn(cls, texts: Iterable[str], *, size: int | None, least: int) -> PieceCoder:
        """`size` tokens, fewer where no more pairs occur `least` times and twice; the end is the last."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        size = SIZE if size is None else size
        if size < _SMALLEST:
            raise InputError(f"{size} tokens are too few: the bytes and the end are {_SMALLEST} already")
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size - 1,
            min_frequency=max(_LEAST, least),
            initial_alphabet=sorted(_BYTES),
            show_progress=False,
        )
        tokenizer.train_from_iterator((utf8(text).decode() for text in texts), trainer)
        tokenizer.add_special_tokens([END])
        return cls(tokenizer, end=tokenizer.get_vocab_size() - 1)

    @classmethod
    def of_json(cls, text: str, *, begin: int | None, end: int | None) -> PieceCoder:
        """From the contents of a `tokenizer.json`. Raises ModelError when it is none."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as problem:  # the library raises plain Exception
            words = " ".join(str(problem).split())
            raise ModelError(
                f"it cannot be read as a tokenizer ({words}); fetch or copy it again"
            ) from problem
        return cls(tokenizer, begin=begin, end=end)

    @cached_property
    def on_bytes(self) -> bool:
        """Whether its pieces are made of bytes, as GPT-2's are."""
        return "ByteLevel" in repr(self.tokenizer.decoder)

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, text: str) -> np.ndarray:
        """The pieces' ids."""
        utf8(text)
        found = self.tokenizer.encode_batch_fast([text], add_special_tokens=False)[0]
        return np.array(found.ids, np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """The pieces end to end."""
        if not self.on_bytes:
            return str(self.tokenizer.decode(list(ids)))
        return b"".join(self._bytes[i] for i in ids).decode("utf-8", "replace")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The pieces, with `␣` for the blank that most words begin with; a role as it is called."""
        own = [
            piece if i in self._roles else readable_bytes(data) if self.on_bytes else readable(piece)
            for i, (piece, data) in enumerate(zip(self._pieces, self._bytes, strict=True))
        ]
        return tuple(own)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Bytes of each piece; a blank written as `▁` is one."""
        return np.array([len(data) for data in self._bytes], np.int32)

    def tokens(self) -> list[str]:
        """None: the tokenizer's own file has them."""
        return []

    def to_json(self) -> str:
        """The contents of its `tokenizer.json`, which other libraries read too."""
        return str(self.tokenizer.to_str(pretty=False))

    @cached_property
    def _pieces(self) -> list[str]:
        """(V,) as the tokenizer writes them; '' for an id without a piece."""
        return [self.tokenizer.id_to_token(i) or "" for i in range(len(self))]

    @cached_property
    def _roles(self) -> frozenset[int]:
        """Ids that stand for no text: begin, end and their kin."""
        return frozenset(i for i, one in self.tokenizer.get_added_tokens_decoder().items() if one.special)

    @cached_property
    def _bytes(self) -> list[bytes]:
        """(V,) what each piece stands for."""
        read = _of_letters if self.on_bytes else _of_marks
        return [b"" if i in self._roles else read(piece) for i, piece in enumerate(self._pieces)]


def _of_letters(piece: str) -> bytes:
    """Of GPT-2's letters; an added token is written as itself."""
    try:
        return bytes(_BYTES[letter] for letter in piece)
    except KeyError:
        return piece.encode()


def _of_marks(piece: str) -> bytes:
    """Of SentencePiece's marks: `▁` is a blank and `<0xE2>` a byte."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("▁", " ").encode()
