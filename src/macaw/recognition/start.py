"""Start: what a training begins with, a front-end that has learned already, and how it is fed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macaw import zoo
from macaw.card import Card
from macaw.data.cache import cache_key
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.frontends.base import Frontend
from macaw.frontends.image import reduction_for
from macaw.registry import FRONTENDS
from macaw.runtime.eager import load_module
from macaw.tasks import Task

EMBEDDED, SCRATCH, HUB = "embedded", "scratch", "hf:"


@dataclass(frozen=True)
class Start:
    """A front-end with its weights, and what its pictures went through when it learned."""

    source: str  # as the user named it
    name: str  # its entry of FRONTENDS
    frontend: Frontend
    prepare: dict[str, Any]  # as in a card; `size` is its own

    @property
    def fixed(self) -> bool:
        """Whether it takes pictures of its own size only."""
        return self.frontend.sizes == "fixed" or self.name != "image"

    def kept(self, tune: str) -> int | None:
        """The size that a new head keeps, unless the user names one; None where the data decides.

        A probe on a front-end that sees whole pictures, on a sheet, leaves all as it is: so its head can join
        others there (recognition/joining.py).
        """
        whole = tune == "probe" and self.prepare.get("resize") == "letter"
        size: int | None = self.prepare["size"] if whole else None
        return size

    def at(self, size: int) -> Start:
        """The same front-end for pictures of another size.

        Smaller ones are reduced less, as when a front-end is new; larger ones are not reduced more, since
        its filters know detail at the scale they learned: on aerial pictures of 128 pixels the probe of a
        front-end that learned at 64 erred on 11 % with its own reduction of 2, on 17 % with 4.
        """
        prepare = {**self.prepare, "size": size}
        if self.name != "image" or size == self.prepare["size"]:
            return Start(self.source, self.name, self.frontend, prepare)
        reduction = min(self.frontend.config["reduction"], reduction_for(size))
        config = {**self.frontend.config, "reduction": reduction}
        frontend: Frontend = FRONTENDS.build(self.name, **config)
        frontend.load_state_dict(self.frontend.state_dict())
        return Start(self.source, self.name, frontend, prepare)

    def key(self) -> str:
        """A name for everything that its features depend on, for the cache."""
        described = json.dumps([self.name, self.frontend.config, self.prepare], sort_keys=True)
        weights = hashlib.sha256()
        for name, tensor in sorted(self.frontend.state_dict().items()):
            weights.update(name.encode() + tensor.contiguous().numpy().tobytes())
        return cache_key([described.encode(), weights.digest()])


def open_start(task: Task, source: str, *, note: Callable[[str], None] | None = None) -> Start | None:
    """The front-end that `source` names: "embedded", "scratch" (None), a model's folder, or "hf:...".

    Raises UnknownName for anything else, ModelError for a damaged folder, and what
    `macaw.recognition.adopt.frontend_of` raises.
    """
    if source == SCRATCH:
        return None
    if source.startswith(HUB):
        from macaw.recognition.adopt import frontend_of

        frontend, prepare = frontend_of(source, note=note)
        return Start(source, "hub", frontend, prepare)
    folder = zoo.folder(task.embedded) if source == EMBEDDED else Path(source)
    if source != EMBEDDED and not os.path.isdir(folder):
        known = (EMBEDDED, SCRATCH, "a model's folder", "hf:owner/name")
        raise UnknownName(
            f"start='{source}': no such folder.{did_you_mean(source, known[:2])} Give {', '.join(known)}"
        )
    card = Card.load(folder)
    module: Any = load_module(folder, card)
    if not isinstance(getattr(module, "frontend", None), Frontend):
        raise InputError(f"'{folder}' has no front-end to start from; give the folder of a recogniser")
    return Start(source, card.frontend["name"], module.frontend, card.prepare)
