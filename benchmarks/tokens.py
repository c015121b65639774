"""Training tokens a second: a Transformer of ours beside the same model in transformers, on the same batches.

    pip install 'macaw[hub,train]'
    python -m benchmarks.tokens

Same shape, same first weights, same windows, one process, in turn; the best of `--rounds` counts. In single
precision, and with autocast to bfloat16, which `macaw train` takes where the processor has it. transformers
steps by AdamW, as its Trainer does; ours by Muon and AdamW, as it trains, and by AdamW alone, so that both
costs are seen. A step is forward, backward, update and, of ours, the running average.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.generate import as_qwen3
from macaw.language.shapes import TransformerShape
from macaw.language.token_recipe import TokenRecipe
from macaw.language.token_run import TokenRun
from macaw.language.transformer import Transformer
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows
from macaw.machine import cpu_count, processor

SIZES = {  # the small one of a processor, and nanoGPT's
    "characters, 4 layers of 256": TransformerShape.dialled(257, dial=4, context=128),
    "4,096 pieces, 6 layers of 384": TransformerShape.dialled(4096, dial=6, context=256),
}


def ours(shape: TransformerShape, rows: int, *, muon: bool, precision: str) -> Callable[[], float]:
    """A step of the run that `train` makes; the loss."""
    torch.manual_seed(0)
    model = Transformer(shape)
    if not muon:
        for p in model.parameters():
            p.matrix = False  # type: ignore[attr-defined]
    ids = np.random.default_rng(0).integers(0, 256, 200_000).astype(np.uint16)
    recipe = TokenRecipe(batch=rows, length=shape.context, precision=precision)
    data, bytes_only = Windows(ids, shape.context), Vocabulary.of("bytes")
    run = TokenRun(model, data, recipe, score=lambda _: {"score": 0.0}, vocabulary=bytes_only)
    run._shift = run._at = 0
    run.model.train()
    return lambda: run._step(np.arange(rows), 0.5)


def theirs(shape: TransformerShape, rows: int, *, precision: str) -> Callable[[], float]:
    import transformers

    torch.manual_seed(0)
    model = as_qwen3(transformers, Transformer(shape)).train()
    steps = torch.optim.AdamW(model.parameters(), 3e-3)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (rows, shape.context)))

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        steps.step()
        return float(loss.detach())

    return step


def measured(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Seconds of a step, the best of so many in turn."""
    seconds = {name: float("inf") for name in ways}
    for step in ways.values():
        step()
    for _ in range(rounds):
        for name, step in ways.items():
            began = time.perf_counter()
            step()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(cpu_count())
    report: dict[str, object] = {"processor": processor(), "cores": cpu_count(), "rows": asked.rows}
    for (name, shape), precision in itertools.product(SIZES.items(), ("float32", "bfloat16")):
        same: dict[str, Any] = {"shape": shape, "rows": asked.rows, "precision": precision}
        ways = {
            "transformers, AdamW": theirs(**same),
            "macaw, AdamW": ours(**same, muon=False),
            "macaw, Muon and AdamW": ours(**same, muon=True),
        }
        tokens = asked.rows * shape.context
        rates = {way: tokens / best for way, best in measured(ways, asked.rounds).items()}
        base = rates["transformers, AdamW"]
        report[f"{name}, {precision}"] = {
            way: {"tokens_per_second": round(r), "times": round(r / base, 2)} for way, r in rates.items()
        }
    print(json.dumps(report, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
