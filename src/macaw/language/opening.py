"""Opening: a language model's folder, or file, becomes a LanguageModel; its card says of which kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.language.mixture_files import load_mixture
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel

# By what a model reckons -> how a network is opened for it. "int8" reads a quarter of the bytes a token.
ENGINES: dict[str, dict[str, str]] = {
    "numpy": {"engine": "numpy"},
    "compiled": {"engine": "compiled"},
    "int8": {"engine": "compiled", "precision": "int8"},
    "torch": {"engine": "torch"},
}
PLAIN = "numpy"  # what every kind of model has


def open_model(folder: str | Path, *, engine: str = PLAIN) -> LanguageModel:
    """The model of a folder, or of a `.onnx` file; in a mixture `engine` is that of its networks.

    Raises UnknownName for another engine, InputError where an n-gram, or a file, which ONNX Runtime reads, is
    to have one other than "numpy", ModelError for what is no language model, or is damaged, MissingExtra
    where the engine is not installed.
    """
    check_engine(engine)
    return _open(Path(folder), engine)


def check_engine(engine: str) -> None:
    """Refuse an engine there is not, with UnknownName; imports nothing."""
    if engine not in ENGINES:
        known = ", ".join(ENGINES)
        raise UnknownName(
            f"a language model has no engine '{engine}'.{did_you_mean(engine, ENGINES)} There are: {known}"
        )


def _open(folder: Path, engine: str) -> LanguageModel:
    if folder.is_file():
        return _file(folder, engine)
    card = Card.load(folder)
    if card.builder not in OPENERS:
        known = ", ".join(OPENERS)
        raise ModelError(
            f"'{folder}' is no language model: its builder is '{card.builder}', and text comes of: {known}"
        )
    return OPENERS[card.builder](folder, engine)


def _file(path: Path, engine: str) -> LanguageModel:
    if engine != PLAIN:
        raise InputError(
            f"'{path}' is a file that ONNX Runtime reads: engine '{engine}' has nothing to do; use '{PLAIN}'"
        )
    from macaw.language.onnx_file import open_onnx

    return open_onnx(path)


def _ngram(folder: Path, engine: str) -> LanguageModel:
    if engine != PLAIN:
        raise InputError(
            f"'{folder}' is an n-gram, which is looked up, not computed: engine '{engine}' has nothing to "
            f"do; use '{PLAIN}'"
        )
    return Ngram.load(folder)


def _network(folder: Path, engine: str) -> LanguageModel:
    return Network.load(folder, **ENGINES[engine])


def _mixture(folder: Path, engine: str) -> LanguageModel:
    def load(part: Path) -> LanguageModel:
        return _open(part, PLAIN if Card.load(part).builder == "ngram" else engine)

    return load_mixture(folder, load)


OPENERS: dict[str, Callable[[Path, str], LanguageModel]] = {
    "ngram": _ngram,
    "network": _network,
    "mixture": _mixture,
}
