"""Autoregression in action: what is shown is what was done, and a branch is the text it would have been."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from macaw.errors import InputError, UnknownName
from macaw.language.decoding import sample
from macaw.language.erasure import divergence, erasure
from macaw.language.explorer import View, branch, counted, explore, watch
from macaw.language.ngram import Ngram
from macaw.language.settings import Settings
from tests.language.toys import Logits, letters, random_bigram, spelled

MODEL, OTHER = random_bigram(12, seed=1), random_bigram(12, seed=2)
DRAWN = Settings(temperature=0.8, top_k=6, top_p=0.9)
VIEW = View(name="toy", beside={"other": OTHER}, show=5)


def made(**named):
    return explore(MODEL, "a b c", settings=DRAWN, seed=3, limit=10, view=dataclasses.replace(VIEW, **named))


def test_the_tokens_are_those_of_sample_with_the_same_seed():
    why = made()
    ids = MODEL.vocabulary.encode("a b c")
    expected = [step.token for step in sample(MODEL, ids, settings=DRAWN, seed=3, limit=10)]
    assert [turn.token for turn in why.turns if turn.how == "drawn"] == expected
    assert why.prompt == "a b c" and why.ids.tolist() == [*ids.tolist(), *expected]
    assert (why.prompt + why.text).split() == MODEL.vocabulary.decode(why.ids).split()


def test_each_turn_tells_the_models_own_probabilities_and_what_was_cut():
    why = made()
    last = MODEL.vocabulary.start
    for turn in why.turns:
        row = MODEL.table[last]
        np.testing.assert_allclose(turn.probs, row[turn.ids], atol=1e-6)
        assert (np.diff(turn.probs) <= 1e-9).all() and turn.rank == 1 + (row > row[turn.token]).sum()
        assert turn.entropy == pytest.approx(-sum(p * np.log2(p) for p in row if p > 0), abs=1e-4)
        if turn.how == "drawn":
            assert [rule.name for rule in turn.rules] == ["temperature", "top_k", "top_p"]
            assert turn.rules[1].kept == 6 and turn.rules[2].kept <= 6
            for prob, cut in zip(turn.drawn, turn.cut, strict=True):
                assert (prob == 0) == bool(cut)
            tempered = row ** (1 / 0.8) / (row ** (1 / 0.8)).sum()
            assert turn.rules[1].mass == pytest.approx(np.sort(tempered)[-6:].sum(), abs=1e-5)
        last = turn.token


def test_the_product_of_all_turns_is_the_probability_of_the_text():
    for given in (0, 1, 8):
        why = made(given=given)
        np.testing.assert_allclose(why.running[-1], MODEL.score(why.ids).sum(), atol=1e-4)
        assert len(why.turns) == 10 + min(given, 3)
        assert why.prompt == "a b c"
    whole = made(given=8)
    np.testing.assert_allclose(whole.running, np.cumsum(MODEL.score(whole.ids)), atol=1e-4)


def test_another_model_has_its_opinion_of_the_same_tokens():
    why = made()
    scores = OTHER.score(why.ids)
    for turn, score, last in zip(why.turns, scores, [MODEL.vocabulary.start, *why.ids], strict=False):
        (opinion,) = turn.opinions
        assert opinion.logp == pytest.approx(score, abs=1e-5)
        np.testing.assert_allclose(opinion.probs, OTHER.table[last][turn.ids], atol=1e-6)
        assert int(np.argmax(OTHER.table[last])) in turn.ids
    assert why.bits["other"] == pytest.approx(-scores.sum() / np.log(2), abs=1e-3)


def test_a_branch_keeps_what_was_before_and_goes_on_from_its_token():
    why = made()
    step = 5
    name = next(name for name in why.turns[step].names if name != why.turns[step].name and name != "</s>")
    other = branch(MODEL, why, step + 1, name, view=VIEW)
    assert [turn.token for turn in other.turns[:step]] == [turn.token for turn in why.turns[:step]]
    assert other.turns[step].how == "taken" and other.turns[step].name == name
    # exactly the tokens that sampling would give from there with the numbers that are left
    again = branch(MODEL, other, step + 1, name, view=VIEW)
    assert again.ids.tolist() == other.ids.tolist() and again.turns[step].how == "taken"
    np.testing.assert_allclose(other.running[-1], MODEL.score(other.ids).sum(), atol=1e-4)


def test_the_branch_that_was_taken_anyway_is_the_same_text():
    why = made()
    for step in (3, 7, len(why.turns) - 1):
        same = branch(MODEL, why, step + 1, why.turns[step].token, view=VIEW)
        assert same.ids.tolist() == why.ids.tolist() and same.text == why.text
        assert same.ends == why.ends


def test_the_prompt_itself_can_branch():
    other = branch(MODEL, made(), 2, 6, view=VIEW)
    assert other.given == 1 and other.prompt == "a" and other.turns[1].how == "taken"
    assert len(other.ids) == 11 or other.ends == "end"


def test_a_token_can_be_taken_that_the_settings_would_have_cut():
    why = made()
    turn = next(n for n, one in enumerate(why.turns, start=1) if one.how == "drawn" and any(one.cut))
    cut = why.turns[turn - 1].cut
    name = why.turns[turn - 1].names[next(i for i, rule in enumerate(cut) if rule)]
    taken = branch(MODEL, why, turn, name, view=VIEW).turns[turn - 1]
    assert taken.cut[taken.place] in {"top_k", "top_p"} and taken.drawn[taken.place] == 0


def test_a_document_that_is_ended_goes_nowhere():
    why = branch(MODEL, made(), 5, MODEL.vocabulary.end, view=VIEW)
    assert why.ends == "end" and len(why.turns) == 5


def test_what_is_not_there_cannot_be_taken():
    why = made()
    with pytest.raises(InputError, match="there is no turn 99"):
        branch(MODEL, why, 99, "a")
    with pytest.raises(InputError, match="id 400 is not in the vocabulary"):
        branch(MODEL, why, 1, 400)
    with pytest.raises(UnknownName, match="is not among the alternatives"):
        branch(MODEL, why, 1, "zebra")
    with pytest.raises(InputError, match="third has another vocabulary"):
        explore(MODEL, "a", view=View(beside={"third": random_bigram(3)}))
    with pytest.raises(InputError, match="limit is 0"):
        explore(MODEL, "a", limit=0)


def test_a_character_of_several_tokens_is_text_once_it_is_whole():
    why = explore(spelled("ab🦜!"), "ab", limit=20, view=View(show=2))
    assert why.text == "🦜!" and why.ends == "end"
    assert [turn.text for turn in why.turns if turn.how == "drawn"] == ["", "", "", "🦜", "!", ""]
    cut = explore(spelled("ab🦜!"), "ab", limit=2)
    assert cut.text == "\ufffd" and cut.ends == "limit"


def test_erasure_finds_the_one_token_that_a_bigram_looks_at():
    ids = MODEL.vocabulary.encode("a b c d e f")
    found = erasure(MODEL, ids, window=6)
    np.testing.assert_array_equal(found.changes[:-1], 0)
    assert found.changes[-1] > 0.05 and found.reach == 1


def test_erasure_is_the_divergence_of_closed_form():
    ids = MODEL.vocabulary.encode("a b")
    found = erasure(MODEL, ids, target=5)
    p, q = MODEL.table[ids[1]], MODEL.table[ids[0]]
    some = p > 0
    assert found.changes[-1] == pytest.approx((p[some] * np.log2(p[some] / q[some])).sum(), abs=1e-4)
    assert found.drops[-1] == pytest.approx(np.log2(p[5] / q[5]), abs=1e-4)
    assert found.names == ("a", "b") and found.target == MODEL.vocabulary.names[5]


def test_erasure_finds_a_token_far_back():
    vocabulary = letters(6)

    def logits(text):
        raw = np.zeros(len(vocabulary))
        raw[4 if 3 in text else 5] = 6.0  # was there an "a"?
        return raw

    model = Logits(vocabulary, logits)
    found = erasure(model, vocabulary.encode("c a c c c c"), window=6)
    assert found.names[int(np.argmax(found.changes))] == "a" and found.reach == 5
    why = explore(model, "c a c c", limit=2, view=View(erase=4))
    assert why.turns[-1].erasure.names == ("a", "c", "c", why.turns[-2].name)
    assert why.turns[0].erasure is None  # nothing was before it


def test_divergence_of_equals_is_nothing():
    logp = np.log(np.array([0.2, 0.8]))
    assert divergence(logp, logp) == 0
    assert divergence(logp, np.log(np.array([0.8, 0.2]))) == pytest.approx(0.6 * np.log(4))


def test_an_n_gram_tells_how_often_it_saw_the_token():
    vocabulary = letters(4)
    documents = [vocabulary.encode(text) for text in ("a b c", "a b d", "a b c", "b c", "d a b c a")]
    model = Ngram.learn(documents, vocabulary, order=3)
    assert counted(model, vocabulary.encode("a b"), 5) == "3 of 4 after “a b”"
    assert counted(MODEL, vocabulary.encode("a b"), 5) == ""
    why = explore(model, "a b c", limit=2, view=View(beside={"itself": model}, erase=4))
    assert why.turns[2].counts == why.turns[2].opinions[0].counts == "3 of 4 after “a b”"
    np.testing.assert_allclose(why.running, np.cumsum(model.score(why.ids)), atol=1e-4)
    for turn in why.turns:  # a 3-gram looks at two tokens, and beyond them at none
        assert (turn.erasure is None) or (turn.erasure.changes[:-2] < 1e-6).all()
    assert "seen 3 of 4 after “a b”" in why.to_html()


def test_turns_can_be_watched_while_they_come():
    seen = watch(MODEL, "a b c", settings=DRAWN, seed=3, limit=10, view=VIEW)
    first = [next(seen).token for _ in range(5)]
    assert first == [turn.token for turn in made().turns][:5]
