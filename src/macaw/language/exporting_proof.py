"""Proof of an exported language model: two ways of computing it foretell the same texts, and both write.

Shapes: N tokens, V vocabulary
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from macaw.data.texts import Documents, read_texts
from macaw.errors import ModelError
from macaw.language.decoding import greedy
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary
from macaw.results.text_parity import TextParity

MOST = 8192  # tokens that are compared: enough to see int8's loss to a hundredth of a percent
EACH = 1024  # of one document, where there are several
PROMPTS, BEGUN, WRITTEN = 4, 16, 64  # texts that are gone on with, tokens given of each, tokens made
_LETTERS = 16  # more than the characters of a token, on average
_ORDER = ("test", "val", "train")  # of the splits the first that there is
OWN = (
    "In the morning the harbour was full of fog. The fishermen could hear each other, but they could not see "
    "the ends of their own boats, and so they sat on the wall and told stories until the sun came through.",
    '"You have never been to the island," said the old man. "Nobody goes there in winter. But my father '
    'did, once, and he came back with a parrot that knew three hundred words and used only two of them."',
    "The number of letters that are sent has fallen every year since 1999; that of parcels has doubled. "
    "A postman who walked twelve miles a day then drives sixty now, and knows the dogs of four villages.",
    "When the girl opened the box, there was nothing inside but a key. She looked at it for a long time. It "
    "was small and black and quite ordinary, and she was almost certain that it had not been there before.",
)


@dataclass(frozen=True)
class Passages:
    """Texts to compare on, and what they are, for the reader."""

    words: str
    texts: tuple[str, ...]


def passages(data: str | Path | None, *, story: str = "no") -> Passages:
    """Of a corpus the test split, or else val, or else train; without one, a text of macaw's own.

    `story` "yes" puts each document's title in front of it. Raises what `read_texts` raises.
    """
    if data is None:
        return Passages("a text of macaw's own", OWN)
    read = read_texts(data, val_share=0)
    split = next((name for name in _ORDER if name in read.splits), next(iter(read.splits)))
    texts = _titled(read.splits[split]) if story == "yes" else iter(read.splits[split])
    return Passages(f"{split} of {read.path.name}", tuple(_beginnings(texts)))


def _beginnings(texts: Iterable[str]) -> Iterator[str]:
    """As much of as many texts as it may take; the others are not read."""
    left = _LETTERS * MOST
    for text in filter(None, texts):
        yield text[: _LETTERS * MOST]
        left -= min(len(text), _LETTERS * EACH)
        if left <= 0:
            return


def _titled(documents: Documents) -> Iterator[str]:
    from macaw.data.titles import titled

    return (text for _, text in titled(documents))


def compare(
    before: LanguageModel,
    after: LanguageModel,
    given: Passages,
    *,
    between: tuple[str, str],
    within: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TextParity:
    """A TextParity of two ways of computing one model.

    Nothing is read that is longer than `within` tokens: beyond its context each way has habits of its own.
    Raises ModelError where the two read a text as other ids, InputError where the texts have no token.
    """
    vocabulary, within = before.vocabulary, within or MOST + WRITTEN
    apart, nats, size, ids = [np.zeros(0)], np.zeros(2), 0, []
    for document in _cut(vocabulary, after.vocabulary, given.texts, within=within):
        pair = before.score(document), after.score(document)
        apart.append(np.abs(pair[0] - pair[1]))
        nats -= [float(one.sum()) for one in pair]
        size += int(vocabulary.lengths[document].sum()) if vocabulary.lossless else len(document)
        ids.append(document)
        if progress:
            progress(sum(map(len, ids)), MOST)
    agreed, length = _written(before, after, ids, within)
    bits = nats / np.log(2) / max(size, 1)
    return TextParity(
        between=between,
        texts=given.words,
        apart=np.concatenate(apart),
        bits=(float(bits[0]), float(bits[1])),
        agreed=agreed,
        length=length,
        per="byte" if vocabulary.lossless else "token",
    )


def _cut(
    vocabulary: Vocabulary, other: Vocabulary, texts: tuple[str, ...], *, within: int
) -> Iterator[np.ndarray]:
    """The beginnings of the texts as ids, MOST in all."""
    left, each = MOST, max(EACH, MOST // max(1, len(texts)))
    for text in texts:
        beginning = text[: _LETTERS * each]
        ids = vocabulary.encode(beginning)
        if not np.array_equal(ids, other.encode(beginning)):
            raise ModelError(
                "what was exported reads a text as other tokens than the model does; nothing is written"
            )
        ids = ids[: min(each, within, left)]
        left -= len(ids)
        if not len(ids):
            return
        yield ids


def _written(
    before: LanguageModel, after: LanguageModel, documents: Sequence[np.ndarray], within: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of some beginnings (M,) how many of the tokens that both write then are the same, and of how many."""
    begun = min(BEGUN, within // 2)
    starts = ((ids, at) for ids in documents for at in range(0, len(ids), EACH))
    prompts = [ids[at : at + begun] for ids, at in starts][:PROMPTS]
    found = [_agreed(before, after, ids, min(WRITTEN, within - begun)) for ids in prompts]
    agreed, length = np.array(found, np.int64).reshape(-1, 2).T
    return agreed, length


def _agreed(before: LanguageModel, after: LanguageModel, ids: np.ndarray, limit: int) -> tuple[int, int]:
    """How many tokens from the first on are the same, and how many the longer of the two has."""
    one, other = (greedy(model, ids, limit=limit) for model in (before, after))
    shared, length = min(len(one), len(other)), max(len(one), len(other))
    differ = np.flatnonzero(one[:shared] != other[:shared])
    return int(differ[0]) if len(differ) else shared, length
