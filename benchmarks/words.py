"""Perplexity per word of Penn Treebank and WikiText-2, ours beside the published figures and their recipe.

    python -m benchmarks.words --minutes 20
    python -m benchmarks.words --only zaremba --corpus ptb
    python -m benchmarks.words --table

Official splits, words as they stand in the files, the vocabulary that of the training text: closed, with
`<unk>` a word like any other, and one `<eos>` a line. Every word and every `<eos>` counts, 82,430 in the test
text of PTB and 245,569 in that of WikiText-2, or the benchmark stops. The n-gram reads line by line, each
anew, as SRILM and KenLM do; the LSTMs read on through the lines, as the published ones do. Weights are chosen
by the validation text. The published recipe is run beside ours: that it gives its published figure is what
says that both count alike.

PTB is for evaluation only: no weights are kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import text_contest, zaremba
from benchmarks.contest import Book, Clock, Row
from benchmarks.ngram import unpacked
from macaw.language.ngram import Ngram
from macaw.language.token_judge import TokenJudge
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import packed

PACKS = {"ptb": "lm_ptb_EVAL_ONLY", "wikitext2": "lm_wikitext2"}
COUNTS = {"ptb": (929_589, 73_760, 82_430), "wikitext2": (2_088_628, 217_646, 245_569)}
CALLED = {
    "ngram": "5-gram, modified Kneser-Ney",
    "lstm": "**LSTM**",
    "zaremba": "small LSTM of Zaremba et al., its recipe in torch",
}
PUBLISHED = {  # test perplexities
    ("ptb", "ngram"): "141.2, 5-gram Kneser-Ney (Mikolov 2012)",
    ("ptb", "lstm"): "114.5, small LSTM (Zaremba et al. 2014)",
    ("ptb", "zaremba"): "114.5 (Zaremba et al. 2014)",
    ("wikitext2", "lstm"): "99.3, LSTM (Grave et al. 2016)",
}
NUMBERS: dict[str, Any] = {
    "network": "recurrent", "dropout": 0.4, "dropout_input": 0.3, "dropout_tokens": 0.05, "weight_drop": 0.2,
}  # fmt: skip
FIGURES, KEYS = ("valid", "test", "size", "passes", "minutes"), ("corpus", "way", "with", "asked", "seed")


def texts(folder: Path) -> tuple[str, ...]:
    """The three splits."""
    return tuple(unpacked(folder / f"{split}.txt.xz") for split in ("train", "valid", "test"))


def measure(corpus: str, way: str, data: Path, *, minutes: float, seed: int, **numbers: Any) -> Row:
    """One row: perplexities of valid and test."""
    splits = texts(data / PACKS[corpus])
    vocabulary = Vocabulary.learn(splits[:1], "words")
    found = tuple(len(vocabulary.encode(text)) for text in splits)
    if found != COUNTS[corpus]:
        raise SystemExit(f"{found} words in the splits of {corpus}; published are {COUNTS[corpus]}")
    if way == "lstm":
        return lstm(splits, vocabulary, seconds=60 * minutes, seed=seed, **numbers)
    return published(splits, vocabulary, seed=seed) if way == "zaremba" else ngram(splits, vocabulary)


def ngram(splits: Sequence[str], vocabulary: Vocabulary) -> Row:
    """Of order 5, a line a document; its end is `<eos>`."""
    train, *held = ([vocabulary.document(line) for line in text.split("\n")[:-1]] for text in splits)
    Ngram.learn(train[:2000], vocabulary)  # the loops are compiled before the clock starts
    clock = Clock(1.0)
    model = Ngram.learn(train, vocabulary, order=5)
    done = {"size": len(model) / 1e6, "minutes": round(clock.spent / 60, 3)}
    scores = (np.concatenate(model.scores([one[1:] for one in some])) for some in held)
    return {**done, **dict(zip(FIGURES, map(perplexity, scores), strict=False))}


def lstm(splits: Sequence[str], vocabulary: Vocabulary, **how: Any) -> Row:
    """Ours; of its weights those that are best on the validation text."""
    train, *held = splits
    judge = TokenJudge(packed(held[:1], vocabulary, 64), vocabulary)
    model, done = text_contest.fitted(train, vocabulary, score=judge, **NUMBERS | how)
    scores = (model.score(vocabulary.encode(text)) for text in held)
    done["minutes"] = round(done.pop("train_s") / 60, 2)
    return {**done, **dict(zip(FIGURES, map(perplexity, scores), strict=False))}


def published(splits: Sequence[str], vocabulary: Vocabulary, *, seed: int) -> Row:
    """The peer. A text begins as after the end of a line."""
    train, *held = (vocabulary.encode("\n" + text) for text in splits)
    net, done = zaremba.fit(train[1:], len(vocabulary), seed=seed)
    scores = (-zaremba.score(net, ids) for ids in held)
    return {**done, **dict(zip(FIGURES, map(perplexity, scores), strict=False))}


def perplexity(logp: np.ndarray) -> float:
    return round(math.exp(-float(logp.mean())), 3)


def report(book: Book) -> None:
    """All rows, seeds together, beside what is published."""
    places = {way: place for place, way in enumerate(CALLED)}
    rows = sorted(book.rows(), key=lambda row: (row["corpus"], places[row["way"]], row["asked"]))
    found = text_contest.together(rows, keys=KEYS[:-1], figures=FIGURES)
    columns = ("text", "model", "size, M", "minutes", "passes", "valid", "test", "published test", "seeds")
    lines = []
    for row in found:
        name = ", ".join(filter(None, (CALLED[row["way"]], row["with"])))
        figures = text_contest.cells(row, {"size": 2, "minutes": 2, "passes": 1, "valid": 1, "test": 1})
        said = PUBLISHED.get((row["corpus"], row["way"]), "")
        lines.append([row["corpus"], name, *figures, said, str(len(row["seeds"]))])
    text_contest.report(book, found, columns, lines)


def main() -> None:
    parser = text_contest.arguments(__doc__, ways=tuple(CALLED), seeds=1)
    parser.add_argument("--corpus", nargs="+", choices=list(PACKS), default=list(PACKS))
    parser.add_argument("--minutes", type=float, nargs="+", default=[20.0], help="of our LSTM")
    chosen = text_contest.begin(parser, name="words", ways=tuple(CALLED))
    book = Book(chosen.out, KEYS)
    runs = itertools.product(chosen.corpus, chosen.minutes, range(chosen.seeds), chosen.only)
    for corpus, minutes, seed, way in () if chosen.table else runs:
        if way == "ngram" and seed:
            continue
        asked: Row = {"corpus": corpus, "way": way, "seed": seed}
        given, told = (chosen.numbers, chosen.told) if way == "lstm" else ({}, "")
        how = {"data": chosen.data, "minutes": minutes, **asked, **given}
        row = {**asked, "with": told, "asked": minutes if way == "lstm" else 0.0}
        book.keep(row, partial(text_contest.apart, measure, chosen.threads, **how))
    report(book)


if __name__ == "__main__":
    main()
