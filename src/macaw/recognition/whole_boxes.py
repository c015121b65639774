"""Whole boxes: detectors of the Hub whose queries are objects (RT-DETR, D-FINE), as macaw's raw output.

Shapes: B batch, Q queries, C classes, H and W sides of the prepared picture
"""

from __future__ import annotations

import numpy as np
import torch

from macaw.recognition.whole import Whole, pooled_of


class QueryBoxes(Whole):
    """(B, 3, H, W) -> (B, Q, 4 + C): a query's left, top, right, bottom in prepared pixels, scores of 0..1.

    The networks give centre, width and height as shares of the picture, and a logit for each class.
    """

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        answer = self.net(x, return_dict=True)
        sides = torch.tensor([x.shape[3], x.shape[2]], dtype=x.dtype, device=x.device)
        centre, half = answer.pred_boxes[..., :2], answer.pred_boxes[..., 2:] / 2
        xyxy = torch.cat([(centre - half) * sides, (centre + half) * sides], -1)  # (B, Q, 4)
        return torch.cat([xyxy, answer.logits.sigmoid()], -1), pooled_of(answer)

    def apart(self, given: np.ndarray, wanted: np.ndarray) -> float:
        """How far an output is from the one it should be, as a share of the largest, in any order of queries.

        Queries stand in the order of their scores, which rounding may change.
        """
        if given.ndim == 3:
            given = np.stack([_like(one, other) for one, other in zip(given, wanted, strict=True)])
        return float(np.abs(given - wanted).max() / max(1.0, np.abs(wanted).max()))


def _like(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The rows of `given` (Q, D) that are nearest to those of `wanted` (Q, D), one for each of these."""
    far = np.stack([np.abs(given - row).max(1) for row in wanted])  # (Q, Q)
    return np.asarray(given[far.argmin(1)])
