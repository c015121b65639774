"""Insides: what a network made of its past: attention and logit lens of a Transformer, gradients of an RNN.

The lens reads the stream after each block as if it were the last (nostalgebraist 2020, "interpreting GPT: the
logit lens", lesswrong.com/posts/AcKRB8wDpdaN6v6ru). Attention says where a head looked, not why. A gradient
says by how much a small change of a past token's embedding would move the log-probability of one token.

Shapes: T tokens fed, L blocks, H heads, V vocabulary, E channels of a token
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from macaw.errors import InputError, MissingExtra
from macaw.language.networks import Network, log_softmax
from macaw.language.protocol import known
from macaw.language.recurrent_step import RecurrentStep
from macaw.language.transformer_step import TransformerStep


@dataclass(frozen=True, eq=False)
class Look:
    """Where each block of a Transformer looked, and what it would have said; of the `start` and the ids."""

    attention: np.ndarray  # (L, H, T, T) float32, rows sum to one; nothing of what comes later
    lens: np.ndarray  # (L, T, V) float32 log-probabilities after each block; the last is the answer


def look(network: Network, ids: np.ndarray) -> Look:
    """Attention and logit lens of a document so far; the start is position 0, so T is one more than the ids.

    Raises InputError for another network than a Transformer in numpy, and beyond its context.
    """
    core = _transformer(network)
    fed = _fed(network, ids)
    if len(fed) > core.context:
        raise InputError(f"{len(fed)} tokens with the start, in a context of {core.context}; give fewer")
    shares, streams = _watched(core, fed)
    return Look(np.stack(shares), np.stack([log_softmax(core.logits(stream)) for stream in streams]))


def look_last(network: Network, ids: np.ndarray) -> tuple[np.ndarray, Look]:
    """The tokens (T,) that the network has before it after a document so far, and `look` of the last alone.

    Attention is (L, H, 1, T), the lens (L, 1, V). Beyond the context these are the tokens of the window that
    the network reads then. Raises InputError for another network than a Transformer in numpy.
    """
    core = _transformer(network)
    window = network.next(ids)[1].window
    shares, streams = _watched(core, window)
    lens = np.stack([log_softmax(core.logits(stream[-1:])) for stream in streams])
    return window, Look(np.stack([share[:, -1:] for share in shares]), lens)


def _transformer(network: Network) -> TransformerStep:
    if not isinstance(network.core, TransformerStep):
        raise InputError("attention and lens are of a Transformer opened with engine 'numpy'; open one so")
    return network.core


def _watched(core: TransformerStep, fed: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each block the attention (H, T, T) and the stream after it (T, D)."""
    shares: list[np.ndarray] = []
    streams: list[np.ndarray] = []

    def watch(share: np.ndarray, stream: np.ndarray) -> None:
        shares.append(share.copy())
        streams.append(stream)

    core.feed(fed, watch=watch)
    return shares, streams


def influence(network: Network, ids: np.ndarray, token: int) -> np.ndarray:
    """How much each past token moves the log-probability of `token` coming next: (T,) float32.

    The norm of its gradient with respect to each embedding, the start's first, so T is one more than the ids
    (Simonyan et al. 2013, arXiv 1312.6034, of words, not pixels). Raises InputError for another network than
    a recurrent one in numpy, MissingExtra without torch.
    """
    core = network.core
    if not isinstance(core, RecurrentStep):
        raise InputError("influence is of a recurrent network opened with engine 'numpy'; open one so")
    try:
        import torch
    except ModuleNotFoundError as problem:
        raise MissingExtra("gradients", "torch", "train") from problem
    from macaw.language.recurrent import Recurrent

    module = Recurrent(core.shape).eval()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in core.weights.items()})
    fed = torch.from_numpy(_fed(network, ids).astype(np.int64))[None]
    given = module.embedding(fed).detach().requires_grad_()
    logits, _ = module.read(given)
    (slope,) = torch.autograd.grad(logits[0, -1].log_softmax(-1)[token], given)
    found: np.ndarray = slope.norm(dim=-1)[0].numpy()
    return found


def _fed(network: Network, ids: np.ndarray) -> np.ndarray:
    return np.concatenate(([network.vocabulary.start], known(network, ids))).astype(np.int32)
