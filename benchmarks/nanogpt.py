"""nanoGPT's configuration for a processor, as a GPT-2 of transformers; the peer of benchmarks/shakespeare.py.

From its README and config/train_shakespeare_char.py: 4 layers, 4 heads, 128 channels, 64 characters, batches
of 12 windows from anywhere in the text, no dropout; AdamW with a decay of 0.1 of all matrices; 100 steps of
warm-up, then a cosine from 1e-3 to 1e-4 over 2,000 steps; gradients clipped at 1.

What differs: transformers' GPT-2 has biases, which are held at zero here, as nanoGPT has none. The last
weights are kept, where nanoGPT keeps those that are best on the validation text, which is what is measured.
By the clock the cosine ends with the seconds, however many steps that is. Like ours it multiplies in bfloat16
where the processor does, by which it takes a quarter more steps; nanoGPT does so on GPUs alone.

Shapes: B windows, C context, T characters, V characters that there are
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.contest import Clock, Row
from macaw.training.loop import resolve_precision

CONTEXT, BATCH, STEPS = 64, 12, 2000
RATE, LEAST_RATE, WARM_UP, DECAY = 1e-3, 1e-4, 100, 0.1
Logits = Callable[[torch.Tensor], torch.Tensor]  # (B, C) -> (B, C, V)


def network(tokens: int) -> nn.Module:
    """The network, without biases: 0.8 million parameters over 65 characters."""
    import transformers

    config = transformers.GPT2Config(
        vocab_size=tokens, n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4, activation_function="gelu",
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    net: nn.Module = transformers.GPT2LMHeadModel(config)
    for name, p in net.named_parameters():
        if name.endswith("bias"):
            p.requires_grad_(requires_grad=False)  # zero, and so it stays
    return net


def fit(ids: np.ndarray, tokens: int, *, seconds: float | None, seed: int) -> tuple[Logits, Row]:
    """Train on ids (T,) for so long, or where seconds is None for its own 2,000 steps; what was done."""
    torch.manual_seed(seed)
    net, text = network(tokens).train(), torch.from_numpy(ids.astype(np.int64))
    learned = [p for p in net.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": DECAY},
        {"params": [p for p in learned if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, RATE, betas=(0.9, 0.99))
    native = resolve_precision("auto") == "bfloat16"
    clock, step = Clock(seconds or math.inf), 0
    while (progress := clock.progress if seconds else step / STEPS) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate(step, progress)
        places = torch.randint(len(text) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT)
        with torch.autocast("cpu", torch.bfloat16, enabled=native):
            logits = net(text[places]).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), text[places + 1].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        step += 1
    done = {
        "size": sum(p.numel() for p in learned) / 1e6,
        "passes": round(step * BATCH * CONTEXT / len(ids), 2),
    }
    net.eval()
    return lambda some: net(some).logits, {**done, "steps": step, "train_s": round(clock.spent, 1)}


def rate(step: int, progress: float) -> float:
    """Of a step, at a share of the run."""
    if step < WARM_UP:
        return RATE * (step + 1) / (WARM_UP + 1)
    return LEAST_RATE + 0.5 * (1 + math.cos(math.pi * progress)) * (RATE - LEAST_RATE)


@torch.inference_mode()
def strided(logits: Logits, ids: np.ndarray, stride: int) -> np.ndarray:
    """(T - 1,) nats of every id but the first, from windows of CONTEXT, each `stride` after the one before.

    Of a window its last `stride` positions count, of the first window all.
    """
    wanted = len(ids) - 1
    count = 1 + max(0, -(-(wanted - CONTEXT) // stride))
    filled = np.zeros((count - 1) * stride + CONTEXT + 1, np.int64)
    filled[: len(ids)] = ids  # no position of the text looks at what follows it
    rows = torch.from_numpy(filled)[stride * torch.arange(count)[:, None] + torch.arange(CONTEXT + 1)]
    found = []
    for some in rows.split(64):
        logp = logits(some[:, :-1]).log_softmax(-1)
        found.append(-logp.gather(2, some[:, 1:, None])[..., 0])
    nats = torch.cat(found).double().numpy()
    return np.concatenate([nats[0], nats[1:, CONTEXT - stride :].ravel()])[:wanted]
