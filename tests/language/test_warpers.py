"""What may be drawn, against the logits processors of `transformers` and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.errors import InputError, UnknownName
from macaw.language import warpers
from macaw.language.settings import GREEDY, PLAIN, Settings

LOGP = warpers.normal(2 * np.random.default_rng(3).normal(size=50))
SEEN = np.array([4, 7, 7, 9, 4, 7], np.int32)


def probs(logp):
    return np.exp(logp)


@pytest.fixture(scope="module")
def theirs():
    import torch
    from transformers.generation import logits_process

    def apply(name, *values, **named):
        processor = getattr(logits_process, name)(*values, **named)
        scores = torch.tensor(LOGP, dtype=torch.float64)[None]
        out = processor(torch.tensor(SEEN.astype(np.int64))[None], scores)
        return torch.softmax(out, dim=-1)[0].numpy()

    return apply


@pytest.mark.parametrize(
    ("name", "value", "processor"),
    [
        *(("top_k", k, "TopKLogitsWarper") for k in (1, 2, 10, 50)),
        *(("top_p", p, "TopPLogitsWarper") for p in (0.01, 0.3, 0.9, 0.999)),
        *(("min_p", p, "MinPLogitsWarper") for p in (0.01, 0.2, 1.0)),
        *(("typical", p, "TypicalLogitsWarper") for p in (0.05, 0.4, 0.95)),
        *(("temperature", t, "TemperatureLogitsWarper") for t in (0.3, 1.0, 2.5)),
    ],
)
def test_what_is_kept_is_what_transformers_keeps(theirs, name, value, processor):
    found = probs(getattr(warpers, name)(LOGP, value))
    np.testing.assert_allclose(found, theirs(processor, value), atol=1e-6)


@pytest.mark.parametrize("power", [0.8, 1.2, 2.0])
def test_repetition_is_that_of_transformers(theirs, power):
    found = probs(warpers.repetition(LOGP, SEEN, power))
    np.testing.assert_allclose(found, theirs("RepetitionPenaltyLogitsProcessor", power), atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_run_of_tokens_comes_twice_as_in_transformers(theirs, size):
    found = probs(warpers.no_repeat(LOGP, SEEN, size))
    np.testing.assert_allclose(found, theirs("NoRepeatNGramLogitsProcessor", size), atol=1e-6)


def test_all_settings_together_are_those_of_transformers():
    import torch
    from transformers.generation import logits_process as lp

    settings = Settings(temperature=0.7, top_k=20, top_p=0.9, min_p=0.02, typical=0.8, repetition=1.3)
    scores = torch.tensor(LOGP)[None]
    ids = torch.tensor(SEEN.astype(np.int64))[None]
    for one in (
        lp.RepetitionPenaltyLogitsProcessor(1.3),
        lp.TemperatureLogitsWarper(0.7),
        lp.TopKLogitsWarper(20),
        lp.TopPLogitsWarper(0.9),
        lp.MinPLogitsWarper(0.02),
        lp.TypicalLogitsWarper(0.8),
    ):
        scores = one(ids, scores)
    expected = torch.softmax(scores, dim=-1)[0].numpy()
    np.testing.assert_allclose(probs(warpers.warp(LOGP, settings, SEEN)), expected, atol=1e-6)


def test_presence_and_frequency_are_the_formula_of_the_openai_interface():
    counts = np.bincount(SEEN, minlength=50)
    expected = warpers.normal(LOGP - 0.5 * (counts > 0) - 0.25 * counts)
    found = warpers.frequency(warpers.presence(LOGP, SEEN, 0.5), SEEN, 0.25)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=30), st.sampled_from(range(5)))
def test_whatever_is_warped_sums_to_one_and_keeps_a_token(raw, which):
    logp = warpers.normal(np.array(raw))
    before = logp.copy()
    warp, value = (
        (warpers.temperature, 0.5),
        (warpers.top_k, 2),
        (warpers.top_p, 1e-9),
        (warpers.min_p, 1.0),
        (warpers.typical, 1e-9),
    )[which]
    found = warp(logp, value)
    assert probs(found).sum() == pytest.approx(1)
    np.testing.assert_array_equal(logp, before)


def test_among_equals_the_lower_id_is_kept():
    flat = warpers.normal(np.zeros(10))
    assert np.flatnonzero(np.isfinite(warpers.top_k(flat, 3))).tolist() == [0, 1, 2]
    assert np.flatnonzero(np.isfinite(warpers.top_p(flat, 0.35))).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(np.isfinite(warpers.temperature(flat, 0))).tolist() == [0]


def test_a_token_that_never_comes_stays_out():
    logp = warpers.normal(np.array([0.0, -np.inf, 1.0, -np.inf]))
    for warp, value in (
        (warpers.top_p, 1.0),
        (warpers.typical, 1.0),
        (warpers.top_k, 4),
        (warpers.min_p, 0.0),
    ):
        assert np.isfinite(warp(logp, value)).tolist() == [True, False, True, False]
    assert np.isfinite(warpers.repetition(logp, np.array([1]), 1.2)).tolist() == [True, False, True, False]


def test_nothing_is_forbidden_where_all_would_be():
    logp = warpers.normal(np.zeros(2))
    np.testing.assert_allclose(warpers.no_repeat(logp, np.array([0, 1]), 1), logp)


def test_only_what_is_allowed_can_come():
    found = probs(warpers.only(LOGP, np.array([3, 8])))
    np.testing.assert_allclose(found[[3, 8]], np.exp(LOGP[[3, 8]]) / np.exp(LOGP[[3, 8]]).sum())
    with pytest.raises(InputError, match="none of the 0 tokens"):
        warpers.only(LOGP, np.array([], np.int32))


def test_settings_know_their_ranges_and_names():
    assert str(PLAIN) == "the model's own probabilities"
    assert PLAIN.changed == {} and GREEDY.changed == {"temperature": 0.0}
    assert Settings.of({"top_k": 40, "temperature": 0.8}).changed == {"temperature": 0.8, "top_k": 40}
    for name, value in (
        ("temperature", -1),
        ("temperature", float("nan")),
        ("top_k", 2.5),
        ("top_p", 0),
        ("repetition", 0),
        ("min_p", 1.5),
        ("presence", 3),
    ):
        with pytest.raises(InputError, match=f"{name} is"):
            Settings(**{name: value})
    with pytest.raises(UnknownName, match="Did you mean 'top_p'"):
        Settings.of({"topp": 0.9})


@pytest.mark.parametrize("sharp", [0.0, 0.01, 1.0, 4.0])
@pytest.mark.parametrize("mass", [0.02, 0.5, 0.97, 0.9999])
def test_a_large_vocabulary_is_cut_as_if_all_of_it_were_sorted(sharp, mass):
    raw = np.round(sharp * np.random.default_rng(5).normal(size=5_000), 1)  # many equals
    logp = warpers.normal(np.where(np.arange(5_000) % 7 == 0, -np.inf, raw))
    for warp, worth in ((warpers.top_p, -logp), (warpers.typical, np.abs(-logp - warpers.entropy(logp)))):
        order = np.argsort(worth, kind="stable")
        before = np.cumsum(probs(logp)[order]) - probs(logp)[order]
        kept = np.flatnonzero(np.isfinite(warp(logp, mass)))
        expected = order[(before < mass) & np.isfinite(logp[order])]
        assert len(np.setxor1d(kept, expected)) <= 1  # the sums are rounded in another order
