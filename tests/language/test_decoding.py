"""Tokens from probabilities: seeds, batches, limits, choices; against closed forms and enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.language.decoding import among, chance, choose, draw, greedy, sample, sample_many
from macaw.language.protocol import LanguageModel, known, score_by_steps
from macaw.language.settings import Settings
from tests.language.toys import Bigram, letters, random_bigram

MODEL = random_bigram(5)
A, B, C = 3, 4, 5


def tokens(*args, **named):
    return [step.token for step in sample(*args, **named)]


def test_a_toy_is_a_language_model():
    assert isinstance(MODEL, LanguageModel)
    ids = np.array([A, B, B, C])
    np.testing.assert_allclose(MODEL.score(ids), score_by_steps(MODEL, ids), atol=1e-6)


def test_the_same_seed_gives_the_same_text_and_another_another():
    one = tokens(MODEL, np.array([A]), seed=5, limit=40)
    assert one == tokens(MODEL, np.array([A]), seed=5, limit=40)
    others = [tokens(MODEL, np.array([A]), seed=seed, limit=40) for seed in range(8)]
    assert len({tuple(other) for other in others}) > 1


def test_an_item_of_a_batch_does_not_depend_on_the_others():
    prompts = [np.array([A]), np.array([B, C]), np.array([], np.int32)]
    made = {0: [], 1: [], 2: []}
    for item, step in sample_many(MODEL, prompts, seed=9, limit=30):
        made[item].append(step.token)
    for item, ids in enumerate(prompts):
        assert made[item] == tokens(MODEL, ids, seed=9, item=item, limit=30)
    again = [step.token for item, step in sample_many(MODEL, [prompts[0]], seed=9, limit=30)]
    assert again == made[0]


def test_a_token_comes_as_often_as_it_is_likely():
    logp = np.log(
        np.array([0.5, 0.0, 0.2, 0.3, 1e-300]) + 0.0,
        where=[True, False, True, True, True],
        out=np.full(5, -np.inf),
    )
    random = np.random.default_rng(0)
    counts = np.bincount([draw(logp, random) for _ in range(20_000)], minlength=5) / 20_000
    np.testing.assert_allclose(counts, [0.5, 0, 0.2, 0.3, 0], atol=0.012)  # 3.4 standard deviations


def test_a_step_tells_what_it_was_drawn_from():
    settings = Settings(temperature=0.5, top_k=2)
    for step in sample(MODEL, np.array([A]), settings=settings, seed=1, limit=10):
        assert np.isfinite(step.warped).sum() == 2 and np.isfinite(step.warped[step.token])
        assert np.exp(step.logp.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
        assert step.score == step.logp[step.token]


def test_it_ends_with_the_document_or_the_limit():
    vocabulary = letters(2)
    table = np.zeros((5, 5))
    table[vocabulary.begin, A] = table[A, B] = table[B, vocabulary.end] = 1
    model = Bigram(vocabulary, table)
    steps = list(sample(model, np.array([], np.int32), limit=10))
    assert [step.token for step in steps] == [A, B, vocabulary.end] and steps[-1].ends == "end"
    assert [step.ends for step in sample(model, np.array([], np.int32), limit=2)] == ["", "limit"]
    assert greedy(model, np.array([A])).tolist() == [B, vocabulary.end]


def test_greedy_takes_the_likeliest_each_time():
    found = greedy(MODEL, np.array([A]), limit=6)
    last = A
    for token in found:
        assert token == np.argmax(MODEL.table[last])
        last = token


def test_the_number_of_a_token_depends_on_its_place_alone():
    whole = chance(3, 1).random(5)
    assert chance(3, 1, made=3).random(2).tolist() == whole[3:].tolist()


def test_the_probability_of_a_continuation_is_a_product():
    rows = [np.array([A, B]), np.array([A, B, C]), np.array([B]), np.array([A, C])]
    found = choose(MODEL, np.array([C]), rows)
    expected = [MODEL.score(np.array([C, *row]))[1:].sum() for row in rows]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    assert found.best == int(np.argmax(expected)) and found.probs.sum() == pytest.approx(1)
    ended = choose(MODEL, np.array([C]), rows, ended=True)
    expected = [MODEL.score(np.array([C, *row, MODEL.vocabulary.end]))[1:].sum() for row in rows]
    np.testing.assert_allclose(ended.scores, expected, atol=1e-5)


def test_all_continuations_of_a_length_have_probability_one_together():
    rows = [np.array(row) for row in itertools.product([2, 3, 4, 5, 6, 7], repeat=3)]
    assert np.exp(choose(MODEL, np.array([A]), rows).scores).sum() == pytest.approx(1, abs=1e-5)


def test_what_they_share_is_computed_once():
    calls = []

    class Counting(Bigram):
        def next(self, ids, state=None):
            calls.append(len(ids))
            return super().next(ids, state)

    model = Counting(MODEL.vocabulary, MODEL.table)
    choose(model, np.array([A, B]), [np.array([A, B, C]), np.array([A, B, A]), np.array([A, B])])
    assert calls == [2, 1, 1]


def test_sampling_can_be_held_to_some_continuations():
    rows = [np.array([A, B]), np.array([A, B, C]), np.array([C])]
    end = MODEL.vocabulary.end
    made = {
        tuple(tokens(MODEL, np.array([B]), seed=seed, allowed=among(rows, end=end))) for seed in range(60)
    }
    assert made == {(A, B, end), (A, B, C, end), (C, end)}
    free = tokens(MODEL, np.array([B]), seed=0, limit=12, allowed=among(rows))
    assert free[0] == C or free[:2] == [A, B]


def test_what_cannot_be_used_is_refused_in_a_line():
    with pytest.raises(InputError, match="id 99 is not in the vocabulary of 8 tokens"):
        sample(MODEL, np.array([99]))
    with pytest.raises(InputError, match="one row of whole numbers"):
        known(MODEL, np.zeros((2, 2)))
    with pytest.raises(InputError, match="limit is 0"):
        sample(MODEL, np.array([A]), limit=0)
    with pytest.raises(InputError, match="no continuation"):
        choose(MODEL, np.array([A]), [])
    with pytest.raises(InputError, match="none of the 1 tokens"):
        tokens(MODEL, np.array([A]), allowed=lambda made: np.array([MODEL.vocabulary.begin]))


def test_what_was_written_changes_what_may_come_where_settings_say_so():
    for seed in range(5):
        made = tokens(MODEL, np.array([A]), settings=Settings(no_repeat=1), seed=seed, limit=4)
        assert len({A, *made}) == 1 + len(made)
    once = list(sample(MODEL, np.array([A]), settings=Settings(presence=2.0), limit=2))
    weights = MODEL.table[A] * np.exp(-2.0 * (np.arange(8) == A))
    np.testing.assert_allclose(np.exp(once[0].warped), weights / weights.sum(), atol=1e-6)
