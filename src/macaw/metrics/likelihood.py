"""Likelihood: how well a language model foretells texts, in units that can be compared, with intervals.

What is kept is the total of each document: nats, tokens, words, characters and bytes. Bits per byte divide by
what no model chooses, so they compare models over any kind of token; perplexity per word is the literature's
figure for models over words; perplexity per token compares only models with one vocabulary.

Shapes: N documents, T tokens, R resamples
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from math import exp, log
from typing import NamedTuple, Protocol

import numpy as np

from macaw.data.wording import word_count
from macaw.errors import InputError
from macaw.metrics.intervals import bootstrap_draws, interval_of_draws
from macaw.results.measures import Interval
from macaw.results.text_scores import COUNTS, TextScores

BLOCK = 1000  # tokens that are drawn together where there is one document only
TOGETHER = 16_000  # tokens of short documents that are scored together
_FEW = 10  # documents below which their bootstrap is too sure of itself


class Measure(NamedTuple):
    """A figure: nats a unit, told in other words."""

    per: str  # what the nats are divided by
    told: Callable[[float], float]  # rises with the nats, so that an interval's ends stay ends
    unit: str


def _bits(nats: float) -> float:
    return nats / log(2)


MEASURES = {
    "bits per byte": Measure("bytes", _bits, "bits"),
    "bits per character": Measure("characters", _bits, "bits"),
    "nats per token": Measure("tokens", float, "nats"),
    "perplexity per token": Measure("tokens", exp, "tokens"),
    "perplexity per word": Measure("words", exp, "words"),
}
_SLACK = 1e-4  # by which rounding may lift a log-probability above 0
_MOST = 300  # nats a unit from which a perplexity says nothing, such as a word of text without blanks


class Reads(Protocol):
    """The part of a vocabulary that scoring needs: see `macaw.language.vocabulary`."""

    @property
    def kind(self) -> str:
        """What its tokens are."""

    @property
    def lossless(self) -> bool:
        """Whether a text can be told from its ids."""

    @property
    def end(self) -> int | None:
        """The id behind a document."""

    @property
    def unknown(self) -> int | None:
        """The id of all that it lacks."""

    def encode(self, text: str) -> np.ndarray:
        """The text's ids (T,)."""


class Scores(Protocol):
    """The part of a language model that scoring needs: see `macaw.language.protocol`."""

    @property
    def vocabulary(self) -> Reads:
        """What turns text into ids."""

    def score(self, ids: np.ndarray) -> np.ndarray:
        """(T,) natural-log probability of each token, given all before it in the document."""


class Likelihood:
    """Totals of documents; `add` them one by one, then ask for `scores`.

    `kind` is what the tokens are. Of tokens that lose text (`lossless` false) bits per byte and per character
    do not exist: a model that says `<unk>` has not said which word.
    """

    def __init__(self, kind: str, *, lossless: bool = True) -> None:
        self.kind, self.lossless = kind, lossless
        self._labels: list[str] = []
        self._nats: list[float] = []
        self._counts: list[tuple[int, ...]] = []
        self._unknown_nats = 0.0
        self._blocks: np.ndarray = np.zeros(0)  # nats of each block of the first document

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, label: str, text: str, logp: np.ndarray, *, unknown: np.ndarray | None = None) -> None:
        """Count one document: `logp` (T,) of its tokens, the end's last, and which are `unknown` (T,).

        Raises InputError for a token without a chance, whose likelihood is nothing, and for other shapes.
        """
        logp = _checked(label, logp)
        strange = np.zeros(len(logp), bool) if unknown is None else np.asarray(unknown, bool)
        if strange.shape != logp.shape:
            raise InputError(
                f"'{label}' has {len(logp)} scores, but unknown is {strange.shape}; give one for each"
            )
        if not self._labels:
            starts = np.arange(0, len(logp), BLOCK)
            self._blocks = -np.add.reduceat(logp, starts) if len(logp) else np.zeros(0)
        self._labels.append(label)
        self._nats.append(float(-logp.sum()))
        self._unknown_nats -= float(logp[strange].sum())
        size = len(text.encode())
        self._counts.append((len(logp), int(strange.sum()), word_count(text) + 1, len(text), size))

    def scores(self, *, seconds: float = 0.0, seed: int = 0, resamples: int = 1000) -> TextScores:
        """The scores of all documents so far, with bootstrap intervals over documents.

        Of a single one the intervals are over its blocks of BLOCK tokens. Raises InputError when there is no
        text.
        """
        counts = np.array(self._counts, np.int64).reshape(-1, len(COUNTS))
        columns = dict(zip(COUNTS, counts.T, strict=True))
        if not counts[:, 0].sum() or not columns["bytes"].sum():
            raise InputError("no text was scored; add a document with a character before asking for scores")
        nats = np.array(self._nats)
        draws = self._draws(nats, columns, seed=seed, resamples=resamples)
        metrics, missing = {}, []
        for name, measure in MEASURES.items():
            each, some = nats.sum() / columns[measure.per].sum(), draws[measure.per]
            if measure.per in {"bytes", "characters"} and not self.lossless:
                missing.append(name)
            elif measure.told is exp and max(each, some.max()) > _MOST:
                missing.append(name)
            else:
                metrics[name] = _interval(each, some, measure)
        return TextScores(
            kind=self.kind,
            labels=tuple(self._labels),
            metrics=metrics,
            missing=tuple(missing),
            nats=nats,
            **columns,
            notes=self._notes(columns),
            seconds=seconds,
        )

    def _draws(
        self, nats: np.ndarray, columns: dict[str, np.ndarray], *, seed: int, resamples: int
    ) -> dict[str, np.ndarray]:
        """(R,) nats a unit, for each unit."""
        units = ("bytes", "characters", "tokens", "words")
        if len(nats) > 1:
            table = np.stack([nats, *(columns[unit] for unit in units)], axis=1)  # (N, 5)
            drawn = bootstrap_draws(lambda w: w @ table, len(nats), seed=seed, resamples=resamples)  # (R, 5)
            return {unit: _ratio(drawn[:, 0], drawn[:, i]) for i, unit in enumerate(units, start=1)}
        tokens = int(columns["tokens"].sum())
        sizes = np.diff([*range(0, tokens, BLOCK), tokens])
        table = np.stack([self._blocks, sizes], axis=1)
        drawn = bootstrap_draws(lambda w: w @ table, len(table), seed=seed, resamples=resamples)
        each = drawn[:, 0] / drawn[:, 1]
        return {unit: each * tokens / columns[unit].sum() for unit in units}

    def _notes(self, columns: dict[str, np.ndarray]) -> tuple[str, ...]:
        totals = {name: int(column.sum()) for name, column in columns.items()}
        notes = ["words are what stands between blanks; the end of a line, and of a document, is one too"]
        if totals["unknown"]:
            known = totals["tokens"] - totals["unknown"]
            share = 100 * totals["unknown"] / totals["tokens"]
            words = f"{totals['unknown']:,} tokens ({share:.2f} %) are unknown words, which count as one word"
            if known:
                without = exp((sum(self._nats) - self._unknown_nats) / known)
                words += f"; without them the perplexity per token is {without:.3f}"
            notes.append(words)
        if len(self) == 1:
            notes.append(
                f"one document: intervals are over its blocks of {BLOCK:,} tokens, not over documents"
            )
        elif len(self) < _FEW:
            notes.append(
                f"intervals are the bootstrap's over {len(self)} documents, which are few: too narrow"
            )
        else:
            notes.append("intervals are the bootstrap's over documents")
        return tuple(notes)


