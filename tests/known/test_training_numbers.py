"""Numbers of training that others have published, each with its source."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from macaw.frontends.base import Features
from macaw.heads.label import LabelHead
from macaw.training.augment import Augmentation, augment
from macaw.training.muon import orthogonal

NOTHING = Features((torch.zeros(1, 1, 1, 1),))


@pytest.mark.parametrize(("classes", "nats"), [(10, 2.302585), (200, 5.298317), (1000, 6.907755)])
def test_a_network_that_knows_nothing_pays_the_logarithm_of_its_classes(classes: int, nats: float):
    # Karpathy, "A Recipe for Training Neural Networks" (2019): "verify loss @ init: -log(1/n_classes)"
    head = LabelHead(4, labels=classes, smoothing=0.1)
    raw = head(Features((torch.randn(3, 4, 2, 2),)))
    assert head.loss(raw, torch.tensor([0, 1, classes - 1]), NOTHING).item() == pytest.approx(nats, rel=1e-6)


def test_label_smoothing_of_imagenet():
    # Szegedy et al. 2015 (arXiv 1512.00567), section 7: K = 1000, u(k) = 1/1000, e = 0.1. So the truth is
    # to get 0.9 + 0.1/1000, and where it does the loss is the entropy of that target.
    truth, rest = 0.9 + 0.1 / 1000, 0.1 / 1000
    raw = torch.full((1, 1000), math.log(rest))
    raw[0, 7] = math.log(truth)
    loss = LabelHead(4, labels=1000, smoothing=0.1).loss(raw, torch.tensor([7]), NOTHING).item()
    entropy = -truth * math.log(truth) - 999 * rest * math.log(rest)
    assert loss == pytest.approx(entropy, rel=1e-5)


def test_newton_schulz_of_muon():
    # Jordan (github.com/KellerJordan/Muon, zeropower_via_newtonschulz5), on 5 steps of the quintic with
    # (3.4445, -4.7750, 2.0315): "this iteration therefore does not produce UV^T but rather something like
    # US'V^T where S' is diagonal with S_{ii}' ~ Uniform(0.5, 1.5)".
    noise = torch.Generator().manual_seed(0)
    for shape in ((64, 128), (32, 288), (288, 32)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape, generator=noise), steps=5))
        assert 0.5 < values.min() < values.max() < 1.5
    # One number: x -> 3.4445 x - 4.7750 x^3 + 2.0315 x^5, from 1
    assert orthogonal(torch.ones(1, 1), steps=1).item() == pytest.approx(0.701, abs=1e-4)


def test_mixup_shares_follow_their_distribution():
    # Zhang et al. 2017 (arXiv 1710.09412): lambda ~ Beta(a, a), of mean 1/2 and variance 1 / (4 (2a + 1))
    black_and_white = torch.zeros(2, 1, 1, 3, dtype=torch.uint8)
    black_and_white[1] = 255
    how, targets = Augmentation(flip=0, shift=0, mixup=0.4), torch.tensor([0, 1])
    shares = []
    for seed in range(1500):
        mixed, soft = augment(black_and_white, targets, how, labels=2, size=1, seed=seed)
        assert mixed[:, 0, 0, 0].numpy() == pytest.approx(255 * soft[:, 1].numpy(), abs=1e-3)
        if soft[0, 0] != 1:  # mixed with the other one, not with itself
            shares.append(soft[0, 0].item())
    assert len(shares) > 600
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert np.var(shares) == pytest.approx(1 / (4 * 1.8), rel=0.12)
