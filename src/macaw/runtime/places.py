"""Places: where a model can lie, and who opens it: a folder, a one-file .onnx, OpenVINO's .xml and .bin."""

from __future__ import annotations

from pathlib import Path

from macaw.card import Card
from macaw.errors import InputError, ModelError, StorageError, did_you_mean
from macaw.runtime.ir import ir_card
from macaw.runtime.single import single_card

DEFAULT = "onnxruntime"  # the engine, where none is asked for
FILES = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",)}  # suffix -> who opens it, its own first
_CARDS = {".onnx": single_card, ".xml": ir_card}


def card_of(place: Path) -> Card:
    """The card of the model in a folder or in a file.

    Raises ModelError for what is no model, or a damaged one.
    """
    if not place.is_file():
        return Card.load(place)
    if place.suffix.lower() not in _CARDS:
        raise ModelError(f"'{place}' is no model; give the folder of one, or a file ({', '.join(FILES)})")
    return _CARDS[place.suffix.lower()](place)


def engine_for(place: Path, wanted: str) -> str:
    """Who opens the model: `wanted`, or for a file that the default engine cannot open, the one that can.

    Raises ModelError when another than the default was wanted.
    """
    able = FILES.get(place.suffix.lower(), ()) if place.is_file() else ()
    if not able or wanted in able:
        return wanted
    if wanted == DEFAULT:
        return able[0]
    raise ModelError(f"'{place}' cannot be opened by engine '{wanted}'; those that can: {', '.join(able)}")


def check_target(path: Path) -> None:
    """Refuse a name that no model can be exported to.

    Raises InputError for its suffix, StorageError when a folder has the name.
    """
    known = ", ".join(FILES)
    if path.suffix not in FILES:
        close = did_you_mean(path.suffix, FILES)
        raise InputError(f"cannot export to '{path}': the suffix must be one of {known}.{close}")
    if path.is_dir():
        raise StorageError(f"cannot write {path}: a folder has that name; choose another")
