"""Whole: a network of the Hub that is a model as it is, asked so that it answers as macaw's own models do.

The network is the transformers library's own, so that its answers are. A subclass for each kind of answer
makes of them the raw output that the decoder of its row reads; numpy does the rest, in every engine alike.

Shapes: B batch, H and W sides of the prepared picture, D channels, N tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from macaw.card import Card
from macaw.errors import ModelError
from macaw.frontends.hubload import built, check_whole, described, loaded
from macaw.recognition.wholes import WHOLES
from macaw.runtime.hubfiles import Checkpoint


class Whole(nn.Module):
    """Prepared pictures (B, 3, H, W) -> the raw output of a row of the table; a subclass says `outputs`.

    `net` is a class of the library with its weights; the state dict's names are its, below "net.".
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net: Any = net

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What its graph gives: the raw output, pooled features (B, D), what else decoding reads."""
        raise NotImplementedError

    def decoded(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The raw output, and what else decoding reads."""
        raw, _, *more = self.outputs(x)
        return (raw, *more)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outputs(x)[0]

    def frontend(self, x: torch.Tensor) -> SimpleNamespace:
        """The features alone, as engines ask for them."""
        return SimpleNamespace(pooled=self.outputs(x)[1])


def pooled_of(answer: Any) -> torch.Tensor:
    """(B, D): the mean of an encoder's last state: (B, N, D), or (B, D, H, W), of several the coarsest."""
    state: Any = answer["encoder_last_hidden_state"]
    last: torch.Tensor = state[-1] if isinstance(state, list | tuple) else state
    return last.mean(1) if last.ndim == 3 else last.flatten(2).mean(2)


def build(card: Card) -> Whole:
    """The network that the card of an adopted checkpoint describes, with fresh weights.

    Raises InputError for a config that describes none, MissingExtra without transformers.
    """
    kind = card.head["name"]
    if kind not in WHOLES:
        raise ModelError(f"this macaw knows no network '{kind}'; those it knows: {', '.join(WHOLES)}")
    config = described({**card.frontend["config"]["checkpoint"], **_table(len(card.names))})
    return _wrapped(kind, built(config, _class(kind)))


def read_whole(found: Checkpoint, kind: str) -> tuple[Whole, list[str]]:
    """A checkpoint's network in single precision, and the names of tensors that nothing uses.

    Raises ModelError for weights that are damaged, missing, or do not fit; InputError for a config that
    describes no network; MissingExtra.
    """
    net, missing, unused = loaded(described(found.config), _class(kind), found)
    check_whole(found, missing)
    return _wrapped(kind, net), unused


def _table(labels: int) -> Mapping[str, Any]:
    """Of a config what makes the head as wide as the class table; names are the card's."""
    return {"id2label": {place: str(place) for place in range(labels)}}


def _class(kind: str) -> Any:
    import transformers

    return getattr(transformers, kind)


def _wrapped(kind: str, net: nn.Module) -> Whole:
    module, name = WHOLES[kind].module.split(":")
    whole: Whole = getattr(import_module(module), name)(net)
    return whole.eval()
