"""Light convolutions: depthwise then pointwise, and one whose filters are shared by levels that norm apart.

Shapes: B batch, D channels, H and W rows and columns of the map
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from macaw.layers.conv import ConvNorm


class Separable(nn.Sequential):
    """Depthwise k x k, then pointwise 1 x 1, each with BatchNorm and ReLU.

    Howard et al. 2017 (MobileNets, arXiv 1704.04861, section 3.1). (B, D, H, W) -> (B, out, ceil(H / stride),
    ceil(W / stride)). On small maps 5 x 5 costs hardly more than 3 x 3: the pointwise part dominates.
    """

    def __init__(self, width: int, out: int, *, kernel: int = 5, stride: int = 1) -> None:
        super().__init__(
            ConvNorm(width, width, kernel=kernel, stride=stride, groups=width),
            ConvNorm(width, out, kernel=1),
        )


class SharedConv(nn.Module):
    """One bank of filters for all levels of a pyramid, and a BatchNorm for each; then ReLU.

    An object looks the same at every level but for its size, so levels may learn from each other; their
    statistics differ, so they must not share a norm (Lyu et al. 2022, RTMDet, arXiv 2212.07784, section 3.2).
    (B, D, H, W) -> (B, out, H, W), for odd kernels.
    """

    def __init__(self, width: int, out: int, *, levels: int, kernel: int = 3, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, out, kernel, 1, kernel // 2, groups=groups, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out) for _ in range(levels))
        self.conv.weight.scale_free = True  # type: ignore[attr-defined]  # see layers/conv.py

    def forward(self, x: torch.Tensor, level: int) -> torch.Tensor:
        return F.relu(self.norms[level](self.conv(x)), inplace=True)
