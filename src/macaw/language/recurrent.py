"""Recurrent network: one state, which each token changes; LSTM or GRU with the regularisation of AWD-LSTM.

Long the best that a processor could train, and per second of two cores still ahead of a small Transformer.
LSTM: Hochreiter and Schmidhuber 1997 (10.1162/neco.1997.9.8.1735); GRU: Cho et al. 2014 (arXiv 1406.1078).
Weight drop, variational dropout, dropped tokens and averaged SGD: Merity et al. 2017 (arXiv 1708.02182).

Shapes: B batch, T positions, L layers, D width of the state, E channels of a token, V vocabulary
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from macaw.language.losses import Output, linear_loss
from macaw.language.shapes import RecurrentShape
from macaw.training.optimizers import Phase

Hidden = tuple[torch.Tensor, ...]  # h (L, B, D), and for an LSTM c (L, B, D)


class Cell(nn.Module):
    """One layer: (B, T, E or D) and its state, each (B, D) -> (B, T, D) and the new state.

    Gates in torch's order: input, forget, cell, output of an LSTM; reset, update, new of a GRU.
    """

    def __init__(self, width: int, shape: RecurrentShape) -> None:
        super().__init__()
        self.lstm, self.weight_drop = shape.cell == "lstm", shape.weight_drop
        rows = shape.gates * shape.width
        self.input = nn.Parameter(torch.empty(rows, width))
        self.recurrent = nn.Parameter(torch.empty(rows, shape.width))
        self.input_bias = nn.Parameter(torch.zeros(rows))
        self.recurrent_bias = nn.Parameter(torch.zeros(rows))
        bound = 1 / math.sqrt(shape.width)
        for p in (self.input, self.recurrent):
            nn.init.uniform_(p, -bound, bound)
        if self.lstm:  # remember at first: Jozefowicz et al. 2015, section 2.2
            nn.init.ones_(self.input_bias[shape.width : 2 * shape.width].detach())

    def forward(self, x: torch.Tensor, state: Hidden) -> tuple[torch.Tensor, Hidden]:
        recurrent = F.dropout(self.recurrent, self.weight_drop, self.training)  # the same at every step
        weights = [self.input, recurrent, self.input_bias, self.recurrent_bias]
        states = [part[None].contiguous() for part in state]
        # The operator beneath nn.LSTM, which does not take weights from outside
        if self.lstm:
            x, *after = torch.lstm(x, states, weights, True, 1, 0.0, self.training, False, True)
        else:
            x, *after = torch.gru(x, states[0], weights, True, 1, 0.0, self.training, False, True)
        return x, tuple(part[0] for part in after)


class Recurrent(nn.Module):
    """ids (B, T) -> logits (B, T, V), and the state that the next call goes on from."""

    carries = True  # in training a window begins with the state in which the one before it ended

    def __init__(self, shape: RecurrentShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.tokens, shape.embedding)
        widths = [shape.embedding] + [shape.width] * (shape.depth - 1)
        self.cells = nn.ModuleList(Cell(width, shape) for width in widths)
        self.tied = shape.tied == "yes"
        self.project: nn.Module = nn.Identity()  # from the state to where the output's weights are
        if self.tied and shape.width != shape.embedding:
            self.project = nn.Linear(shape.width, shape.embedding)
        self.out = None if self.tied else nn.Parameter(torch.empty(shape.tokens, shape.width))
        self.out_bias = nn.Parameter(torch.zeros(shape.tokens))
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        if self.out is not None:
            nn.init.uniform_(self.out, -0.1, 0.1)

    def forward(self, ids: torch.Tensor, state: Hidden | None = None) -> tuple[torch.Tensor, Hidden]:
        return self.read(F.embedding(ids, self._tokens()), state)

    def read(self, x: torch.Tensor, state: Hidden | None = None) -> tuple[torch.Tensor, Hidden]:
        """The same from embedded tokens (B, T, E), for whoever asks what they did to the answer."""
        x, after = self.features(x, state)
        return self.output.logits(x), after

    @property
    def output(self) -> Output:
        """The layer that makes logits of features."""
        weight = self.embedding.weight if self.out is None else self.out
        return Output(weight, self.out_bias, never=self.shape.never)

    def features(self, x: torch.Tensor, state: Hidden | None = None) -> tuple[torch.Tensor, Hidden]:
        """What logits are made of, from embedded tokens (B, T, E), and the state after them."""
        s = self.shape
        if state is None:
            parts = 2 if s.cell == "lstm" else 1
            state = tuple(x.new_zeros(s.depth, len(x), s.width) for _ in range(parts))
        x, after = self._locked(x, s.dropout_input), []
        for i, cell in enumerate(self.cells):
            x = self._locked(x, s.dropout_between) if i else x
            x, new = cell(x, tuple(part[i] for part in state))
            after.append(new)
        x = self.project(self._locked(x, s.dropout))
        return x, tuple(torch.stack(part) for part in zip(*after, strict=True))

    def _tokens(self) -> torch.Tensor:
        """The embeddings; in training some tokens have none, and the others more."""
        weight, dropout = self.embedding.weight, self.shape.dropout_tokens
        if not (self.training and dropout):
            return weight
        return weight * F.dropout(weight.new_ones(len(weight), 1), dropout)

    def _locked(self, x: torch.Tensor, dropout: float) -> torch.Tensor:
        """Dropout with one mask for all positions (Gal and Ghahramani 2016, arXiv 1512.05287)."""
        if not (self.training and dropout):
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[-1]), dropout)

    def phases(
        self, ids: torch.Tensor, targets: torch.Tensor, state: Hidden | None
    ) -> Iterator[tuple[Phase, Hidden]]:
        """One phase of ids and targets (B, T), with the state to begin the next window with."""
        x, after = self.features(F.embedding(ids, self._tokens()), state)
        phase = Phase("tokens", linear_loss(x, targets, self.output), tuple(self.parameters()))
        yield phase, tuple(part.detach() for part in after)
