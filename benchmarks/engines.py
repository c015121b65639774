"""Pictures a second of each engine, in float32 and int8, with the share of answers that differ beside it.

    python -m benchmarks.engines --data ../shared/data/tiny_imagenet

Every way to compute one model gets the same prepared pictures in turn, round for round; ratios are medians
over the rounds, against ONNX Runtime in float32. Answers are compared on the labelled pictures of the data.
The seconds to open hold the first answer; the libraries are loaded by then.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import macaw
from macaw.data.proof import proof_of
from macaw.metrics.parity import compare

BATCHES = (1, 32)
ROUNDS, WARM_UP = 20, 3
SPENT = 0.05  # seconds of each way in each round, about: one call of a small model is too short to time
PAUSE = 0.2  # seconds between ways: after 0.02 the threads of the last one still spin, waiting for more work


def ways(name: str, data: Path, folder: Path) -> dict[str, tuple[macaw.Model, float]]:
    """Every way to compute the model, opened, and how long that took; int8 is calibrated on the data."""
    model = macaw.load(name)
    for suffix in ("onnx", "xml"):
        macaw.export(model, folder / f"plain.{suffix}")
        macaw.export(model, folder / f"int8.{suffix}", precision="int8", data=data)
    places = {
        "onnxruntime float32": (name, "onnxruntime"),
        "openvino float32": (name, "openvino"),
        "openvino float32, its own files": (folder / "plain.xml", "openvino"),
        "torch float32": (name, "torch"),
        "onnxruntime int8": (folder / "int8.onnx", "onnxruntime"),
        "openvino int8": (folder / "int8.onnx", "openvino"),
        "openvino int8, its own files": (folder / "int8.xml", "openvino"),
    }
    found = {}
    for label, (place, engine) in places.items():
        began = time.perf_counter()
        opened = macaw.load(place, engine=engine)
        size = opened.card.prepare["size"]
        opened.core(np.zeros((1, 3, size, size), np.float32))
        found[label] = opened, time.perf_counter() - began
    return found


def speeds(models: dict[str, macaw.Model], pictures: np.ndarray, batch: int) -> dict[str, np.ndarray]:
    """Pictures a second of each way, (ROUNDS,), all ways in turn in every round."""
    calls = {}
    for label, model in models.items():
        began = time.perf_counter()
        model.core(pictures[:batch])
        calls[label] = max(1, round(SPENT / (time.perf_counter() - began)))
    rates: dict[str, list[float]] = {label: [] for label in models}
    for number in range(ROUNDS + WARM_UP):
        for label, model in models.items():
            time.sleep(PAUSE)
            model.core(pictures[:batch])
            began = time.perf_counter()
            for call in range(calls[label]):
                start = (number * calls[label] + call) * batch % (len(pictures) - batch + 1)
                model.core(pictures[start : start + batch])
            rates[label].append(calls[label] * batch / (time.perf_counter() - began))
    return {label: np.array(some[WARM_UP:]) for label, some in rates.items()}


def rows(name: str, data: Path) -> Iterator[dict[str, object]]:
    """One row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        found = ways(name, data, Path(folder))
        models = {label: model for label, (model, _) in found.items()}
        first = next(iter(models.values()))
        proof = proof_of(data, first.card.names, multi=first.card.decode["multi"], calibrated=False)
        pictures = np.concatenate(list(first.batches(proof.pictures.subset(slice(0, 256)))))
        rates = {batch: speeds(models, pictures, batch) for batch in BATCHES}
        reference = first.probabilities(proof.pictures)
        base = next(iter(models))
        for label, (model, opening) in found.items():
            targets = proof.pictures.targets if proof.labelled else None
            probs = model.probabilities(proof.pictures)
            parity = compare(reference, probs, between=(base, label), pictures=proof.words, targets=targets)
            row: dict[str, object] = {"way": label, "open_s": round(opening, 2)}
            for batch in BATCHES:
                mine = rates[batch][label]
                row[f"pictures/s, batch {batch}"] = round(float(np.median(mine)))
                row[f"ratio, batch {batch}"] = round(float(np.median(mine / rates[batch][base])), 2)
            yield row | parity.rows()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="classify")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny_imagenet"))
    chosen = parser.parse_args()
    for row in rows(chosen.model, chosen.data):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
