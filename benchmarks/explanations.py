"""Maps of evidence, scored: what hiding and showing pixels in their order does, and where they point.

    python -m benchmarks.explanations --data ../shared/data/tiny_imagenet

The embedded classifier on a seeded sample of the official val, by which nothing was chosen: the maps and
their numbers were chosen with `--split train`. Beside ours stand Grad-CAM and LayerCAM of the same network,
and three maps that know nothing of it: random, the centre, and edges. Every map is of the picture's own
class. Pixels are hidden by those of the picture's blur, in pictures that the model gets right; the pointing
game is played on these and on all. Half of a picture of this pack is its object's box, and four in five boxes
hold the centre, so it is also played on small boxes alone (below a quarter of the picture, as in Zhang et al.
2016).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from skimage.filters import sobel

from macaw import zoo
from macaw.data.labelled import read_labelled
from macaw.data.pixels import load_pixels
from macaw.data.prepare import normalise
from macaw.explanation.case import Case
from macaw.explanation.gradient import gradient_map, log_odds, placed, randomised
from macaw.explanation.occlusion import occlusion_map
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws, wilson_interval
from macaw.metrics.maps import blur, centre_map, pointing_hit, trial
from macaw.model import Model
from macaw.results.measures import Interval
from macaw.runtime.eager import load_module

SMALL = 0.25  # of the picture: a box below it is a small one
# Shapes: N pictures, S side, D channels and H, W positions of a level


class Scored(NamedTuple):
    """What one map of one picture reached."""

    right: bool  # whether the model gets the picture right
    deletion: float  # areas; NaN where it does not
    insertion: float
    hit: bool
    small: bool  # whether its box is a small one
    seconds: float


class Maps:
    """Every way to make a map of a case; the classifier in torch beside the engine."""

    def __init__(self, model: Model, seed: int) -> None:
        self.module: Any = load_module(model.folder, model.card).eval().requires_grad_(False)
        self.temperature = float(model.card.decode["temperature"])
        self.noise = np.random.default_rng(seed)

    def goal(self, case: Case) -> Callable[[torch.Tensor], torch.Tensor]:
        return log_odds(case.target, None, multi=False, temperature=self.temperature)

    def gradient(self, case: Case) -> np.ndarray:
        return gradient_map(self.module, case.prepared, self.goal(case))

    def covering(self, case: Case) -> np.ndarray:
        return occlusion_map(case.prepared, case.odds)

    def grad_cam(self, case: Case) -> np.ndarray:
        """Selvaraju et al. 2017 (arXiv 1610.02391): the last level, each channel by its mean gradient."""
        level, slope = self._levels(case)[-1]
        grid = np.maximum((slope.mean((1, 2), keepdims=True) * level).sum(0), 0)
        return placed(grid, case.prepared.shape[-1])

    def layer_cam(self, case: Case) -> np.ndarray:
        """Jiang et al. 2021 (doi 10.1109/TIP.2021.3089943) on every level: the mean, each by its peak."""
        side, found = case.prepared.shape[-1], []
        for level, slope in self._levels(case):
            one = placed(np.maximum((np.maximum(slope, 0) * level).sum(0), 0), side)
            found.append(one / max(float(one.max()), 1e-12))
        return np.asarray(np.mean(found, axis=0))

    def random(self, case: Case) -> np.ndarray:
        return blur(self.noise.normal(size=case.prepared.shape[1:]), 2.0)

    def centre(self, case: Case) -> np.ndarray:
        return centre_map(case.prepared.shape[-1])

    def edges(self, case: Case) -> np.ndarray:
        """Sobel's operator on the mean of the colours, blurred a little."""
        return blur(sobel(case.prepared.mean(0)), 1.5)

    def _levels(self, case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
        """Activity and gradient of each level, (D, H, W) each."""
        x = torch.from_numpy(case.prepared[None]).requires_grad_()
        features = self.module.frontend(x)
        goals = self.goal(case)(self.module.head(features))
        slopes = torch.autograd.grad(goals.sum(), features.levels)
        pairs = zip(features.levels, slopes, strict=True)
        return [(level[0].detach().numpy(), slope[0].numpy()) for level, slope in pairs]


WHO = ("gradient", "covering", "layer_cam", "grad_cam", "edges", "centre", "random")


def cases(
    model: Model, data: Path, split: str, wanted: int, seed: int
) -> Iterator[tuple[Case, np.ndarray, bool]]:
    """Pictures drawn by the seed, each with its box and whether the model gets it right."""
    examples = read_labelled(data, names=model.card.names, val_share=0.0).splits[split]
    with np.load(data / f"{split}.npz") as pack:
        boxes = pack["box"].astype(int)
    drawn = np.random.default_rng(seed).permutation(len(examples))[:wanted]
    how, some = model.card.prepare, examples.subset(drawn)
    prepared = normalise(load_pixels(some, how["size"]), how["mean"], how["std"])
    right = model.core(prepared).argmax(1) == some.targets
    for place, index in enumerate(drawn):
        yield Case(model, prepared[place], int(some.targets[place])), boxes[index], bool(right[place])


def score(make: Callable[[Case], np.ndarray], case: Case, box: np.ndarray, right: bool) -> Scored:  # noqa: FBT001
    """One map of one picture, made and tried."""
    began = time.perf_counter()
    heat = make(case)
    seconds = time.perf_counter() - began
    areas = [curve.area for curve in trial(heat, case.prepared, case.probs)] if right else [np.nan, np.nan]
    share = (box[2] - box[0] + 1) * (box[3] - box[1] + 1) / heat.size
    return Scored(right, *areas, pointing_hit(heat, box), bool(share < SMALL), seconds)


def mean(values: list[float]) -> Interval:
    """The mean and its bootstrap interval."""
    one = np.array(values)
    draws = bootstrap_draws(lambda weights: weights @ one / weights.sum(1), len(one))
    return interval_of_draws(float(one.mean()), draws)


def shown(interval: Interval) -> list[float]:
    return [round(float(x), 4) for x in (interval.value, interval.low, interval.high)]


def table(who: str, rows: list[Scored]) -> dict[str, object]:
    """The figures of one kind of map, as fractions with 95 % intervals."""
    right = [row for row in rows if row.right]
    games = {
        "right": right,
        "right, small boxes": [row for row in right if row.small],
        "all": rows,
        "all, small boxes": [row for row in rows if row.small],
    }
    return {
        "who": who,
        "pictures": {name: len(some) for name, some in games.items()},
        "deletion (less is better)": shown(mean([row.deletion for row in right])),
        "insertion (more is better)": shown(mean([row.insertion for row in right])),
        **{
            f"pointing, {name}": shown(wilson_interval(sum(row.hit for row in some), len(some)))
            for name, some in games.items()
        },
        "ms a map, median": round(1000 * float(np.median([row.seconds for row in rows])), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny_imagenet"))
    parser.add_argument("--split", default="val")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--who", nargs="+", default=list(WHO))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model = Model(zoo.folder("classify"))
    maps = Maps(model, chosen.seed)
    rows: dict[str, list[Scored]] = {who: [] for who in chosen.who}
    likeness = []
    for case, box, right in cases(model, chosen.data, chosen.split, chosen.pictures, chosen.seed):
        for who, found in rows.items():
            found.append(score(getattr(maps, who), case, box, right))
        if right and len(likeness) < 50 and "gradient" in rows:
            likeness.append(float(randomised(maps.module, case.prepared, maps.goal(case)).likeness[-1]))
    for who, found in rows.items():
        print(json.dumps(table(who, found)))
    if likeness:
        spread = np.quantile(likeness, [0.05, 0.5, 0.95]).round(3).tolist()
        print(
            json.dumps({"who": "gradient, random weights: rank correlation, 5, 50 and 95 %", "value": spread})
        )


if __name__ == "__main__":
    main()
