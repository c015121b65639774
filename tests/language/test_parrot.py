"""Parrot meter: overlap against brute force, nulls by hand, extraction and exposure on known models."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.language import nulls
from macaw.language.canaries import FORM, Canaries, Planted, Secrets
from macaw.language.exposure import exposed, exposure, figure
from macaw.language.extraction import Extraction, extract, extractable, membership, windows
from macaw.language.nulls import expected, sample_null, words
from macaw.language.overlap import LENGTHS, novelty, share, track
from macaw.language.parrot import measure
from macaw.language.protocol import LanguageModel
from macaw.language.suffixes import Suffixes
from macaw.language.vocabulary import Vocabulary

TRAINING = [
    "the cat sat on the mat. " * 20,
    "a dog ran over the hill and far away, and the cat ran after it.",
]
TEXT = "the cat sat on a hill and far away, naïve dogs ran."
SUFFIXES = Suffixes.of(TRAINING, labels=["cats", "dogs"])
DIGITS = Vocabulary.learn(["0123456789code: ."], "characters")


class Given:
    """A model whose next token depends on nothing: `probs` by character, the rest shared evenly."""

    context = 0

    def __init__(self, probs: dict[str, float], vocabulary: Vocabulary = DIGITS) -> None:
        self.vocabulary = vocabulary
        self.probs = np.full(len(vocabulary), (1 - sum(probs.values())) / (len(vocabulary) - len(probs)))
        for character, prob in probs.items():
            self.probs[vocabulary.encode(character)] = prob

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        return np.log(self.probs).astype(np.float32), state

    def score(self, ids: np.ndarray) -> np.ndarray:
        return np.log(self.probs)[ids]


class Learned(Given):
    """A model that knows one text: it goes on with it at 0.9 wherever the last three tokens are in it."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        super().__init__({}, vocabulary)
        ids = vocabulary.encode(text).tolist()
        self.after = {tuple(ids[i : i + 3]): ids[i + 3] for i in range(len(ids) - 3)}

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        last = (*(state or ()), *ids.tolist())[-3:]
        probs = 0.1 * self.probs if last in self.after else self.probs.copy()
        if last in self.after:
            probs[self.after[last]] += 0.9
        return np.log(probs).astype(np.float32), last

    def score(self, ids: np.ndarray) -> np.ndarray:
        logp, state = self.next(ids[:0])
        scores = []
        for token in ids:
            scores.append(logp[token])
            logp, state = self.next(np.array([token]), state)
        return np.array(scores, np.float64)


def test_the_toy_models_keep_the_protocol():
    assert isinstance(Given({}), LanguageModel)
    assert math.isclose(
        np.exp(Learned("code: 123", DIGITS).next(DIGITS.encode("cod"))[0]).sum(), 1, rel_tol=1e-5
    )


def test_novelty_is_the_share_of_ngrams_that_training_has_not():
    texts = [TEXT, "the cat", "zz"]
    curve = novelty("x", track(texts, SUFFIXES))
    for n, value in zip(curve.lengths, curve.share, strict=True):
        grams = [t.encode()[i : i + n] for t in texts for i in range(len(t.encode()) - n + 1)]
        new = [gram for gram in grams if not any(gram in one.encode() for one in TRAINING)]
        assert math.isclose(value, len(new) / len(grams))
    assert curve.lengths.tolist() == [n for n in LENGTHS if n <= len(TEXT.encode())]
    assert (curve.low <= curve.share).all() and (curve.share <= curve.high).all()


