"""Label head: one label, or any number of labels, for the whole input; a linear layer on the pooled features.

Shapes: B batch, D channels, C labels
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.heads.base import Head


class LabelHead(Head):
    """Pooled features (B, D) -> logits (B, C).

    `multi`: "no" for one label an input (softmax), "yes" for any number (one sigmoid each). `weights`: one
    per label, mean 1, to even out unbalanced classes; `smoothing`: the share of the target spread over all
    labels (Szegedy et al. 2015, arXiv 1512.00567, section 7), for single labels only. Raises InputError for
    values that cannot be.
    """

    dims = (1, 2)

    def __init__(
        self,
        width: int,
        *,
        labels: int,
        multi: str = "no",
        smoothing: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if multi not in {"yes", "no"}:
            raise InputError(f"multi={multi!r}: 'yes' (any number of labels) or 'no' (one)")
        if weights is not None and len(weights) != labels:
            raise InputError(f"weights has {len(weights)} entries for {labels} labels; give one for each")
        self.config = {
            "labels": labels, "multi": multi, "smoothing": smoothing,
            "weights": None if weights is None else [float(w) for w in weights],
        }  # fmt: skip
        self.out = nn.Linear(width, labels)
        # Zero start: the first answers are uniform whatever the front-end, the first gradients are the data's
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        # Not persistent: they shape the training, not the answer, so they live in the card, not in the state
        self.weights: torch.Tensor | None
        tensor = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", tensor, persistent=False)

    def forward(self, features: Features) -> torch.Tensor:
        raw: torch.Tensor = self.out(features.pooled)  # (B, C)
        return raw

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        """`targets`: (B,) int64, or (B, C) shares (mixed pictures), or (B, C) zeros and ones when `multi`."""
        raw = raw.float()
        if self.config["multi"] == "yes":
            return F.binary_cross_entropy_with_logits(raw, targets.float(), pos_weight=self.weights)
        return F.cross_entropy(raw, targets, weight=self.weights, label_smoothing=self.config["smoothing"])
