"""Tiny Shakespeare, nanoGPT's split: nats per character against training seconds, ours beside nanoGPT's own.

    pip install 'macaw[hub,train]'
    python -m benchmarks.shakespeare --seconds 60 600 --seeds 3
    python -m benchmarks.shakespeare --table

The first nine tenths of the characters are read, the last tenth, which nanoGPT calls val, is measured:
nothing of ours is chosen by it. All networks keep the last weights of their run. The mixture's weights, which
are one number, are fitted on the last fiftieth of the training text, of which its models learned nothing;
then its n-gram, not its network, is counted anew over all of it. All that is in the mixture's seconds. To
choose sizes or dropout by (`--with`) there is `--split aside`: the same race without the last tenth, measured
on the last twentieth of what is learned from otherwise.

Every character but the first is scored, twice. "nats": the text is read from its beginning, with as much of
it as each model can look back on; by Transformers with windows that slide by half their context. "in
windows": it is cut into windows of 64, each read alone, its first character given, which is what nanoGPT
averages in its evaluation. nanoGPT says 1.88 after 2,000 steps on a processor and 1.4697 for its larger
network on a GPU. Each row is measured in a process of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import nanogpt, text_contest
from benchmarks.contest import Book, Clock, Row
from benchmarks.ngram import shakespeare
from benchmarks.text_contest import fitted
from macaw.language.mixture import Mixture, mix
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary

CALLED = {
    "ngram": "n-gram of order 7",
    "pruned": "n-gram of order 7, pruned",
    "lstm": "LSTM",
    "mixture": "**n-gram and LSTM, mixed**",
    "transformer": "Transformer",
    "nanogpt": "nanoGPT's CPU configuration",
    "nanogpt-2000": "nanoGPT's CPU configuration, its 2,000 steps",
}
UNTIMED = ("ngram", "pruned", "nanogpt-2000")  # take as long as they take
COUNTED = ("ngram", "pruned")  # no seed changes them
LEARNED = ("lstm", "mixture", "transformer")  # what `--with` is for
ORDER, PRUNE = 7, (0, 0, 0, 0, 1)  # what occurs once goes, from order 5 on
ASIDE, WEIGHED = 0.05, 0.02  # of the training text, its end: to choose by, and to weigh a mixture on
LAST = 0.03  # of the mixture's seconds, left for its weights
NUMBERS: dict[str, dict[str, Any]] = {
    "lstm": {"network": "recurrent"},  # as `macaw train` has it, which chooses by its minutes
    "transformer": {"network": "transformer", "width": 128, "depth": 4, "heads": 4, "length": 128},
}
FIGURES, KEYS = ("nats", "windows", "size", "passes", "train_s"), ("split", "way", "with", "seconds", "seed")


def parts(data: Path, split: str) -> tuple[str, str]:
    """What is learned from and what is measured."""
    train, test = shakespeare(data)
    return (train, test) if split == "test" else set_aside(train, ASIDE)


def set_aside(text: str, share: float) -> tuple[str, str]:
    at = round(len(text) * (1 - share))
    return text[:at], text[at:]


def measure(way: str, data: Path, split: str, *, seconds: float, seed: int, **numbers: Any) -> Row:
    """One row."""
    train, text = parts(data, split)
    if way.startswith("nanogpt"):
        return peer(train, text, seconds=seconds or None, seed=seed)
    vocabulary = Vocabulary.learn([train], "characters")
    make = {"ngram": counted, "pruned": partial(counted, prune=PRUNE), "mixture": mixture}.get(way, network)
    model, done = make(train, vocabulary, seconds=seconds, seed=seed, **NUMBERS.get(way, {}) | numbers)
    return {**done, **judged(model, text)}


def counted(train: str, vocabulary: Vocabulary, *, prune: Sequence[int] = (), **_: Any) -> tuple[Ngram, Row]:
    """An n-gram of the text, as one document; the loops are compiled before the clock starts."""
    ids = vocabulary.document(train)
    Ngram.learn([ids[:30_000]], vocabulary, order=ORDER, prune=prune)
    clock = Clock(1.0)
    model = Ngram.learn([ids], vocabulary, order=ORDER, prune=prune)
    return model, {"size": len(model) / 1e6, "train_s": round(clock.spent, 2)}


def network(train: str, vocabulary: Vocabulary, **how: Any) -> tuple[LanguageModel, Row]:
    return fitted(train, vocabulary, **how)


def mixture(train: str, vocabulary: Vocabulary, *, seconds: float, **how: Any) -> tuple[Mixture, Row]:
    """The n-gram and the LSTM of most of the text, weighed on the rest."""
    learned, aside = set_aside(train, WEIGHED)
    ngram, counting = counted(learned, vocabulary)
    clock = Clock(seconds)
    left = (1 - LAST) * seconds - 2 * counting["train_s"]
    lstm, done = fitted(learned, vocabulary, seconds=left, **NUMBERS["lstm"] | how)
    weights = mix([ngram, lstm], [vocabulary.encode(aside)]).weights
    whole = Ngram.learn([vocabulary.document(train)], vocabulary, order=ORDER)
    done["size"] = round(done["size"] + len(whole) / 1e6, 6)
    done["train_s"] = round(clock.spent + counting["train_s"], 1)
    return Mixture([whole, lstm], weights), {**done, "weight of the n-gram": round(float(weights[0]), 3)}


def peer(train: str, text: str, *, seconds: float | None, seed: int) -> Row:
    """nanoGPT's, over the characters of all the text, as nanoGPT has them."""
    known = sorted(set(train + text))
    read, asked = (np.array([known.index(one) for one in some], np.int64) for some in (train, text))
    logits, done = nanogpt.fit(read, len(known), seconds=seconds, seed=seed)
    whole, windows = (nanogpt.strided(logits, asked, nanogpt.CONTEXT // n).mean() for n in (2, 1))
    return {**done, "nats": round(float(whole), 5), "windows": round(float(windows), 5)}


def judged(model: LanguageModel, text: str) -> Row:
    """Nats of each character but the first, in one go and in windows."""
    step = nanogpt.CONTEXT
    cut = [text[at : at + step + 1] for at in range(0, len(text) - 1, step)]
    found = ([_nats(model, one) for one in some] for some in ([text], cut))
    return {name: round(sum(some) / (len(text) - 1), 5) for name, some in zip(FIGURES, found, strict=False)}


def _nats(model: LanguageModel, text: str) -> float:
    given = len(model.vocabulary.encode(text[:1]))
    return -float(model.score(model.vocabulary.encode(text))[given:].sum())


def report(book: Book) -> None:
    """All rows, seeds together."""
    places = {way: place for place, way in enumerate(CALLED)}
    rows = sorted(book.rows(), key=lambda row: (row["split"] != "test", row["seconds"], places[row["way"]]))
    found = text_contest.together(rows, keys=KEYS[:-1], figures=FIGURES)
    columns = ("model", "size, M", "training seconds", "passes", "nats", "in windows", "seeds")
    lines = []
    for row in found:
        about = (CALLED[row["way"]], row["with"], "" if row["split"] == "test" else "on the part set aside")
        figures = text_contest.cells(row, {"size": 2, "train_s": 1, "passes": 1, "nats": 4, "windows": 4})
        lines.append([", ".join(filter(None, about)), *figures, str(len(row["seeds"]))])
    text_contest.report(book, found, columns, lines)


def main() -> None:
    parser = text_contest.arguments(__doc__, ways=tuple(CALLED), seeds=3)
    parser.add_argument("--seconds", type=float, nargs="+", default=[600.0])
    parser.add_argument("--split", choices=("test", "aside"), default="test")
    chosen = text_contest.begin(parser, name="shakespeare", ways=tuple(CALLED))
    book = Book(chosen.out, KEYS)
    runs = itertools.product(chosen.seconds, range(chosen.seeds), chosen.only)
    for seconds, seed, way in () if chosen.table else runs:
        if way in COUNTED and seed:
            continue
        asked: Row = {"way": way, "split": chosen.split, "seconds": seconds, "seed": seed}
        asked |= {"seconds": 0.0} if way in UNTIMED else {}
        given, told = (chosen.numbers, chosen.told) if way in LEARNED else ({}, "")
        how = {"data": chosen.data, **asked, **given}
        book.keep({**asked, "with": told}, partial(text_contest.apart, measure, chosen.threads, **how))
    report(book)


if __name__ == "__main__":
    main()
