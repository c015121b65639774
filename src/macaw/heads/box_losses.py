"""Losses of boxes: scores that say how well a box lies, boxes that overlap, edges as distributions, masks.

Shapes: B pictures, A cells of a picture, C classes, M cells that answer for an object, N bins, S masks
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

_TINY = 1e-7


def overlaps(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """IoU of each pair (..., 4): 0..1; a box turned inside out overlaps with nothing."""
    both, union = _areas(boxes, others)
    return both / union


def giou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Generalised IoU of each pair (..., 4): -1..1 (Rezatofighi et al. 2019, arXiv 1902.09630, algorithm 1).

    Where boxes do not meet it still tells in which direction they would.
    """
    both, union = _areas(boxes, others)
    low, high = torch.minimum(boxes, others)[..., :2], torch.maximum(boxes, others)[..., 2:]
    hull = _area(low, high).clamp(min=_TINY)
    return both / union - (hull - union) / hull


def quality_focal(
    logits: torch.Tensor,
    where: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    quality: torch.Tensor,
    *,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sum over (B, A, C) of |y - s|^2 times the cross-entropy of the score s with y.

    y is `quality` (M,) at `where`, the picture, cell and class of each, and 0 everywhere else. Li et al. 2020
    (GFL, arXiv 2006.04388, equation 5, beta 2): one number says what it is and how well it lies, which is
    what answers are ranked by. `counts` (B, A) bool leaves cells out.
    """
    empty = _empty(logits).sum(-1)  # (B, A)
    total = (empty if counts is None else empty * counts).sum()
    mine = logits[where]  # (M,)
    cross = F.binary_cross_entropy_with_logits(mine, quality, reduction="none")
    return total + ((quality - mine.sigmoid()).square() * cross - _empty(mine)).sum()


def _empty(logits: torch.Tensor) -> torch.Tensor:
    """s^2 * softplus(x), s = sigmoid(x): the focal loss of scores that ought to be 0."""
    out: torch.Tensor = _Empty.apply(logits)  # type: ignore[no-untyped-call]
    return out


class _Empty(torch.autograd.Function):
    """Its gradient s^2 * (2 * (1 - s) * softplus(x) + s) is found on the way and kept.

    It runs over every class of every cell, where passes over memory are all that it costs.
    """

    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        score, rest = x.sigmoid(), F.softplus(x)
        square = score.square()
        if context.needs_input_grad[0]:
            context.save_for_backward((1 - score).mul_(rest).mul_(2).add_(score).mul_(square))
        return rest.mul_(square)

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        slope: torch.Tensor = context.saved_tensors[0]
        return gradients[0] * slope


def edge_bins(logits: torch.Tensor, wanted: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Distribution focal loss: (M, 4, N) logits and (M, 4) distances -> (M,), the mean over the edges.

    Cross-entropy with the two of `values` (N,), rising, that enclose the distance, shared so that their mean
    is the distance (GFL, equation 6, there for values one apart). Distances beyond the ends count as these.
    """
    wanted = wanted.clamp(values[0], values[-1]).contiguous()
    upper = torch.searchsorted(values, wanted).clamp(1, len(values) - 1)
    share = (wanted - values[upper - 1]) / (values[upper] - values[upper - 1])  # of the upper one
    log = logits.log_softmax(-1)
    below, above = log.gather(-1, upper[..., None] - 1), log.gather(-1, upper[..., None])
    return -((1 - share) * below[..., 0] + share * above[..., 0]).mean(-1)


def mask_cross(logits: torch.Tensor, masks: torch.Tensor, xyxy: torch.Tensor) -> torch.Tensor:
    """(S, h, w) logits and shares 0..1, boxes (S, 4) in their cells -> (S,): mean cross-entropy in the box.

    Bolya et al. 2019 (YOLACT, arXiv 1904.02689, section 3.4): outside its box a mask is cut off, so it need
    not be right there, and it is divided by the area, so that small objects count as much as large ones. The
    box is widened by a tenth and by a cell on each side, for the boxes found are not exact.
    """
    margin = (xyxy[:, 2:] - xyxy[:, :2]) * 0.1 + 1  # (S, 2)
    low, high = xyxy[:, :2] - margin, xyxy[:, 2:] + margin
    rows, columns = (torch.arange(side, device=logits.device) + 0.5 for side in logits.shape[-2:])
    across = (columns >= low[:, :1]) & (columns <= high[:, :1])  # (S, w)
    down = (rows >= low[:, 1:]) & (rows <= high[:, 1:])  # (S, h)
    near = down[:, :, None] & across[:, None, :]
    cross = F.binary_cross_entropy_with_logits(logits, masks, reduction="none") * near
    return cross.sum((1, 2)) / near.sum((1, 2)).clamp(min=1)


def _areas(boxes: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Area of what is common to each pair, and of their union, never quite 0."""
    low, high = torch.maximum(boxes, others)[..., :2], torch.minimum(boxes, others)[..., 2:]
    both = _area(low, high)
    whole = _area(boxes[..., :2], boxes[..., 2:]) + _area(others[..., :2], others[..., 2:])
    return both, (whole - both).clamp(min=_TINY)


def _area(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """0 where a box is turned inside out."""
    sides = (high - low).clamp(min=0)
    return sides[..., 0] * sides[..., 1]
