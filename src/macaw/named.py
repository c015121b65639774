"""Names: which folder or file a name stands for: an application, another embedded model, a path."""

from __future__ import annotations

import os
import re
from pathlib import Path

from macaw import tasks, zoo
from macaw.errors import UnknownName, did_you_mean

HUB = "hf:"  # begins the name of a checkpoint of the Hugging Face Hub
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # "hf:...", but not "C:\models", a drive of one letter


def place_of(name: str | Path) -> Path:
    """The model's folder, or file, that a name stands for.

    Raises UnknownName for another scheme, or a misspelt name.
    """
    works = (
        f"What works: an application ({', '.join(tasks.TASKS)}), another embedded model "
        f"({', '.join(_others())}), a model's folder (./my-model), an exported file (./my-model.onnx) or "
        "hf:owner/name"
    )
    if isinstance(name, str):
        if name in _applications():
            return zoo.folder(tasks.find(name).embedded)
        if name in _others():
            return zoo.folder(name)
        if scheme := _SCHEME.match(name):
            raise UnknownName(f"cannot load '{name}': scheme '{scheme[1]}:' is not known. {works}")
    if os.path.isdir(name):
        return Path(name)
    if os.path.exists(name):
        return Path(name)
    close = did_you_mean(str(name), [*_applications(), *_others(), *_models_beside(Path(name))])
    raise UnknownName(f"no application and no folder '{name}'.{close} {works}")


def row_of(name: str | Path) -> str:
    """The row that a name is; nothing for any other model."""
    return tasks.find(name).name if isinstance(name, str) and name in _applications() else ""


def _applications() -> list[str]:
    return [*tasks.TASKS, *(row.alias for row in tasks.TASKS.values())]


def _others() -> list[str]:
    return [name for row in tasks.TASKS.values() for name in row.others]


def _models_beside(path: Path) -> list[str]:
    try:
        return [str(path.parent / p.name) for p in path.parent.iterdir() if (p / "card.json").is_file()]
    except OSError:
        return []
