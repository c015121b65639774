"""What it costs to join: three heads on one frozen front-end in one pass, beside each of them on its own.

    python -m benchmarks.join --data ../shared/data
    python -m benchmarks.join --data ../shared/data --engine openvino --timed 60

A classifier, a detector and a segmenter on the front-end of the embedded detector, frozen, at its 320 pixels:
the detector is the embedded one, the others are probes on it, trained for a short while (`--epochs`) on
pictures of the packs, or with random weights where the packs are not there. Time is end to end, one
photograph at a time, from its file to the answer: decoding, letterbox, network, and what makes answers of its
output. Everybody answers about every photograph in turn, the order changing from one to the next, so that a
slow moment of the machine falls on all; ratios are of the same photograph. Answers are compared on the same
photographs, and the raw output bit by bit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import macaw
from macaw import zoo
from macaw.data.pictures import find_pictures
from macaw.model import Model
from macaw.samples import SAMPLES, at_hand

TASKS = ("classify", "detect", "segment")
PACKS = {"classify": "sat_ucmerced", "segment": "seg_camvid"}  # what the probes are trained on
PHOTOGRAPHS = Path("det_coco", "images", "val")
EPOCHS = {"classify": 1, "segment": 2}
WARM_UP = 3  # photographs
Ask = Callable[[Any], Any]


def probed(task: str, packs: Path, folder: Path, *, epochs: float) -> Path:
    """A head on the detector's frozen front-end: trained on its pack, or with random weights without one."""
    out = folder / task
    if task == "detect":
        shutil.copytree(zoo.folder("detect"), out)
        return out
    pack = packs / PACKS[task]
    if not pack.exists() or epochs <= 0:
        return untrained(task, out)
    start = str(zoo.folder("detect"))
    macaw.train(task, pack, out=out, start=start, tune="probe", epochs=epochs * EPOCHS[task])
    return out


def untrained(task: str, out: Path) -> Path:
    """The same with random weights, which take as long."""
    import torch

    from macaw.card import Card
    from macaw.recognition.recognizer import Recognizer, head_on
    from macaw.recognition.saving import Made, save_model
    from macaw.runtime.eager import load_module

    torch.manual_seed(0)
    card = Card.load(zoo.folder("detect"))
    frontend: Any = load_module(zoo.folder("detect"), card).frontend
    name, count = ("label", 21) if task == "classify" else ("mask", 11)
    head = head_on(frontend, name, labels=count)
    with torch.no_grad():
        for weight in head.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    made = card.replace(
        task=task,
        name=f"{task}-untrained",
        head={"name": name, "config": head.config},
        names=tuple(f"class {number}" for number in range(count)),
        decode={"temperature": 1.0, "multi": False} if task == "classify" else {},
        scores={},
    )
    module = Recognizer(frontend, head, mean=card.prepare["mean"], std=card.prepare["std"])
    row = {"epoch": 0.0, "loss": 1.0, "score": 1.0, "val_error": 1.0, "val_loss": 1.0}
    return save_model(out, Made(module, made, [row], finished=True))


def timed(ways: dict[str, Ask], pictures: Sequence[Any]) -> dict[str, np.ndarray]:
    """Seconds of each way for each picture."""
    spent: dict[str, list[float]] = {way: [] for way in ways}
    names = list(ways)
    for number, picture in enumerate([*pictures[:WARM_UP], *pictures]):
        turn = number % len(names)
        for way in names[turn:] + names[:turn]:
            began = time.perf_counter()
            ways[way](picture)
            spent[way].append(time.perf_counter() - began)
    return {way: np.array(seconds[min(WARM_UP, len(pictures)) :]) for way, seconds in spent.items()}


def compared(joined: Model, alone: dict[str, Model], pictures: Sequence[Any]) -> dict[str, Any]:
    """How many answers, and raw outputs, are the same, and how far the rest is apart."""
    answers, bits, apart = 0, 0, 0.0
    for picture in pictures:
        told = joined.run(picture)
        answers += sum(told[name].to_dict() == one.run(picture).to_dict() for name, one in alone.items())
        arrays = network_input(joined, picture)
        together = joined.outputs(arrays)
        for name, place in joined.card.places.items():
            for one, other in zip(together[place], alone[name].outputs(arrays), strict=True):
                bits += np.array_equal(one, other)
                apart = max(apart, float(np.abs(one - other).max() / max(1.0, np.abs(other).max())))
    total = len(pictures) * len(alone)
    return {"answers": total, "the same": answers, "outputs equal bit by bit": bits, "largest gap": apart}


def network_input(model: Model, picture: Any) -> np.ndarray:
    """The picture as the network sees it, (1, 3, S, S)."""
    from macaw.data.pictures import read_picture

    return model.prepare([read_picture(picture)])


def printed(title: str, spent: dict[str, np.ndarray]) -> None:
    """A table: milliseconds, and how many times as long as the slowest task alone, and as all in turn."""
    slowest = max(TASKS, key=lambda task: float(np.median(spent[task])))
    print(f"\n{title}\n\n| | median ms | against the slowest alone ({slowest}) | against three runs |")
    print("|---|--:|--:|--:|")
    for way, seconds in spent.items():
        ratios = [np.median(seconds / spent[other]) for other in (slowest, "three runs")]
        print(f"| {way} | {1000 * np.median(seconds):.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the packs")
    parser.add_argument("--engine", nargs="+", default=["onnxruntime", "openvino"])
    parser.add_argument("--timed", type=int, default=100, help="photographs")
    parser.add_argument("--epochs", type=float, default=1.0, help="of the probes; 0 leaves them untrained")
    chosen = parser.parse_args()
    photographs = chosen.data / PHOTOGRAPHS
    if photographs.is_dir():
        pictures: list[Any] = find_pictures([photographs])[: chosen.timed]
    else:
        pictures = [sample.input for sample in at_hand(SAMPLES)[0]][: chosen.timed]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {task: probed(task, chosen.data, folder, epochs=chosen.epochs) for task in TASKS}
        macaw.join(list(places.values()), out=folder / "joined")
        for engine in chosen.engine:
            measured(folder / "joined", places, engine, pictures)


def measured(place: Path, places: dict[str, Path], engine: str, pictures: Sequence[Any]) -> None:
    """Time and compare with one engine."""
    joined = macaw.load(place, engine=engine)
    alone: dict[str, Model] = {task: macaw.load(one, engine=engine) for task, one in places.items()}

    def three_runs(picture: Any) -> None:
        for one in alone.values():
            one.run(picture)

    ways: dict[str, Ask] = {task: one.run for task, one in alone.items()}
    ways |= {"three runs": three_runs, "joined": joined.run}
    printed(f"{engine}, from file to answer, {len(pictures)} photographs", timed(ways, pictures))

    arrays = [network_input(joined, picture) for picture in pictures]

    def three_networks(array: np.ndarray) -> None:
        for one in alone.values():
            one.outputs(array)

    nets: dict[str, Ask] = {task: one.outputs for task, one in alone.items()}
    nets |= {"three runs": three_networks, "joined": joined.outputs}
    printed(f"{engine}, the network alone", timed(nets, arrays))
    print(f"\n{json.dumps({'engine': engine, **compared(joined, alone, pictures)})}", flush=True)


if __name__ == "__main__":
    main()
