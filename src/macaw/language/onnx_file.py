"""ONNX file: a language model as one file that stands alone: weights, vocabulary, and how to feed it.

The vocabulary lies in the metadata, under the names of the files that it is in a model's folder
(`vocabulary.json`, and of pieces `tokenizer.json`, which the `tokenizers` library reads), so that no second
file can be lost or mistaken.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from macaw.card import Card
from macaw.errors import InputError, ModelError
from macaw.language.networks import Network, load_weights
from macaw.language.onnx_recurrent import recurrent_graph
from macaw.language.onnx_step import OnnxStep
from macaw.language.onnx_transformer import transformer_graph
from macaw.language.onnx_words import feed_words, read_words
from macaw.language.shapes import TransformerShape, shape_of
from macaw.language.vocabulary import NAME, TOKENIZER, Vocabulary
from macaw.runtime.single import CARD, single_card
from macaw.runtime.wire import describe, read_metadata

_LARGEST = 2**31 - 1  # bytes: what protobuf can read of one message


def graph_of(folder: Path, card: Card, *, precision: str = "float32") -> bytes:
    """The network of a model's folder as an ONNX model with its weights inside.

    Raises ModelError for weights that are missing, InputError where they are too many for the format,
    MissingExtra without the onnx package.
    """
    shape, weights = shape_of(card.head), load_weights(folder)
    size = sum(one.nbytes for one in weights.values()) // (4 if precision == "int8" else 1)
    if size > _LARGEST:
        raise InputError(f"'{folder}' has {size / 1e9:.1f} GB of weights; one ONNX file holds 2 GB")
    try:
        if isinstance(shape, TransformerShape):
            return transformer_graph(shape, weights, precision=precision)
        return recurrent_graph(shape, weights, precision=precision)
    except (KeyError, ValueError) as problem:
        raise ModelError(
            f"the weights of '{folder}' are not those of the card's network ({problem}); train again"
        ) from problem


def described(model: bytes, card: Card, vocabulary: Vocabulary) -> bytes:
    """The model with card and vocabulary in its metadata, and in words how to feed it and read it."""
    shape = shape_of(card.head)
    texts = {
        CARD: json.dumps(card.to_dict(), ensure_ascii=False),
        "macaw.prepare": feed_words(shape, vocabulary),
        "macaw.decode": read_words(shape, vocabulary),
        "macaw.version": version("macaw"),
        "start": str(vocabulary.start),
        "end": "" if vocabulary.end is None else str(vocabulary.end),
        "context": "" if shape.context is None else str(shape.context),
        **_files(vocabulary),
        "licence": "; ".join(f"{what}: {' '.join(terms.split())}" for what, terms in card.terms.items()),
    }
    words = f"{card.name}: {card.task}, over {len(vocabulary):,} {vocabulary.kind}. {card.limits}".strip()
    return describe(model, texts, producer="macaw", version=version("macaw"), words=words)


def open_onnx(path: Path) -> Network:
    """The language model that `macaw.export` wrote to a `.onnx` file, in ONNX Runtime.

    Raises ModelError for a file that is damaged, or holds no language model.
    """
    card = single_card(path)
    if card.builder != "network":
        raise ModelError(f"'{path}' is no language model that was exported: its card is of '{card.builder}'")
    model = path.read_bytes()
    return Network(OnnxStep(model, shape_of(card.head)), _vocabulary(path, model), card=card)


def _files(vocabulary: Vocabulary) -> dict[str, str]:
    """The files of a vocabulary, by their names."""
    with TemporaryDirectory() as folder:
        vocabulary.save(folder)
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).iterdir())}


def _vocabulary(path: Path, model: bytes) -> Vocabulary:
    """What `_files` was made of."""
    texts = read_metadata(model)
    with TemporaryDirectory() as folder:
        for name in (NAME, TOKENIZER):
            if name in texts:
                Path(folder, name).write_text(texts[name], encoding="utf-8")
        try:
            return Vocabulary.load(folder)
        except ModelError as problem:  # in terms of the file that the user named
            raise ModelError(str(problem).replace(folder, str(path))) from problem
