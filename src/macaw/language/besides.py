"""Beside: whose opinion an explanation shows next to a model's own, and where such a model comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from macaw import zoo
from macaw.data.documents import Documents
from macaw.data.find import no_such
from macaw.data.texts import Texts, read_texts
from macaw.data.titles import titled
from macaw.errors import DataError, UnknownName, did_you_mean
from macaw.language.glances import called, named
from macaw.language.mixture import Mixture
from macaw.language.ngram import Ngram
from macaw.language.opening import open_model
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary
from macaw.language.writer import Writer
from macaw.tasks import Task

EMBEDDED = "complete-ngram"  # the n-gram of the zoo
ORDER = 5  # of one that is learned for the occasion: beyond it little is gained, and memory lost
_NONE = (
    "no n-gram beside it: that of the zoo has another vocabulary; give the training text as data, from which "
    "one is learned, or another model's folder as beside"
)


class Beside(NamedTuple):
    """Models by the names that they are shown under, and what a reader should know of them."""

    models: dict[str, LanguageModel]
    notes: tuple[str, ...] = ()


def beside(
    writer: Writer,
    *,
    asked: str | Path | Sequence[str | Path] | None = None,
    data: str | Path | None = None,
) -> Beside:
    """The models that `asked` names; else the parts of a mixture; else an n-gram.

    That is one learned from `data`, or the embedded one, where the vocabulary is the same. An n-gram has none
    beside it. Raises UnknownName where a name of `asked` is neither an embedded model nor a folder, DataError
    for data that cannot be used, and what opening a model raises.
    """
    if asked is not None:
        some = [asked] if isinstance(asked, str | Path) else asked
        return Beside(named({str(one): open_model(_place(one)) for one in some}))
    model = writer.model
    if isinstance(model, Mixture):
        return Beside(named({str(place): part for place, part in enumerate(model.models, start=1)}))
    if isinstance(model, Ngram):
        return Beside({})
    if data is not None:
        return _learned(writer, data)
    place = zoo.FOLDER / EMBEDDED
    if (place / "card.json").is_file() and Vocabulary.load(place) == model.vocabulary:
        ngram = open_model(place)
        return Beside({called(ngram): ngram})
    return Beside({}, (_NONE,))


def trained_on(texts: Texts) -> Documents:
    """The part of a corpus that a model learns from. Raises DataError where there is none."""
    if "train" not in texts.splits:
        found = ", ".join(texts.splits)
        raise DataError(f"'{texts.path}' has no train, only {found}; give the text that was learned from")
    return texts.splits["train"]


def told(row: Task, documents: Documents) -> Iterator[tuple[str, str]]:
    """Each document's label, and its text as a model of the row reads it: a story with its title above."""
    return titled(documents) if row.gives == "Story" else documents.items()


def _learned(writer: Writer, data: str | Path) -> Beside:
    """An n-gram of the text in `data`, in the vocabulary of the model."""
    vocabulary, documents = writer.model.vocabulary, trained_on(read_texts(data))
    ids = (vocabulary.document(text) for _, text in told(writer.row, documents))
    ngram = Ngram.learn(ids, vocabulary, order=ORDER)
    return Beside({called(ngram): ngram}, (f"the {called(ngram)} beside it was learned from '{data}'",))


def _place(name: str | Path) -> Path:
    """The folder of an embedded model's name, or the folder itself."""
    if isinstance(name, str) and name in zoo.names():
        return zoo.folder(name)
    if not Path(name).is_dir():
        hint = did_you_mean(str(name), zoo.names())
        raise UnknownName(f"no model to stand beside: {hint.strip() or no_such(Path(name))}")
    return Path(name)
