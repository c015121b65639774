"""Tokens a second of a 30-million-parameter Transformer of ours beside transformers, same weights.

    pip install 'macaw[hub,train]'
    python -m benchmarks.generate
    python -m benchmarks.generate --batch 1 4 16

The weights are random, which changes nothing of the work: every token reads each of them once, so what is
measured is bytes moved; with many texts at once it is arithmetic as well. Both continue the same prompts
greedily; in single precision the tokens must be the same. Peers and ours take turns within one process, and
the best of `--rounds` counts. Bits per byte of int8 are measured on a trained model: `--model` is the folder
of one, `--text` what it is scored on.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from macaw.language.matrices import PRECISIONS
from macaw.language.networks import Network, log_softmax, open_core
from macaw.language.shapes import TransformerShape
from macaw.language.transformer import Transformer
from macaw.machine import cpu_count, processor

OURS = (("numpy", "float32"), ("compiled", "float32"), ("compiled", "int8"))
SHAPE = TransformerShape.dialled(8192, dial=8, context=512)


def as_qwen3(transformers: Any, module: Transformer) -> Any:
    """The same network as transformers has it."""
    s = module.shape
    config = transformers.Qwen3Config(
        vocab_size=s.tokens, hidden_size=s.width, intermediate_size=s.hidden, num_hidden_layers=s.depth,
        num_attention_heads=s.heads, num_key_value_heads=s.pairs, head_dim=s.head, rms_norm_eps=1e-6,
        max_position_embeddings=s.context, tie_word_embeddings=True, bos_token_id=0, eos_token_id=None,
        pad_token_id=0, rope_parameters={"rope_type": "default", "rope_theta": s.theta},
    )  # fmt: skip
    theirs = transformers.Qwen3ForCausalLM(config).eval()
    theirs.load_state_dict(_renamed(module), strict=False)
    return theirs


def _renamed(module: Transformer) -> dict[str, torch.Tensor]:
    held, s = module.state_dict(), module.shape
    named = {"model.embed_tokens.weight": held["embedding.weight"], "model.norm.weight": held["norm.gain"]}
    named["lm_head.weight"] = held["embedding.weight"]
    for i in range(s.depth):
        mine, theirs = f"blocks.{i}.", f"model.layers.{i}."
        rows = (s.width, s.pairs * s.head, s.pairs * s.head)
        for name, part in zip("qkv", held[mine + "attention.qkv.weight"].split(rows), strict=True):
            named[f"{theirs}self_attn.{name}_proj.weight"] = part
        gate, up = held[mine + "feed_forward.up.weight"].chunk(2)
        named |= {
            theirs + "self_attn.o_proj.weight": held[mine + "attention.out.weight"],
            theirs + "self_attn.q_norm.weight": held[mine + "attention.query_norm.gain"],
            theirs + "self_attn.k_norm.weight": held[mine + "attention.key_norm.gain"],
            theirs + "input_layernorm.weight": held[mine + "norm.gain"],
            theirs + "post_attention_layernorm.weight": held[mine + "forward_norm.gain"],
            theirs + "mlp.gate_proj.weight": gate,
            theirs + "mlp.up_proj.weight": up,
            theirs + "mlp.down_proj.weight": held[mine + "feed_forward.down.weight"],
        }
    return named


def trained_like(shape: TransformerShape) -> Transformer:
    """A network whose projections are not at zero, as training leaves them."""
    torch.manual_seed(0)
    module = Transformer(shape).eval()
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim == 2:
                p.normal_(std=p.shape[1] ** -0.5)
                p.copy_(p.half())  # as a saved model has them
    return module


Way = Callable[[np.ndarray, int], list[list[int]]]  # prompts (B, P), and how many tokens more of each


def ours(module: Transformer, engine: str, precision: str) -> Way:
    weights = {name: held.numpy() for name, held in module.state_dict().items()}
    core = open_core(module.shape, weights, precision=precision, engine=engine)

    def go(prompts: np.ndarray, count: int) -> list[list[int]]:
        logits, states = core.feed_many(list(prompts), [None] * len(prompts), last=True)
        found = [log_softmax(np.concatenate(logits)).argmax(1)]
        while len(found) < count:
            logits, states = core.feed_many(list(found[-1][:, None]), states, last=True)
            found.append(log_softmax(np.concatenate(logits)).argmax(1))
        return np.stack(found, axis=1).tolist()

    return go


def theirs(module: Transformer, cache: str) -> Way:
    import transformers

    model = as_qwen3(transformers, module)

    @torch.inference_mode()
    def go(prompts: np.ndarray, count: int) -> list[list[int]]:
        ids = torch.from_numpy(prompts.astype(np.int64))
        mask = torch.ones_like(ids)
        out = model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=count,
            do_sample=False,
            cache_implementation=cache or None,
        )
        found: list[list[int]] = out[:, prompts.shape[1] :].tolist()
        return found

    return go


def measured(ways: dict[str, Way], prompts: np.ndarray, count: int, rounds: int) -> dict[str, Any]:
    """Tokens a second of all texts together, and whether they are those of transformers."""
    tokens = {name: go(prompts, count) for name, go in ways.items()}  # and so compiled, and warm
    seconds = {name: float("inf") for name in ways}
    for _ in range(rounds):
        for name, go in ways.items():
            began = time.perf_counter()
            go(prompts, count)
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    rates = {name: round(len(prompts) * count / best, 1) for name, best in seconds.items()}
    return {
        "tokens_per_second": rates,
        "times": {name: round(rate / rates["transformers"], 2) for name, rate in rates.items()},
        "same_tokens": {name: found == tokens["transformers"] for name, found in tokens.items()},
    }


def bits_per_byte(folder: Path, text: str) -> dict[str, float]:
    """What int8 costs, on a trained model."""
    found = {}
    for precision in PRECISIONS:
        network = Network.load(folder, precision=precision)
        ids = network.vocabulary.encode(text)
        found[precision] = float(-network.score(ids).sum() / np.log(2) / len(text.encode()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, nargs="+", default=[1], help="texts at once, such as 1 4 16")
    parser.add_argument(
        "--static", action="store_true", help="its compiled way too, which takes minutes to start"
    )
    parser.add_argument("--model", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    torch.set_num_threads(cpu_count())
    module = trained_like(SHAPE)
    ways = {"transformers": theirs(module, "")}
    if asked.static:
        ways["transformers, static cache, compiled"] = theirs(module, "static")
    ways |= {f"macaw {engine} {p}": ours(module, engine, p) for engine, p in OURS}
    prompts = np.random.default_rng(0).integers(0, SHAPE.tokens, (max(asked.batch), 16)).astype(np.int32)
    report: dict[str, Any] = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "processor": processor(),
        "cores": cpu_count(),
        "batches": {size: measured(ways, prompts[:size], asked.tokens, asked.rounds) for size in asked.batch},
    }
    if asked.model and asked.text:
        report["bits_per_byte"] = bits_per_byte(asked.model, asked.text.read_text(encoding="utf-8"))
    print(json.dumps(report, indent=1))
    if asked.out:
        asked.out.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
