"""Ledger: how the head adds up its logit for one class from the features; weights alone, no torch.

Shapes: C classes, D channels
"""

from __future__ import annotations

import numpy as np

from macaw.model import Model
from macaw.results.insides import Ledger
from macaw.runtime.graph import read_weights

WEIGHT, BIAS = "head.out.weight", "head.out.bias"  # (C, D) and (C,), of macaw.heads.label


def head_ledger(model: Model, features: np.ndarray, target: int, against: int | None = None) -> Ledger | None:
    """The account for class `target` of pooled features (D,), or its difference from that for `against`.

    None where the head is not one linear layer. Raises ModelError for a damaged folder.
    """
    tensors = read_weights(model.folder)
    weight, bias = tensors.get(WEIGHT), tensors.get(BIAS)
    if weight is None or bias is None or weight.shape != (len(bias), len(features)):
        return None
    row, offset = weight[target], float(bias[target])
    if against is not None:
        row, offset = row - weight[against], offset - float(bias[against])
    return Ledger(row, features, offset)
