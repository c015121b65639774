"""Image front-end: a small convolutional family, dense 3x3 blocks early and light blocks late.

Why this shape (ours, after the measurements of MobileNetV4, arXiv 2404.10518, on CPUs): early maps are large
and narrow, where a dense 3x3 convolution does two to three times more useful arithmetic per second than a
depthwise one; late maps are small and wide, where dense convolutions would hold nearly all parameters.
BatchNorm and ReLU throughout: an engine folds them into the convolution, and int8 loses little.

Shapes: B batch, H and W rows and columns of the picture
"""

from __future__ import annotations

import torch
from torch import nn

from macaw.errors import InputError
from macaw.frontends.base import Features, Frontend
from macaw.layers.conv import ConvNorm, Dense, Light

WIDTHS = (24, 64, 128, 256)  # at dial 1
BLOCKS = ((), (Dense,), (Dense,), (Light, Light))  # of each level, after the convolution that enters it


class ImageFrontend(Frontend):
    """(B, 3, H, W) of any H and W -> four levels (B, widths[i], ceil(H / strides[i]), ceil(W / strides[i])).

    `dial` scales the widths: 1 is the embedded model's, 0.5 about a quarter of its arithmetic. `reduction` is
    the stride of the first level: 4 for pictures of 128 pixels and more, 2 at 64, 1 at 32, so that small
    pictures keep their resolution. It changes no weight: what was trained at one reduction loads at another.
    Raises InputError for another reduction.
    """

    dims = 2

    def __init__(self, *, dial: float = 1.0, reduction: int = 4) -> None:
        super().__init__()
        if reduction not in {1, 2, 4}:
            raise InputError(f"reduction={reduction}: the stride of the first level is 1, 2 or 4")
        self.config = {"dial": dial, "reduction": reduction}
        self.widths = tuple(max(8, round(w * dial / 8) * 8) for w in WIDTHS)
        self.strides = tuple(reduction * s for s in (1, 2, 4, 8))
        entry = (2 if reduction == 4 else 1, 2, 2, 2)
        self.stem = ConvNorm(3, self.widths[0], stride=2 if reduction > 1 else 1)
        self.levels = nn.ModuleList()
        width = self.widths[0]
        for out, stride, blocks in zip(self.widths, entry, BLOCKS, strict=True):
            self.levels.append(
                nn.Sequential(ConvNorm(width, out, stride=stride), *(make(out) for make in blocks))
            )
            width = out

    def parts(self) -> list[nn.Module]:
        return [self.stem, *self.levels]

    def forward(self, *batch: torch.Tensor) -> Features:
        x = self.stem(batch[0])
        levels = []
        for level in self.levels:
            x = level(x)
            levels.append(x)  # (B, widths[i], ceil(H / strides[i]), ceil(W / strides[i]))
        return Features(tuple(levels))


def reduction_for(size: int) -> int:
    """The first level's stride for `size` pixels, so that from 16 on 2 positions a side reach the last."""
    return 1 if size < 48 else 2 if size < 96 else 4
