"""Explorer: autoregression in action: each token with its alternatives, and another branch at any of them.

What is shown is what decoding does: the same warpers, the same chance. So the tokens of `explore` are those
of `sample` with the same seed, and a branch goes on with the numbers that the text had left at that place.

Shapes: T tokens, V vocabulary, K alternatives
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from macaw.errors import InputError
from macaw.language.decoding import chance, draw
from macaw.language.erasure import erasure
from macaw.language.protocol import LanguageModel, known
from macaw.language.settings import PLAIN, Settings
from macaw.language.spelling import Spelling
from macaw.language.warpers import entropy, normal, stages
from macaw.results.autoregression import Autoregression
from macaw.results.turns import How, Opinion, Rule, Turn

LIMIT = 24  # tokens: what one looks at step by step


@dataclass(frozen=True)
class View:
    """What is shown of a text beside its tokens."""

    name: str = ""  # what the model is called
    beside: Mapping[str, LanguageModel] = field(default_factory=dict)  # whose opinion is shown too
    show: int = 8  # alternatives of each token
    given: int = 8  # tokens of the prompt that get a turn of their own, the last ones
    erase: int = 0  # past tokens that are left out in turn, to see what each does; 0: none are


VIEW = View()


def explore(
    model: LanguageModel,
    prompt: str,
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    limit: int = LIMIT,
    view: View = VIEW,
) -> Autoregression:
    """What the model adds to `prompt`, at most `limit` tokens, and how each came about.

    Raises InputError for a limit below 1, and where a model beside it has another vocabulary.
    """
    ids = model.vocabulary.encode(prompt)
    turns = list(watch(model, prompt, settings=settings, seed=seed, limit=limit, view=view))
    added = np.array([turn.token for turn in turns if turn.how != "given"], np.int32)
    whole = np.concatenate((ids, added))
    return _told(model, whole, turns, len(ids), view=view, asked=(settings, seed, limit))


def watch(
    model: LanguageModel,
    prompt: str,
    *,
    settings: Settings = PLAIN,
    seed: int = 0,
    limit: int = LIMIT,
    view: View = VIEW,
) -> Iterator[Turn]:
    """The turns of `explore`, each as soon as it is there: for whoever looks on while the text is written."""
    ids = model.vocabulary.encode(prompt)
    start = len(ids) - min(view.given, len(ids))
    reader = _Reader(model, ids[:start], view)
    yield from (reader.take(int(token), "given") for token in ids[start:])
    yield from _unfold(reader, settings, chance(seed), limit)


def branch(
    model: LanguageModel, made: Autoregression, step: int, token: int | str, *, view: View = VIEW
) -> Autoregression:
    """`made` up to its turn `step` (from 1), there `token` instead, an id or a name, and then on as before.

    The settings, seed and limit are those of `made`. Raises InputError where there is no such turn or token,
    UnknownName for a name that is not among the alternatives.
    """
    if not 1 <= step <= len(made.turns):
        raise InputError(f"there is no turn {step}; the text has 1 to {len(made.turns)}")
    kept = made.turns[: step - 1]
    token = made.turns[step - 1].find(token) if isinstance(token, str) else token
    token = int(known(model, np.array([token]))[0])
    place = len(made.ids) - len(made.turns) + len(kept)
    given = min(made.given, place)
    settings = Settings.of(dict(made.settings))
    reader = _Reader(model, made.ids[:place], view)
    turns = [*kept, reader.take(token, "taken", settings)]
    added = place + 1 - given
    if token != model.vocabulary.end and added < made.limit:
        turns += _unfold(reader, settings, chance(made.seed, made=added), made.limit - added)
    else:
        turns[-1] = reader.last(turns[-1])
    return _told(model, reader.ids, turns, given, view=view, asked=(settings, made.seed, made.limit))


class _Reader:
    """A model, and those beside it, at one place of a text; each turn moves all of them on by a token."""

    def __init__(self, model: LanguageModel, ids: np.ndarray, view: View) -> None:
        for name, other in view.beside.items():
            model.vocabulary.must_equal(other.vocabulary, name)
        self.model, self.view = model, view
        self.ids = known(model, ids)
        self._spelling = Spelling(model.vocabulary, self.ids)
        self._now: dict[str, tuple[np.ndarray, Any]] = {
            name: one.next(self.ids) for name, one in self._models.items()
        }

    @property
    def _models(self) -> dict[str, LanguageModel]:
        return {"": self.model, **self.view.beside}

    def take(self, token: int, how: How, settings: Settings = PLAIN) -> Turn:
        """The turn of a token that is not drawn, and what the settings would have kept in its place."""
        return self._turn(token, how, self._ways(settings))

    def draw(self, settings: Settings, random: np.random.Generator) -> Turn:
        """The turn of the next token, drawn under the settings."""
        ways = self._ways(settings)
        return self._turn(draw(ways[-1][2], random), "drawn", ways)

    def _ways(self, settings: Settings) -> list[tuple[str, float, np.ndarray]]:
        """The model's log-probabilities (V,), and what each setting in turn makes of them."""
        ways = [("", 0.0, np.asarray(self._now[""][0], np.float64))]
        for stage in stages(settings, self.ids):
            ways.append((stage.name, stage.value, stage.warp(ways[-1][2])))
        return ways

    def last(self, turn: Turn) -> Turn:
        """The same turn with all text that was held back: nothing follows it."""
        rest = self._spelling.rest()
        return Turn(**{**vars(turn), "text": turn.text + rest})

    def _turn(self, token: int, how: How, ways: list[tuple[str, float, np.ndarray]]) -> Turn:
        logp = self._now[""][0]
        shown = self._alternatives(token)
        why = erasure(self.model, self.ids, target=token, window=self.view.erase) if self.view.erase else None
        turn = Turn(
            token=token,
            text=self._spelling.add(token),
            how=how,
            ids=shown,
            names=tuple(self.model.vocabulary.names[one] for one in shown),
            probs=np.exp(np.asarray(logp[shown], np.float64)),
            drawn=np.exp(np.asarray(ways[-1][2][shown], np.float64)),
            cut=tuple(_cut_by(ways, one) for one in shown.tolist()),
            logp=float(logp[token]),
            rank=_rank(logp, token),
            entropy=entropy(normal(logp)) / float(np.log(2)),
            rules=_rules(ways),
            counts=counted(self.model, self.ids, token),
            opinions=tuple(self._opinion(name, shown, token) for name in self.view.beside),
            erasure=why if why and why.names else None,
        )
        self._feed(token)
        return turn

    def _opinion(self, name: str, shown: np.ndarray, token: int) -> Opinion:
        logp = self._now[name][0]
        counts = counted(self.view.beside[name], self.ids, token)
        return Opinion(
            name, np.exp(np.asarray(logp[shown], np.float64)), float(logp[token]), _rank(logp, token), counts
        )

    def _alternatives(self, token: int) -> np.ndarray:
        """(K,) the likeliest first: the best, the first choice of each model beside, and the token itself."""
        logp = self._now[""][0]
        best = np.argsort(-logp, kind="stable")[: self.view.show]
        firsts = [int(np.argmax(now[0])) for now in self._now.values()]
        every = np.unique(np.array([*best.tolist(), *firsts, token], np.int64))
        return np.asarray(every[np.argsort(-logp[every], kind="stable")])

    def _feed(self, token: int) -> None:
        one = np.array([token], np.int32)
        self.ids = np.concatenate((self.ids, one))
        if token != self.model.vocabulary.end:  # nothing follows the end of a document
            self._now = {name: m.next(one, self._now[name][1]) for name, m in self._models.items()}