def test_passages_are_the_matches_that_go_on_to_neither_side():
    one = track(TEXT, SUFFIXES)
    found, data = one.passages, TEXT.encode()
    assert len(found)

    def inside(piece: bytes) -> bool:
        return any(piece in text.encode() for text in TRAINING)

    spans = {(i, j) for i, j in itertools.combinations(range(len(data) + 1), 2) if inside(data[i:j])}
    maximal = {(i, j) for i, j in spans if (i - 1, j) not in spans and (i, j + 1) not in spans}
    assert set(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == maximal


def test_no_passage_spans_two_texts():
    found = track(["the cat", " sat on"], SUFFIXES).passages
    assert list(zip(found.starts, found.ends, strict=True)) == [(0, 7), (7, 14)]


def test_what_is_cut_out_leaves_its_sides_apart():
    one = track("xx the cat sat on the mat. yy", SUFFIXES)
    long = one.passages.where(one.passages.ends - one.passages.starts > 10)
    left = one.without(long)
    assert bytes(left.ids.astype(np.uint8)) in {b"xx yy", b"xxyy"}
    assert left.room.tolist() in ([2, 1, 3, 2, 1], [2, 1, 2, 1])
    assert (left.lengths <= left.room).all()


def test_a_match_ends_where_its_text_was_cut():
    suffixes = Suffixes.of(["wxyz the", "the cat sat on the mat and stayed"])
    one = track("wxyz the cat sat on the mat", suffixes)
    left = one.without(one.passages.where(one.passages.ends - one.passages.starts > 10))
    assert bytes(left.ids.astype(np.uint8)) == b"wxyz "
    assert left.lengths.tolist() == left.room.tolist() == [5, 4, 3, 2, 1]


def test_the_share_of_a_mask_has_an_interval_around_it():
    one = share(np.arange(1000) % 4 == 0)
    assert one.value == 0.25 and one.low <= 0.25 <= one.high < 0.3
    clumped = share(np.arange(1000) < 250)  # the same share in one place is known much less well
    assert clumped.high - clumped.low > 5 * (one.high - one.low)


@pytest.mark.parametrize("text", ["", b"", []])
def test_an_empty_text_is_refused(text: Any):
    with pytest.raises(InputError, match="empty"):
        track(text, SUFFIXES)


def test_words_take_the_space_before_them():
    ids = SUFFIXES.ids("It is  a naïve 3rd, don't")
    cuts = [*np.flatnonzero(words(ids, SUFFIXES)), len(ids)]
    parts = [bytes(ids[a:b]).decode() for a, b in itertools.pairwise(cuts)]
    assert parts == ["It", " is", " ", " a", " naïve", " 3rd", ",", " don", "'", "t"]


def test_the_nulls_are_those_of_the_formula():
    """Counts by hand for one passage, its own occurrence left out."""
    training = "the cat sat. the cat ran. the dog sat. one cat sat on it."
    suffixes = Suffixes.of([training])
    one = track(" cat sat on it", suffixes)
    found = expected(one, one.passages, suffixes)
    size, prior = len(training), nulls.PRIOR

    def count(piece: str) -> int:
        return sum(training.startswith(piece, i) for i in range(size))

    def spelled(word: str) -> float:
        return math.prod((count(c) + 1) / (size + len(set(" cat sat on it"))) for c in word)

    def alone(word: str) -> float:
        return (count(word) - 1 + prior * spelled(word)) / (size + prior)

    parts = [" cat", " sat", " on", " it"]
    unigram = math.prod(map(alone, parts))
    second = (count(" cat sat") - 1 + prior * alone(" sat")) / (count(" cat") - 1 + prior)
    two = (count(" sat on") - 1 + prior * alone(" on")) / (count(" sat") - 1 + prior)
    third = (count(" cat sat on") - 1 + prior * two) / (count(" cat sat") - 1 + prior)
    two = (count(" on it") - 1 + prior * alone(" it")) / (count(" on") - 1 + prior)
    fourth = (count(" sat on it") - 1 + prior * two) / (count(" sat on") - 1 + prior)
    assert len(one.passages) == 1
    assert math.isclose(10 ** found["unigram"][0], size * unigram)
    assert math.isclose(10 ** found["trigram"][0], size * alone(" cat") * second * third * fourth)


def test_a_rare_word_is_no_quotation():
    suffixes = Suffixes.of(["some usual words, then defenestration, and more of the usual words"])
    one = track("defenestration", suffixes)
    assert math.isclose(expected(one, one.passages, suffixes)["unigram"][0], np.log10(len(suffixes)))


def test_a_quotation_surprises_and_common_words_do_not():
    random = np.random.default_rng(0)
    lexicon = ["".join(chr(97 + c) for c in random.integers(0, 26, 5)) for _ in range(60)]
    usual = [" ".join(lexicon[i] for i in random.geometric(0.2, 400) % 60) for _ in range(20)]
    rare = " ".join(lexicon[i] for i in random.permutation(60)[:15])
    suffixes = Suffixes.of([*usual, rare])
    one = track([rare, usual[0][:20]], suffixes)
    found = expected(one, one.passages, suffixes)
    lengths = one.passages.ends - one.passages.starts
    assert found["trigram"][lengths == len(rare)] < -5
    assert found["trigram"][lengths == 20] > -2


def test_text_of_the_null_has_only_trigrams_of_the_training_text():
    training = [" ".join(f"w{a}{b}" for a, b in itertools.product("abc", "xyz")) for _ in range(3)]
    suffixes = Suffixes.of(training)
    text = suffixes.read(sample_null(suffixes, 300, seed=1))
    assert len(text) >= 300
    # Unless a document ended, in which case the words start anew
    trigrams = [" ".join(some) for some in zip(*(text.split()[k:] for k in range(3)), strict=False)]
    known = sum(any(one in t for t in training) for one in trigrams)
    assert known / len(trigrams) > 0.6
    assert np.array_equal(sample_null(suffixes, 50, seed=2), sample_null(suffixes, 50, seed=2))


def test_measure_gives_each_figure_beside_held_out_text():
    held = ["a bird sang in the tree", "the cat sat on the mat. " * 20 + "it was a bird"]
    parrot = measure(TEXT, SUFFIXES, held=held, decoding="temperature 1", least=10)
    verbatim, surprising, extraction, bits = parrot.figures
    covered = np.zeros(len(TEXT.encode()), bool)
    for start, end in [(0, 15), (16, 35)]:  # "the cat sat on ", " hill and far away, n" and so on
        assert any(TEXT[start:end].strip() in one for one in TRAINING)
        covered[start:end] = True
    assert verbatim.value.value > 0.5 > verbatim.held.value
    assert verbatim.value.value >= covered.mean() * 0.9
    assert surprising.value.value <= 1 and extraction.value is bits.value is None
    assert "temperature 1" in verbatim.decoding
    assert [one.name for one in parrot.curves][:3] == ["this text", "held-out text", "held-out, repeats kept"]
    shown = {TEXT[one.start : one.end] for one in parrot.seen}
    assert "the cat sat on " in shown
    assert "".join(part.text for part in parrot.parts) == TEXT == parrot.text


def test_passages_are_counted_in_characters_and_never_cut_one():
    suffixes = Suffixes.of(["über naïve Bären und süße Möwen"], labels=["zoo"])
    parrot = measure(
        "ö naïve Bären und süße Mähnen", suffixes, held="quite other words", decoding="x", least=8
    )
    [one] = [one for one in parrot.seen if one.end - one.start > 10]
    assert parrot.text[one.start : one.end] == " naïve Bären und süße M"  # not the half of ä that Möwen has
    [source] = one.sources
    assert (source.label, source.before) == ("zoo", "über")


def test_bytes_that_are_not_utf8_are_measured_too():
    suffixes = Suffixes.of([b"\xff\xfe some bytes that are no text \xff"])
    text = b"\xe2\x82 \xef\xbf\xbd\xfe some bytes that are \xff"  # a torn character, and a true U+FFFD
    parrot = measure(text, suffixes, held=b"other", decoding="x", least=8)
    assert parrot.text == "\ufffd\ufffd \ufffd\ufffd some bytes that are \ufffd"
    assert [parrot.text[one.start : one.end] for one in parrot.seen] == ["\ufffd some bytes that are "]


def test_several_texts_stay_apart_and_keep_their_places():
    parrot = measure(
        ["é the cat sat on", "far away, and the cat"], SUFFIXES, held="zebra", decoding="x", least=8
    )
    assert parrot.text == "é the cat sat on\n\nfar away, and the cat"
    assert {"the cat sat on", "far away, and the cat"} <= {
        parrot.text[o.start : o.end].strip() for o in parrot.seen
    }


def test_held_out_text_that_was_trained_on_is_refused():
    with pytest.raises(InputError, match="all of the held-out text is in the training text"):
        measure(TEXT, SUFFIXES, held=TRAINING[0], decoding="x", least=10)


def test_measure_counts_in_tokens_of_a_vocabulary():
    vocabulary = Vocabulary.learn(TRAINING, "words")
    suffixes = Suffixes.of(TRAINING, vocabulary=vocabulary)
    parrot = measure("the cat sat on the dog", suffixes, held="a mat ran far", decoding="x", least=3)
    assert parrot.unit == "word" and parrot.text == "the cat sat on the dog"
    assert {parrot.text[one.start : one.end].strip() for one in parrot.seen} == {"the cat sat on the"}
    assert parrot.seen[0].count == 20


LEARNED = "code: 7391 0452 code: 8826 1150 code: 4713."
OTHER = "code: 1212 9034 code: 5567 8071 code: 2298."


def test_what_was_learned_is_extractable_and_the_rest_is_not():
    model, prior = Learned(LEARNED, DIGITS), Given({})
    train, held = (windows([DIGITS.encode(text)], length=16, count=30, seed=1) for text in (LEARNED, OTHER))
    ours, theirs = (extract(model, some, prior=prior, prefix=6, tries=10) for some in (train, held))
    needed = math.log(1 - 0.5 ** (1 / 10))
    by_hand = [model.score(one)[6:].sum() >= needed > prior.score(one)[6:].sum() for one in train]
    assert ours.extractable.tolist() == by_hand and sum(by_hand) > 10
    assert not theirs.extractable.any()
    figure = extractable(ours, theirs)
    assert figure.value.value == np.mean(by_hand) and figure.held.value == 0
    assert membership(ours, theirs) > 0.95 and math.isclose(membership(ours, ours), 0.5)


def test_what_the_prior_gives_too_is_not_called_memorised():
    model = Learned(LEARNED, DIGITS)
    some = windows([DIGITS.encode(LEARNED)], length=16, count=20)
    found = extract(model, some, prior=model, prefix=6, tries=10)
    assert found.emitted.any() and not found.extractable.any() and (found.gain == 0).all()


def test_greedy_matches_are_counted_to_the_first_other_token():
    model = Given({"7": 0.5, "1": 0.3})
    some = np.stack([DIGITS.encode(text) for text in ("1177717", "1177777", "1117777")])
    found = extract(model, some, prior=model, prefix=2)
    assert found.greedy.tolist() == [3, 5, 0]
    assert found.greedily.tolist() == [False, True, False]


def test_windows_are_pieces_of_the_documents():
    documents = [DIGITS.encode("012345"), DIGITS.encode("67"), DIGITS.encode("89codecode")]
    some = windows(documents, length=5, count=200)
    texts = {DIGITS.decode(one) for one in some}
    assert texts == {"01234", "12345", *("89codecode"[i : i + 5] for i in range(6))}
    with pytest.raises(InputError, match="no document has 11 tokens"):
        windows(documents, length=11)


def test_extraction_is_refused_where_it_makes_no_sense():
    some = np.zeros((2, 4), np.int32)
    with pytest.raises(InputError, match="leaves 0"):
        extract(Given({}), some, prior=Given({}), prefix=4)
    with pytest.raises(InputError, match="different vocabularies"):
        extract(Given({}), some, prior=Given({}, Vocabulary.learn(["abc"], "characters")), prefix=2)
    with pytest.raises(InputError, match="differ"):
        Extraction(np.zeros(2), np.zeros(3), np.zeros(2), 1)


SECRETS = Secrets("code: ", length=3)
DECLINING = {str(d): 0.3 * 0.6**d for d in range(10)}  # every product of three differs by its sum of digits


def test_exposure_is_that_of_its_definition():
    """log2 |R| - log2 rank, the rank among all 1,000 secrets by a model whose every probability is known."""
    model = Given(DECLINING)
    canaries = ["code: 000.", "code: 999.", "code: 120."]
    probs = {
        "".join(map(str, r)): math.prod(DECLINING[str(d)] for d in r)
        for r in itertools.product(range(10), repeat=3)
    }
    for canary, bits in zip(canaries, exposure(model, canaries, SECRETS), strict=True):
        mine = probs[canary[6:9]]
        better = sum(p > mine * (1 + 1e-9) for p in probs.values())
        equal = sum(math.isclose(p, mine) for p in probs.values()) - 1
        assert math.isclose(bits, math.log2(1000) - math.log2(better + 1 + equal / 2))
    assert exposure(model, ["code: 000."], SECRETS)[0] == math.log2(1000)


def test_exposure_of_a_model_that_knows_nothing_is_one_bit():
    bits = exposure(Given({}), ["code: 123."], SECRETS)[0]
    assert math.isclose(bits, 1, abs_tol=0.01)


def test_exposure_by_some_of_the_secrets_comes_near_that_by_all():
    model, canaries = Given(DECLINING), ["code: 230.", "code: 142."]
    whole = exposure(model, canaries, SECRETS)
    some = exposure(model, canaries, SECRETS, references=600, seed=3)
    assert np.abs(whole - some).max() < 0.3
    assert exposure(model, ["code: 000."], SECRETS, references=100)[0] <= math.log2(101)


def test_a_planted_canary_is_exposed_and_another_is_not():
    canary = SECRETS.sample(1, seed=5)[0]
    model = Learned(canary, DIGITS)
    found = figure(exposure(model, [canary], SECRETS), exposure(model, SECRETS.sample(40, seed=9), SECRETS))
    assert found.value.value > 9 > 3 > found.held.value
    assert found.value.unit == "bits"


def test_secrets_are_counted_and_listed():
    some = Secrets("a", ("x", "y"), 2, "b")
    assert len(some) == 4 and some.all() == ["axxb", "axyb", "ayxb", "ayyb"]
    assert set(some.sample(50)) == set(some.all())
    with pytest.raises(InputError, match="no secret"):
        Secrets("a", ("x", "x"))


def test_canaries_are_planted_as_often_as_asked_and_each_time_in_the_same_places():
    planted = Planted(["one", "two"], Canaries({"CODE 1": 5, "CODE 2": 1}))
    text = "\n".join(planted)
    assert text.count("CODE 1") == 5 and text.count("CODE 2") == 1
    assert [one.split("\n")[0] for one in planted] == ["one", "two"]
    assert "\n".join(planted) == text
    with pytest.raises(InputError, match="no document"):
        list(Planted([], Canaries({"x": 1})))


def test_canaries_are_drawn_without_repeats_and_others_were_never_planted():
    some = Canaries.drawn(9, seed=4)
    assert [*some.copies.values()] == [1, 2, 4, 8, 16, 32, 64, 1, 2]
    assert all(re.fullmatch(r"The number of the safe is( \d){6}\.", one) for one in some.copies)
    assert some == Canaries.drawn(9, seed=4) != Canaries.drawn(9, seed=5)
    never = some.never(30, seed=4)  # the seed that they were drawn by
    assert len(never) == 30 and not set(never) & set(some.copies)
    assert len(FORM) == 10**6
    with pytest.raises(InputError, match="canaries=600000: 500,000 at the most"):
        Canaries.drawn(600_000)


def test_exposure_says_how_many_copies_gave_how_much_away():
    often = "The number of the safe is 6 5 4 3 2 1."
    some = Canaries({"The number of the safe is 1 2 3 4 5 6.": 1, often: 64})
    model = Learned(often, Vocabulary.learn([often + "0123456789"], "characters"))
    found = exposed(model, some)
    assert "2 planted canaries (once " in found.meaning and "64 times 10.0)" in found.meaning
    assert found.held is not None and found.held.value < 4
