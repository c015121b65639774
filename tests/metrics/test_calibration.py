"""Calibration error, log loss, Brier score and temperature against closed forms, scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

from macaw.errors import InputError
from macaw.metrics.calibration import (
    COOLEST,
    HOTTEST,
    brier,
    calibration_curve,
    expected_calibration_error,
    fit_temperature,
    log_loss,
)


def drawn(logits, seed=0):
    """Class numbers drawn with the probabilities softmax(logits)."""
    probs = softmax(logits, axis=1)
    return (probs.cumsum(axis=1) > np.random.default_rng(seed).random((len(probs), 1))).argmax(axis=1)


def two_classes(confidence, right):
    """Two-class probabilities whose best guess has `confidence` and is right or not; the truth is class 0."""
    confidence, right = np.asarray(confidence), np.asarray(right, bool)
    first = np.where(right, confidence, 1 - confidence)
    return np.stack([first, 1 - first], axis=1), np.zeros(len(right), int)


def test_calibration_error_of_known_gaps():
    # 6 answers at 90 %, half right (gap 0.4); 4 answers at 60 %, all right (gap 0.4, the other way).
    probs, targets = two_classes([0.9] * 6 + [0.6] * 4, [1, 1, 1, 0, 0, 0, 1, 1, 1, 1])
    assert expected_calibration_error(probs, targets) == pytest.approx(0.4)
    curve = calibration_curve(probs, targets, bins=10)
    assert curve.counts.tolist() == [
        0,
        0,
        0,
        0,
        0,
        4,
        0,
        0,
        6,
        0,
    ]  # 0.6 lies in (0.5, 0.6], 0.9 in (0.8, 0.9]
    assert (curve.confidence[8], curve.accuracy[8]) == pytest.approx((0.9, 0.5))
    assert np.isnan(curve.accuracy[[0, 9]]).all()


def test_gaps_within_a_bin_cancel_and_between_bins_add_up():
    probs, targets = two_classes([0.95, 0.97, 0.75, 0.75], [1, 0, 1, 0])
    # One bin: |0.5 right - 0.855 confidence|. Ten bins: two gaps, 0.46 and 0.25, equally heavy.
    assert expected_calibration_error(probs, targets, bins=1) == pytest.approx(0.355)
    assert expected_calibration_error(probs, targets, bins=10) == pytest.approx(0.355)
    probs, targets = two_classes([0.95, 0.95, 0.55, 0.55], [1, 0, 1, 1])
    assert expected_calibration_error(probs, targets, bins=1) == pytest.approx(0.0, abs=1e-9)
    assert expected_calibration_error(probs, targets, bins=10) == pytest.approx(0.45)


def test_calibration_error_agrees_with_a_plain_loop():
    random = np.random.default_rng(2)
    probs = softmax(random.normal(size=(500, 7)) * 2, axis=1)
    targets = random.integers(0, 7, 500)
    total = 0.0
    for b in range(15):
        rows = [i for i, p in enumerate(probs) if b / 15 < p.max() <= (b + 1) / 15]
        if rows:
            accuracy = np.mean([probs[i].argmax() == targets[i] for i in rows])
            total += len(rows) / 500 * abs(accuracy - np.mean([probs[i].max() for i in rows]))
    assert expected_calibration_error(probs, targets) == pytest.approx(total)


def test_multi_label_calibration_looks_at_every_yes_and_no():
    probs = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert expected_calibration_error(probs, np.array([[1, 0], [1, 0]])) == pytest.approx(0.1)
    assert calibration_curve(probs, np.array([[1, 0], [1, 0]])).counts.sum() == 4


def test_log_loss_worked_example():
    """The example in scikit-learn's documentation of log_loss (classes ham, spam)."""
    probs = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]])
    assert log_loss(probs, np.array([1, 0, 0, 1])) == pytest.approx(0.21616, abs=5e-6)


def test_brier_worked_example():
    """The three-class example in scikit-learn's documentation of brier_score_loss (eggs, ham, spam)."""
    probs = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]])
    assert brier(probs, np.array([0, 1, 2])) == pytest.approx(0.44 / 3)


