"""Which cell answers for which object: task-aligned assignment, by how well the two already go together.

Feng et al. 2021 (TOOD, arXiv 2108.07755, section 3.2): a cell suits an object as s^0.5 * IoU^6, s its score
for the object's class and IoU how well its box lies; the ten best cells of each object learn it, or the one
best where answers must not repeat (Wang et al. 2024, YOLOv10, arXiv 2405.14458, section 3.1: the same
measure for both keeps them consistent). Ours: objects smaller than a cell of the finest level get the cells
nearest to them, and objects that lost all their cells to others get free ones, so that each is learned.

Everything is a list of pairs (object, cell), whatever pictures they come from: nothing is padded, and neither
an empty picture nor one with thousands of objects is a special case.

Shapes: B pictures, A cells of a picture, G objects of the batch, P pairs, M of them chosen
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from macaw.heads.box_losses import overlaps
from macaw.heads.scene import Scene

FLOOR = 0.1  # least quality of an object's best cell: an object nothing overlaps with must still be learned
_NEAR = 1e-9  # weight of closeness, which orders the cells whose boxes miss the object
_ROUNDS = 5  # in which objects without a cell look for a free one
_MEMORY = 4_000_000  # objects times cells looked at in one go


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the cells of all levels are, fine to coarse, rows before columns."""

    centres: torch.Tensor  # (A, 2) x, y, pixels of the prepared picture
    strides: torch.Tensor  # (A,) pixels


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of a batch in one list, and its crowds in another."""

    xyxy: torch.Tensor  # (G, 4)
    labels: torch.Tensor  # (G,)
    pictures: torch.Tensor  # (G,) which picture of the batch
    places: torch.Tensor  # (G,) which object of its scene
    crowds: torch.Tensor  # (I, 4) boxes of groups
    crowded: torch.Tensor  # (I,) their pictures


@dataclass(frozen=True, eq=False)
class Pairs:
    """Objects and cells that lie so that the cell may answer for the object; sorted by object."""

    objects: torch.Tensor  # (P,) into the G objects
    cells: torch.Tensor  # (P,) into the A cells
    closeness: torch.Tensor  # (P,) 0..1: 1 where the object's middle is the cell's


@dataclass(frozen=True, eq=False)
class Assigned:
    """The cells that answer, for which object, and how well they should say they do."""

    pictures: torch.Tensor  # (M,)
    cells: torch.Tensor  # (M,)
    objects: torch.Tensor  # (M,)
    quality: torch.Tensor  # (M,) 0..1, what the score is to become


def grid_of(maps: Iterable[torch.Tensor], strides: Iterable[float]) -> Grid:
    """The cells of `maps` (B, D, H, W), each `stride` pixels wide and high."""
    centres, sizes = [], []
    for level, stride in zip(maps, strides, strict=True):
        height, width = level.shape[-2:]
        x = (torch.arange(width, dtype=torch.float32, device=level.device) + 0.5) * stride
        y = (torch.arange(height, dtype=torch.float32, device=level.device) + 0.5) * stride
        centre = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1)  # (H * W, 2)
        centres.append(centre)
        sizes.append(torch.full_like(centre[:, 0], stride))
    return Grid(torch.cat(centres), torch.cat(sizes))


def truth_of(scenes: Sequence[Scene]) -> Truth:
    """One list of all objects. Boxes of no width or height are left out: no cell could learn them."""
    sizes = [len(scene) for scene in scenes]
    xyxy = torch.cat([scene.xyxy.float() for scene in scenes])
    labels = torch.cat([scene.labels.long() for scene in scenes])
    crowd = torch.cat([scene.crowds for scene in scenes])
    pictures = torch.repeat_interleave(torch.tensor(sizes))
    places = torch.cat([torch.arange(size) for size in sizes])
    real = ~crowd & (xyxy[:, 2:] > xyxy[:, :2]).all(1)
    return Truth(xyxy[real], labels[real], pictures[real], places[real], xyxy[crowd], pictures[crowd])


def within(xyxy: torch.Tensor, grid: Grid, *, least: float = 0.0) -> torch.Tensor:
    """(G, A) bool: whether a cell's centre lies in a box.

    For cells of the finest level a box reaches at least `least` of the stride from its middle.
    """
    middle, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2  # (G, 2)
    finest = grid.strides == grid.strides.min()
    reach = torch.where(finest, grid.strides * least, 0.0)  # (A,)
    x = (grid.centres[:, 0] - middle[:, :1]).abs_() <= torch.maximum(half[:, :1], reach)
    y = (grid.centres[:, 1] - middle[:, 1:]).abs_() <= torch.maximum(half[:, 1:], reach)
    return x & y


@torch.no_grad()
def pair_up(xyxy: torch.Tensor, grid: Grid) -> Pairs:
    """The cells that may answer for each box (G, 4): those whose centre is in it, and never none.

    A box narrower than a cell of the finest level counts as wide as one, a hair more for the rounding.
    """
    objects, cells = [], []
    rows = max(1, _MEMORY // max(1, len(grid.strides)))
    for start in range(0, len(xyxy), rows):
        one, cell = within(xyxy[start : start + rows], grid, least=0.501).nonzero(as_tuple=True)
        objects.append(one + start)
        cells.append(cell)
    none = torch.zeros(0, dtype=torch.int64)
    mine, theirs = torch.cat([none, *objects]), torch.cat([none, *cells])
    middle = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    away = ((grid.centres[theirs] - middle[mine]) / grid.strides[theirs, None]).square().sum(1)
    return Pairs(mine, theirs, 1 / (1 + away))


@torch.no_grad()
def assign(scores: torch.Tensor, boxes: torch.Tensor, truth: Truth, pairs: Pairs, *, top: int) -> Assigned:
    """Choose the cells that learn, at most `top` for an object and at most one object for a cell.

    `scores` (B, A, C) are logits, `boxes` (B, A, 4). The quality of an object's cells is their measure,
    scaled so that the best of them has the best IoU among them (TOOD, section 3.2.2), 0.1 at the least.
    """
    objects, pictures = pairs.objects, truth.pictures[pairs.objects]
    iou = overlaps(boxes[pictures, pairs.cells], truth.xyxy[objects])  # (P,)
    score = scores[pictures, pairs.cells, truth.labels[objects]].float().sigmoid()
    fit = score.sqrt() * iou**6 + _NEAR * pairs.closeness
    chosen = choose(objects, pictures * boxes.shape[1] + pairs.cells, fit, top=top)  # (M,) of the P
    objects, fit, iou = objects[chosen], fit[chosen], iou[chosen]
    best = _best_of(fit, objects, len(truth.xyxy))
    reach = _best_of(iou, objects, len(truth.xyxy)).clamp(min=FLOOR)
    return Assigned(pictures[chosen], pairs.cells[chosen], objects, fit / best[objects] * reach[objects])


def choose(objects: torch.Tensor, cells: torch.Tensor, fit: torch.Tensor, *, top: int) -> torch.Tensor:
    """Indices of the chosen pairs; each of (P,), the cells numbered through the batch, `fit` above 0.

    Every object names its `top` best cells, a cell named by several goes to the one it fits best; objects
    left with none then name their best free cell, for some rounds. Of equals the first pair wins.
    """
    chosen = _settle(objects, cells, fit, top=top)
    served = torch.zeros(_count(objects), dtype=torch.bool)
    taken = torch.zeros(_count(cells), dtype=torch.bool)
    for _ in range(_ROUNDS):
        served[objects[chosen]], taken[cells[chosen]] = True, True
        left = (~served[objects] & ~taken[cells]).nonzero()[:, 0]
        if not len(left):
            break
        chosen = torch.cat((chosen, left[_settle(objects[left], cells[left], fit[left], top=1)]))
    return chosen


def _settle(objects: torch.Tensor, cells: torch.Tensor, fit: torch.Tensor, *, top: int) -> torch.Tensor:
    """One round of `choose`."""
    named = _first(objects, fit, top)
    return named[_first(cells[named], fit[named], 1)]


def _first(groups: torch.Tensor, fit: torch.Tensor, top: int) -> torch.Tensor:
    """Indices of the `top` fittest of each group."""
    order = fit.argsort(descending=True, stable=True)
    order = order[groups[order].argsort(stable=True)]  # by group, the fittest first
    sorted_groups = groups[order]
    begins = torch.searchsorted(sorted_groups, sorted_groups)  # where its group begins
    return order[torch.arange(len(order)) - begins < top]


def _count(numbers: torch.Tensor) -> int:
    """One more than the largest of them."""
    return int(numbers.max()) + 1 if len(numbers) else 0


def _best_of(values: torch.Tensor, groups: torch.Tensor, count: int) -> torch.Tensor:
    """(count,) the largest value of each group, 0 of none."""
    return torch.zeros(count).scatter_reduce(0, groups, values, "amax")


@torch.no_grad()
def counted(shape: torch.Size, grid: Grid, truth: Truth, assigned: Assigned) -> torch.Tensor | None:
    """(B, A) bool: which cells count in the class loss; None for all of them. `shape` begins with B, A.

    A cell in a crowd that answers for no object of its own is neither right nor wrong to see something.
    """
    if not len(truth.crowds):
        return None
    hidden = torch.zeros(shape[:2], dtype=torch.int32)
    hidden.index_add_(0, truth.crowded, within(truth.crowds, grid).int())
    counts = hidden == 0
    counts[assigned.pictures, assigned.cells] = True
    return counts
