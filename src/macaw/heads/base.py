"""Head: turns a front-end's features into an answer; one file holds its layer, its targets and its loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from macaw.errors import UnknownName
from macaw.frontends.base import Features, Frontend
from macaw.registry import HEADS


class Head(nn.Module):
    """The contract: `forward` gives raw tensors, `loss` compares them with targets, numpy code decodes them.

    Constructor arguments are kept under their own names in `config`; the first is the front-end's width, or
    the widths of its levels where the head reads those.
    """

    dims: tuple[int, ...]  # which front-ends it can read, by their number of position axes
    reads: str = "pooled"  # what its first argument describes: the "pooled" features, or all "levels"
    sizes: str = "any"  # which pictures its graph takes: "any", or "fixed" to those it was made for
    config: dict[str, Any]

    def forward(self, features: Features) -> Any:
        """Features -> what `loss` compares; by default that is the raw output, which decoding reads."""
        raise NotImplementedError

    def decoded(self, features: Features) -> tuple[torch.Tensor, ...]:
        """Features -> the raw output, and what else decoding reads, as the graph gives them."""
        return (self(features),)

    def loss(self, raw: Any, targets: Any, features: Features) -> torch.Tensor:
        """One number to minimise: the mean over the batch."""
        raise NotImplementedError


def check_pair(frontend: Frontend, head: Head) -> None:
    """Refuse a head that cannot read this front-end, and list those that can.

    Raises UnknownName.
    """
    if frontend.dims in head.dims:
        return
    fitting = [name for name in HEADS.names() if frontend.dims in HEADS.get(name).dims]
    raise UnknownName(
        f"head '{type(head).__name__}' reads features with {' or '.join(map(str, head.dims))} position axes, "
        f"'{type(frontend).__name__}' gives {frontend.dims}; "
        f"heads that can: {', '.join(fitting) or 'none yet'}"
    )