def test_log_loss_and_brier_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    probs = softmax(random.normal(size=(300, 6)) * 3, axis=1)
    targets = random.integers(0, 6, 300)
    truth = np.eye(6)[targets]
    assert log_loss(probs, targets) == pytest.approx(oracle.log_loss(targets, probs))
    assert brier(probs, targets) == pytest.approx(6 * oracle.mean_squared_error(truth, probs))
    yes = random.random((300, 6)) < 0.4
    binary = [oracle.log_loss(yes[:, c], probs[:, c]) for c in range(6)]
    assert log_loss(probs, yes) == pytest.approx(np.mean(binary))
    assert brier(probs, yes) == pytest.approx(oracle.mean_squared_error(yes, probs))


def test_a_certain_mistake_costs_a_finite_loss():
    probs = np.array([[1.0, 0.0]])
    assert log_loss(probs, np.array([1])) == pytest.approx(15.94, abs=0.01)
    assert log_loss(probs, np.array([0])) == 0
    assert log_loss(probs, np.array([[0, 1]])) == pytest.approx(15.94, abs=0.01)


@pytest.mark.parametrize("k", [0.25, 1.0, 3.0])
def test_temperature_recovers_the_factor_of_true_log_odds(k):
    true = np.random.default_rng(1).normal(size=(20_000, 5)) * 1.5
    assert fit_temperature(k * true, drawn(true)) == pytest.approx(k, rel=0.03)


@pytest.mark.parametrize("k", [0.25, 1.0, 3.0])
def test_temperature_recovers_the_factor_for_multi_label(k):
    random = np.random.default_rng(1)
    true = random.normal(size=(5_000, 6)) * 1.5
    assert fit_temperature(k * true, random.random(true.shape) < expit(true), multi=True) == pytest.approx(
        k, rel=0.04
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.2, 5), st.floats(0, 0.4))
def test_temperature_agrees_with_scipy(seed, k, noise):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(200, 4)) * 2
    targets = np.where(random.random(200) < noise, random.integers(0, 4, 200), drawn(logits, seed))

    def loss(log_t):
        return -log_softmax(k * logits / np.exp(log_t), axis=1)[np.arange(200), targets].mean()

    best = minimize_scalar(
        loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-9}
    )
    temperature = fit_temperature(k * logits, targets)
    assert loss(np.log(temperature)) <= best.fun + 1e-12
    assert temperature == pytest.approx(np.exp(best.x), rel=1e-4)


def test_the_right_temperature_calibrates():
    true = np.random.default_rng(4).normal(size=(5_000, 10)) * 2
    targets = drawn(true)
    before = expected_calibration_error(softmax(4 * true, axis=1), targets)
    temperature = fit_temperature(4 * true[:2500], targets[:2500])
    after = expected_calibration_error(softmax(4 * true[2500:] / temperature, axis=1), targets[2500:])
    assert before > 0.15
    assert after < 0.03


def test_temperature_at_the_ends_and_without_evidence():
    sure = np.eye(3)[[0, 1, 2, 0]] * 5
    assert fit_temperature(sure, np.array([0, 1, 2, 0])) == COOLEST  # always right: as sure as allowed
    assert fit_temperature(sure, np.array([1, 2, 0, 1])) == HOTTEST  # always wrong: as unsure as allowed
    assert fit_temperature(np.full((4, 3), 7.7), np.array([0, 1, 2, 0])) == 1
    assert fit_temperature(np.zeros((4, 3)), np.zeros((4, 3)), multi=True) == 1
    assert fit_temperature(1e6 * sure, np.array([1, 2, 0, 1])) == HOTTEST  # no overflow


def test_temperature_names_what_is_wrong():
    with pytest.raises(InputError, match="1 of 6 logits"):
        fit_temperature(np.array([[1, 2, np.nan], [1, 2, 3]]), np.array([0, 1]))
    with pytest.raises(InputError, match=r"multi=True it must be \(2, 3\)"):
        fit_temperature(np.zeros((2, 3)), np.array([0, 1]), multi=True)
    with pytest.raises(InputError, match=r"shape \(0, 3\)"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(InputError, match="at least 1"):
        calibration_curve(np.array([[1.0]]), np.array([0]), bins=0)
