"""Convolution blocks: dense 3x3 where maps are large and narrow, light where they are small and wide.

Shapes: B batch, D channels, H and W rows and columns of the map.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn


class ConvNorm(nn.Sequential):
    """Convolution, BatchNorm and, unless `act` is "none", ReLU.

    (B, D, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)), for odd kernels. ReLU and BatchNorm because
    an engine folds both into the convolution, in fp32 and in int8 alike.
    """

    def __init__(
        self, width: int, out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1, act: str = "relu"
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(width, out, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out),
        ]
        if act == "relu":
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)
        # The norm cancels the filters' scale, which an optimizer may use (training/muon.py)
        self[0].weight.scale_free = True  # type: ignore[union-attr]

    @property
    def norm(self) -> nn.BatchNorm2d:
        """The BatchNorm after the convolution."""
        return cast(nn.BatchNorm2d, self[1])


class Dense(nn.Module):
    """Two dense 3x3 convolutions and a skip, the basic block of He et al. 2015 (arXiv 1512.03385, fig. 5)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvNorm(width, width)
        self.second = ConvNorm(width, width, act="none")
        # A block begins as the identity: its branch starts at 0 (Goyal et al. 2017, arXiv 1706.02677, 5.1)
        nn.init.zeros_(self.second.norm.weight)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.act(x + self.second(self.first(x)))  # (B, D, H, W)
        return out


class Light(nn.Module):
    """Depthwise, expand, project with a skip: the "ConvNext-like" universal inverted bottleneck.

    Qin et al. 2024 (MobileNetV4, arXiv 2404.10518, section 3). The one non-linearity sits where it is widest.
    """

    def __init__(self, width: int, *, expand: int = 3, kernel: int = 3) -> None:
        super().__init__()
        self.depthwise = ConvNorm(width, width, kernel=kernel, groups=width, act="none")
        self.expand = ConvNorm(width, width * expand, kernel=1)
        self.project = ConvNorm(width * expand, width, kernel=1, act="none")
        nn.init.zeros_(self.project.norm.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.project(self.expand(self.depthwise(x)))  # (B, D, H, W)
        return out
