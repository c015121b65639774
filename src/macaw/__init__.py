"""macaw: every classic application of deep learning on an ordinary computer, in one grammar.

    import macaw
    macaw.load("classify").run("photo.jpg").top(5)

Importing it imports nothing heavy; each name brings its own module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from macaw.card import Card
    from macaw.errors import MacawError
    from macaw.model import Model
    from macaw.results.labels import Labels
    from macaw.results.scores import LabelScores
    from macaw.server import serve
    from macaw.tasks import TASKS
    from macaw.verbs import check, evaluate, explain, export, join, load, run, train

__version__ = "0.1.0"

_HOMES = {
    "Card": "macaw.card",
    "LabelScores": "macaw.results.scores",
    "Labels": "macaw.results.labels",
    "MacawError": "macaw.errors",
    "Model": "macaw.model",
    "TASKS": "macaw.tasks",
    "check": "macaw.verbs",
    "evaluate": "macaw.verbs",
    "explain": "macaw.verbs",
    "export": "macaw.verbs",
    "join": "macaw.verbs",
    "load": "macaw.verbs",
    "run": "macaw.verbs",
    "serve": "macaw.server",
    "train": "macaw.verbs",
}

__all__ = [
    "Card", "LabelScores", "Labels", "MacawError", "Model", "TASKS",
    "check", "evaluate", "explain", "export", "join", "load", "run", "serve", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'macaw' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
