"""Frames a second of `detect`, end to end, beside two detectors of the Hub run by their own library.

    python -m benchmarks.detect --data ../shared/data/det_coco/images/val

Everybody is given the same photographs as files, one at a time, in turn, round for round: decoding, scaling,
the network and what makes boxes of its output are all counted. The peers have random weights, which is all
that their speed needs: YOLOS-tiny (6.5 M parameters) and RT-DETR with ResNet-18 (20 M), both at the same
number of pixels as ours. Ours is the embedded detector, in float32 and, with a folder to calibrate on, int8.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import macaw
from macaw import zoo
from macaw.card import Card

SIZES = (320, 416, 640)
ROUNDS, WARM_UP, PAUSE = 7, 1, 0.2
Ask = Callable[[str], Any]


def ours(size: int, folder: Path, *, engine: str) -> Ask:
    """The embedded detector at another size: its graph takes any."""
    place = folder / f"ours-{size}"
    if not place.is_dir():
        shutil.copytree(zoo.folder("detect"), place)
        card = Card.load(place)
        card.replace(prepare={**card.prepare, "size": size}).save(place)
    return macaw.load(place, engine=engine).run


def in_int8(size: int, folder: Path, calibration: Path) -> Ask:
    """The same as one file in int8, by OpenVINO."""
    path = folder / f"ours-{size}.xml"
    macaw.export(folder / f"ours-{size}", path, precision="int8", data=calibration)
    return macaw.load(path).run


def theirs(kind: str, size: int, folder: Path) -> Ask:
    """A peer with random weights, by the pipeline of transformers."""
    import torch
    import transformers as hub

    torch.manual_seed(0)
    place = folder / f"{kind}-{size}"
    if kind == "yolos":
        sides = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
        net: Any = hub.YolosForObjectDetection(hub.YolosConfig(image_size=[size, size], **sides))
        processor: Any = hub.YolosImageProcessor(size={"height": size, "width": size}, do_pad=False)
    else:
        small = hub.RTDetrResNetConfig(
            depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = hub.RTDetrConfig(
            backbone_config=small, encoder_in_channels=[128, 256, 512], decoder_layers=3
        )
        net = hub.RTDetrForObjectDetection(config)
        processor = hub.RTDetrImageProcessor(size={"height": size, "width": size})
    net.eval().save_pretrained(place)
    processor.save_pretrained(place)
    return hub.pipeline("object-detection", model=str(place), device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/det_coco/images/val"))
    parser.add_argument("--calibration", type=Path, default=None)
    parser.add_argument("--size", type=int, nargs="+", default=SIZES)
    parser.add_argument("--timed", type=int, default=24, help="pictures in each round")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    files = [str(path) for path in sorted(chosen.data.glob("*.jpg"))[: chosen.timed]]
    for size in chosen.size:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ways: dict[str, Ask] = {
                "macaw, ONNX Runtime": ours(size, folder, engine="onnxruntime"),
                "macaw, OpenVINO": ours(size, folder, engine="openvino"),
            }
            if chosen.calibration:
                ways["macaw, OpenVINO int8"] = in_int8(size, folder, chosen.calibration)
            ways |= {kind: theirs(kind, size, folder) for kind in ("yolos", "rt_detr_r18")}
            spent: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(ROUNDS + WARM_UP):
                for way, ask in ways.items():
                    time.sleep(PAUSE)
                    began = time.perf_counter()
                    for file in files:
                        ask(file)
                    if number >= WARM_UP:
                        spent[way].append((time.perf_counter() - began) / len(files))
            base = np.array(spent["macaw, ONNX Runtime"])
            for way, seconds in spent.items():
                row = {"size": size, "way": way, "frames/s": round(1 / float(np.median(seconds)), 1)}
                ratio = round(float(np.median(np.array(seconds) / base)), 2)
                print(json.dumps({**row, "times as long as ours": ratio}), flush=True)


if __name__ == "__main__":
    main()
