"""`run` beside `transformers.pipeline`: pictures a second, latency, and whether they answer the same.

    python -m benchmarks.pipeline --data ../shared/data/det_coco/images

Three architectures of the Hub with random weights, saved as checkpoints, are opened by both; macaw also in
its other engine and in int8, calibrated on the pictures of `train`. Everybody is given the same files, in
turn, round for round, and decodes, scales and cuts them itself. Ratios are medians over the rounds, against
the pipeline at the better of its batch sizes. The embedded model has no peer that could open it.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import macaw

ROUNDS, WARM_UP = 7, 1
PAUSE = 0.2  # seconds between ways: the threads of the last one may still spin, waiting for more work
BATCH = 32

Ask = Callable[[list[str], int], list[dict[str, float]]]  # files and batch size -> the five best of each


def checkpoint(kind: str, folder: Path) -> None:
    """An architecture with random weights whose answers can be told apart, in the format of the Hub.

    Fresh norms let the signal of a deep net die out, so they are given the statistics of noise; and a
    classifier as drawn answers one in a thousand to everything, so its weights are scaled.
    """
    import torch
    import transformers as hub

    torch.manual_seed(0)
    if kind == "mobilenet_v2":
        net: Any = hub.MobileNetV2ForImageClassification(hub.MobileNetV2Config(num_labels=1000))
        processor: Any = hub.MobileNetV2ImageProcessor()
    elif kind == "resnet_50":
        net = hub.ResNetForImageClassification(hub.ResNetConfig(num_labels=1000))
        processor = hub.ConvNextImageProcessor(size={"shortest_edge": 224})
    else:
        sides = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536}
        net = hub.ViTForImageClassification(hub.ViTConfig(num_labels=1000, **sides))
        processor = hub.ViTImageProcessor()
    norms = [one for one in net.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean of all batches
    with torch.no_grad():
        net.train(bool(norms))(torch.randn(8, 3, 224, 224))
        last = net.classifier[-1] if isinstance(net.classifier, torch.nn.Sequential) else net.classifier
        torch.nn.init.normal_(last.weight, std=0.3)
    net.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def ours(place: str, engine: str) -> Ask:
    """A model of macaw's as a way to ask."""
    model = macaw.load(place, engine=engine)

    def ask(files: list[str], batch: int) -> list[dict[str, float]]:
        answers = model.run(files, batch=batch) if batch > 1 else [model.run(one) for one in files]
        return [{guess.name: guess.prob for guess in answer.top(5)} for answer in answers]

    return ask


def theirs(folder: Path) -> Ask:
    """The pipeline of transformers as a way to ask."""
    from transformers import pipeline

    pipe = pipeline("image-classification", model=str(folder), device="cpu")

    def ask(files: list[str], batch: int) -> list[dict[str, float]]:
        several = (
            pipe(files, batch_size=batch, top_k=5) if batch > 1 else [pipe(one, top_k=5) for one in files]
        )
        return [{guess["label"]: guess["score"] for guess in some} for some in several]

    return ask


def ways(kind: str, folder: Path, calibration: Path) -> dict[str, Ask]:
    """Every way to ask one model; the pipeline is the first of those that have one."""
    found: dict[str, Ask] = {}
    name = kind
    if kind != "classify":
        checkpoint(kind, folder)
        name = f"hf:{folder}"
        found["transformers.pipeline"] = theirs(folder)
    for engine in ("onnxruntime", "openvino"):
        found[f"macaw, {engine}"] = ours(name, engine)
    for suffix, engine in (("onnx", "onnxruntime"), ("xml", "openvino")):
        path = folder / f"int8.{suffix}"
        macaw.export(name, path, precision="int8", data=calibration)
        found[f"macaw, {engine} int8"] = ours(str(path), engine)
    return found


def times(found: dict[str, Ask], files: list[str]) -> dict[tuple[str, int], np.ndarray]:
    """Seconds a picture of each way and batch size, (ROUNDS,)."""
    seconds: dict[tuple[str, int], list[float]] = {(w, b): [] for w in found for b in (1, BATCH)}
    for number in range(ROUNDS + WARM_UP):
        for way, batch in seconds:
            some = files if number else files[:BATCH]
            time.sleep(PAUSE)
            began = time.perf_counter()
            found[way](some, batch)
            if number >= WARM_UP:
                seconds[way, batch].append((time.perf_counter() - began) / len(some))
    return {key: np.array(values) for key, values in seconds.items()}


def rows(kind: str, data: Path, timed: int) -> Iterator[dict[str, object]]:
    """One row for each way to ask one model."""
    unseen = [str(path) for path in sorted((data / "val").glob("*.jpg"))]
    with tempfile.TemporaryDirectory() as folder:
        found = ways(kind, Path(folder), data / "train")
        spent = times(found, unseen[:timed])
        base = next(iter(found))
        best = min((spent[base, batch] for batch in (1, BATCH)), key=lambda values: float(np.median(values)))
        reference = found[base](unseen, BATCH)
        for way, ask in found.items():
            answers = ask(unseen, BATCH)
            pairs = list(zip(reference, answers, strict=True))
            gaps = [abs(a[name] - b[name]) for a, b in pairs for name in a.keys() & b.keys()]
            alone, together = spent[way, 1], spent[way, BATCH]
            yield {
                "model": kind,
                "way": way,
                "ms, one picture": round(1000 * float(np.median(alone)), 2),
                "ratio of latency": round(float(np.median(spent[base, 1] / alone)), 2),
                f"pictures/s, batch {BATCH}": round(1 / float(np.median(together)), 1),
                "ratio of throughput": round(float(np.median(best / together)), 2),
                "answers changed": round(
                    float(np.mean([next(iter(a)) != next(iter(b)) for a, b in pairs])), 4
                ),
                "largest difference": float(f"{max(gaps):.2g}"),
                "mean best probability": round(float(np.mean([max(b.values()) for _, b in pairs])), 3),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/det_coco/images"))
    parser.add_argument("--model", nargs="+", default=["mobilenet_v2", "resnet_50", "vit_s", "classify"])
    parser.add_argument("--timed", type=int, default=32, help="pictures that are timed in each round")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    for kind in chosen.model:
        for row in rows(kind, chosen.data, chosen.timed):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
