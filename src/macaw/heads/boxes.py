"""Box head: where things are, what they are and, if wanted, their outlines; every cell answers once.

A cell gives four distances, from its centre to the edges of a box, and a score for every class: no anchors
(Tian et al. 2019, FCOS, arXiv 1904.01355). Classes and edges have towers of their own (Ge et al. 2021, YOLOX,
arXiv 2107.08430), and the classes the lighter one: what keeps small detectors down is where their boxes lie
(Wang et al. 2024, YOLOv10, arXiv 2405.14458, section 3.2). Filters are shared by the levels, norms are not
(RTMDet, arXiv 2212.07784).

There are two branches. "many" teaches several cells each object, which trains well but repeats answers, so
that they must be thinned out afterwards. "one" teaches one cell each, so that they need not; it looks at
detached features, so that what it wants cannot harm the other (YOLOv10, section 3.1; Chen et al. 2022, DATE,
arXiv 2211.13859).

Shapes: B pictures, A cells of a picture (levels fine to coarse, rows before columns), C classes, N bins,
K prototypes, h and w their rows and columns, M cells that answer for an object, S of them looked at
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.heads.base import Head
from macaw.heads.box_assign import Assigned, Grid, Pairs, Truth, assign, counted, grid_of, pair_up, truth_of
from macaw.heads.box_losses import edge_bins, giou, mask_cross, quality_focal
from macaw.heads.extents import shares
from macaw.heads.scene import Scene
from macaw.layers.pyramid import Finer, Pyramid
from macaw.layers.separable import Separable, SharedConv

LEVELS = 3  # the coarsest so many levels of a front-end are searched
TOP = {"many": 10, "one": 1}  # cells that learn each object
WEIGHTS = {"class": 1.0, "box": 2.0, "bins": 0.25, "mask": 6.0}  # of the losses, as in GFL and YOLACT
PRIOR = 0.01  # first score of every class (Lin et al. 2017, arXiv 1708.02002, section 3.3)
INNERMOST = -0.5  # strides: of an object smaller than a cell an edge may lie beyond the centre
OUTERMOST = 11.5  # strides: at the level of stride 32 a box of 736 pixels
_MASKS = 64  # outlines compared in a step; all of them would cost more than the rest of the loss


@dataclass(frozen=True, eq=False)
class Spread:
    """What a branch gives for each cell, before it is made sense of."""

    scores: torch.Tensor  # (B, A, C) logits
    edges: torch.Tensor  # (B, A, 4 * N) logits of the distances, or (B, A, 4) where N is 0
    mix: torch.Tensor | None  # (B, A, K): how much of each prototype an outline holds, before tanh


@dataclass(frozen=True, eq=False)
class Seen:
    """What the head gives in training: both branches, the prototypes they share, and where the cells are."""

    many: Spread
    one: Spread
    prototypes: torch.Tensor | None  # (B, K, h, w)
    grid: Grid


class Branch(nn.Module):
    """Maps of a pyramid (B, width, H, W) -> Spread: a light tower for classes, a dense one for edges."""

    def __init__(self, width: int, *, levels: int, labels: int, edges: int, mix: int) -> None:
        super().__init__()
        slim = max(8, width // 12 * 8)  # two thirds: dense 3 x 3 cost by the square
        self.classes = nn.ModuleList(
            SharedConv(width, width, levels=levels, kernel=kernel, groups=groups)
            for kernel, groups in ((5, width), (1, 1)) * 2
        )
        self.shape = nn.ModuleList(SharedConv(wide, slim, levels=levels) for wide in (width, slim))
        self.score = nn.Conv2d(width, labels, 1)
        self.edge = nn.Conv2d(slim, edges, 1)
        self.mix = nn.Conv2d(slim, mix, 1) if mix else None

    def start(self, edges: torch.Tensor) -> None:
        """Begin with `edges` everywhere, and with every score at PRIOR."""
        for last, bias in ((self.score, torch.tensor(-math.log(1 / PRIOR - 1))), (self.edge, edges)):
            nn.init.normal_(last.weight, std=0.01)
            with torch.no_grad():
                last.bias.copy_(bias)  # type: ignore[union-attr]

    def forward(self, maps: Sequence[torch.Tensor]) -> Spread:
        scores, edges, mixes = [], [], []
        for level, x in enumerate(maps):
            seen, shape = x, x
            for look in self.classes:
                seen = look(seen, level)
            for look in self.shape:
                shape = look(shape, level)
            scores.append(self.score(seen))
            edges.append(self.edge(shape))
            if self.mix is not None:
                mixes.append(self.mix(shape))
        return Spread(_cells(scores), _cells(edges), _cells(mixes) if mixes else None)


class Prototypes(nn.Module):
    """The finest map of a pyramid (B, width, H, W), and the levels before it -> (B, out, h, w).

    They lie on the grid of the level before the pyramid's, where there is one, as YOLACT's do (section 3.1:
    a fourth of the picture, for small objects), else on the pyramid's own. They have either sign, where
    YOLACT's end in ReLU: outlines learned by heart had an IoU of 0.92 with them and of 0.84 without.
    """

    def __init__(self, width: int, before: Sequence[int], *, out: int) -> None:
        super().__init__()
        slim = max(8, width // 16 * 8) if before else width  # half, as in heads/mask.py
        self.finer = Finer(width, before[-1], out=slim) if before else None
        self.look = Separable(slim, slim)
        self.last = nn.Conv2d(slim, out, 1)

    def forward(self, x: torch.Tensor, before: Sequence[torch.Tensor]) -> torch.Tensor:
        if self.finer is not None:
            x = self.finer(x, before[-1])
        out: torch.Tensor = self.last(self.look(x))
        return out


class BoxHead(Head):
    """Levels (B, widths[i], H_i, W_i) -> boxes in pixels of the prepared picture, scores, mixtures.

    `bins`: values that each distance is a distribution over (GFL, arXiv 2006.04388), 0 for plain distances.
    `protos`: prototypes that outlines are mixed from (Bolya et al. 2019, YOLACT, arXiv 1904.02689), 0 for no
    outlines. `branch`: the one whose answers `decoded` gives, "many" or "one". `terms` holds the parts of the
    last loss. Raises InputError for values that cannot be.
    """

    dims = (2,)
    reads = "levels"  # its constructor takes the widths of all levels

    def __init__(
        self, widths: Sequence[int], *, labels: int, strides: Sequence[int], width: int = 96, bins: int = 8,
        protos: int = 0, branch: str = "many",
    ) -> None:  # fmt: skip
        super().__init__()
        if len(widths) != len(strides):
            raise InputError(f"{len(strides)} strides for {len(widths)} levels; give one for each")
        if bins == 1 or bins < 0:
            raise InputError(f"bins={bins}: 2 or more, or 0 for plain distances")
        if branch not in TOP:
            raise InputError(f"branch={branch!r}: 'many' (thinned out afterwards) or 'one' (no repetition)")
        self.config = {
            "labels": labels, "strides": list(strides), "width": width,
            "bins": bins, "protos": protos, "branch": branch,
        }  # fmt: skip
        self.pyramid = Pyramid(widths[-LEVELS:], width=width)
        sizes = {"levels": len(widths[-LEVELS:]), "labels": labels, "edges": 4 * (bins or 1), "mix": protos}
        self.many, self.one = Branch(width, **sizes), Branch(width, **sizes)
        self.outline = Prototypes(width, widths[:-LEVELS], out=protos) if protos else None
        values = torch.tensor(bin_values(bins))
        self.values: torch.Tensor  # (N,) strides; they follow from the config, so no state holds them
        self.register_buffer("values", values, persistent=False)
        self.terms: dict[str, torch.Tensor] = {}
        for part in (self.many, self.one):
            # The first boxes are about four strides wide, whatever the picture
            start = -0.3 * values if bins else torch.full((1,), 2.0)
            part.start(start.repeat(4))

    def forward(self, features: Features) -> Any:
        """Seen: what `loss` needs. `decoded` is what becomes a graph."""
        maps = self.pyramid(features.levels[-LEVELS:])
        apart = [level.detach() for level in maps]
        return Seen(self.many(maps), self.one(apart), self._prototypes(maps, features), self._grid(maps))

    def decoded(self, features: Features, *, branch: str | None = None) -> tuple[torch.Tensor, ...]:
        """The raw output, for any H and W: (B, A, 4 + C), and with outlines (B, A, 4 + C + K) and prototypes.

        Left, top, right, bottom in pixels of the prepared picture, scores 0..1, and K numbers -1..1 whose
        sum over the prototypes (B, K, h, w), each times its number, is an outline's logit at their stride.
        `branch` is the constructor's where it is None.
        """
        maps = self.pyramid(features.levels[-LEVELS:])
        part = {"many": self.many, "one": self.one}[branch or self.config["branch"]]
        spread, prototypes = part(maps), self._prototypes(maps, features)
        xyxy = self._boxes(spread.edges, self._grid(maps))
        # What is inside out, which an untrained cell may give, has no extent instead of a negative one
        xyxy = torch.cat((xyxy[..., :2], torch.maximum(xyxy[..., 2:], xyxy[..., :2])), -1)
        parts = [xyxy, spread.scores.sigmoid()]
        if spread.mix is None or prototypes is None:
            return (torch.cat(parts, -1),)
        return torch.cat([*parts, spread.mix.tanh()], -1), prototypes

    def loss(self, raw: Any, targets: Any, features: Features) -> torch.Tensor:
        """`raw`: Seen; `targets`: a Scene for each of the B pictures. The sum of the two branches' losses."""
        truth = truth_of(targets)
        pairs = pair_up(truth.xyxy, raw.grid)
        losses, self.terms = [], {}
        for name in TOP:
            parts = self._compare(name, raw, targets, truth, pairs)
            losses.append(torch.stack([WEIGHTS[term] * value for term, value in parts.items()]).sum())
            self.terms |= {f"{name} {term}": value.detach() for term, value in parts.items()}
        return losses[0] + losses[1]

    def _compare(
        self, name: str, raw: Seen, scenes: Sequence[Scene], truth: Truth, pairs: Pairs
    ) -> dict[str, torch.Tensor]:
        """The terms of one branch's loss, each divided by the assigned quality, the picture's mean."""
        spread: Spread = getattr(raw, name)
        scores, edges = spread.scores.float(), spread.edges.float()
        with torch.no_grad():
            found = assign(scores, self._boxes(edges, raw.grid), truth, pairs, top=TOP[name])
        where = (found.pictures, found.cells)
        # A mean over pictures, where those with little to see do not shout: at least one object's worth each
        amount = (found.quality.sum() / len(scores)).clamp(min=1) * len(scores)
        counts = counted(scores.shape, raw.grid, truth, found)
        labels = truth.labels[found.objects]
        terms = {"class": quality_focal(scores, (*where, labels), found.quality, counts=counts) / amount}
        mine, grid = edges[where], Grid(raw.grid.centres[found.cells], raw.grid.strides[found.cells])
        wanted = truth.xyxy[found.objects]
        terms["box"] = ((1 - giou(self._boxes(mine, grid), wanted)) * found.quality).sum() / amount
        if self.config["bins"]:
            distances = torch.cat((grid.centres - wanted[:, :2], wanted[:, 2:] - grid.centres), 1)
            far = edge_bins(
                mine.view(-1, 4, len(self.values)), distances / grid.strides[:, None], self.values
            )
            terms["bins"] = (far * found.quality).sum() / amount
        if raw.prototypes is not None and spread.mix is not None:
            sheets = raw.prototypes if name == "many" else raw.prototypes.detach()
            terms["mask"] = self._outlines(spread.mix[where].float(), sheets.float(), scenes, truth, found)
        return terms

    def _outlines(
        self, mix: torch.Tensor, sheets: torch.Tensor, scenes: Sequence[Scene], truth: Truth, found: Assigned
    ) -> torch.Tensor:
        """Mean loss of the outlines of some answering cells, `mix` (M, K): those whose object has a mask."""
        held = torch.tensor([scene.masks is not None for scene in scenes])
        some = held[found.pictures].nonzero()[:, 0]
        some = some[torch.randperm(len(some))[:_MASKS]]
        some = some[found.pictures[some].argsort(stable=True)]
        if not len(some):
            return (mix.sum() + sheets.sum()) * 0
        pictures, objects = found.pictures[some], found.objects[some]
        places = list(zip(pictures.tolist(), truth.places[objects].tolist(), strict=True))
        stride = self.config["strides"][-LEVELS - 1 :][0]  # of the prototypes
        parts = [scenes[i].masks.parts[j] for i, j in places]
        masks = shares(parts, (sheets.shape[2], sheets.shape[3]), stride)  # (S, h, w)
        # Picture by picture: the prototypes of each are read where they lie, not copied for every outline
        taken = mix[some].tanh()
        groups = [(taken[pictures == i], sheets[i]) for i in sorted(set(pictures.tolist()))]
        drawn = torch.cat([torch.einsum("sk,khw->shw", *group) for group in groups])
        cross = mask_cross(drawn, masks, truth.xyxy[objects] / stride)
        known = masks.flatten(1).any(1)
        return (cross * known).sum() / known.sum().clamp(min=1)

    def _boxes(self, edges: torch.Tensor, grid: Grid) -> torch.Tensor:
        """Logits of the distances (..., A, 4 * N) -> left, top, right, bottom (..., A, 4) in pixels."""
        across = edges.transpose(-1, -2)  # (..., 4 * N, A), which is how they lie in memory
        if self.config["bins"]:
            shares = across.reshape(*across.shape[:-2], 4, len(self.values), across.shape[-1]).softmax(-2)
            away = (shares * self.values[:, None]).sum(-2)  # (..., 4, A) the mean of each distribution
        else:
            away = F.softplus(across) + INNERMOST
        away = away.transpose(-1, -2) * grid.strides[:, None]
        return torch.cat((grid.centres - away[..., :2], grid.centres + away[..., 2:]), -1)

    def _grid(self, maps: Sequence[torch.Tensor]) -> Grid:
        return grid_of(maps, self.config["strides"][-LEVELS:])

    def _prototypes(self, maps: Sequence[torch.Tensor], features: Features) -> torch.Tensor | None:
        return None if self.outline is None else self.outline(maps[0], features.levels[:-LEVELS])


def bin_values(bins: int) -> list[float]:
    """Distances in strides, one apart near the centre and further further out, so that few bins reach far."""
    spare = OUTERMOST - INNERMOST - (bins - 1)
    return [INNERMOST + i + spare * (i / (bins - 1)) ** 2 for i in range(bins)]


def _cells(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Maps (B, D, H, W) -> (B, A, D)."""
    return torch.cat([level.flatten(2) for level in maps], 2).transpose(1, 2)
