"""Hub core: a network of the transformers library that is fed ids, and hands back its state as a value.

How one is asked differs between families: most keep keys and values in a cache that grows, some a state that
they overwrite, some nothing. Rather than listing families, what a network can do is tried when it is opened,
on eight tokens: whether it looks back only, and whether its cache changes nothing.

Shapes: T tokens, R rows of the network's output
"""

from __future__ import annotations

import copy
import inspect
from typing import Any, Protocol

import numpy as np

from macaw.errors import InputError

_HOLDERS = ("past_key_values", "cache_params")  # what the library calls a network's state
_NEAR = 1e-3  # of the largest logit: sums in another order differ by a thousandth of that


class Core(Protocol):
    """A way to ask a network."""

    rows: int  # logits for each token; may be more than there are tokens, or fewer

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[Any, Any]:
        """Logits (T, R) of ids (T,), a tensor, of the last position alone if asked, and the state after."""
        ...


class Cached:
    """A network that is asked with its cache: each token is read once.

    A state must not change when it is fed, since a text may branch there. The library's caches of keys and
    values grow by concatenation, which makes new tensors and leaves the old ones alone: of those only the
    small objects around the tensors are copied. Whatever else a cache holds, as the states of recurrent
    layers, may be overwritten in place, and is copied whole. `each`: what follows is fed token by token,
    since some such layers take a block at the beginning only.
    """

    def __init__(self, net: Any, *, holder: str, each: bool = False) -> None:
        self.net, self.holder, self.each = net, holder, each
        self._keeps = _takes(net, "logits_to_keep")
        self.rows = 0

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[Any, Any]:
        """Logits (T, R) and the cache after them."""
        import torch

        with torch.inference_mode():
            held = None if state is None else _branched(state)
            parts = [ids] if state is None or not self.each else list(ids[:, None])
            said = []
            for part in parts:
                logits, held = self._asked(part, held, last=last)
                said.append(logits)
            logits = said[0] if len(said) == 1 else torch.cat(said)
        return logits[-1:] if last else logits, held

    def _asked(self, ids: np.ndarray, held: Any, *, last: bool) -> tuple[Any, Any]:
        words: dict[str, Any] = {"logits_to_keep": 1} if last and self._keeps else {}
        words[self.holder] = held
        told = self.net(input_ids=_row(ids), use_cache=True, return_dict=True, **words)
        return told.logits[0].float(), getattr(told, self.holder)


class Rereading:
    """A network without a cache that could be trusted: its state is the text so far, read anew each time."""

    def __init__(self, net: Any) -> None:
        self.net = net
        self._words: dict[str, Any] = {"use_cache": False} if _takes(net, "use_cache") else {}
        self.rows = 0

    def feed(self, ids: np.ndarray, state: Any = None, *, last: bool = False) -> tuple[Any, Any]:
        """Logits (T, R) and the ids of the whole text."""
        import torch

        whole = ids if state is None else np.concatenate((state, ids))
        with torch.inference_mode():
            told = self.net(input_ids=_row(whole), return_dict=True, **self._words)
        logits = told.logits[0, -len(ids) :].float()
        return logits[-1:] if last else logits, whole


def core_of(net: Any, *, source: str) -> Core:
    """The fastest way to ask `net` by which its answers stay what they are.

    Raises InputError for a network that looks at the tokens that follow: its answers are no probabilities of
    a next token.
    """
    from macaw.frontends.hubload import quiet

    ids = (np.arange(8, dtype=np.int32) * 7919 + 11) % int(net.config.get_text_config().vocab_size)
    anew = Rereading(net)
    with quiet():  # what a family has to say of kernels that are not installed
        try:
            whole, half = anew.feed(ids)[0], anew.feed(ids[:4])[0]
        except Exception as problem:  # each family has its own
            reason = " ".join(str(problem).split())[:200]
            raise InputError(
                f"'{source}' does not answer to tokens alone ({reason}); give another"
            ) from problem
        if whole.ndim != 2 or not _near(whole[:4], half):
            raise InputError(
                f"'{source}' looks at the tokens that follow, so it is no model of the next token; give one "
                "whose architecture ends in ForCausalLM"
            )
        ways = [Cached(net, holder=one, each=each) for one in _HOLDERS for each in (False, True)]
        trusted = (way for way in ways if _takes(net, way.holder) and _holds(way, ids, whole))
        core: Core = next(trusted, anew)
    core.rows = int(whole.shape[1])
    return core


def _holds(core: Core, ids: np.ndarray, whole: Any) -> bool:
    """Whether pieces of the eight tokens give what they give at once, also from one state twice."""
    try:
        first, state = core.feed(ids[:4])
        ways = [core.feed(ids[4:end], state) for end in (6, 5, 8)]
        again, after = core.feed(ids[5:7], ways[1][1])
        final, _ = core.feed(ids[7:], after, last=True)
    except Exception:  # it cannot be asked so; each family says it in its own way
        return False
    pairs = [(first, whole[:4]), *((way[0], whole[4:end]) for way, end in zip(ways, (6, 5, 8), strict=True))]
    return all(_near(one, other) for one, other in [*pairs, (again, whole[5:7]), (final, whole[7:])])


def _branched(state: Any) -> Any:
    """A cache that can be fed while `state` stays as it is."""
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    made = copy.copy(state)
    grown = {DynamicLayer, DynamicSlidingWindowLayer}  # no kin of theirs: those may write in place
    made.layers = [copy.copy(one) if type(one) in grown else copy.deepcopy(one) for one in state.layers]
    return made


def _near(one: Any, other: Any) -> bool:
    same = one.shape == other.shape
    return same and bool((one - other).abs().max() <= _NEAR * max(1.0, float(other.abs().max())))


def _takes(net: Any, name: str) -> bool:
    return name in inspect.signature(net.forward).parameters


def _row(ids: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(ids.astype(np.int64))[None]
