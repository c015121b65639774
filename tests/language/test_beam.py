"""Beam search, against every continuation there is and against `transformers`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.language.beam import beam
from macaw.language.decoding import greedy
from macaw.language.vocabulary import Vocabulary
from tests.language.toys import Logits, random_bigram

A = 3


def every(model, ids, limit):
    """All continuations that end the document or have `limit` tokens, and their log-probabilities."""
    end = model.vocabulary.end
    inner = [
        i
        for i in range(len(model.vocabulary))
        if i not in (model.vocabulary.begin, model.vocabulary.unknown, end)
    ]
    for size in range(1, limit + 1):
        for row in itertools.product(inner, repeat=size - 1):
            for last in [end, *inner] if size == limit else [end]:
                found = (*row, last)
                yield found, float(model.score(np.array([*ids, *found]))[len(ids) :].sum())


@pytest.mark.parametrize("length", [0.0, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_holds_everything_finds_the_best_of_all(seed, length):
    model = random_bigram(3, seed=seed)
    scored = {row: logp / len(row) ** length for row, logp in every(model, [A], 4)}
    best = sorted(scored.values(), reverse=True)[:3]
    found = beam(model, np.array([A]), width=4**4, limit=4, length=length)
    np.testing.assert_allclose([one.score for one in found[:3]], best, atol=1e-5)  # some are equally likely
    for one in found[:3]:
        assert scored[tuple(one.ids.tolist())] == pytest.approx(one.score, abs=1e-5)


def test_a_beam_of_one_is_greedy_where_the_end_is_far():
    model = random_bigram(6, seed=1)
    model.table[:, model.vocabulary.end] = 1e-12
    model.table /= model.table.sum(axis=1, keepdims=True)
    (found,) = beam(model, np.array([A]), width=1, limit=12)
    assert found.ids.tolist() == greedy(model, np.array([A]), limit=12).tolist() and found.ends == "limit"


def test_a_wider_beam_is_never_worse_here():
    model = random_bigram(8, seed=2)
    best = [
        beam(model, np.array([A]), width=width, limit=8, length=0.0)[0].score for width in (1, 2, 4, 8, 64)
    ]
    assert best[-1] == max(best)


@pytest.fixture(scope="module")
def gpt2():
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=40, n_positions=64, n_embd=32, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=2
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        model.transformer.wte.weight.mul_(20)  # at random they expect nothing; now they have opinions
    return model


@pytest.mark.parametrize(("width", "length"), [(2, 1.0), (4, 1.0), (4, 0.0), (5, 2.0), (3, 0.5)])
def test_the_sequences_are_those_of_transformers(gpt2, width, length):
    import torch

    vocabulary = Vocabulary.of("words", [f"w{i}" for i in range(37)])

    def logits(text):
        with torch.no_grad():
            return gpt2(torch.tensor([text[1:]])).logits[0, -1].double().numpy()

    for seed in range(3):
        prompt = np.random.default_rng(seed).integers(3, 40, 4)
        theirs = gpt2.generate(
            torch.tensor(prompt)[None],
            attention_mask=torch.ones((1, 4), dtype=torch.long),
            num_beams=width,
            num_return_sequences=width,
            max_new_tokens=12,
            do_sample=False,
            length_penalty=length,
            early_stopping="never",
            pad_token_id=0,
            return_dict_in_generate=True,
            output_scores=True,
        )
        found = beam(Logits(vocabulary, logits), prompt, width=width, limit=12, length=length)
        for row, score, ours in zip(theirs.sequences, theirs.sequences_scores, found, strict=True):
            expected = row[4:].tolist()
            assert expected[: len(ours.ids)] == ours.ids.tolist() and set(expected[len(ours.ids) :]) <= {0}
            assert ours.score == pytest.approx(float(score), abs=1e-4)


def test_a_beam_without_room_is_refused():
    with pytest.raises(InputError, match="width 0"):
        beam(random_bigram(2), np.array([A]), width=0)
