"""Exporting of language models: a file or folder for another program, proved to say what the model says.

What comes of it is opened again by who it is for, and foretells the same texts as the model; how nearly alike
is printed, and stands in the card that an ONNX file carries. Each kind of model has formats of its own:

    a network       .onnx   for any ONNX runtime: vocabulary inside, its state goes in and comes out
                    .hf     a folder in the format of the Hugging Face Hub, which transformers opens
    an n-gram       .arpa, .arpa.gz   for KenLM, SRILM and their kin
    a mixture       none: its parts have
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from macaw.card import NAME as CARD
from macaw.card import Card
from macaw.errors import InputError, StorageError, UnknownName, did_you_mean
from macaw.files import atomic_folder, atomic_write
from macaw.language.arpa_writing import write_arpa
from macaw.language.exporting_arpa import ReadBack
from macaw.language.exporting_checkpoint import FILES, checked, readme_of, write_checkpoint
from macaw.language.exporting_proof import compare, passages
from macaw.language.hub import adopt_causal
from macaw.language.matrices import PRECISIONS
from macaw.language.ngram import Ngram
from macaw.language.onnx_file import described, graph_of, open_onnx
from macaw.language.protocol import LanguageModel
from macaw.language.shapes import shape_of
from macaw.results.exported import Exported
from macaw.results.text_parity import TextParity
from macaw.runtime.hubfiles import SCHEME

if TYPE_CHECKING:
    from macaw.language.writer import Writer
    from macaw.training.progress import Watcher

# Who built a model -> what it can be exported to
FORMATS: dict[str, tuple[str, ...]] = {"network": (".onnx", ".hf"), "ngram": (".arpa", ".arpa.gz")}
_KINDS = {"network": "a network", "ngram": "an n-gram"}


@dataclass(frozen=True)
class _Way:
    """How a model is written and read again."""

    engine: str  # who opens it
    write: Callable[[Path, Card, TextParity | None], object]  # to a place, with a card and the proof
    open: Callable[[Path], LanguageModel]
    within: int | None = None  # tokens beyond which the other program goes on in its own manner


def export_text(
    writer: Writer,
    path: Path,
    *,
    precision: str = "float32",
    data: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Exported:
    """Write the model of `writer` and prove it on texts of `data`, or on some of macaw's own without any.

    `precision` "int8" is for .onnx: matrices of eight bits, a quarter of the bytes; what that costs is
    measured. Raises InputError for a model or a name that does not go, UnknownName for another precision,
    MissingExtra, ModelError and StorageError, and leaves what was there before.
    """
    path = Path(path)
    suffix = _format(writer, path)
    _check(writer, path, suffix, precision)
    given = passages(data, story="yes" if writer.row.gives == "Story" else "no")
    if watcher:
        watcher.started((f"compared on {given.words}",))
    way = _WAYS[suffix](writer, precision)
    before = f"{writer.engine}, {'int8' if writer.engine == 'int8' else 'float32'}"
    with TemporaryDirectory() as folder:
        trial = Path(folder, path.name)
        way.write(trial, writer.card, None)
        parity = compare(
            writer.model,
            way.open(trial),
            given,
            between=(before, f"{way.engine}, {precision}"),
            within=way.within,
            progress=(lambda done, total: watcher.read(done, total, "tokens")) if watcher else None,
        )
    facts: dict[str, Any] = {"precision": precision, "engine": way.engine, "parity": parity.to_dict()}
    way.write(path, writer.card.replace(exported=facts), parity)
    parts = [path, *path.iterdir()] if path.is_dir() else [path]
    size = sum(part.stat().st_size for part in parts if part.is_file())
    return Exported(path, size, precision, parity)


def _format(writer: Writer, path: Path) -> str:
    """The suffix of `path` by which it is known what to write. Raises InputError for one that does not go."""
    name, builder = writer.card.name, writer.card.builder
    if builder == "mixture":
        parts = ", ".join(str(one.parent) for one in sorted(writer.folder.glob(f"*/{CARD}")))
        raise InputError(f"'{name}' is a mixture, which no other program adds up; export its parts: {parts}")
    if builder not in FORMATS:
        raise InputError(f"'{name}' is a checkpoint of the Hub already, which other programs open as it is")
    if writer.folder.is_file():
        raise InputError(f"'{writer.folder}' is an export already; export the model that it was made of")
    for suffix in FORMATS[builder]:
        if path.name.endswith(suffix):
            return suffix
    known = ", ".join(FORMATS[builder])
    close = did_you_mean(path.suffix, FORMATS[builder])
    raise InputError(
        f"cannot export {_KINDS[builder]} to '{path}': the suffix must be one of {known}.{close}"
    )


def _check(writer: Writer, path: Path, suffix: str, precision: str) -> None:
    """Refuse what can be refused before anything is computed."""
    if precision not in PRECISIONS:
        close, listed = did_you_mean(precision, PRECISIONS), ", ".join(PRECISIONS)
        raise UnknownName(f"no precision '{precision}'.{close} There are: {listed}")
    if precision == "int8" and suffix != ".onnx":
        raise InputError(f"int8 is for .onnx; a {suffix} keeps every number as the model has it")
    if suffix == ".hf":
        checked(writer.card, writer.model.vocabulary)
    if path.is_dir() and suffix != ".hf":
        raise StorageError(f"cannot write {path}: a folder has that name; choose another")
    if path.is_dir() and (foreign := sorted({one.name for one in path.iterdir()} - set(FILES))):
        raise StorageError(f"cannot write {path}: it holds other files, such as {foreign[0]}; choose another")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(there, os.W_OK):
        raise StorageError(f"cannot write {path}: no permission to write there; choose another folder")


def _onnx(writer: Writer, precision: str) -> _Way:
    whole = graph_of(writer.folder, writer.card, precision=precision)

    def write(place: Path, card: Card, parity: TextParity | None) -> object:
        return atomic_write(place, described(whole, card, writer.model.vocabulary))

    return _Way("onnxruntime", write, open_onnx)


def _checkpoint(writer: Writer, precision: str) -> _Way:
    def write(place: Path, card: Card, parity: TextParity | None) -> object:
        with atomic_folder(place) as folder:
            write_checkpoint(writer.folder, folder, card, writer.model.vocabulary)
            if parity:
                atomic_write(folder / "README.md", readme_of(card, str(parity)).encode())
        return place

    def opened(place: Path) -> LanguageModel:
        return adopt_causal(f"{SCHEME}{place.absolute()}").model

    return _Way("transformers", write, opened, within=shape_of(writer.card.head).context)


def _arpa(writer: Writer, precision: str) -> _Way:
    model = writer.model
    if not isinstance(model, Ngram):
        raise InputError(f"'{writer.card.name}' is no n-gram; train it again")

    def write(place: Path, card: Card, parity: TextParity | None) -> object:
        return write_arpa(model, place)

    return _Way("its ARPA file", write, lambda place: ReadBack(place, model.vocabulary))


_WAYS: dict[str, Callable[[Writer, str], _Way]] = {
    ".onnx": _onnx,
    ".hf": _checkpoint,
    ".arpa": _arpa,
    ".arpa.gz": _arpa,
}
