"""Vocabulary: what turns text into token ids and back; it belongs to a model and is saved with it.

Four kinds: bytes, characters, words, and pieces of words (byte-pair encoding). All but words give every text
back as it was, so models over any of them can be compared by their bits per byte.

Shapes: T tokens, V vocabulary
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.files import atomic_write
from macaw.language.byte_coder import ByteCoder
from macaw.language.character_coder import CharacterCoder
from macaw.language.coder import Coder, utf8
from macaw.language.piece_coder import PieceCoder
from macaw.language.word_coder import WordCoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

KINDS = ("bytes", "characters", "words", "pieces")
NAME = "vocabulary.json"  # the kind, the roles, and the characters or words
TOKENIZER = "tokenizer.json"  # of pieces, in the format of the `tokenizers` library
FORMAT = 1
_RESTORE = "restore the folder, or train again"


class Vocabulary:
    """The tokens of a model; `learn`, `load`, `of` and `of_tokenizer` make one. Equal where the contents are.

    `begin` and `end` are the ids around a document, `unknown` the one of all that the vocabulary lacks; None
    where there is no such token. A model never predicts `begin`.
    """

    def __init__(self, coder: Coder) -> None:
        self.coder = coder
        self._key = ""

    @classmethod
    def learn(cls, texts: Iterable[str], kind: str, *, size: int | None = None, least: int = 1) -> Vocabulary:
        """The vocabulary of the texts, which are read once, one at a time.

        `size` is the most tokens that it may have, roles included (4,096 for pieces unless told, else no
        limit); `least` is how often a character or word must occur to get a token of its own. Raises
        UnknownName for another kind, InputError for texts without a character and for too small a size.
        """
        if kind not in KINDS:
            raise UnknownName(
                f"vocabulary '{kind}' is unknown; there are {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
            )
        if least < 1:
            raise InputError(f"least {least} is no number of times; give 1 or more")
        some = _not_empty(texts)
        if kind == "bytes":
            return cls(ByteCoder())
        return cls(_LEARNED[kind](some, size=size, least=least))

    @classmethod
    def of(cls, kind: str, tokens: Sequence[str] = ()) -> Vocabulary:
        """Of characters or words that are known, such as those of an ARPA file, without roles; of bytes.

        Raises UnknownName for another kind, InputError for tokens that cannot be.
        """
        if kind not in _MADE:
            raise UnknownName(f"a vocabulary of '{kind}' is not made of a list; {', '.join(_MADE)} are")
        return cls(_MADE[kind](tokens))

    @classmethod
    def of_tokenizer(
        cls, tokenizer: Tokenizer, *, begin: int | None = None, end: int | None = None
    ) -> Vocabulary:
        """Around a tokenizer of the `tokenizers` library, as checkpoints of the Hub bring one."""
        return cls(PieceCoder(tokenizer, begin=begin, end=end))

    @classmethod
    def load(cls, folder: str | Path) -> Vocabulary:
        """The vocabulary of a model's folder. Raises ModelError when it is missing or damaged."""
        path = Path(folder) / NAME
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] > FORMAT:
                raise ModelError(
                    f"{path} is of format {values['format']}, and this macaw reads {FORMAT}; upgrade macaw"
                )
            return cls(_coder(Path(folder), values))
        except (FileNotFoundError, NotADirectoryError):
            raise ModelError(f"'{folder}' has no {path.name} to read text by; {_RESTORE}") from None
        except OSError as problem:
            raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            if isinstance(problem, ModelError):
                raise
            raise ModelError(f"{path} is damaged ({' '.join(str(problem).split())}); {_RESTORE}") from problem

    def save(self, folder: str | Path) -> Path:
        """Write `vocabulary.json`, and for pieces `tokenizer.json`, into the folder; answers the former.

        Raises StorageError.
        """
        folder = Path(folder)
        if isinstance(self.coder, PieceCoder):
            atomic_write(folder / TOKENIZER, self.coder.to_json().encode())
        text = json.dumps(self._values(), ensure_ascii=False) + "\n"
        return atomic_write(folder / NAME, text.encode())

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.coder.kind

    @property
    def names(self) -> tuple[str, ...]:
        """(V,) the tokens as people read them: `␣the`, `↵`, `<0xE2>`."""
        return self.coder.names

    @property
    def lengths(self) -> np.ndarray:
        """(V,) int32: UTF-8 bytes that each token stands for; 0 for roles. See `sizes` for the unknown."""
        return self.coder.lengths

    @property
    def lossless(self) -> bool:
        """Whether decode(encode(text)) is the text, whatever it is."""
        return self.coder.lossless if not isinstance(self.coder, PieceCoder) else self.coder.on_bytes

    @property
    def begin(self) -> int | None:
        """The id in front of a document."""
        return self.coder.begin

    @property
    def end(self) -> int | None:
        """The id behind a document."""
        return self.coder.end

    @property
    def unknown(self) -> int | None:
        """The id of all that the vocabulary lacks; None where it lacks nothing."""
        return self.coder.unknown

    @property
    def start(self) -> int:
        """The id that a model is fed first: begin, or end where there is no begin, or else 0."""
        return next((role for role in (self.begin, self.end) if role is not None), 0)

    def __len__(self) -> int:
        return len(self.coder)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self is other or self.key() == other.key())

    def __hash__(self) -> int:
        return hash(self.key())

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self):,} {self.kind}"

    def encode(self, text: str) -> np.ndarray:
        """The text's ids (T,) int32, without begin and end.

        A token spelled like a role is text. Raises InputError for half a surrogate pair.
        """
        return self.coder.encode(text)

    def decode(self, ids: Iterable[int] | np.ndarray) -> str:
        """The text that ids stand for; roles stand for none, and a torn character is U+FFFD.

        Raises InputError for an id outside 0..V - 1.
        """
        values = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64).ravel().tolist()
        wrong = next((i for i in values if not 0 <= i < len(self)), None)
        if wrong is not None:
            raise InputError(f"id {wrong} is no token: this vocabulary of {self.kind} has 0..{len(self) - 1}")
        return self.coder.decode(values)

    def document(self, text: str) -> np.ndarray:
        """The ids of a whole document: begin in front where there is one, end behind."""
        before = [] if self.begin is None else [self.begin]
        behind = [] if self.end is None else [self.end]
        return np.concatenate([before, self.encode(text), behind]).astype(np.int32)

    def sizes(self, text: str) -> np.ndarray:
        """(T,) int32: UTF-8 bytes of each token of `encode(text)`; of an unknown word, as it is written."""
        ids = self.encode(text)
        if isinstance(self.coder, WordCoder) and (ids == self.unknown).any():
            return self.coder.written(text)
        return np.asarray(self.lengths[ids])

    def key(self) -> str:
        """SHA-256, in hex, of all that decides how text is read."""
        if not self._key:
            text = json.dumps(self._values(), ensure_ascii=False, sort_keys=True)
            if isinstance(self.coder, PieceCoder):
                text += self.coder.to_json()
            self._key = hashlib.sha256(text.encode()).hexdigest()
        return self._key

    def must_equal(self, other: Vocabulary, what: str = "the other model") -> None:
        """Refuse to go on with `what` where its vocabulary is another. Raises InputError."""
        if self != other:
            found = f"{len(other):,} {other.kind}"
            if (len(other), other.kind) == (len(self), self.kind):
                found = "as many, but not the same"
            raise InputError(
                f"{what} has another vocabulary: {found}, where {len(self):,} {self.kind} are needed; "
                "use two that were trained with one vocabulary"
            )

    def _values(self) -> dict[str, Any]:
        roles = {"begin": self.begin, "end": self.end}
        return {"format": FORMAT, "kind": self.kind, **roles, "tokens": self.coder.tokens()}


