"""Maps by gradient: what each place of a picture adds to the evidence as the picture comes out of its blur.

Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365), taken at the input and at every level of
the front-end, where they are called conductance (Dhamdhere et al. 2018, arXiv 1805.12233). What the positions
of a level add sums to the whole change of the evidence, whichever level it is: fine levels know where, coarse
ones know what, and their mean keeps the sum. Chosen on training pictures: hiding and showing pixels in its
order moves the answer more than by LayerCAM, which points a little better (BENCHMARKS.md).

Shapes: K points of the way, S side of the prepared picture, D channels and H, W positions of a level
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from macaw.metrics.maps import BLUR, blur, rank_correlation
from macaw.results.evidence import Sanity

STEPS = 16  # of the way: the sum is then 2 % off on the embedded model; 8 are enough to compare two maps by
SMOOTH = 1 / 40  # of the picture's side: single pixels of the input carry the grain of the first filters
_BATCH = 8  # points of the way at a time: what gradients need of a large network fills the memory
_STAGES = 6  # of the cascade at the most: the parts of a deep network are made random in groups

Goal = Callable[[torch.Tensor], torch.Tensor]  # raw output (K, C) -> evidence (K,)


def log_odds(target: int, against: int | None, *, multi: bool, temperature: float) -> Goal:
    """What macaw.explanation.case.Case.odds is, in torch."""

    def goal(raw: torch.Tensor) -> torch.Tensor:
        logits = raw / temperature
        if against is not None:
            return logits[:, target] - logits[:, against]
        if multi:
            return logits[:, target]
        others = logits.clone()
        others[:, target] = -torch.inf
        return logits[:, target] - others.logsumexp(1)

    return goal


def gradient_map(module: Any, picture: np.ndarray, goal: Goal, *, steps: int = STEPS) -> np.ndarray:
    """Where in `picture` (3, S, S) the recogniser `module` finds what speaks for the goal: (S, S), -1..1.

    The mean over the input and all levels; a level that the answer does not come from is left out.
    """
    side = picture.shape[-1]
    total = np.zeros((side, side))
    for added in added_evidence(module, picture, goal, steps=steps):
        fine = len(added) == side
        total += blur(added, SMOOTH * side) if fine else placed(added, side)
    return np.asarray(total / max(float(np.abs(total).max()), 1e-12), np.float32)


def added_evidence(module: Any, picture: np.ndarray, goal: Goal, *, steps: int = STEPS) -> list[np.ndarray]:
    """What each position added on the way to `picture`: (S, S) for the input, (H, W) for each level.

    Each sums to the evidence of the picture less that of its blur, up to the error of so many steps.
    """
    blank = blur(picture, BLUR * picture.shape[-1])
    way = np.linspace(0, 1, steps + 1, dtype=np.float32)[:, None, None, None]  # (K, 1, 1, 1)
    points = blank + way * (picture - blank)
    parts = [_seen(module, points[i : i + _BATCH], goal) for i in range(0, len(points), _BATCH)]
    found = []
    for pieces in zip(*parts, strict=True):
        values, slopes = (np.concatenate(some) for some in zip(*pieces, strict=True))  # (K, D, H, W) each
        found.append(np.einsum("kdhw,kdhw->hw", (slopes[1:] + slopes[:-1]) / 2, np.diff(values, axis=0)))
    return found


def _seen(module: Any, points: np.ndarray, goal: Goal) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values and gradients, (K, D, H, W) each, of the input and of each level that the goal comes from."""
    x = torch.from_numpy(points).requires_grad_()
    with torch.enable_grad():
        features = module.frontend(x)
        goals = goal(module.head(features))
    levels = [x, *(level for level in features.levels if level.requires_grad)]
    slopes = torch.autograd.grad(goals.sum(), levels, allow_unused=True)
    return [
        (level.detach().numpy(), slope.numpy())
        for level, slope in zip(levels, slopes, strict=True)
        if slope is not None
    ]


def placed(grid: np.ndarray, side: int) -> np.ndarray:
    """An (H, W) grid laid over the picture, (S, S), linear between the centres of its cells; same sum."""
    down, across = (_spread(count, side) for count in grid.shape)
    return np.asarray(down @ grid @ across.T)


def _spread(count: int, side: int) -> np.ndarray:
    """(S, count): the share of each of `count` cells that each pixel along a side gets; columns sum to 1."""
    centres = (np.arange(count) + 0.5) * side / count - 0.5
    weights = np.stack([np.interp(np.arange(side), centres, one) for one in np.eye(count)], axis=1)
    return np.asarray(weights / weights.sum(axis=0))


def randomised(module: Any, picture: np.ndarray, goal: Goal, *, seed: int = 0) -> Sanity:
    """The map's likeness to those of the network with more and more of it made random, from the head down.

    Adebayo et al. 2018 (arXiv 1810.03292), section 3. Weights are made random by shuffling the values of each
    tensor, which keeps their scale: the signal neither dies nor explodes on its way.
    """
    steps = STEPS // 2
    trained = gradient_map(module, picture, goal, steps=steps)
    found = {
        stage: rank_correlation(trained, gradient_map(other, picture, goal, steps=steps))
        for stage, other in _cascade(module, seed)
    }
    return Sanity(tuple(found), np.array([*found.values()]))


def _cascade(module: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """One copy of the module, with a further part of it made random each time it is given out."""
    other, noise = copy.deepcopy(module), torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = [*reversed(other.frontend.parts())]
    size = -(-len(parts) // (_STAGES - 1))
    groups = [[other.head], *(parts[i : i + size] for i in range(0, len(parts), size))]
    for done, group in enumerate(groups):
        for tensor in (tensor for part in group for tensor in part.parameters()):
            order = torch.randperm(tensor.numel(), generator=noise)
            tensor.data = tensor.data.reshape(-1)[order].reshape(tensor.shape)
        reached = min(done * size, len(parts))
        name = "and everything" if reached == len(parts) else f"and {reached} of {len(parts)} parts"
        yield name if done else "the head", other
