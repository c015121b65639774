"""The small LSTM of Zaremba et al. 2014 (arXiv 1409.2329), its published recipe; the peer of words.py.

Two layers of 200 in torch, embeddings of 200, no dropout. 20 rows of the text are read side by side, 20 words
a step, the state carried on; plain gradient descent at a rate of 1 for 4 epochs, halved in each of the next
9; the loss is the sum over a row's words, its gradient clipped at 5; all weights begin within 0.1 of zero.

Shapes: T words
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.contest import Clock, Row, parameters

WIDTH, ROWS, STEPS, CLIP, START = 200, 20, 20, 5.0, 0.1
EPOCHS, FULL = 13, 4


class Small(nn.Module):
    """ids (B, T) and a state -> logits (B, T, V) and the next state."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, WIDTH)
        self.cells = nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
        self.out = nn.Linear(WIDTH, tokens)
        for p in self.parameters():
            nn.init.uniform_(p, -START, START)

    def forward(
        self, ids: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        x, state = self.cells(self.embedding(ids), state)
        return self.out(x), state


def fit(ids: np.ndarray, tokens: int, *, seed: int, epochs: int = EPOCHS) -> tuple[Small, Row]:
    """Train on ids (T,); what was done."""
    torch.manual_seed(seed)
    net, clock = Small(tokens).train(), Clock(1.0)
    lane = (len(ids) - 1) // ROWS
    x, y = (torch.from_numpy(ids[at : at + lane * ROWS].astype(np.int64)).view(ROWS, lane) for at in (0, 1))
    for epoch in range(epochs):
        state, rate = None, 0.5 ** max(0, epoch + 1 - FULL)
        for at in range(0, lane - STEPS + 1, STEPS):
            logits, after = net(x[:, at : at + STEPS], state)
            state = after[0].detach(), after[1].detach()
            wanted = y[:, at : at + STEPS].flatten()
            loss = F.cross_entropy(logits.flatten(0, 1), wanted, reduction="sum") / ROWS
            net.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            with torch.no_grad():
                for p in net.parameters():
                    p.sub_(p.grad, alpha=rate)
    net.eval()
    return net, {"size": parameters(net) / 1e6, "passes": epochs, "minutes": round(clock.spent / 60, 2)}


@torch.inference_mode()
def score(net: Small, ids: np.ndarray) -> np.ndarray:
    """(T - 1,) nats of every id but the first, read from end to end."""
    x, state, found = torch.from_numpy(ids.astype(np.int64)), None, []
    for at in range(0, len(ids) - 1, 512):
        some = x[at : at + 513]
        logits, state = net(some[None, :-1], state)
        found.append(-logits[0].log_softmax(-1).gather(1, some[1:, None])[:, 0])
    return np.asarray(torch.cat(found).double().numpy())
