"""One-file models: an ONNX file with its weights inside, and in its metadata how to feed it and read it.

Whoever opens one without macaw reads in words what happens before the graph and after it; macaw reads the
card. Neither torch nor the onnx package is needed, to write one or to read one.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from macaw.card import Card
from macaw.errors import InputError, ModelError
from macaw.runtime.engine import GRAPH, WEIGHTS
from macaw.runtime.graph import read_weights
from macaw.runtime.wire import describe, embed, read_metadata
from macaw.runtime.words import decode_words, labels_key, prepare_words

CARD = "macaw"  # the key of the card, as JSON; all others are for the reader
_LARGEST = 2**31 - 1  # bytes: what protobuf can read of one message


def whole_model(place: Path) -> bytes:
    """The model in a folder as one ONNX file with its weights inside, or such a file as it is.

    Raises ModelError when it is damaged, InputError when it is too large for the format.
    """
    if place.is_file():
        return place.read_bytes()
    graph, tensors = place / GRAPH, read_weights(place)
    if not graph.is_file():
        raise ModelError(f"{place} has no {GRAPH}; save the model again with torch installed")
    try:
        whole = embed(graph.read_bytes(), tensors)
    except (EOFError, KeyError, ValueError) as problem:
        raise ModelError(
            f"{graph} is damaged or does not fit {WEIGHTS} ({problem}); train again or restore it"
        ) from problem
    if len(whole) > _LARGEST:
        raise InputError(f"{place} has {len(whole) / 1e9:.1f} GB of weights; one ONNX file holds 2 GB")
    return whole


def described(model: bytes, card: Card) -> bytes:
    """A whole model with its card in the metadata, and the same in words."""
    texts = {
        CARD: json.dumps(card.to_dict(), ensure_ascii=False),
        "macaw.prepare": prepare_words(card.prepare),
        "macaw.decode": decode_words(card),
        "macaw.version": version("macaw"),
        "labels": json.dumps(card.names, ensure_ascii=False),
        **{labels_key(name): json.dumps(one.names, ensure_ascii=False) for name, one in card.parts.items()},
        "licence": "; ".join(f"{what}: {' '.join(terms.split())}" for what, terms in card.terms.items()),
    }
    holds = "parts" if card.parts else "classes"
    words = f"{card.name}: {card.task}, {len(card.names):,} {holds}. {card.limits}".strip()
    return describe(model, texts, producer="macaw", version=version("macaw"), words=words)


def single_card(path: Path) -> Card:
    """The card of a one-file model.

    Raises ModelError for a file that is cut short, or that macaw did not write.
    """
    try:
        found = read_metadata(path.read_bytes())
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    except (EOFError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path} is cut short, or no ONNX model ({problem}); export it again") from problem
    if CARD not in found:
        raise ModelError(
            f"{path} has no card in its metadata, so nothing says how to feed it; "
            "give a file that 'macaw export' wrote, or the folder of a model"
        )
    return Card.parse(found[CARD], path)
