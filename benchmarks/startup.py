"""Start-up in fresh processes: `macaw --help`, the first answer of `macaw run`, and transformers' first.

    python -m benchmarks.startup photo.jpg

The peer is `transformers.pipeline("image-classification")` on a MobileNetV2 with random weights, saved
beforehand so that nothing is downloaded. Median of so many rounds, the commands in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PIPELINE = """
import sys
from transformers import pipeline
print(pipeline("image-classification", model=sys.argv[1], device="cpu")(sys.argv[2], top_k=5))
"""


def save_peer(folder: Path) -> None:
    """A MobileNetV2 with random weights and 1,000 classes, in the format of the Hub."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification, MobileNetV2ImageProcessor

    MobileNetV2ForImageClassification(MobileNetV2Config(num_labels=1000)).save_pretrained(folder)
    MobileNetV2ImageProcessor().save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_peer(Path(folder))
        macaw = [sys.executable, "-m", "macaw.cli"]
        commands = {
            "macaw --help": [*macaw, "--help"],
            "macaw run classify": [*macaw, "run", "classify", str(chosen.picture)],
            "transformers.pipeline": [sys.executable, "-c", PIPELINE, folder, str(chosen.picture)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(chosen.rounds + 1):
            for name, words in commands.items():
                began = time.monotonic()
                subprocess.run(words, check=True, capture_output=True)
                if number:  # the first round fills the file caches
                    seconds[name].append(time.monotonic() - began)
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(json.dumps({"command": name, "median_s": round(middle, 3), "min_s": round(min(values), 3)}))
    pairs = zip(seconds["macaw run classify"], seconds["transformers.pipeline"], strict=True)
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(json.dumps({"pipeline / macaw run, median of pairs": round(ratio, 1)}))


if __name__ == "__main__":
    main()
