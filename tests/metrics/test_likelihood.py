"""Scores of language models: against closed forms, in every unit, with intervals over documents."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.language.vocabulary import Vocabulary
from macaw.metrics.likelihood import BLOCK, MEASURES, Likelihood, score_texts
from macaw.results.text_scores import TextScores

TEXTS = [("first", "the cat sat\non the mat"), ("second", "naïve 水"), ("third", "the the the dog")]


class Uniform:
    """Every token but the first of a document has the same chance."""

    context = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def score(self, ids: np.ndarray) -> np.ndarray:
        return np.full(len(ids), -log(len(self.vocabulary)))


@pytest.mark.parametrize("kind", ["bytes", "characters", "pieces"])
def test_a_uniform_model_costs_the_logarithm_of_its_vocabulary_a_token(kind: str):
    vocabulary = Vocabulary.learn([text for _, text in TEXTS], kind)
    scores = score_texts(Uniform(vocabulary), TEXTS)
    size = len(vocabulary)
    tokens = sum(len(vocabulary.encode(text)) + 1 for _, text in TEXTS)
    nats = tokens * log(size)
    letters = sum(len(text) for _, text in TEXTS)
    data = sum(len(text.encode()) for _, text in TEXTS)
    words = 8 + 3 + 5  # the end of a line, and of a document, is one
    expected = {
        "bits per byte": nats / log(2) / data,
        "bits per character": nats / log(2) / letters,
        "nats per token": log(size),
        "perplexity per token": size,
        "perplexity per word": exp(nats / words),
    }
    assert {name: one.value for name, one in scores.metrics.items()} == pytest.approx(expected)
    assert scores.totals == {
        "nats": pytest.approx(nats), "tokens": tokens, "unknown": 0, "words": words, "characters": letters,
        "bytes": data,
    }  # fmt: skip
    assert scores.labels == ("first", "second", "third") and scores.kind == kind and scores.seconds > 0
    perplexity = scores.metrics["perplexity per token"]  # the same for each document, so it is certain
    assert (perplexity.low, perplexity.high) == pytest.approx((size, size))


def test_bits_per_byte_do_not_depend_on_how_the_text_is_cut():
    """A model over pieces that spells each by its bytes says the same as the model over bytes."""
    texts = [text for _, text in TEXTS]
    pieces = Vocabulary.learn([*texts, "the the the"], "pieces", size=262)

    class Spelled(Uniform):
        def score(self, ids: np.ndarray) -> np.ndarray:
            return np.array([-max(1, self.vocabulary.lengths[i]) * log(257) for i in ids])

    one, other = (
        score_texts(model, TEXTS).metrics
        for model in (Uniform(Vocabulary.learn(texts, "bytes")), Spelled(pieces))
    )
    assert one["bits per byte"] == other["bits per byte"]
    assert one["perplexity per word"] == other["perplexity per word"]
    assert one["perplexity per token"].value < other["perplexity per token"].value


def test_unknown_words_are_counted_and_bits_per_byte_do_not_exist():
    vocabulary = Vocabulary.learn(["the cat"], "words")
    scores = score_texts(Uniform(vocabulary), [("a", "the dog sat"), ("b", "the cat")])
    assert scores.missing == ("bits per byte", "bits per character") and "bits per byte" not in scores.metrics
    assert scores.totals["unknown"] == 2 and scores.totals["tokens"] == scores.totals["words"] == 7
    assert scores.metrics["perplexity per word"].value == pytest.approx(5)
    assert any("2 tokens (28.57 %) are unknown words" in note for note in scores.notes)


def test_perplexity_without_unknown_words_leaves_their_nats_out():
    held = Likelihood("words", lossless=False)
    held.add("a", "x y", np.log([0.5, 0.001, 0.5]), unknown=np.array([False, True, False]))
    assert any("without them the perplexity per token is 2.000" in note for note in held.scores().notes)


def documents(number: int, seed: int = 0) -> Likelihood:
    """Texts of a two-state source: some are easy and some are hard."""
    random = np.random.default_rng(seed)
    held = Likelihood("bytes")
    for i in range(number):
        length = int(random.integers(50, 200))
        held.add(f"d{i}", "x" * length, -random.exponential(random.choice([0.5, 3.0]), length + 1))
    return held


def test_intervals_hold_their_value_narrow_with_documents_and_follow_the_seed():
    few, many = documents(20).scores(), documents(320).scores()
    for scores in (few, many):
        assert all(0 <= one.low < one.value < one.high for one in scores.metrics.values())
    width = {name: one.high - one.low for name, one in few.metrics.items()}
    assert all(
        one.high - one.low < 0.6 * width[name] for name, one in many.metrics.items() if "word" not in name
    )
    assert documents(20).scores().metrics == few.metrics
    assert documents(20).scores(seed=1).metrics["bits per byte"].low != few.metrics["bits per byte"].low


def test_intervals_hold_the_truth_in_nineteen_of_twenty_corpora():
    truth = 1.75 / log(2)  # bits a token: the mean of the two states
    hits = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        held = Likelihood("bytes")
        for i in range(60):
            held.add(str(i), "x" * 100, -random.exponential(random.choice([0.5, 3.0]), 100))
        one = held.scores(resamples=400).metrics["bits per byte"]
        hits += one.low <= truth <= one.high
    assert 51 <= hits <= 60  # 57 expected, of a binomial 51 or more in 99.7 %


def test_a_single_document_has_intervals_over_its_blocks_and_says_so():
    random = np.random.default_rng(0)
    length = 20 * BLOCK + 17
    held = Likelihood("characters")
    held.add("all", "x" * (length - 1), -random.exponential(1.5, length))
    scores = held.scores()
    one = scores.metrics["nats per token"]
    # The mean of n exponentials has standard deviation 1.5 / sqrt(n); 95 % are within 1.96 of them
    assert (one.high - one.low) == pytest.approx(2 * 1.96 * 1.5 / length**0.5, rel=0.5)
    assert one.low < 1.5 < one.high
    bits = scores.metrics["bits per byte"]
    assert bits.high / bits.value == pytest.approx(one.high / one.value)
    assert any("over its blocks of 1,000 tokens" in note for note in scores.notes)
    assert any("3 documents, which are few" in note for note in documents(3).scores().notes)


@given(
    parts=st.lists(st.lists(st.floats(-20, 0), min_size=1, max_size=9), min_size=1, max_size=5),
    text=st.text(min_size=1, max_size=20),
)
def test_totals_are_sums_over_documents(parts: list[list[float]], text: str):
    held = Likelihood("pieces")
    for i, logp in enumerate(parts):
        held.add(str(i), text, np.array(logp))
    scores = held.scores(resamples=20)
    assert scores.totals["nats"] == pytest.approx(-sum(map(sum, parts)))
    assert scores.totals["bytes"] == len(parts) * len(text.encode())
    assert {*scores.metrics, *scores.missing} == {*MEASURES}


def test_a_word_that_costs_hundreds_of_nats_has_no_perplexity():
    held = Likelihood("characters")
    held.add("wordless", "水" * 500, np.full(501, -4.0))
    scores = held.scores()
    assert scores.missing == ("perplexity per word",)
    assert scores.metrics["nats per token"].value == pytest.approx(4)


def test_what_cannot_be_scored_is_told():
    held = Likelihood("bytes")
    with pytest.raises(InputError, match="no text was scored"):
        held.scores()
    with pytest.raises(InputError, match=r"token 2 of 'a' has log-probability -inf; .* smooth it"):
        held.add("a", "xy", np.array([-1.0, -np.inf, -1.0]))
    with pytest.raises(InputError, match=r"log-probability 0\.5"):
        held.add("a", "x", np.array([0.5]))
    with pytest.raises(InputError, match=r"shape \(2, 2\)"):
        held.add("a", "xy", np.zeros((2, 2)))
    with pytest.raises(InputError, match="give one for each"):
        held.add("a", "xy", np.zeros(2), unknown=np.zeros(3, bool))
    held.add("empty", "", np.array([-1.0]))
    with pytest.raises(InputError, match="no text was scored"):
        held.scores()
    with pytest.raises(InputError, match="no text was scored"):
        score_texts(Uniform(Vocabulary.of("bytes")), [])


def test_texts_are_scored_one_at_a_time_and_told():
    done: list[int] = []
    scores = score_texts(Uniform(Vocabulary.of("bytes")), iter(TEXTS), progress=done.append)
    assert done == [1, 2, 3] and isinstance(scores, TextScores)
