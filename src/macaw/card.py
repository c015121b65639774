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
from macaw.tasks import TASKS, Task, find

FORMAT = 1
NAME = "card.json"
RESIZES = ("shorter", "stretch", "letter", "warp")  # how a picture comes to its size: macaw.data.prepare.Fit
# What `join` makes of several rows is none of the table: it has neither data nor a model of its own
JOINED = Task(
    name="join",
    alias="",
    family="see",
    does="Answers several questions about a picture in one pass of the network.",
    takes="picture",
    gives="Joint",
    builder="joined",
    frontend="image",
    head="joined",
    layouts=(),
    metric="",
    embedded="",
    samples=(),
)
FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")  # by which, as Pillow calls them


@dataclass(frozen=True)
class Card:
    """The contents of `card.json`. Classes are known by their names, which stand in the head's order."""

    task: str  # the row of the table it serves: "classify"
    name: str  # what it is called in lists and reports
    builder: str  # who rebuilds it in torch: "recognizer"
    frontend: dict[str, Any]  # {"name": ..., "config": {...}}
    head: dict[str, Any]  # {"name": ..., "config": {...}}
    names: tuple[str, ...]  # the class table; empty of what writes
    prepare: dict[str, Any]  # size, mean, std, levels: how raw input becomes the core's; empty of text
    decode: dict[str, Any]  # temperature, multi; score, iou; top_p ...: how the output becomes a Result
    scores: dict[str, Any] = field(default_factory=dict)  # an evaluation -> metric -> value, low, high
    training: dict[str, Any] = field(default_factory=dict)  # recipe, data and its hash, machine, versions
    exported: dict[str, Any] = field(default_factory=dict)  # of an exported file: precision, proof of parity
    terms: dict[str, str] = field(default_factory=dict)  # licence of "code", "weights", "data"
    limits: str = ""  # how weak it is, and what to use instead
    parts: dict[str, Card] = field(default_factory=dict)  # of a joined model: the card of each, by its name
    format: int = FORMAT

    @property
    def row(self) -> Task:
        """The row of the table that it serves; of a joined model one that says so.

        Raises UnknownName for an application that is not there.
        """
        return JOINED if self.parts else find(self.task)

    @property
    def places(self) -> dict[str, slice]:
        """Of a joined model: where the outputs of each part stand among those of all."""
        found, start = {}, 0
        for name, outputs in self.head["config"]["outputs"].items():
            found[name] = slice(start, start := start + len(outputs))
        return found

    def replace(self, **changes: Any) -> Card:
        """A card with some fields changed."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values."""
        values = {**asdict(self), "names": list(self.names)}
        del values["parts"]
        if self.parts:
            values["parts"] = {name: part.to_dict() for name, part in self.parts.items()}
        return values

    def save(self, folder: Path) -> Path:
        """Write `card.json` into the model's folder.

        Raises StorageError.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        return atomic_write(folder / NAME, text.encode())

    @classmethod
    def load(cls, folder: Path) -> Card:
        """Read `card.json` of a model's folder; fields it does not know are passed over.

        A part of a joined model has none of its own: it stands in that of the folder above. Raises ModelError
        when it is missing, damaged, or written by a later macaw.
        """
        path = folder / NAME
        try:
            return cls.parse(path.read_text(encoding="utf-8"), path)
        except (FileNotFoundError, NotADirectoryError):
            whole = folder.resolve().parent
            if folder.is_dir() and (whole / NAME).is_file():
                if part := cls.load(whole).parts.get(folder.resolve().name):
                    return part
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
        return cls._of(values)

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Card:
        """The card of values without a fault."""
        known = {one.name for one in fields(cls)}
        kept = {name: value for name, value in values.items() if name in known}
        parts = {name: cls._of(part) for name, part in values.get("parts", {}).items()}
        return cls(**{**kept, "names": tuple(values["names"]), "parts": parts})


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
    if values["task"] == JOINED.name or "parts" in values:
        return _parts_fault(values)
    row = TASKS.get(values["task"])
    writes = row is not None and row.takes == "text"
    for name, (words, holds) in ({} if writes else _OF_PICTURES).items():
        if not holds(values[name]):
            return f"field '{name}' must be {words}"
    if (row is None or row.gives == "Labels") and not {"temperature", "multi"} <= values["decode"].keys():
        return "field 'decode' must be a temperature above 0, and multi true or false"
    return "" if _whole(values.get("format", 0)) else "field 'format' must be a whole number"


def _parts_fault(values: dict[str, Any]) -> str:
    """What is wrong with the parts of a joined model, in words."""
    parts, outputs = values.get("parts"), values["head"]["config"].get("outputs")
    if values["task"] != JOINED.name or not isinstance(parts, dict) or len(parts) < 2:
        return f"task '{JOINED.name}' and a field 'parts' with two cards or more belong together"
    if not isinstance(outputs, dict) or not list(parts) == list(outputs) == values["names"]:
        return "fields 'parts', 'names' and 'head' must name the same parts"
    if not all(isinstance(some, list) and some and all(map(_text, some)) for some in outputs.values()):
        return "field 'head' must name the outputs of each part"
    for name, part in parts.items():
        if fault := _fault(part):
            return f"of part '{name}' {fault}"
        if "parts" in part or any(part[what] != values[what] for what in ("frontend", "prepare")):
            return f"part '{name}' must have the front-end and the 'prepare' of the whole"
    return ""


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


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _class_table(value: Any) -> bool:
    return _texts(value) and 0 < len(set(value)) == len(value)


def _prepare(value: Any) -> bool:
    if not (isinstance(value, dict) and _whole(value.get("size")) and value["size"] > 0):
        return False
    levels = value.get("levels")
    ranged = levels is None or (_numbers(levels, 2) and levels[0] < levels[1])
    scaled = _numbers(value.get("mean"), 3) and _numbers(value.get("std"), 3) and min(value["std"]) > 0
    return ranged and scaled and _fitting(value)


def _fitting(value: dict[str, Any]) -> bool:
    """The optional part of `prepare`: how a picture is brought to its size."""
    crop, detail, aspect = value.get("crop", 1.0), value.get("detail", 0), value.get("aspect", 1.0)
    chosen = value.get("resize", "shorter") in RESIZES and value.get("filter", "bicubic") in FILTERS
    shaped = _number(aspect) and aspect > 0 and (aspect == 1 or value.get("resize") == "warp")
    return chosen and shaped and _number(crop) and 0 < crop <= 1 and _whole(detail) and detail >= 0


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
    "names": ("a list of class names, each once", _texts),
    "prepare": ("an object of fields", _object),
    "decode": ("a temperature above 0, and multi true or false, where they are given", _decode),
}
# And what of them only a model of pictures must have
_OF_PICTURES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "names": ("a list of class names, each once", _class_table),
    "prepare": ("size, mean, std and levels, in numbers", _prepare),
}
