"""Hub front-end: the network of an image checkpoint in Hugging Face format, as a front-end like ours.

The network is the transformers library's own, so that its answers are. Pooled is what the checkpoint's own
classifier reads, whatever the family makes of its last map: a mean, a norm of it, a class token, or both.

Shapes: B batch, D channels, H and W rows and columns of the picture, N tokens
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from macaw.frontends.base import Features, Frontend
from macaw.frontends.families import Family, family_of
from macaw.frontends.hubnet import fresh_network, patch_of, run_network, side_of


@dataclass(frozen=True)
class Level:
    """One level of features, found by a run without arithmetic."""

    module: str  # whose output it is
    width: int  # D
    stride: int  # pixels for each position


_SIDE = 256  # pixels of the picture that tells strides where any size will do

# Outputs by their places, while a front-end runs in this thread: another thread may run the same one
_SEEN: ContextVar[dict[int, torch.Tensor] | None] = ContextVar("_SEEN", default=None)


class HubFrontend(Frontend):
    """(B, 3, H, W) -> the maps of a checkpoint's network; pooled is what the checkpoint's classifier reads.

    `checkpoint` is its config.json. A convolutional network gives a level for each stride, and so does one of
    windows; one of patches gives a single level, their grid, without class and register tokens. H and W are
    multiples of the last stride. Papers: those named in `macaw.frontends.families`. Raises InputError for
    another family, or a config that describes no network; MissingExtra without transformers.
    """

    dims = 2

    def __init__(self, *, checkpoint: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = {"checkpoint": dict(checkpoint)}
        self.family = family_of(checkpoint)
        with torch.device("meta"):
            levels, self._width = _survey(fresh_network(checkpoint), self.family)
        self.widths = tuple(level.width for level in levels)
        self.strides = tuple(level.stride for level in levels)
        self.net = fresh_network(checkpoint)
        _watch(self.net, [level.module for level in levels])
        padded = getattr(self.net.config, "tf_padding", False)  # by as many pixels as the size asks for
        self.sizes = "fixed" if padded or self.family.tokens != "none" else "any"
        takes = inspect.signature(self.net.forward).parameters
        self._made_for = side_of(self.net.config) if "interpolate_pos_encoding" in takes else None

    @property
    def width(self) -> int:
        """Channels of what the checkpoint's classifier reads."""
        return self._width

    def parts(self) -> list[nn.Module]:
        """Its stem, each stage or layer, and what follows them."""
        return [part for part in _parts(self.net) if next(part.parameters(), None) is not None]

    def forward(self, *batch: torch.Tensor) -> Features:
        sides = batch[0].shape[-2:]
        options: dict[str, Any] = {}
        if self._made_for is not None and any(side != self._made_for for side in sides):
            options["interpolate_pos_encoding"] = True  # its positions are those of another size
        seen, summary = _run(self.net, batch[0], **options)
        levels = [
            _as_map(seen[i], sides, stride, self.family.tokens) for i, stride in enumerate(self.strides)
        ]
        return Features(tuple(levels), summary=summary)


def _survey(net: Any, family: Family) -> tuple[list[Level], int]:
    """The levels of a network on the meta device, fine to coarse, and the width of what is pooled."""
    side = _SIDE if family.tokens == "none" else side_of(net.config)
    names = [name for name, _ in net.named_modules() if re.fullmatch(rf"(\w+\.)?({family.maps})", name)]
    _watch(net.eval(), names)
    with torch.no_grad():
        seen, summary = _run(net, torch.zeros(2, 3, side, side))
    levels: dict[int, Level] = {}
    for place, name in enumerate(names):
        shape = seen[place].shape
        if family.tokens == "none":
            width, stride = shape[1], round(side / shape[2])
        else:
            width = shape[2]
            stride = patch_of(net.config) if family.tokens == "led" else side // math.isqrt(shape[1])
        levels[stride] = Level(name, width, stride)
    return [levels[stride] for stride in sorted(levels)], summary.shape[1]


def _watch(net: Any, names: list[str]) -> None:
    for place, name in enumerate(names):
        net.get_submodule(name).register_forward_hook(partial(_note, place))


def _note(place: int, module: nn.Module, inputs: Any, output: Any) -> None:
    seen = _SEEN.get()
    if seen is not None:
        seen[place] = output[0] if isinstance(output, tuple) else output


def _run(net: Any, pictures: torch.Tensor, **options: Any) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """What the watched modules gave, by their places, and the answer (B, D)."""
    seen: dict[int, torch.Tensor] = {}
    token = _SEEN.set(seen)
    try:
        return seen, run_network(net, pictures, **options)
    finally:
        _SEEN.reset(token)


def _as_map(output: torch.Tensor, sides: torch.Size, stride: int, tokens: str) -> torch.Tensor:
    """A module's output as a map (B, D, rows, columns), without the tokens that have no place."""
    if tokens == "none":
        return output
    # A patch that the edge cuts off is left out, a window that it cuts off is padded
    rows, columns = (side // stride if tokens == "led" else -(-side // stride) for side in sides)
    grid = output[:, output.shape[1] - rows * columns :]  # (B, rows * columns, D)
    return grid.transpose(1, 2).reshape(-1, output.shape[2], rows, columns)


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """From input to output: what comes before a list of stages or layers, each of these, what comes after."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        elif any(isinstance(inner, nn.ModuleList) for inner in child.modules()):
            yield from _parts(child)
        else:
            yield child
