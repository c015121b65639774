"""The label head: its loss against torch and against the formulas written out, its options, its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.heads.base import Head
from macaw.heads.label import LabelHead

NOTHING = Features((torch.zeros(1, 1, 1, 1),))  # the loss of a label head looks at its logits alone


def logits(count: int, labels: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, labels, generator=torch.Generator().manual_seed(seed)) * 3


@given(
    labels=st.integers(2, 6), count=st.integers(1, 8), seed=st.integers(0, 99),
    smoothing=st.sampled_from((0.0, 0.1, 0.5)), weighted=st.booleans(),
)  # fmt: skip
def test_loss_of_one_label_is_the_formula(
    labels: int, count: int, seed: int, smoothing: float, weighted: bool
):
    # Szegedy et al. 2015, section 7: the target is (1 - e) of the truth and e / C of every class. Weights
    # make a weighted mean: each term counts as much as its class, the sum is over the weights of the truths.
    noise = np.random.default_rng(seed)
    raw, truth = logits(count, labels, seed), noise.integers(0, labels, count)
    weights = noise.uniform(0.2, 2.0, labels).round(3).tolist() if weighted else None
    head = LabelHead(4, labels=labels, smoothing=smoothing, weights=weights)
    loss = head.loss(raw, torch.from_numpy(truth), NOTHING).item()

    log = log_softmax(raw.numpy().astype(np.float64), axis=1)
    w = np.array(weights or [1.0] * labels)
    sharp = -(w[truth] * log[np.arange(count), truth])
    spread = -(w * log).sum(1) / labels
    assert loss == pytest.approx(
        ((1 - smoothing) * sharp + smoothing * spread).sum() / w[truth].sum(), rel=1e-5, abs=1e-7
    )


@given(labels=st.integers(1, 5), count=st.integers(1, 8), seed=st.integers(0, 99), weighted=st.booleans())
def test_loss_of_several_labels_is_the_formula(labels: int, count: int, seed: int, weighted: bool):
    noise = np.random.default_rng(seed)
    raw, truth = logits(count, labels, seed), noise.integers(0, 2, (count, labels)).astype(np.float32)
    weights = noise.uniform(0.2, 2.0, labels).tolist() if weighted else None
    head = LabelHead(4, labels=labels, multi="yes", weights=weights)
    loss = head.loss(raw, torch.from_numpy(truth), NOTHING).item()

    probs, w = expit(raw.numpy().astype(np.float64)), np.array(weights or [1.0] * labels)
    terms = -(w * truth * np.log(probs) + (1 - truth) * np.log(1 - probs))
    assert loss == pytest.approx(terms.mean(), rel=1e-4)


def test_loss_agrees_with_torch():
    raw, truth = logits(7, 4), torch.tensor([0, 1, 2, 3, 0, 0, 2])
    weights = torch.tensor([0.5, 1.0, 2.0, 0.5])
    plain = LabelHead(3, labels=4, smoothing=0.2, weights=weights.tolist())
    theirs = torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=0.2)
    assert plain.loss(raw, truth, NOTHING).item() == pytest.approx(theirs(raw, truth).item(), rel=1e-6)
    marks = F.one_hot(truth, 4)
    several = LabelHead(3, labels=4, multi="yes", weights=weights.tolist())
    oracle = torch.nn.BCEWithLogitsLoss(pos_weight=weights)
    assert several.loss(raw, marks, NOTHING).item() == pytest.approx(
        oracle(raw, marks.float()).item(), rel=1e-6
    )


def test_shares_are_targets_too():
    # As mixup makes them: the loss of a mixture is the mixture of the losses
    head, raw = LabelHead(3, labels=3), logits(1, 3)
    one, other = (head.loss(raw, torch.tensor([i]), NOTHING) for i in (0, 2))
    mixed = head.loss(raw, torch.tensor([[0.3, 0.0, 0.7]]), NOTHING)
    assert mixed.item() == pytest.approx((0.3 * one + 0.7 * other).item(), rel=1e-6)


def test_the_loss_is_computed_in_single_precision():
    head, raw = LabelHead(3, labels=3, smoothing=0.1), logits(5, 3).bfloat16()
    truth = torch.tensor([0, 1, 2, 0, 1])
    assert head.loss(raw, truth, NOTHING).dtype == torch.float32
    assert head.loss(raw, truth, NOTHING) == head.loss(raw.float(), truth, NOTHING)


@pytest.mark.parametrize("dims", [1, 2])
def test_forward_is_a_linear_map_of_the_pooled_features(dims: int):
    torch.manual_seed(0)
    level, valid = torch.randn(4, 6, *(5,) * dims), torch.rand(4, *(5,) * dims) < 0.7
    head = LabelHead(6, labels=3)
    torch.nn.init.normal_(head.out.weight)
    torch.nn.init.normal_(head.out.bias)
    features = Features((level,), valid)
    by_hand = features.pooled @ head.out.weight.T + head.out.bias
    torch.testing.assert_close(head(features), by_hand)
    assert dims in head.dims


def test_the_first_answers_are_uniform():
    head = LabelHead(8, labels=200)
    raw = head(Features((torch.randn(2, 8, 4, 4),)))
    assert torch.equal(raw, torch.zeros(2, 200))
    assert head.loss(raw, torch.tensor([3, 199]), NOTHING).item() == pytest.approx(math.log(200), rel=1e-6)


def test_weights_are_not_in_the_state():
    head = LabelHead(4, labels=2, weights=[0.5, 1.5])
    assert set(head.state_dict()) == {"out.weight", "out.bias"}
    LabelHead(4, labels=2).load_state_dict(head.state_dict())
    assert head.config == {"labels": 2, "multi": "no", "smoothing": 0.0, "weights": [0.5, 1.5]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": 3, "multi": True}, "multi=True: 'yes' .* or 'no'"),
        ({"labels": 3, "weights": [1.0, 1.0]}, "weights has 2 entries for 3 labels"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], words: str):
    with pytest.raises(InputError, match=words):
        LabelHead(4, **options)


def test_a_head_must_say_how_it_computes():
    with pytest.raises(NotImplementedError):
        Head()(NOTHING)
    with pytest.raises(NotImplementedError):
        Head().loss(torch.zeros(1), torch.zeros(1), NOTHING)
