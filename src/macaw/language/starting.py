"""Starting: what a training of a language model goes on from, and the vocabulary that it reads text by.

Weights that have read English novels know spelling, grammar and much of what follows what, so by default a
network goes on from the embedded model of its kind. That is only a start where its pieces of words are those
of the text: of another language they fall apart into letters, of another script into bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from macaw import zoo
from macaw.card import NAME as CARD
from macaw.card import Card
from macaw.errors import InputError, ModelError
from macaw.language.shapes import SHAPES
from macaw.language.text_options import Options
from macaw.language.vocabulary import KINDS, Vocabulary
from macaw.tasks import TASKS, Task

# UTF-8 bytes of a text that a piece of the embedded vocabulary must stand for: of English novels it is 3.6,
# of tiny Shakespeare and of WikiText-2 2.6; of German, French and Python source 2.0, of Russian and Chinese 1
SUITS = 2.3
_LOOKED = 200_000  # characters of a text that are looked at, from its beginning
_OF_EACH = 20_000  # and at most so many of a document
# Up to here characters: of tiny Shakespeare an n-gram over them needs 2.188 bits a byte, over 512 pieces
# 2.180, over 4,096 2.256. Of 4 MB of novels it needs 1.902, over 4,096 pieces 1.865, and a network reads the
# same text in a quarter of the steps
_LETTERS = 2_000_000  # bytes
_MANY = 50_000_000  # bytes from which 8,192 pieces are seen often enough (parameter-golf's ladder)
_PIECES, _MORE_PIECES = 4096, 8192


@dataclass(frozen=True)
class Origin:
    """A model's folder whose network is gone on from."""

    folder: Path
    kind: str  # of the network: an entry of SHAPES
    name: str  # what users call it

    def vocabulary(self) -> Vocabulary:
        """That of its weights. Raises ModelError."""
        return Vocabulary.load(self.folder)


def network_of(row: Task, options: Options) -> str:
    """What is trained, where the user did not say: one of NETWORKS.

    After equal time on two cores n-gram and LSTM together foretell text best (tiny Shakespeare, five minutes:
    1.40 nats a character; a Transformer 1.43, the LSTM alone 1.43, the 7-gram 1.52), so they are the default.
    A story is told by a Transformer where there is one to go on from: it looks back at the words themselves.
    """
    if options.network is not None:
        return options.network
    if options.folder is not None:
        kind = Card.load(options.folder).head.get("name")
        return str(kind) if kind in SHAPES else "mixture"
    if row.gives == "Story" and options.origin != "scratch" and _embedded(row, "transformer"):
        return "transformer"
    return "mixture"


def find_origin(
    row: Task, network: str, options: Options, texts: Iterable[str], *, said: Callable[[str], None]
) -> Origin | None:
    """What the network goes on from; None for nothing. What was decided by the text is `said`.

    Raises ModelError for a start that is no network, InputError for one of another kind.
    """
    kind = "recurrent" if network == "mixture" else network
    if network == "ngram" or options.origin == "scratch":
        return None
    if options.folder is not None:
        return _of_folder(options.folder, kind)
    found = _embedded(row, kind)
    if options.origin == "embedded":
        if found is None:
            raise ModelError(f"this copy of macaw has no embedded {kind} model to start from; start=scratch")
        return found
    if found is None:
        return None
    vocabulary = found.vocabulary()
    size = piece_size(vocabulary, texts)
    told = f"{len(vocabulary):,} {vocabulary.kind} stand for {size:.1f} bytes of this text each"
    if size < SUITS:
        said(
            f"from scratch: the {told}, of English prose {SUITS:g} or more; "
            "start=embedded goes on from it all the same"
        )
        return None
    said(f"goes on from the embedded '{found.name}': its {told}")
    return found


def piece_size(vocabulary: Vocabulary, texts: Iterable[str]) -> float:
    """UTF-8 bytes of the texts that a token stands for, in the mean over their beginnings; 0 of no text."""
    room, size, tokens = _LOOKED, 0, 0
    for text in texts:
        some = text[: min(_OF_EACH, room)]
        room -= len(some)
        size += len(some.encode())
        tokens += len(vocabulary.encode(some))
        if room <= 0:
            break
    return size / max(1, tokens)


def vocabulary_of(options: Options, texts: Iterable[str], *, said: Callable[[str], None]) -> Vocabulary:
    """The vocabulary of a model from scratch: another model's, or a new one of the training texts.

    Raises ModelError for a folder without one, InputError for texts without a character.
    """
    if options.vocabulary is not None and options.vocabulary not in KINDS:
        return Vocabulary.load(options.vocabulary)
    size = sum(len(text.encode()) for text in texts)
    kind = options.vocabulary or ("characters" if size < _LETTERS and options.tokens is None else "pieces")
    most = options.tokens
    if kind == "pieces" and most is None:
        most = _MORE_PIECES if size >= _MANY else _PIECES
    found = Vocabulary.learn(texts, kind, size=most)
    said(f"vocabulary: {len(found):,} {kind}, learned from {size / 1e6:.3g} MB of text")
    return found


def _of_folder(folder: Path, kind: str) -> Origin:
    """The network in a model's folder; of a mixture the part that is one."""
    card = Card.load(folder)
    if card.head.get("name") == "mixture":
        parts = (path for path in sorted(folder.iterdir()) if (path / CARD).is_file())
        of_kind = (path for path in parts if Card.load(path).head.get("name") == kind)
        found = next(islice(of_kind, 1), None)
        if found is not None:
            return Origin(found, kind, card.name)
    if card.head.get("name") not in SHAPES:
        words = "counted, there is nothing in it" if card.head.get("name") == "ngram" else "no network"
        raise InputError(f"start='{folder}' is {words} to go on from; vocabulary={folder} takes its tokens")
    if card.head["name"] != kind:
        raise InputError(
            f"start='{folder}' is a {card.head['name']} network, and a {kind} one is trained; "
            f"give network={card.head['name']}, or another start"
        )
    return Origin(folder, kind, card.name)


def _embedded(row: Task, kind: str) -> Origin | None:
    """The embedded model whose network is of a kind: the row's own, else that which completes any text."""
    rows = [row, *(one for one in TASKS.values() if one.name == "complete")]
    for name in dict.fromkeys(name for one in rows for name in (one.embedded, *one.others)):
        folder = zoo.FOLDER / name
        if (folder / CARD).is_file() and Card.load(folder).head.get("name") == kind:
            return Origin(folder, kind, name)
    return None
