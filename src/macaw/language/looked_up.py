"""Looked up: what a model writes, in what it was trained on: the parrot meter for one prompt.

The model goes on with the prompt several times; the texts are looked up in the training text beside text by
people that it was not trained on, and the model itself is asked for passages of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.documents import Documents
from macaw.data.texts import Texts, read_texts
from macaw.errors import DataError, InputError, ModelError, StorageError
from macaw.files import cache_folder
from macaw.language.asked import Asked
from macaw.language.besides import beside, told, trained_on
from macaw.language.canaries import Canaries
from macaw.language.exposure import exposed
from macaw.language.extraction import PREFIX, SUFFIX, extract, extractable, windows
from macaw.language.ngram import Ngram
from macaw.language.parrot import measure
from macaw.language.protocol import LanguageModel
from macaw.language.stream import continue_text
from macaw.language.suffixes import FORMAT, Suffixes
from macaw.language.writer import Writer
from macaw.results.parrot import Figure, Parrot
from macaw.tasks import Task

COUNT, LIMIT = 8, 256  # texts, and tokens of each: below some kilobytes every share is mostly interval
HELD = 1_000_000  # characters of held-out text that are looked up
READ = 8_000_000  # characters of the training text that the prior learns from and windows are taken of
WINDOWS = 100  # of the training text and of held-out text, whose suffixes the model is asked for
_MEANING = "windows of the training text that the model gives back and a trigram model does not"


def look_up(writer: Writer, prompt: str, data: str | Path, **asked: Any) -> Parrot:
    """The parrot meter for what `writer` adds to `prompt`; `data` is the text that it was trained on.

    `asked` are settings, seed, limit and count. Held-out text is the corpus' test split, else its val.
    Exposure is measured of a model that was trained with canaries. The index of the training text is kept in
    the cache. Raises DataError where there is neither split, and InputError where nothing was added to the
    prompt.
    """
    wanted = writer.asked(**{"count": COUNT, "limit": LIMIT, **asked})
    texts = read_texts(data)
    train, held = trained_on(texts), _held(texts)
    how: dict[str, Any] = {"limit": wanted.limit, "count": wanted.count}
    ours = [one.text for one in writer.stream([prompt], **{**asked, **how}) if one.text]
    if not ours:
        raise InputError("the model added nothing to the prompt; take another, another seed, or more of them")
    canaries = Canaries.of(writer.card)
    suffixes = _indexed(lambda: _learned(writer.row, train, canaries))
    beyond = list(_first((text for _, text in told(writer.row, held)), HELD))
    others = {
        f"text of the {name}": [one for one in _continued(model, writer.prompt(prompt), wanted) if one]
        for name, model in beside(writer).models.items()
        if isinstance(model, Ngram)
    }
    parrot = measure(
        ours,
        suffixes,
        held=beyond,
        decoding=str(wanted.settings),
        others={name: some for name, some in others.items() if some},
        seed=wanted.seed,
    )
    read = _first((text for _, text in told(writer.row, train)), READ)
    parrot = parrot.plus(_extractable(writer.model, read, beyond, seed=wanted.seed))
    return parrot.plus(exposed(writer.model, canaries, seed=wanted.seed)) if canaries else parrot


def _learned(row: Task, train: Documents, canaries: Canaries | None) -> Iterator[tuple[str, str]]:
    """What the model learned from, each text with its label: what was planted comes last."""
    yield from told(row, train)
    if canaries:
        copies = canaries.copies.items()
        yield "planted canaries", "\n".join(canary for canary, times in copies for _ in range(times))


def _indexed(documents: Callable[[], Iterable[tuple[str, str]]]) -> Suffixes:
    """The suffix array of labelled texts, made the first time and then opened: 100 MB take 15 seconds."""
    mark, labels = hashlib.sha256(str(FORMAT).encode()), []
    for label, text in documents():
        labels.append(label)
        mark.update(hashlib.sha256(label.encode()).digest() + hashlib.sha256(text.encode()).digest())
    place = cache_folder() / "suffixes" / mark.hexdigest()[:32]
    if place.is_dir():
        with suppress(ModelError):  # damaged: made again
            return Suffixes.load(place)
    made = Suffixes.of((text for _, text in documents()), labels=labels)
    with suppress(StorageError):  # no room for it: the next time is as slow as this one
        made.save(place)
    return made


def _held(texts: Texts) -> Documents:
    """Text of the same kind that the model did not learn from."""
    for split in ("test", "val"):
        if split in texts.splits:
            return texts.splits[split]
    raise DataError(
        f"'{texts.path}' has neither test nor val: no figure means anything without text that was held out"
    )


def _continued(model: LanguageModel, prompt: str, asked: Asked) -> Iterator[str]:
    """What another model adds to the prompt, drawn in the same way."""
    how: dict[str, Any] = {"settings": asked.settings, "seed": asked.seed, "limit": asked.limit}
    for item in range(asked.count):
        yield continue_text(model, prompt, item=item, stop=asked.stop, **how)


def _first(texts: Iterable[str], most: int) -> Iterator[str]:
    """Texts up to `most` characters, the last of them cut there."""
    for text in texts:
        yield text[:most]
        most -= len(text)
        if most <= 0:
            return


def _extractable(model: LanguageModel, train: Iterable[str], held: Iterable[str], *, seed: int) -> Figure:
    """The figure; without a value, and with the reason, where no text is long enough to ask for."""
    ours, theirs = ([_ids(model, text) for text in some] for some in (train, held))
    try:
        asked = [windows(some, length=PREFIX + SUFFIX, count=WINDOWS, seed=seed) for some in (ours, theirs)]
    except InputError as problem:
        return Figure("extractable", None, None, _MEANING, str(problem))
    prior = Ngram.learn(ours, model.vocabulary, order=3)
    return extractable(*(extract(model, some, prior=prior) for some in asked))


def _ids(model: LanguageModel, text: str) -> np.ndarray:
    """The ids of a document behind its begin, which a window cannot have in it."""
    ids = model.vocabulary.document(text)
    return ids if model.vocabulary.begin is None else ids[1:]
