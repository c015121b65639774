"""The image front-end beyond classifying: what a picture costs, and what each of its levels knows of a place.

    python -m benchmarks.frontend --data ../shared/data/det_bccd

Cost: beside a random MobileNetV2, in turn on ONNX Runtime. Levels: ridge regression from a frozen position to
what its centre lies in (kinds of blood cell, none), beside random weights and the mean colour of its cell.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import average_precision_score
from torch import nn
from transformers import MobileNetV2Config, MobileNetV2Model

from macaw import zoo
from macaw.card import Card
from macaw.data.prepare import normalise
from macaw.frontends.image import ImageFrontend, reduction_for
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.runtime.eager import load_module

CARD = Card.load(zoo.folder("classify"))
SIZES, WIDTHS, STRIDES = (64, 128, 320, 416, 640), (320, 416), (4, 8, 16, 32)
THREADS, WARM_UP, ROUNDS, RESAMPLES = 2, 5, 40, 100
DRAWN = 70  # positions of a picture at a level, at the most: what stride 32 has at 320 pixels
# Shapes: P pictures, B boxes of one, N positions of all, D channels, C kinds of cell and none, R resamples
Picture = tuple[torch.Tensor, np.ndarray, np.ndarray]  # (1, 3, H, W), boxes (B, 4) pixels, labels (B,)
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]  # features (N, D), inside what (N, C), picture (N,)


class Outputs(nn.Module):
    """A network that answers with one field of its answer, as a graph must."""

    def __init__(self, net: nn.Module, field: str) -> None:
        super().__init__()
        self.net, self.field = net, field

    def forward(self, x: torch.Tensor) -> object:
        return getattr(self.net(x), self.field)


def embedded(reduction: int) -> nn.Module:
    """The front-end of the embedded classifier, at any reduction."""
    config = {**CARD.frontend["config"], "reduction": reduction}
    model = load_module(zoo.folder("classify"), CARD.replace(frontend={**CARD.frontend, "config": config}))
    return model.to(memory_format=torch.contiguous_format).get_submodule("frontend").eval()  # type: ignore


def count_gmac(net: nn.Module, size: int) -> float:
    """Multiplications of all convolutions and matrices for one picture, in 1e9."""
    macs: list[int] = []

    def note(layer: nn.Module, _inputs: object, out: torch.Tensor) -> None:
        macs.append(out.numel() * layer.weight[0].numel())  # type: ignore[index]

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    net(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return sum(macs) / 1e9


def open_graph(net: nn.Module) -> Callable[[np.ndarray], object]:
    """The network exported for pictures of any size, in ONNX Runtime."""
    axes, zeros = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}, torch.zeros(2, 3, 96, 96)
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    program: Any = torch.onnx.export(net.eval(), (zeros,), verbose=False, dynamic_shapes=(axes,))
    session = ort.InferenceSession(program.model_proto.SerializeToString(), options)
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})


def cost() -> Iterator[dict[str, object]]:
    """Per size: arithmetic, parameters, milliseconds; also of the peer, padded in the quicker of its ways."""
    nets = {"peer": Outputs(MobileNetV2Model(MobileNetV2Config(tf_padding=False)), "last_hidden_state")}
    nets |= {f"macaw{r}": Outputs(embedded(r), "levels") for r in set(map(reduction_for, SIZES))}
    graphs = {name: open_graph(net) for name, net in nets.items()}
    for size in SIZES:
        x = np.random.default_rng(0).standard_normal((1, 3, size, size), np.float32)
        took: dict[str, list[float]] = {f"macaw{reduction_for(size)}": [], "peer": []}  # ms
        for _ in range(WARM_UP + ROUNDS):
            for name, times in took.items():
                began = time.perf_counter()
                graphs[name](x)
                times.append(1000 * (time.perf_counter() - began))
        row: dict[str, object] = {"size": size, "reduction": reduction_for(size)}
        for who, (name, times) in zip(("macaw", "peer"), took.items(), strict=True):
            row[f"{who} parameters"] = sum(p.numel() for p in nets[name].parameters())
            row[f"{who} gmac"] = round(count_gmac(nets[name], size), 3)
            row[f"{who} ms"] = round(float(np.median(times[WARM_UP:])), 2)
        ratios = [theirs / mine for mine, theirs in zip(*took.values(), strict=True)][WARM_UP:]
        yield {**row, "peer / macaw ms, median of pairs": round(float(np.median(ratios)), 2)}


def read_pictures(data: Path, notes: list[dict[str, Any]], width: int) -> list[Picture]:
    """Pictures and boxes at so many columns, in their own aspect: the bars of a square hold no position."""
    found = []
    for note in notes:
        size = (width, round(width * note["h"] / note["w"]))
        picture = Image.open(data / note["file"]).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        x = normalise(np.asarray(picture)[None], CARD.prepare["mean"], CARD.prepare["std"])
        boxes = np.asarray(note["boxes"], float).reshape(-1, 4) * width / note["w"]
        found.append((torch.from_numpy(x), boxes, np.asarray(note["labels"])))
    return found


def settle(net: nn.Module, pictures: list[Picture]) -> nn.Module:
    """Norms take the statistics of these pictures, the mean of all batches."""
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = None
        norm.reset_running_stats()
    for i in range(0, len(pictures), 8):
        net.train()(torch.cat([x for x, _, _ in pictures[i : i + 8]]))
    return net.eval()


def sample(maps: Callable[..., Any], pictures: list[Picture], kinds: int) -> list[Sample]:
    """Positions of each level that `maps` makes of (1, 3, H, W), drawn alike for whoever makes them."""
    found: list[list[Sample]] = [[] for _ in STRIDES]
    for number, (x, boxes, labels) in enumerate(pictures):
        random = np.random.default_rng(number)
        for level, stride, rows in zip(maps(x), STRIDES, found, strict=True):
            inner = [-(-(n - stride // 2) // stride) for n in x.shape[2:]]  # those whose centres it holds
            cells = random.permutation(np.argwhere(np.ones(inner)))[:DRAWN]
            at = (cells[:, None, ::-1] + 0.5) * stride  # (N, 1, 2) column, row
            inside = np.logical_and(at > boxes[:, :2], at < boxes[:, 2:]).min(2)  # (N, B)
            hit = np.stack([*(inside[:, labels == k].any(1) for k in range(kinds)), ~inside.any(1)], 1)
            rows.append((level[0, :, cells[:, 0], cells[:, 1]].T.numpy(), hit, np.full(len(cells), number)))
    return [tuple(map(np.concatenate, zip(*rows, strict=True))) for rows in found]  # type: ignore[misc]


def precisions(scores: np.ndarray, hit: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    columns = zip(hit.T, scores.T, strict=True)
    return np.array([average_precision_score(h, s, sample_weight=weights) for h, s in columns])  # (C,)


def probe(train: Sample, val: Sample, test: Sample) -> np.ndarray:
    """Ridge regression to 0 and 1, its strength chosen on val: scores of the test positions (N, C)."""
    mean, spread = train[0].mean(0), train[0].std(0) + 1e-6
    x, known, unseen = ((one[0] - mean) / spread for one in (train, val, test))
    gram, cross = x.T @ x / len(x), x.T @ (train[1] - train[1].mean(0)) / len(x)
    fits = [np.linalg.solve(gram + ridge * np.eye(len(gram)), cross) for ridge in (1e-4, 1e-3, 1e-2, 1e-1)]
    return np.asarray(unseen @ max(fits, key=lambda fit: float(precisions(known @ fit, val[1]).mean())))


def levels(data: Path, width: int) -> Iterator[dict[str, object]]:
    """Per front-end and stride: average precision, its interval over pictures, what it gains on random."""
    pack = json.loads((data / "annotations.json").read_text())
    notes = [[n for n in pack["images"] if n["split"] == split] for split in ("train", "val", "test")]
    splits, names = [read_pictures(data, part, width) for part in notes], pack["classes"]
    random, half = ImageFrontend(), embedded(2)
    for norm in (m for m in random.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.ones_(norm.weight)  # else blocks are identities, as training begins
    who: dict[str, Callable[..., Any]] = {"random": Outputs(settle(random, splits[0]), "levels")}
    who["embedded"] = Outputs(embedded(4), "levels")
    who["embedded, settled"] = Outputs(settle(embedded(4), splits[0]), "levels")
    who["embedded, reduction 2 at half width"] = lambda x: half(F.avg_pool2d(x, 2)).levels
    who["colour"] = lambda x: tuple(F.avg_pool2d(x, s, ceil_mode=True) for s in STRIDES)
    weights = bootstrap_draws(lambda drawn: drawn, len(splits[-1]), resamples=RESAMPLES)  # (R, P)
    base = []  # of each level: what random ones reach, and their draws
    for name, maps in who.items():
        for i, parts in enumerate(zip(*(sample(maps, s, len(names)) for s in splits), strict=True)):
            scores, (_, hit, owner) = probe(*parts), parts[-1]
            each = precisions(scores, hit)
            draws = np.array([precisions(scores, hit, one[owner]).mean() for one in weights])
            base.append((each.mean(), draws))
            gain = interval_of_draws(each.mean() - base[i][0], draws - base[i][1], bounds=(-1.0, 1.0))
            row = {"width": width, "who": name, "stride": STRIDES[i], "share": hit.mean(0).round(3).tolist()}
            for key, one in (("AP", interval_of_draws(each.mean(), draws)), ("over random", gain)):
                row[key] = np.round([one.value, one.low, one.high], 3).tolist()
            yield row | dict(zip([*names, "none"], each.round(3).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/det_bccd"))
    parser.add_argument("--part", nargs="+", default=["cost", "levels"])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    parts = {"cost": [cost()], "levels": [levels(chosen.data, width) for width in WIDTHS]}
    for row in (row for part in chosen.part for rows in parts[part] for row in rows):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
