"""The probe against the logistic regression of scikit-learn, which minimises the same loss by other means."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from macaw.errors import InputError
from macaw.training.probe import DECAYS, choose_probe, fit_probe


def problem(count: int, *, seed: int = 0, noise: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """(N, 12) features of uneven scale, and the labels that a noisy linear layer gives them."""
    draw = np.random.default_rng(seed)
    truth = np.random.default_rng(99).standard_normal((4, 12))
    clean = draw.standard_normal((count, 12))
    targets = (clean @ truth.T + noise * draw.standard_normal((count, 4))).argmax(1)
    scale = np.geomspace(0.01, 100, 12)
    return (clean * scale + 3 * scale).astype(np.float32), targets.astype(np.int64)


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


@pytest.mark.parametrize("decay", [1.0, 0.01, 1e-4])
def test_it_is_the_least_of_its_loss(decay: float):
    features, targets = problem(500)
    probe = fit_probe(features, targets, labels=4, decay=decay)
    scaled = (features - features.mean(0)) / features.std(0)
    reference = LogisticRegression(C=1 / (decay * len(targets)), max_iter=5000, tol=1e-10)
    wanted = reference.fit(scaled.astype(np.float64), targets).predict_proba(scaled)
    assert np.abs(softmax(probe.logits(features)) - wanted).max() < 4e-3


def test_several_labels_are_as_many_regressions():
    features, targets = problem(400)
    several = np.stack([targets == 0, targets >= 2], 1).astype(np.float32)
    probe = fit_probe(features, several, labels=2, decay=0.01)
    scaled = ((features - features.mean(0)) / features.std(0)).astype(np.float64)
    for column in range(2):
        # The mean is over examples and labels, so each label's share of the loss is half
        reference = LogisticRegression(C=1 / (0.02 * len(several)), max_iter=5000, tol=1e-10)
        wanted = reference.fit(scaled, several[:, column]).predict_proba(scaled)[:, 1]
        ours = 1 / (1 + np.exp(-probe.logits(features)[:, column]))
        assert np.abs(ours - wanted).max() < 4e-3


def test_weights_count_a_class_more():
    features, targets = problem(500, noise=20.0)
    plain = fit_probe(features, targets, labels=4).logits(features).argmax(1)
    tilted = fit_probe(features, targets, labels=4, weights=[5, 1, 1, 1]).logits(features).argmax(1)
    assert (tilted == 0).sum() > 1.5 * (plain == 0).sum()


def test_the_penalty_is_chosen_by_validation():
    train, val = problem(60, seed=1), problem(2000, seed=2)
    probe, decay = choose_probe(train, val, labels=4)

    def loss(one: object) -> float:
        shares = softmax(one.logits(val[0]))
        return float(-np.log(shares[np.arange(len(val[1])), val[1]]).mean())

    losses = {tried: loss(fit_probe(*train, labels=4, decay=tried)) for tried in DECAYS}
    assert loss(probe) <= min(losses.values()) * 1.01
    assert losses[decay] <= min(losses.values()) * 1.01
    assert max(losses.values()) > 1.2 * min(losses.values())  # and it matters


def test_a_feature_that_never_changes_is_harmless():
    features, targets = problem(200)
    features[:, 3] = 7
    assert np.isfinite(fit_probe(features, targets, labels=4).logits(features)).all()


def test_shapes_that_do_not_fit():
    with pytest.raises(InputError, match=r"features of shape \(3, 2\), targets of shape \(4,\)"):
        fit_probe(np.zeros((3, 2), np.float32), np.zeros(4, np.int64), labels=2)
