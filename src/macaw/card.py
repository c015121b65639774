"""Card: what a model is, how to feed it, what it scored and under which terms; everything but the weights."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from macaw.errors import ModelError
from macaw.files import atomic_write
from macaw.tasks import TASKS

FORMAT = 1
NAME = "card.json"
RESIZES = ("shorter", "stretch", "letter")  # how a picture is brought to its size: macaw.data.prepare.Fit
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # by which, as Pillow calls them


@dataclass(frozen=True)
class Card:
    """The contents of `card.json`. Classes are known by their names, which stand in the head's order."""

    task: str  # the row of the table it serves: "classify"
    name: str  # what it is called in lists and reports
    builder: str  # who rebuilds it in torch: "recognizer"
    frontend: dict[str, Any]  # {"name": ..., "config": {...}}
    head: dict[str, Any]  # {"name": ..., "config": {...}}
    names: tuple[str, ...]  # the class table
    prepare: dict[str, Any]  # size, mean, std, levels: how raw input becomes the core's
    decode: dict[str, Any]  # temperature, multi; score, iou ...: how the core's output becomes a Result
    scores: dict[str, Any] = field(default_factory=dict)  # an evaluation -> metric -> value, low, high
    training: dict[str, Any] = field(default_factory=dict)  # recipe, data and its hash, machine, versions
    exported: dict[str, Any] = field(default_factory=dict)  # of an exported file: precision, proof of parity
    terms: dict[str, str] = field(default_factory=dict)  # licence of "code", "weights", "data"
    limits: str = ""  # how weak it is, and what to use instead
    format: int = FORMAT

    def replace(self, **changes: Any) -> Card:
        """A card with some fields changed."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values."""
        return {**asdict(self), "names": list(self.names)}

    def save(self, folder: Path) -> Path:
        """Write `card.json` into the model's folder.

        Raises StorageError.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        return atomic_write(folder / NAME, text.encode())

    @classmethod
    def load(cls, folder: Path) -> Card:
        """Read `card.json` of a model's folder; fields it does not know are passed over.

        Raises ModelError when it is missing, damaged, or written by a later macaw.
        """
        path = folder / NAME
        try:
            return cls.parse(path.read_text(encoding="utf-8"), path)
        except (FileNotFoundError, NotADirectoryError):
            message = f"'{folder}' is not a model: it has no {NAME}; give a folder that 'macaw train' wrote"
            raise ModelError(message) from None
        except OSError as problem:
            raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
        except UnicodeDecodeError as problem:
            raise ModelError(f"{path} is damaged ({problem}); {_RESTORE}") from problem

    @classmethod
    def parse(cls, text: str, path: Path) -> Card:
        """The card that `text` holds as JSON; `path` is where it was found.

        Raises ModelError when it is damaged, or written by a later macaw.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise ModelError(f"{path} is damaged ({problem}); {_RESTORE}") from problem
        if fault := _fault(values):
            raise ModelError(f"{path} is damaged: {fault}; {_RESTORE}")
        if values.get("format", 0) > FORMAT:
            raise ModelError(
                f"{path} has format {values['format']}, this macaw reads up to {FORMAT}; upgrade macaw"
            )
        known = {one.name for one in fields(cls)}
        kept = {name: value for name, value in values.items() if name in known}
        return cls(**{**kept, "names": tuple(values["names"])})


_RESTORE = "train again or restore the folder"


def _fault(values: Any) -> str:
    """What is wrong with the contents of a card, in words; nothing when it can be used."""
    if not isinstance(values, dict):
        return f"it holds a {type(values).__name__}, not an object of fields"
    for name, (words, holds) in _FIELDS.items():
        if name not in values:
            return f"it has no field '{name}'"
        if not holds(values[name]):
            return f"field '{name}' must be {words}"
    row = TASKS.get(values["task"])
    if (row is None or row.gives == "Labels") and not {"temperature", "multi"} <= values["decode"].keys():
        return "field 'decode' must be a temperature above 0, and multi true or false"
    return "" if _whole(values.get("format", 0)) else "field 'format' must be a whole number"


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_number, value))


def _part(value: Any) -> bool:
    return isinstance(value, dict) and _text(value.get("name")) and isinstance(value.get("config"), dict)


def _class_table(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and 0 < len(set(value)) == len(value)


def _prepare(value: Any) -> bool:
    if not (isinstance(value, dict) and _whole(value.get("size")) and value["size"] > 0):
        return False
    levels = value.get("levels")
    ranged = levels is None or (_numbers(levels, 2) and levels[0] < levels[1])
    scaled = _numbers(value.get("mean"), 3) and _numbers(value.get("std"), 3) and min(value["std"]) > 0
    return ranged and scaled and _fitting(value)


def _fitting(value: dict[str, Any]) -> bool:
    """The optional part of `prepare`: how a picture is brought to its size."""
    crop, detail = value.get("crop", 1.0), value.get("detail", 0)
    chosen = value.get("resize", "shorter") in RESIZES and value.get("filter", "bicubic") in FILTERS
    return chosen and _number(crop) and 0 < crop <= 1 and _whole(detail) and detail >= 0


def _decode(value: Any) -> bool:
    if not (isinstance(value, dict) and isinstance(value.get("multi", False), bool)):
        return False
    return _number(value.get("temperature", 1.0)) and value.get("temperature", 1.0) > 0


# What a card must have to be used; the rest is for the reader.
_FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "task": ("text", _text),
    "name": ("text", _text),
    "builder": ("text", _text),
    "frontend": ("a name and a config", _part),
    "head": ("a name and a config", _part),
    "names": ("a list of class names, each once", _class_table),
    "prepare": ("size, mean, std and levels, in numbers", _prepare),
    "decode": ("a temperature above 0, and multi true or false, where they are given", _decode),
}
