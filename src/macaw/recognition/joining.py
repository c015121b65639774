"""Joining: heads that share one frozen front-end become one model, which computes it once for all of them.

Nothing is trained and no number changes: the folder holds the front-end's weights once and each head's, one
graph that answers everything, and for each part a folder with the graph that answers it alone.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save
from torch import nn

from macaw.card import JOINED, Card
from macaw.errors import InputError, ModelError
from macaw.explanation.index import NAME as NEIGHBOURS
from macaw.files import atomic_folder, atomic_write
from macaw.frontends.base import Frontend
from macaw.heads.base import Head, check_pair
from macaw.model import Model
from macaw.recognition.recognizer import head_on
from macaw.registry import FRONTENDS
from macaw.runtime.eager import load_module
from macaw.runtime.engine import GRAPH, POOLED, PROTOTYPES, RAW, WEIGHTS
from macaw.runtime.exporter import save_graph
from macaw.runtime.graph import FRONTEND, HEAD, head_prefix, stored_weights

# Shapes: B pictures, D channels
Tensors = dict[str, np.ndarray]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")  # of a part: also the name of its folder
_APART = 1e-4  # how far the whole may be from a part alone, as a share of the largest number; 0 was measured
_REMEDY = "train all of them with --tune probe and one --start, which leaves it as it is"


class Joined(nn.Module):
    """Prepared pictures (B, 3, H, W), normalised, -> what the head of each part gives, part by part."""

    def __init__(self, frontend: Frontend, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.frontend = frontend
        self.names = tuple(heads)
        for name, head in heads.items():
            check_pair(frontend, head)
            self.add_module(_attribute(name), head)

    @property
    def sizes(self) -> str:
        """Which pictures its graph takes: "fixed" where any part takes none but its own."""
        parts = (self.frontend, *(getattr(self, _attribute(name)) for name in self.names))
        return "fixed" if "fixed" in {part.sizes for part in parts} else "any"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoded(x)[0]

    def decoded(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What decoding reads, of all parts in their order."""
        return self.outputs(x)[:-1]

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What its graph gives: the outputs of all parts, and the pooled features (B, D)."""
        features = self.frontend(x)
        heads = (getattr(self, _attribute(name)) for name in self.names)
        return (*(one for head in heads for one in head.decoded(features)), features.pooled)


def build(card: Card) -> Joined:
    """The joined model that a card describes, with fresh weights, in the layout that suits convolutions."""
    frontend = FRONTENDS.build(card.frontend["name"], **card.frontend["config"])
    heads = {
        name: head_on(frontend, part.head["name"], **part.head["config"]) for name, part in card.parts.items()
    }
    model = Joined(frontend, heads)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def join_models(models: Sequence[Model], names: Sequence[str], out: Path) -> Path:
    """Write `out`, one model of several; a part is called as `names` say, or without any by its task.

    Raises InputError for models that cannot be joined, ModelError for a damaged one, MissingExtra and
    StorageError, and leaves what was there before.
    """
    parts = _named(models, names)
    tensors = _checked(parts)
    card = _card(parts)
    outputs = [f"{name}.{one}" for name, some in card.head["config"]["outputs"].items() for one in some]
    with atomic_folder(out) as folder:
        atomic_write(folder / WEIGHTS, save(tensors))
        card.save(folder)
        module, size = load_module(folder, card), card.prepare["size"]
        module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        sizes, blank = str(module.sizes), torch.zeros(2, 3, size, size)
        save_graph(module.eval(), blank, folder, sizes=sizes, outputs=[*outputs, POOLED])
        for name, model in parts.items():
            (folder / name).mkdir()
            for file in (GRAPH, NEIGHBOURS):
                if (model.folder / file).is_file():
                    shutil.copyfile(model.folder / file, folder / name / file)
        _prove(Model(folder), parts)
    return out


def _named(models: Sequence[Model], names: Sequence[str]) -> dict[str, Model]:
    """The models by the names of the parts they become."""
    if len(models) < 2:
        raise InputError(f"{len(models)} model to join; give two or more")
    if names and len(names) != len(models):
        raise InputError(f"{len(names)} names for {len(models)} models; give one for each, in their order")
    called = list(names) or [model.card.task for model in models]
    for name, times in Counter(called).items():
        if times > 1:
            raise InputError(
                f"{times} parts would be called '{name}'; name each, in their order: --as {name} --as other"
            )
        if not _NAME.fullmatch(name):
            raise InputError(f"'{name}' cannot name a part; use small letters, digits, - and _")
    return dict(zip(called, models, strict=True))


def _checked(parts: Mapping[str, Model]) -> Tensors:
    """The weights of the joined model, of models that can be joined."""
    first, *others = parts.values()
    for model in parts.values():
        _check_kind(model)
    for model in others:
        _check_same(first, model)
    shared = {name: one for name, one in stored_weights(first.folder).items() if name.startswith(FRONTEND)}
    tensors = dict(shared)
    for part, model in parts.items():
        own = stored_weights(model.folder)
        if name := _other(shared, {name: one for name, one in own.items() if name.startswith(FRONTEND)}):
            raise InputError(
                f"'{model.folder}' has other weights in its front-end than '{first.folder}', the first of "
                f"them '{name}'; {_REMEDY}"
            )
        prefix = head_prefix(part)
        heads = {name: one for name, one in own.items() if name.startswith(HEAD)}
        tensors |= {name.replace(HEAD, prefix, 1): one for name, one in heads.items()}
    return tensors


def _check_kind(model: Model) -> None:
    """Refuse what is no recogniser in a folder."""
    if model.card.parts:
        raise InputError(f"'{model.folder}' is joined already; give the models that it was made of")
    if not model.folder.is_dir():
        raise InputError(f"'{model.folder}' is an exported file; give the folder that it was made from")
    if model.card.builder != "recognizer":
        raise InputError(f"'{model.folder}' is no front-end with a head, so it cannot share one")


def _check_same(first: Model, other: Model) -> None:
    """Refuse another front-end, or pictures prepared otherwise, with what differs."""
    one, two = first.card.frontend, other.card.frontend
    if one != two:
        raise InputError(
            f"'{other.folder}' has the front-end {_words(two)}, '{first.folder}' has {_words(one)}; {_REMEDY}"
        )
    mine, theirs = first.card.prepare, other.card.prepare
    for key in sorted({*mine, *theirs}):
        if mine.get(key) != theirs.get(key):
            raise InputError(
                f"'{other.folder}' prepares pictures with {key} {theirs.get(key)}, '{first.folder}' with "
                f"{mine.get(key)}; {_REMEDY}"
            )


def _words(frontend: Mapping[str, Any]) -> str:
    plain = {name: value for name, value in frontend["config"].items() if name != "checkpoint"}  # a page long
    config = ", ".join(f"{name} {value}" for name, value in plain.items())
    return f"'{frontend['name']}'" + (f" ({config})" if config else "")


def _other(one: Tensors, two: Tensors) -> str:
    """The first weight that differs in any bit, or is missing; nothing where all are the same."""
    for name in [*one, *(name for name in two if name not in one)]:
        if name not in one or name not in two or not np.array_equal(one[name], two[name]):
            return name
    return ""


def _card(parts: Mapping[str, Model]) -> Card:
    cards = {name: model.card for name, model in parts.items()}
    first = next(iter(cards.values()))
    terms = {f"{name}, {what}": words for name, card in cards.items() for what, words in card.terms.items()}
    return Card(
        task=JOINED.name,
        name=" + ".join(card.name for card in cards.values()),
        builder=JOINED.builder,
        frontend=first.frontend,
        head={"name": JOINED.head, "config": {"outputs": {name: _outputs(m) for name, m in parts.items()}}},
        names=tuple(cards),
        prepare=first.prepare,
        decode={},
        terms=terms,
        limits="each part is as weak as it was alone; its card says how weak",
        parts=cards,
    )


def _outputs(model: Model) -> list[str]:
    """What decoding reads of a model, as its graph calls it."""
    side = model.card.prepare["size"]
    count = len(model.outputs(np.zeros((1, 3, side, side), np.float32)))
    return [RAW, PROTOTYPES][:count]


def _prove(whole: Model, parts: Mapping[str, Model]) -> None:
    """See that the graph of all answers as the graph of each."""
    side = whole.card.prepare["size"]
    noise = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
    together = whole.outputs(noise)
    for name, place in whole.card.places.items():
        for one, alone in zip(together[place], parts[name].outputs(noise), strict=True):
            apart = float(np.abs(one - alone).max() / max(1.0, float(np.abs(alone).max())))
            if not apart <= _APART:
                raise ModelError(
                    f"'{parts[name].folder}': joined, its answers are {apart:.1e} from those it gives alone, "
                    "which macaw cannot answer for; report it"
                )


def _attribute(name: str) -> str:
    """What the module of a part is called: a prefix, since `train` or `type` would hide a method."""
    return head_prefix(name).removesuffix(".")