def score_texts(
    model: Scores,
    texts: Iterable[tuple[str, str]],
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> TextScores:
    """The scores of a model on labelled texts, as `Documents.items` gives them; a few are held at a time.

    The end of each document is foretold too, where the vocabulary has one. `progress(done)` is called after
    each. Raises InputError when there is no text.
    """
    reads = model.vocabulary
    held = Likelihood(reads.kind, lossless=reads.lossless)
    began = time.monotonic()
    for some in _together(reads, texts):
        for one, logp in zip(some, _scored(model, [one.ids for one in some]), strict=True):
            unknown = None if reads.unknown is None else one.ids == reads.unknown
            held.add(one.label, one.text, logp, unknown=unknown)
            if progress:
                progress(len(held))
    return held.scores(seconds=time.monotonic() - began, seed=seed)


class _Read(NamedTuple):
    label: str
    text: str
    ids: np.ndarray  # (T,) its end included


def _together(reads: Reads, texts: Iterable[tuple[str, str]]) -> Iterator[list[_Read]]:
    """The texts in order, as many at a time as have TOGETHER tokens; a longer one is alone or comes last."""
    some: list[_Read] = []
    tokens = 0
    for label, text in texts:
        ids = reads.encode(text)
        some.append(_Read(label, text, ids if reads.end is None else np.append(ids, np.int32(reads.end))))
        tokens += len(some[-1].ids)
        if tokens >= TOGETHER:
            yield some
            some, tokens = [], 0
    if some:
        yield some


def _scored(model: Scores, every: list[np.ndarray]) -> list[np.ndarray]:
    """What the model says of each; one that reads many in one pass of its weights is asked of all at once."""
    many = getattr(model, "scores", None)
    found: list[np.ndarray] = many(every) if many else [model.score(ids) for ids in every]
    return found


def _checked(label: str, logp: np.ndarray) -> np.ndarray:
    logp = np.asarray(logp, np.float64)
    if logp.ndim != 1:
        raise InputError(f"'{label}' has scores of shape {logp.shape}; give one for each of its tokens")
    wrong = np.flatnonzero(~np.isfinite(logp) | (logp > _SLACK))
    if len(wrong):
        raise InputError(
            f"token {wrong[0] + 1:,} of '{label}' has log-probability {logp[wrong[0]]:g}; it must be finite "
            "and at most 0: a model that rules something out cannot be scored, smooth it"
        )
    return logp


def _interval(value: float, draws: np.ndarray, measure: Measure) -> Interval:
    plain = interval_of_draws(float(value), draws, bounds=(0.0, np.inf), unit=measure.unit)
    value, low, high = (measure.told(x) for x in (plain.value, plain.low, plain.high))
    return Interval(value, low, high, measure.unit)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Without the resamples of which there is nothing."""
    filled = whole > 0
    return np.asarray(part[filled] / whole[filled])
