"""Warpers: small pure functions from log-probabilities to log-probabilities, which say what may be drawn.

Each takes and gives natural-log probabilities that sum to one; what is cut has -inf. None changes its
argument, and each keeps at least one token. Among equals the lower id comes first, so that the same numbers
always keep the same tokens. `stages` puts those that settings ask for in the order of the `transformers`
library: penalties, temperature, top-k, top-p, min-p, typical.

Shapes: V vocabulary, T tokens, K of them kept
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.language.settings import Settings

_SORTED = 256  # tokens that are put in order at first, eight times as many while they have too little mass


def normal(logp: np.ndarray) -> np.ndarray:
    """(V,) float64: the same, shifted so that the probabilities sum to one."""
    logp = np.asarray(logp, np.float64)
    top = logp.max()
    return np.asarray(logp - (top + np.log(np.exp(logp - top).sum())))


def temperature(logp: np.ndarray, value: float) -> np.ndarray:
    """Probabilities to the power of 1 / `value`: below 1 the likely get likelier; 0 keeps the likeliest."""
    if value == 0:
        return _keep(logp, np.array([np.argmax(logp)]))
    return normal(np.asarray(logp, np.float64) / value)


def top_k(logp: np.ndarray, count: int) -> np.ndarray:
    """The `count` likeliest (Fan et al. 2018, arXiv 1805.04833)."""
    if count >= len(logp):
        return normal(logp)
    least = np.partition(logp, -count)[-count]
    above = np.flatnonzero(logp > least)
    equal = np.flatnonzero(logp == least)[: count - len(above)]
    return _keep(logp, np.concatenate((above, equal)))


def top_p(logp: np.ndarray, mass: float) -> np.ndarray:
    """The fewest likeliest that have `mass` together (nucleus; Holtzman et al. 2019, arXiv 1904.09751)."""
    logp = normal(logp)
    return _keep(logp, _until(logp, logp, mass))


def min_p(logp: np.ndarray, share: float) -> np.ndarray:
    """Those at least `share` times as likely as the likeliest (Nguyen et al. 2024, arXiv 2407.01082)."""
    if share == 0:
        return normal(logp)
    return _keep(logp, np.flatnonzero(logp >= logp.max() + np.log(share)))


def typical(logp: np.ndarray, mass: float) -> np.ndarray:
    """Those whose surprise is nearest to the expected one, up to `mass` (Meister et al. 2022, 2202.00666)."""
    logp = normal(logp)
    off = np.abs(-logp - entropy(logp))  # inf for what never comes
    return _keep(logp, _until(logp, -off, mass))


def repetition(logp: np.ndarray, ids: np.ndarray, power: float) -> np.ndarray:
    """The probability of each token of `ids` (T,) to the `power` (Keskar et al. 2019, arXiv 1909.05858).

    CTRL divides positive scores and multiplies negative ones; log-probabilities are never positive.
    """
    warped = normal(logp)
    seen = np.unique(ids)
    warped[seen] *= power
    return normal(warped)


def presence(logp: np.ndarray, ids: np.ndarray, nats: float) -> np.ndarray:
    """`nats` less for each token that is in `ids` (T,), however often."""
    warped = np.array(logp, np.float64)
    warped[np.unique(ids)] -= nats
    return normal(warped)


def frequency(logp: np.ndarray, ids: np.ndarray, nats: float) -> np.ndarray:
    """`nats` less for each token of `ids` (T,), as often as it is there."""
    warped = np.array(logp, np.float64)
    seen, times = np.unique(ids, return_counts=True)
    warped[seen] -= nats * times
    return normal(warped)


def no_repeat(logp: np.ndarray, ids: np.ndarray, size: int) -> np.ndarray:
    """None that would make `size` tokens in a row come twice in `ids` (T,); all where that leaves none.

    Paulus et al. 2017, arXiv 1705.04304.
    """
    warped = np.array(logp, np.float64)
    if len(ids) >= size:
        last = ids[len(ids) - size + 1 :]
        runs = np.lib.stride_tricks.sliding_window_view(ids, size)
        warped[runs[(runs[:, :-1] == last).all(axis=1), -1]] = -np.inf
    return normal(warped if np.isfinite(warped).any() else logp)


def only(logp: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """None but `allowed` (K,) ids.

    Raises InputError where the model gives none of them a chance.
    """
    allowed = np.unique(allowed)
    if not len(allowed) or not np.isfinite(logp[allowed]).any():
        raise InputError(f"none of the {len(allowed):,} tokens that are allowed here can come; allow others")
    return _keep(logp, allowed)


def entropy(logp: np.ndarray) -> float:
    """The expected surprise, in nats."""
    kept = logp[np.isfinite(logp)]
    return float(-(np.exp(kept) * kept).sum())


class Stage(NamedTuple):
    """One setting at work."""

    name: str  # as in Settings
    value: float
    warp: Callable[[np.ndarray], np.ndarray]  # (V,) -> (V,)


def stages(settings: Settings, ids: np.ndarray) -> list[Stage]:
    """What the settings do to the token after `ids` (T,), in order; what changes nothing is left out."""
    looks_back = {
        "repetition": repetition,
        "presence": presence,
        "frequency": frequency,
        "no_repeat": no_repeat,
    }
    looks_here = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical": typical,
    }
    changed = settings.changed
    made = [
        Stage(name, changed[name], lambda logp, warp=warp, name=name: warp(logp, ids, changed[name]))  # type: ignore[misc]
        for name, warp in looks_back.items()
        if name in changed
    ]
    return made + [
        Stage(name, changed[name], lambda logp, warp=warp, name=name: warp(logp, changed[name]))  # type: ignore[misc]
        for name, warp in looks_here.items()
        if name in changed
    ]


def warp(logp: np.ndarray, settings: Settings, ids: np.ndarray) -> np.ndarray:
    """(V,) float64 log-probabilities from which the token after `ids` (T,) is drawn."""
    for stage in stages(settings, ids):
        logp = stage.warp(logp)
    return np.asarray(logp, np.float64)


def _until(logp: np.ndarray, worth: np.ndarray, mass: float) -> np.ndarray:
    """Places of the tokens of most `worth` (V,) that together have `mass`: all before which there is less.

    Most of a large vocabulary is never looked at in order: only as many as can matter are sorted.
    """
    size, places = _SORTED, np.flatnonzero(np.isfinite(logp))
    while size < len(places):
        least = np.partition(worth, -size)[-size]
        some = np.flatnonzero(worth >= least)  # with all equals of the last, so that the lower ids come first
        if np.exp(logp[some]).sum() >= mass:
            places = some
            break
        size *= 8
    places = places[np.argsort(-worth[places], kind="stable")]
    probs = np.exp(logp[places])
    return np.asarray(places[np.cumsum(probs) - probs < mass])


def _keep(logp: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Nothing but the tokens at `places` (K,)."""
    kept = np.full(len(logp), -np.inf)
    kept[places] = normal(logp[places])
    return kept
