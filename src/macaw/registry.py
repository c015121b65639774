"""Names to builders: front-ends, heads and kinds of model, ours and those that plug-ins bring by entry point.

A plug-in declares, for instance, `[project.entry-points."macaw.heads"] number = "my_package:NumberHead"`.
Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from macaw.errors import MissingExtra, UnknownName, did_you_mean


class Registry:
    """One table of names; `group` is the entry point group plug-ins use."""

    def __init__(self, group: str, ours: dict[str, str]) -> None:
        self.group = group
        self._ours = ours  # name -> "module:attribute"

    @property
    def kind(self) -> str:
        """What messages call an entry: "head"."""
        return self.group.removeprefix("macaw.").removesuffix("s")

    def names(self) -> list[str]:
        """Every name, ours first; a plug-in cannot take the place of ours."""
        return [*self._ours, *(name for name in self._plugins() if name not in self._ours)]

    def check(self, name: str) -> None:
        """Refuse a name nobody registered; imports nothing.

        Raises UnknownName, which lists the names.
        """
        if name in self._ours:  # entry points are read from disk: not for a name of our own
            return
        known = self.names()
        if name not in known:
            listed = ", ".join(known)
            raise UnknownName(f"no {self.kind} '{name}'.{did_you_mean(name, known)} There are: {listed}")

    def get(self, name: str) -> Any:
        """What the name stands for, imported now.

        Raises UnknownName, or MissingExtra when torch is needed and not installed.
        """
        self.check(name)
        if name not in self._ours:
            return self._plugins()[name].load()
        module, attribute = self._ours[name].split(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as problem:
            if (problem.name or "").split(".")[0] != "torch":
                raise
            raise MissingExtra(f"{self.kind} '{name}'", "torch", "train") from problem

    def build(self, name: str, *arguments: Any, **options: Any) -> Any:
        """`get(name)` called with the arguments."""
        return self.get(name)(*arguments, **options)

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}


FRONTENDS = Registry(
    "macaw.frontends",
    {"image": "macaw.frontends.image:ImageFrontend", "hub": "macaw.frontends.hub:HubFrontend"},
)
HEADS = Registry(
    "macaw.heads",
    {
        "label": "macaw.heads.label:LabelHead",
        "box": "macaw.heads.boxes:BoxHead",
        "mask": "macaw.heads.mask:MaskHead",
        "point": "macaw.heads.points:PointHead",
        "heatmap": "macaw.heads.points:HeatmapHead",
    },
)
BUILDERS = Registry(
    "macaw.builders",
    {
        "recognizer": "macaw.recognition.recognizer:build",
        "joined": "macaw.recognition.joining:build",
        "whole": "macaw.recognition.whole:build",
    },
)
ENGINES = Registry(
    "macaw.engines",
    {
        "onnxruntime": "macaw.runtime.graph:OnnxEngine",
        "openvino": "macaw.runtime.compiled:OpenVinoEngine",
        "torch": "macaw.runtime.eager:TorchEngine",
    },
)