_LEARNED: dict[str, Callable[..., Coder]] = {
    "characters": CharacterCoder.learn,
    "words": WordCoder.learn,
    "pieces": PieceCoder.learn,
}
_MADE: dict[str, Callable[[Sequence[str]], Coder]] = {
    "bytes": lambda tokens: ByteCoder(),
    "characters": CharacterCoder,
    "words": WordCoder,
}


def _coder(folder: Path, values: dict[str, Any]) -> Coder:
    """The coder that a `vocabulary.json` describes."""
    kind = values["kind"]
    if kind != "pieces":
        return _MADE[kind](values["tokens"])
    path = folder / TOKENIZER
    try:
        text = path.read_text(encoding="utf-8")
        return PieceCoder.of_json(text, begin=values["begin"], end=values["end"])
    except FileNotFoundError:
        raise ModelError(f"'{folder}' has no {path.name} to read text by; {_RESTORE}") from None
    except ModelError as problem:
        raise ModelError(f"{path}: {problem}") from problem


def _not_empty(texts: Iterable[str]) -> Iterator[str]:
    """The texts, of which one has a character at least; looked at as far as that one only."""
    if isinstance(texts, str):
        raise InputError("texts is one text; give a list of texts")
    rest = iter(texts)
    for text in rest:
        if text:
            utf8(text)
            return itertools.chain([text], rest)
    raise InputError("the texts are empty: there is nothing to learn a vocabulary from; give some text")
