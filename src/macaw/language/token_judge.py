"""Token judge: nats per token of the validation text, and bits per byte where tokens stand for bytes.

Shapes: B windows, T positions
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch
import torch.nn.functional as F

from macaw.language.losses import IGNORED
from macaw.language.token_run import given
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows

_MOST = 200_000  # tokens that one evaluation reads; `evaluate` reads them all


class TokenJudge:
    """Scores a network on the first windows of the validation text; 'score', lower is better, is 'val_loss'.

    A Transformer begins every window anew, and so is judged a little too severely; a recurrent network reads
    `rows` stretches of the text side by side.
    """

    def __init__(self, windows: Windows, vocabulary: Vocabulary, *, rows: int = 32) -> None:
        self.windows, self.vocabulary = windows, vocabulary
        self.rows = min(rows, len(windows))
        self.steps = max(1, min(len(windows), _MOST // windows.length) // self.rows)

    @torch.inference_mode()
    def __call__(self, module: torch.nn.Module) -> dict[str, float]:
        """The row of a history."""
        device = next(module.parameters()).device
        nats = tokens = size = 0.0
        state = None
        for step in range(self.steps):
            rows = self._rows(step, carries=bool(module.carries))
            ids, targets = given(rows, self.vocabulary, device)
            logits, after = module(ids, state)
            state = after if module.carries else None
            nats += float(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum"))
            tokens += float((targets != IGNORED).sum())
            size += float(self.vocabulary.lengths[rows[1]].sum())
        row = {"score": nats / max(1.0, tokens), "val_loss": nats / max(1.0, tokens)}
        if size and self.vocabulary.lossless:
            row["bits_per_byte"] = nats / size / math.log(2)
        return row

    def time(self, module: torch.nn.Module) -> float:
        """Seconds that one evaluation of a module takes, judged by its first step."""
        steps, self.steps = self.steps, 1
        began = time.monotonic()
        try:
            self(module.eval())
        finally:
            self.steps = steps
        return steps * (time.monotonic() - began)

    def _rows(self, step: int, *, carries: bool) -> tuple[np.ndarray, np.ndarray]:
        if carries:
            return self.windows.abreast(step, self.rows, 0)
        return self.windows.scattered(np.arange(step * self.rows, (step + 1) * self.rows), 0)
