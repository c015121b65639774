"""Hub vocabulary: the tokenizer of a checkpoint of the Hub, and which of its tokens begin and end a text.

The `tokenizers` library reads the `tokenizer.json` itself, without transformers. What a file of text needs
besides, roles and marks, is spread over several of the checkpoint's files and conventions; it is put together
here.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError, ModelError
from macaw.language.piece_coder import PieceCoder
from macaw.language.vocabulary import Vocabulary
from macaw.runtime.hubfiles import ROLES, TOKENIZER, Checkpoint, values_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SLOW = ("tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "merges.txt", "tekken.json")
# Composed letters, as nearly all text has them: of these a tokenizer that keeps texts loses nothing
_PROBES = (
    "The cat sat, didn't it?",
    "a  b\n\n\tc \n",
    "é ñ Ærø 漢字 😀",
    "x = f(1.50) # <t>\r\n",
    "A .\nB ,",
)


class HubCoder(PieceCoder):
    """Pieces whose ids may have gaps, and whose text is put together from bytes as it comes."""

    def __len__(self) -> int:
        return self._count

    def decode(self, ids: Sequence[int]) -> str:
        """The pieces end to end, with one U+FFFD for a character that its bytes only begin.

        The library writes one for each of those bytes, by which a text that grows token by token could not
        tell what is still to come.
        """
        if not self._in_bytes:
            return super().decode(ids)
        text = b"".join(self._bytes[i] for i in ids).decode("utf-8", "replace")
        return text.removeprefix(" ") if self._drops_blank else text

    @cached_property
    def _count(self) -> int:
        """V: one more than the highest id; some tokenizers pass over a few."""
        return 1 + max(self.tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)

    @cached_property
    def _in_bytes(self) -> bool:
        """Whether what it has no piece for is written in bytes, `<0xE2>`, as SentencePiece does."""
        return "ByteFallback" in repr(self.tokenizer.decoder)

    @cached_property
    def _drops_blank(self) -> bool:
        """Whether the blank that it puts in front of every text is taken off again."""
        led = next((i for i, piece in enumerate(self._pieces) if len(piece) > 1 and piece[0] == "▁"), None)
        return led is not None and not str(self.tokenizer.decode([led])).startswith(" ")


class HubVocabulary(Vocabulary):
    """The vocabulary of a checkpoint."""

    @property
    def lossless(self) -> bool:
        """Whether decode(encode(text)) is the text, of texts in composed letters (Unicode's NFC)."""
        return self._keeps

    @cached_property
    def _keeps(self) -> bool:
        return all(self.decode(self.encode(text)) == text for text in _PROBES)


def vocabulary_of(found: Checkpoint) -> HubVocabulary:
    """The tokenizer of a checkpoint with its roles.

    `begin` is what its tokenizer puts in front of a text, for the network was trained so, or what it calls so
    and is the end too, as with GPT-2; else None, and a text is begun by the end of the one before. Raises
    InputError where there is no `tokenizer.json`, ModelError where it is damaged.
    """
    path = found.folder / TOKENIZER
    if not path.is_file():
        raise _no_tokenizer(found)
    try:
        coder = HubCoder.of_json(path.read_text(encoding="utf-8"), begin=None, end=None)
    except (ModelError, OSError, UnicodeDecodeError) as problem:
        reason = " ".join(str(problem).split())
        raise ModelError(f"{path} is damaged: {reason}") from problem
    config, named = values_of(found, ROLES[0]), values_of(found, ROLES[1])
    roles = {name: _role(coder, name, (config, named), found.config) for name in ("bos", "eos")}
    coder.end = roles["eos"]
    adds = config.get("add_bos_token")
    first = _first(coder.tokenizer) if adds is None else roles["bos"] if adds else None
    coder.begin = coder.end if first is None and roles["bos"] == coder.end else first
    return HubVocabulary(coder)


def _role(coder: PieceCoder, name: str, said: Sequence[dict[str, Any]], config: dict[str, Any]) -> int | None:
    """The id of "bos" or "eos": what the tokenizer's files name, else the number in the network's config."""
    for values in said:
        token = values.get(f"{name}_token")
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str) and (number := coder.tokenizer.token_to_id(text)) is not None:
            return int(number)
    number = config.get(f"{name}_token_id")
    number = number[0] if isinstance(number, list) and number else number
    inside = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(coder)
    return number if inside else None


def _first(tokenizer: Tokenizer) -> int | None:
    """What the tokenizer puts in front of a text when it is asked for the special tokens."""
    for text in ("a", "A", "e", "1", "\n"):
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        full = tokenizer.encode(text, add_special_tokens=True).ids
        if bare and full[: len(bare)] != bare:
            return int(full[0])
        if bare:
            return None
    return None


def _no_tokenizer(found: Checkpoint) -> InputError | ModelError:
    """Why a checkpoint without a `tokenizer.json` is refused."""
    others = [name for name in _SLOW if (found.folder / name).is_file()]
    if not others:
        again = "fetch it again with --download, or restore it"
        return ModelError(f"'{found.source}' has no {TOKENIZER}; {again}")
    return InputError(
        f"'{found.source}' has its tokenizer as {others[0]}, which is not read; load it with transformers' "
        f"AutoTokenizer and save it, which writes the {TOKENIZER}"
    )
