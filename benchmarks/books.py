"""The embedded language models on books they never read: bits per byte, alone and mixed, beside compressors.

    python -m benchmarks.books

Three novels (`test` of lm_novels), each read from its beginning. The weights of a mixture are fitted on
`val`, three other novels. xz and bzip2 pack each book by itself: they know no English before they begin.
"""

from __future__ import annotations

import argparse
import bz2
import itertools
import json
import lzma
import time
from pathlib import Path

import numpy as np

from macaw import zoo
from macaw.data.texts import read_texts
from macaw.language.mixture import fit_weights, mixed
from macaw.language.opening import open_model

MODELS = {"n-gram": "complete-ngram", "LSTM": "complete-lstm", "Transformer": "complete"}
FITTED = 40_000  # tokens of each validation book, by which weights are fitted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/lm_novels"))
    parser.add_argument("--out", type=Path, help="also write the figures, as JSON")
    asked = parser.parse_args()
    books = read_texts(asked.data).splits
    size = sum(len(text.encode()) for text in books["test"])
    rows = {
        name: 8 * sum(len(pack(text.encode())) for text in books["test"]) / size
        for name, pack in (
            ("bzip2 -9", bz2.compress),
            ("xz -9e", lambda data: lzma.compress(data, preset=9 | 8)),
        )
    }
    fitted, judged, speeds = {}, {}, {}
    for name, folder in MODELS.items():
        model = open_model(zoo.folder(folder))
        fitted[name] = np.concatenate(
            [model.score(model.vocabulary.encode(t)[:FITTED]) for t in books["val"]]
        )
        began = time.monotonic()
        judged[name] = np.concatenate([model.score(model.vocabulary.document(t)) for t in books["test"]])
        speeds[name] = size / (time.monotonic() - began)
    for count in (1, 2, 3):
        for some in itertools.combinations(MODELS, count):
            weights = fit_weights(np.stack([fitted[name] for name in some])).values
            nats = -mixed(np.stack([judged[name] for name in some]), weights).sum()
            words = " + ".join(f"{w:.2f} {n}" for n, w in zip(some, weights, strict=True))
            rows[words if count > 1 else some[0]] = float(nats / size / np.log(2))
    print("| | bits per byte |\n|---|--:|")
    for name, bits in rows.items():
        print(f"| {name} | {bits:.3f} |")
    print({name: f"{speed / 1e3:.0f} kB/s" for name, speed in speeds.items()})
    if asked.out:
        asked.out.write_text(json.dumps({"bits_per_byte": rows, "bytes_per_second": speeds}, indent=1))


if __name__ == "__main__":
    main()