def _unfold(reader: _Reader, settings: Settings, random: np.random.Generator, limit: int) -> Iterator[Turn]:
    """Turn after turn, each as soon as it is drawn, until the document ends or there are `limit`."""
    if limit < 1:
        raise InputError(f"the limit is {limit} tokens; it must be 1 or more")
    for count in range(1, limit + 1):
        turn = reader.draw(settings, random)
        if turn.token == reader.model.vocabulary.end or count == limit:
            yield reader.last(turn)
            return
        yield turn


def counted(model: LanguageModel, ids: np.ndarray, token: int) -> str:
    """How often `token` followed the longest known context of `ids`; nothing where a model has no counts."""
    if not hasattr(model, "counts"):  # an n-gram has them
        return ""
    try:
        seen = model.counts(ids)
    except InputError:  # of probabilities alone, as ARPA files have them
        return ""
    if not seen:
        return ""
    times = seen[0].used if seen[0].times is None else seen[0].times
    names = " ".join(model.vocabulary.names[one] for one in seen[0].context)
    after = f"after “{names}”" if names else "anywhere"
    total = int(times.sum()) + seen[0].lost
    return f"{int(times[seen[0].words == token].sum()):,} of {total:,} {after}"


def _rules(ways: list[tuple[str, float, np.ndarray]]) -> tuple[Rule, ...]:
    """What each setting kept of what the one before it left."""
    made = []
    for (_, _, before), (name, value, after) in itertools.pairwise(ways):
        kept = np.isfinite(after)
        made.append(Rule(name, value, int(kept.sum()), float(min(1, np.exp(before[kept]).sum()))))
    return tuple(made)


def _cut_by(ways: list[tuple[str, float, np.ndarray]], token: int) -> str:
    """The first setting after which the token cannot come."""
    return next((name for name, _, logp in ways if not np.isfinite(logp[token])), "")


def _rank(logp: np.ndarray, token: int) -> int:
    return 1 + int((logp > logp[token]).sum())


def _told(
    model: LanguageModel,
    ids: np.ndarray,
    turns: list[Turn],
    given: int,
    *,
    view: View,
    asked: tuple[Settings, int, int],
) -> Autoregression:
    """The text and its turns as one result."""
    lead = ids[: len(ids) - len(turns)]
    settings, seed, limit = asked
    return Autoregression(
        ids,
        tuple(turns),
        given,
        lead=model.vocabulary.decode(lead),
        before=float(model.score(lead).sum()) if len(lead) else 0.0,
        model=view.name,
        settings=settings.changed,
        seed=seed,
        limit=limit,
        ends="end" if turns[-1].token == model.vocabulary.end else "limit",
    )
