"""Point heads: where the named points of one object are; by two lines of bins, or by a map for each.

On a crop of one object a position is read more cheaply, and finer than the last level's stride, from two
classifiers, one across and one down (Li et al. 2021, SimCC, arXiv 2107.03332), as fast detectors of poses do
(Jiang et al. 2023, RTMPose, arXiv 2303.07399). Maps (Xiao et al. 2018, arXiv 1804.06208) know more of space
to begin with: the better choice for some hundred pictures, and for sizes that vary.

Shapes: B crops, K points, H and W rows and columns of the crop, X and Y bins across and down, h and w rows
and columns of a map
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.heads.base import Head
from macaw.layers.pyramid import Finer, TopDown

LEVELS = 3  # of the maps: the coarsest so many are joined; the one before them adds its edges
SPREAD = 2.0  # cells: standard deviation of a point on its map, on 64 x 48 of them in arXiv 1804.06208
PRIOR = 0.01  # first value of every map, which is nearly everywhere 0


class PointHead(Head):
    """The last level (B, widths[-1], h, w) -> logits (B, K, X + Y): bins across, then bins down.

    `size`: height and width of the crop, which is fixed. `bins` for each pixel: bin i is about the place
    (i + 0.5) / bins. Raises InputError for values that cannot be.
    """

    dims = (2,)
    reads = "levels"  # its constructor takes the widths of all levels
    sizes = "fixed"  # each bin reads the whole of the last level

    def __init__(
        self, widths: Sequence[int], *, points: int, size: Sequence[int], strides: Sequence[int],
        bins: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        if bins < 1 or min(size) < 1:
            raise InputError(f"bins={bins} for a crop of {tuple(size)} pixels; both are 1 or more")
        self.config = {"points": points, "size": list(size), "strides": list(strides), "bins": bins}
        rows, columns = (math.ceil(side / strides[-1]) for side in size)
        self.point = nn.Conv2d(widths[-1], points, 1)
        self.across = nn.Linear(rows * columns, size[1] * bins)
        self.down = nn.Linear(rows * columns, size[0] * bins)

    def forward(self, features: Features) -> torch.Tensor:
        x = self.point(features.levels[-1]).flatten(2)  # (B, K, h * w)
        return torch.cat((self.across(x), self.down(x)), -1)

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        """`targets`: (B, K, 3) x, y, v, pixels of the crop. Mean over both lines of the points that are seen.

        The divergence from a Gaussian about the point, whose variance is a 16th of the line's bins (RTMPose,
        section 3.3.3). Points with v 0, and those outside the crop, are not learned from.
        """
        height, width = self.config["size"]
        middle = width * self.config["bins"]
        lines = (raw[..., :middle].float(), raw[..., middle:].float())
        seen = visible(targets, height, width)  # (B, K)
        total = torch.zeros(())
        for logits, places in zip(lines, targets[..., :2].unbind(-1), strict=True):
            wanted = self._line(places, logits.shape[-1])
            apart = F.kl_div(logits.log_softmax(-1), wanted, reduction="none").sum(-1)
            total = total + (apart * seen).sum() / 2
        return total / seen.sum().clamp(min=1)

    def _line(self, places: torch.Tensor, count: int) -> torch.Tensor:
        """(B, K) pixels -> (B, K, count) shares that sum to 1."""
        centres = torch.arange(count, device=places.device) + 0.5
        away = (centres - places[..., None].float() * self.config["bins"]).square()  # squared bins
        shares: torch.Tensor = (-away / (2 * count / 16)).softmax(-1)
        return shares


class HeatmapHead(Head):
    """Levels (B, widths[i], H_i, W_i) -> logits (B, K, h, w), on the grid of the level before the last three.

    The cell in column c is about the place (c + 0.5) * stride.
    """

    dims = (2,)
    reads = "levels"  # its constructor takes the widths of all levels

    def __init__(
        self, widths: Sequence[int], *, points: int, strides: Sequence[int], width: int = 64
    ) -> None:
        super().__init__()
        self.config = {"points": points, "strides": list(strides), "width": width}
        self.join = TopDown(widths[-LEVELS:], width=width)
        self.finer = Finer(width, widths[-LEVELS - 1], out=width) if len(widths) > LEVELS else None
        self.stride = strides[max(0, len(strides) - LEVELS - 1)]
        self.out = nn.Conv2d(width, points, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        with torch.no_grad():
            self.out.bias.fill_(-math.log(1 / PRIOR - 1))  # type: ignore[union-attr]

    def forward(self, features: Features) -> torch.Tensor:
        x = self.join(features.levels[-LEVELS:])[0]
        if self.finer is not None:
            x = self.finer(x, features.levels[-LEVELS - 1])
        raw: torch.Tensor = self.out(x)  # (B, K, h, w)
        return raw

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        """`targets`: (B, K, 3) x, y, v, pixels of the crop. Cross-entropy with a Gaussian about each point.

        Divided by what the Gaussians amount to, not by the cells, of which nearly all are 0. Points with v 0,
        and those outside, are not learned from.
        """
        rows, columns = raw.shape[-2:]
        seen = visible(targets, rows * self.stride, columns * self.stride)  # (B, K)
        across, down = (
            self._line(places, count)
            for places, count in zip(targets[..., :2].unbind(-1), (columns, rows), strict=True)
        )
        wanted = down[..., :, None] * across[..., None, :]  # (B, K, h, w), 0..1
        each = F.binary_cross_entropy_with_logits(raw.float(), wanted, reduction="none").sum((2, 3))
        amount = (wanted.sum((2, 3)) * seen).sum()
        return (each * seen).sum() / amount.clamp(min=1)

    def _line(self, places: torch.Tensor, count: int) -> torch.Tensor:
        """(B, K) pixels -> (B, K, count) heights of a Gaussian whose top is 1."""
        centres = torch.arange(count, device=places.device) + 0.5
        away = centres - places[..., None].float() / self.stride
        return torch.exp(-away.square() / (2 * SPREAD**2))


def visible(targets: torch.Tensor, height: float, width: float) -> torch.Tensor:
    """(B, K, 3) -> (B, K) bool: the points that are labelled and lie in the picture."""
    x, y, v = targets.unbind(-1)
    return (v > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
