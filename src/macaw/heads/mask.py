"""Mask head: a class for every pixel; coarse levels say what, fine ones where, and a look at the whole both.

Peng et al. 2022 (PP-LiteSeg, arXiv 2204.02681) show that a light decoder is enough when the whole picture has
its say; here that is the gate of Howard et al. 2019 (LR-ASPP, arXiv 1905.02244, section 6.4): one mean over
the coarsest level, which every engine knows and which works for any size.

Shapes: B pictures, C classes, H and W rows and columns of the labels, h and w of the raw output
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
from macaw.layers.conv import ConvNorm
from macaw.layers.pyramid import Finer, TopDown

LEVELS = 3  # the coarsest so many are joined; the one before them, if there is one, adds its edges
IGNORE = 255  # a pixel of which no class is known


class Gate(nn.Module):
    """(B, D, H, W) -> (B, D, H, W): channels let through by what the whole map holds."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = ConvNorm(width, width, kernel=1)
        self.weigh = nn.Conv2d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        share = self.weigh(x.mean((2, 3), keepdim=True)).sigmoid()  # (B, D, 1, 1)
        out: torch.Tensor = self.look(x) * share
        return out


class MaskHead(Head):
    """Levels (B, widths[i], H_i, W_i) -> logits (B, C, h, w), on the grid of the level before the last three.

    `share`: the part of the pixels, those with the largest loss, that are learned from (Shrivastava et al.
    2016, OHEM, arXiv 1604.03540); 1 for all. `weights`: one per class, mean 1, against rare classes being
    forgotten. Raises InputError for values that cannot be.
    """

    dims = (2,)
    reads = "levels"  # its constructor takes the widths of all levels

    def __init__(
        self, widths: Sequence[int], *, labels: int, width: int = 96, share: float = 1.0,
        weights: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not 0 < share <= 1:
            raise InputError(f"share={share}: above 0 and up to 1, the part of the pixels to learn from")
        if weights is not None and len(weights) != labels:
            raise InputError(f"weights has {len(weights)} entries for {labels} classes; give one for each")
        self.config = {
            "labels": labels, "width": width, "share": share,
            "weights": None if weights is None else [float(w) for w in weights],
        }  # fmt: skip
        slim = max(8, width // 16 * 8)  # half: at stride 4 there are four times as many positions
        self.gate = Gate(widths[-1])
        self.join = TopDown(widths[-LEVELS:], width=width)
        self.finer = Finer(width, widths[-LEVELS - 1], out=slim) if len(widths) > LEVELS else None
        self.out = nn.Conv2d(slim if self.finer else width, labels, 1)
        # Not persistent, as in heads/label.py: they shape the training, not the answer
        self.weights: torch.Tensor | None
        tensor = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", tensor, persistent=False)

    def forward(self, features: Features) -> torch.Tensor:
        levels = list(features.levels)
        levels[-1] = self.gate(levels[-1])
        x = self.join(levels[-LEVELS:])[0]
        if self.finer is not None:
            x = self.finer(x, levels[-LEVELS - 1])
        raw: torch.Tensor = self.out(x)  # (B, C, h, w)
        return raw

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        """Cross-entropy with `targets` (B, H, W), 255 where no class is known, over the hardest pixels.

        The logits are brought to the labels' size, bilinearly, as decoding does: labels brought down to
        stride 4 would lose whatever is thinner than that, and the border would be learned where it is not.
        """
        raw = F.interpolate(raw.float(), size=targets.shape[-2:], mode="bilinear", align_corners=False)
        truth = targets.long()
        each = F.cross_entropy(raw, truth, weight=self.weights, ignore_index=IGNORE, reduction="none")
        known = truth != IGNORE
        each, worth = each[known], self._worth(truth[known])
        if self.config["share"] < 1 and len(each):
            each, hardest = each.topk(math.ceil(self.config["share"] * len(each)), sorted=False)
            worth = worth[hardest]
        # Nothing known: no gradient, but a number
        return each.sum() / worth.sum().clamp(min=1e-6) if len(each) else raw.sum() * 0

    def _worth(self, truth: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(truth)) if self.weights is None else self.weights[truth]
