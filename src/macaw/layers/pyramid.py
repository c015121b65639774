"""Feature pyramid: levels of a front-end tell each other what they see, coarse to fine and back again.

The fine levels of a front-end know where things are, the coarse ones what they are; a detector needs both
everywhere. The path down is that of Lin et al. 2016 (FPN, arXiv 1612.03144), the path up that of Liu et al.
2018 (PANet, arXiv 1803.01534), and both are light as in Yu et al. 2021 (PP-PicoDet, arXiv 2111.00902, section
3.2): depthwise 5 x 5 and pointwise convolutions of one width at all levels. BatchNorm, ReLU and nearest
enlarging: an engine folds the first two, and none of the three loses in int8.

Shapes: B batch, D channels of a level, `width` channels of the pyramid, H and W rows and columns of a level
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from macaw.layers.conv import ConvNorm
from macaw.layers.separable import Separable


def enlarge(x: torch.Tensor, *, like: torch.Tensor) -> torch.Tensor:
    """`x` with the rows and columns of `like`, by repeating; the sizes may be any, and unknown to a graph."""
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


class Join(nn.Module):
    """Two maps of a size become one: put together, mixed by a 1 x 1, then looked at 5 x 5 beside a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = ConvNorm(2 * width, width, kernel=1)
        self.look = Separable(width, width)

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        x = self.mix(torch.cat((one, other), 1))  # (B, width, H, W)
        out: torch.Tensor = x + self.look(x)
        return out


class TopDown(nn.Module):
    """Levels (B, widths[i], H_i, W_i), fine to coarse -> the same levels (B, width, H_i, W_i).

    Each has seen all coarser ones. One level alone is only brought to the width.
    """

    def __init__(self, widths: Sequence[int], *, width: int = 96) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(ConvNorm(one, width, kernel=1) for one in widths)
        self.joins = nn.ModuleList(Join(width) for _ in widths[1:])

    def forward(self, levels: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        maps = [lateral(level) for lateral, level in zip(self.laterals, levels, strict=True)]
        for i in reversed(range(len(self.joins))):
            maps[i] = self.joins[i](maps[i], enlarge(maps[i + 1], like=maps[i]))
        return tuple(maps)


class Pyramid(nn.Module):
    """`TopDown`, and then up again: every level has seen all others. Shapes as there."""

    def __init__(self, widths: Sequence[int], *, width: int = 96) -> None:
        super().__init__()
        self.down = TopDown(widths, width=width)
        self.shrink = nn.ModuleList(Separable(width, width, stride=2) for _ in widths[1:])
        self.joins = nn.ModuleList(Join(width) for _ in widths[1:])

    def forward(self, levels: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        maps = list(self.down(levels))
        for i, (shrink, join) in enumerate(zip(self.shrink, self.joins, strict=True), start=1):
            maps[i] = join(maps[i], shrink(maps[i - 1]))
        return tuple(maps)


class Finer(nn.Module):
    """One step finer at little cost: (B, width, h, w) and a level (B, D, H, W) -> (B, out, H, W).

    For masks and heat maps, which want stride 4: most of a network's positions lie there, so few channels do.
    The level's own edges are added, not put beside, to the enlarged map.
    """

    def __init__(self, width: int, skip: int, *, out: int) -> None:
        super().__init__()
        self.narrow = ConvNorm(width, out, kernel=1)
        self.lateral = ConvNorm(skip, out, kernel=1)
        self.look = Separable(out, out, kernel=3)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        fine = self.lateral(level)  # (B, out, H, W)
        out: torch.Tensor = self.look(fine + enlarge(self.narrow(x), like=fine))
        return out
