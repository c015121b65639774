"""Whole masks: segmenters of the Hub (SegFormer, Mask2Former), as the raw output that masks are read from.

Shapes: B batch, Q queries, C classes, h and w cells, H and W sides of the prepared picture, D channels
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from macaw.recognition.whole import Whole, pooled_of

_CELLS = 384  # rows and columns at which the library reads the masks of queries, whatever the picture's size


class Segformer(Whole):
    """(B, 3, H, W) -> (B, C, H / 4, W / 4): the logits of each class (Xie et al. 2021, arXiv 2105.15203)."""

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        answer = self.net(x, output_hidden_states=True, return_dict=True)
        return answer.logits, pooled_of({"encoder_last_hidden_state": answer.hidden_states[-1]})


class Mask2Former(Whole):
    """(B, 3, H, W) -> (B, C, 384, 384): what all queries vote (Cheng et al. 2022, arXiv 2112.01527).

    A query votes for a class in a cell by how sure it is of the class, times how sure that its mask is there.
    The sums, 0 or more, are no logits; the largest wins.
    """

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        answer = self.net(x, return_dict=True)
        masks = functional.interpolate(
            answer.masks_queries_logits, size=(_CELLS, _CELLS), mode="bilinear", align_corners=False
        )  # (B, Q, h, w)
        classes = answer.class_queries_logits.softmax(-1)[..., :-1]  # (B, Q, C): the last is "nothing"
        return torch.einsum("bqc,bqhw->bchw", classes, masks.sigmoid()), pooled_of(answer)

    def apart(self, given: np.ndarray, wanted: np.ndarray) -> float:
        """How far an output is from the one it should be, as a share of the largest, in half of its numbers.

        Each layer attends where the mask before it is over one half. Rounding tips a cell of many thousand
        now and then, which moves the queries that looked there; a graph that is wrong is so everywhere.
        """
        return float(np.median(np.abs(given - wanted)) / max(1.0, np.abs(wanted).max()))
