"""Glances: what a model of each kind can show of how one token came about, from the model itself.

Shapes: T tokens, L blocks, H heads, V vocabulary, P past tokens shown
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from macaw.errors import InputError, MissingExtra
from macaw.language.erasure import erasure
from macaw.language.insides import Look, influence, look_last
from macaw.language.mixture import Mixture
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel
from macaw.language.recurrent_step import RecurrentStep
from macaw.language.seen import Seen
from macaw.language.transformer_step import TransformerStep
from macaw.results.glance import Attention, Glance, Ladder, Lens, Pull, Rung, Share

PAST, BEST, FIRSTS = 32, 5, 4  # tokens looked back at, of each block of a lens, of each rung of a ladder


def called(model: LanguageModel) -> str:
    """What kind of model it is, in a word: `5-gram`, `LSTM`, `Transformer`, `mixture`."""
    if isinstance(model, Ngram):
        return f"{model.order}-gram"
    if isinstance(model, Mixture):
        return "mixture"
    if isinstance(model, Network):
        cell = getattr(model.core.shape, "cell", "")
        return cell.upper() if cell else "Transformer"
    return "model"


def glance(
    model: LanguageModel, ids: np.ndarray, token: int, *, name: str, step: int
) -> tuple[Glance, tuple[str, ...]]:
    """What `model` shows of `token` after the document `ids` (T,), and a line for each thing it cannot.

    Raises InputError for ids of another vocabulary.
    """
    seen = Glance(name, step, model.vocabulary.names[token])
    if isinstance(model, Mixture):
        return replace(seen, shares=shares(model, ids, token)), ()
    if isinstance(model, Ngram):
        try:
            return replace(seen, ladder=ladder(model, ids, token)), ()
        except InputError as problem:  # probabilities without counts, as ARPA files have them
            return seen, (f"{name}: {problem}",)
    if isinstance(model, Network) and isinstance(model.core, TransformerStep):
        window, found = look_last(model, ids)
        return replace(seen, attention=attention(model, window, found), lens=lens(model, found, token)), ()
    if isinstance(model, Network) and isinstance(model.core, RecurrentStep):
        try:
            return replace(seen, pull=by_gradient(model, ids, token)), ()
        except MissingExtra as problem:
            return replace(seen, pull=by_erasure(model, ids, token)), (f"{name}, by erasure: {problem}",)
    return replace(seen, pull=by_erasure(model, ids, token)), ()


def attention(model: Network, window: np.ndarray, found: Look) -> Attention:
    """The look of the last position on the last tokens of `window` (T,), the start among them."""
    shares = found.attention[:, :, 0]  # (L, H, T)
    shown, mean = shares[:, :, -PAST:], shares.mean(axis=1)
    return Attention(
        tuple(model.vocabulary.names[one] for one in window[-PAST:].tolist()),
        mean[:, -PAST:],
        shown.max(axis=1),
        mean[:, :-PAST].sum(axis=1),
        heads=shares.shape[1],
    )


def lens(model: Network, found: Look, token: int) -> Lens:
    """What each block would have said, and what it gave `token`."""
    logp = found.lens[:, 0]  # (L, V)
    best = np.argsort(-logp, axis=1, kind="stable")[:, :BEST]
    return Lens(
        tuple(tuple(model.vocabulary.names[one] for one in row) for row in best.tolist()),
        np.exp(np.take_along_axis(logp, best, axis=1)),
        np.exp(logp[:, token]),
        1 + (logp > logp[:, token, None]).sum(axis=1),
    )


def by_gradient(model: Network, ids: np.ndarray, token: int) -> Pull:
    """The pull of the document's start and of each token. Raises MissingExtra without torch."""
    values = influence(model, ids, token)
    return Pull("gradient", _names(model, [model.vocabulary.start, *ids.tolist()]), values)


def by_erasure(model: LanguageModel, ids: np.ndarray, token: int) -> Pull:
    """The pull of the last tokens, each of which is left out in turn: of any model."""
    found = erasure(model, ids, target=token, window=PAST)
    return Pull("erasure", found.names, found.changes)


def ladder(model: Ngram, ids: np.ndarray, token: int) -> Ladder:
    """The contexts from which the probability of `token` was made. Raises InputError without counts."""
    prob = float(np.exp(model.next(ids)[0][token]))
    return Ladder(tuple(_rung(model, one, token) for one in model.counts(ids)), prob)


def shares(model: Mixture, ids: np.ndarray, token: int) -> tuple[Share, ...]:
    """What each part of a mixture brought to the probability of `token`."""
    probs = np.array([np.exp(float(part.next(ids)[0][token])) for part in model.models])
    parts = model.weights * probs
    rows = zip(titles(model), model.weights.tolist(), probs.tolist(), parts / parts.sum(), strict=True)
    return tuple(Share(name, weight, prob, float(brought)) for name, weight, prob, brought in rows)


def titles(model: Mixture) -> tuple[str, ...]:
    """What its parts are called, each by another name."""
    return tuple(named({str(place): part for place, part in enumerate(model.models, start=1)}))


def named(models: Mapping[str, LanguageModel]) -> dict[str, LanguageModel]:
    """The models by their kind; those of one kind with their own names behind it."""
    kinds = [called(model) for model in models.values()]
    return {
        kind if kinds.count(kind) == 1 else f"{kind} {name}": model
        for kind, (name, model) in zip(kinds, models.items(), strict=True)
    }


def _rung(model: Ngram, seen: Seen, token: int) -> Rung:
    here = seen.words == token
    first = np.argsort(-seen.used, kind="stable")[:FIRSTS]
    return Rung(
        context=" ".join(_names(model, seen.context.tolist())),
        total=int(seen.used.sum()) + seen.lost,
        times=int(seen.used[here].sum()),
        kinds=len(seen.words),
        firsts=tuple(
            zip(_names(model, seen.words[first].tolist()), seen.used[first].astype(int).tolist(), strict=True)
        ),
        weight=float(seen.weight),
        share=float(seen.shares[here].sum()),
    )


def _names(model: LanguageModel, ids: list[int]) -> tuple[str, ...]:
    return tuple(model.vocabulary.names[one] for one in ids)
