"""Scores of classifiers against scikit-learn, by properties, and at the edges."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from macaw.errors import InputError
from macaw.metrics.labels import (
    average_precision,
    balanced_error,
    confusion_matrix,
    mean_average_precision,
    precision_recall_f1,
    score_labels,
    topk_error,
)
from macaw.results.labels import Labels


def single(count=400, classes=8, seed=0, strength=1.5):
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    logits = random.normal(size=(count, classes))
    logits[np.arange(count), targets] += strength
    return softmax(logits, axis=1), targets, tuple(f"class {i}" for i in range(classes))


def several(count=300, classes=6, seed=0):
    random = np.random.default_rng(seed)
    targets = random.random((count, classes)) < 0.3
    return expit(random.normal(size=targets.shape) + 2 * targets - 1), targets, tuple("abcdef"[:classes])


def test_confusion_worked_example():
    """The example in scikit-learn's documentation of confusion_matrix."""
    probs = np.eye(3)[[0, 0, 2, 2, 0, 2]]
    expected = [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
    assert confusion_matrix(probs, np.array([2, 0, 2, 2, 0, 1])).tolist() == expected


def test_single_label_metrics_agree_with_scikit_learn():
    probs, targets, names = single()
    answers = probs.argmax(axis=1)
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(targets, answers)
    ours = precision_recall_f1(probs, targets)
    for mine, theirs in zip(ours, (precision, recall, f1), strict=True):
        np.testing.assert_allclose(mine, theirs)
    assert (confusion_matrix(probs, targets) == oracle.confusion_matrix(targets, answers)).all()
    metrics = score_labels(probs, targets, names, resamples=50).metrics
    expected = {
        "top-1 error": 1 - oracle.accuracy_score(targets, answers),
        "top-5 error": 1 - oracle.top_k_accuracy_score(targets, probs, k=5),
        "balanced error": 1 - oracle.balanced_accuracy_score(targets, answers),
        "log loss": oracle.log_loss(targets, probs),
    }
    assert list(metrics) == [*expected, "calibration error"]
    assert {name: metrics[name].value for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_topk_agrees_with_scikit_learn(k):
    probs, targets, _ = single(classes=9)
    assert topk_error(probs, targets, k) == pytest.approx(
        1 - oracle.top_k_accuracy_score(targets, probs, k=k)
    )


def test_multi_label_metrics_agree_with_scikit_learn():
    probs, targets, names = several()
    answers = probs >= 0.5
    metrics = score_labels(probs, targets, names, resamples=50).metrics
    expected = {
        "mean average precision": oracle.average_precision_score(targets, probs),
        "micro F1": oracle.f1_score(targets, answers, average="micro"),
        "macro F1": oracle.f1_score(targets, answers, average="macro"),
        "exact match error": 1 - oracle.accuracy_score(targets, answers),
    }
    assert {name: interval.value for name, interval in metrics.items()} == pytest.approx(expected)
    assert list(metrics) == list(expected)


def test_average_precision_worked_example():
    """The example in scikit-learn's documentation of average_precision_score."""
    assert average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == pytest.approx(5 / 6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 80), st.integers(0, 2**31), st.sampled_from([0, 1, 6]))
def test_average_precision_agrees_with_scikit_learn_ties_included(count, seed, digits):
    random = np.random.default_rng(seed)
    scores, relevant = random.random(count).round(digits), random.random(count) < 0.4
    relevant[random.integers(count)] = True
    expected = oracle.average_precision_score(relevant, scores)
    assert average_precision(scores, relevant) == pytest.approx(expected)


def test_average_precision_without_a_positive_is_no_number():
    assert np.isnan(average_precision(np.array([0.3, 0.2]), np.array([0, 0])))
    probs, targets, _ = several()
    targets[:, 2] = False
    rest = [0, 1, 3, 4, 5]
    assert mean_average_precision(probs, targets) == pytest.approx(
        oracle.average_precision_score(targets[:, rest], probs[:, rest])
    )


def test_equal_probabilities_rank_in_the_order_of_the_table_everywhere():
    probs, names = np.full((4, 4), 0.25), tuple("abcd")
    targets = np.array([0, 0, 1, 3])
    assert [topk_error(probs, targets, k) for k in (1, 2, 3, 4)] == [0.5, 0.25, 0.25, 0]
    assert confusion_matrix(probs, targets)[:, 0].tolist() == [2, 1, 0, 1]
    assert [guess.name for guess in Labels(names, probs[0]).top(4)] == list(names)


def test_classes_without_examples_have_no_figures_rather_than_zero():
    probs, targets, names = single(classes=5)
    keep = targets != 3
    scores = score_labels(probs[keep], targets[keep], names, resamples=20)
    absent = scores.per_class[3]
    assert (absent.count, absent.precision, absent.recall, absent.f1) == (0, None, None, None)
    others = [c for c in range(5) if c != 3]
    answers = probs[keep].argmax(axis=1)
    recall = oracle.recall_score(targets[keep], answers, labels=others, average="macro")
    assert scores.metrics["balanced error"].value == pytest.approx(1 - recall)
    assert "top-5 error" not in scores.metrics


def test_a_class_that_is_never_answered_has_no_precision_but_a_recall():
    scores = score_labels(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]), ("yes", "no"), resamples=10)
    never = scores.per_class[1]
    assert (never.count, never.precision, never.recall, never.f1) == (1, None, 0.0, 0.0)


@pytest.mark.parametrize("make", [single, several])
def test_perfect_answers_score_perfectly(make):
    _, targets, names = make(count=60)
    probs = np.eye(len(names))[targets] if targets.ndim == 1 else targets.astype(float)
    scores = score_labels(probs, targets, names, resamples=50)
    best = {"mean average precision", "micro F1", "macro F1"}
    assert all(m.value == (1 if name in best else 0) for name, m in scores.metrics.items())
    assert {c.f1 for c in scores.per_class if c.count} == {1.0}
    assert scores.worst() == ()
    error = scores.metrics.get("top-1 error") or scores.metrics["exact match error"]
    assert 0.03 < error.high < 0.08  # 60 right answers do not prove a perfect classifier


def test_shuffled_targets_score_at_chance():
    probs, targets, names = single(count=4000, classes=10, strength=4)
    shuffled = np.random.default_rng(5).permutation(targets)
    assert score_labels(probs, targets, names, resamples=10).metrics["top-1 error"].value < 0.1
    chance = score_labels(probs, shuffled, names, resamples=10).metrics["top-1 error"]
    assert chance.low <= 0.9 <= chance.high


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([single, several]), st.integers(2, 40))
def test_the_order_of_examples_changes_nothing(seed, make, count):
    probs, targets, names = make(count=count, seed=seed)
    order = np.random.default_rng(seed).permutation(count)
    first = score_labels(probs, targets, names, resamples=30)
    again = score_labels(probs[order], targets[order], names, resamples=30)
    for name, interval in first.metrics.items():
        other = again.metrics[name]
        assert (other.value, other.low, other.high) == pytest.approx(
            (interval.value, interval.low, interval.high), abs=1e-5
        )
    assert first.per_class == again.per_class


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([single, several]), st.integers(1, 30))
def test_every_interval_holds_its_value(seed, make, count):
    probs, targets, names = make(count=count, seed=seed)
    if targets.ndim == 2:
        targets[0, 0] = True
    for interval in score_labels(probs, targets, names, resamples=25).metrics.values():
        assert 0 <= interval.low <= interval.value <= interval.high


def test_resampled_statistics_are_those_of_copied_examples():
    """The weighted shortcuts agree with scikit-learn on really repeated examples: the same spread."""
    probs, targets, names = several(count=120, seed=3)
    metrics = score_labels(probs, targets, names, resamples=1000, seed=1).metrics
    random = np.random.default_rng(9)
    draws = {"mean average precision": [], "macro F1": [], "micro F1": []}
    for _ in range(250):
        rows = random.integers(0, 120, 120)
        y, p = targets[rows], probs[rows]
        draws["mean average precision"].append(oracle.average_precision_score(y, p))
        draws["macro F1"].append(oracle.f1_score(y, p >= 0.5, average="macro"))
        draws["micro F1"].append(oracle.f1_score(y, p >= 0.5, average="micro"))
    for name, values in draws.items():
        width = metrics[name].high - metrics[name].low
        assert width == pytest.approx(2 * 1.96 * np.std(values), rel=0.2), name


def test_single_label_intervals_have_the_width_of_copied_examples():
    probs, targets, names = single(count=200, seed=3)
    metrics = score_labels(probs, targets, names, seed=1).metrics
    random = np.random.default_rng(9)
    draws = {"balanced error": [], "log loss": []}
    for _ in range(300):
        rows = random.integers(0, 200, 200)
        draws["balanced error"].append(balanced_error(probs[rows], targets[rows]))
        draws["log loss"].append(oracle.log_loss(targets[rows], probs[rows], labels=range(8)))
    for name, values in draws.items():
        width = metrics[name].high - metrics[name].low
        assert width == pytest.approx(2 * 1.96 * np.std(values), rel=0.2), name


def test_the_seed_decides_the_intervals_and_nothing_else():
    probs, targets, names = single()
    first, again, other = (score_labels(probs, targets, names, seed=seed).metrics for seed in (1, 1, 2))
    assert first == again
    assert first["log loss"].low != other["log loss"].low
    assert first["log loss"].value == other["log loss"].value


def test_ten_thousand_examples_of_200_classes_take_no_time():
    probs, targets, names = single(count=10_000, classes=200)
    start = time.process_time()
    scores = score_labels(probs, targets, names, seconds=5.0)
    assert time.process_time() - start < 6  # about 0.5 s; the rest is for a busy machine
    assert scores.title == "10,000 examples, 200 classes, 2,000 a second"


PROBS, TARGETS = np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([0, 1])


@pytest.mark.parametrize(
    ("probs", "targets", "names", "words"),
    [
        (PROBS[0], TARGETS, "ab", r"shape \(2,\); it must be \(examples, classes\)"),
        (PROBS[:0], TARGETS[:0], "ab", "nothing to score"),
        (np.array([[0.7, 0.3], [np.nan, 0.8]]), TARGETS, "ab", "example 1 has .*nan.*0..1"),
        (PROBS * 1.5, TARGETS, "ab", r"example 0 has .*1\.05.* 0\.\.1 \(2 of 2"),
        (PROBS / 2, TARGETS, "ab", "sum to 1 .2 of 2"),
        (PROBS, np.array([0, 2]), "ab", r"example 1 has 2: .* 0\.\.1"),
        (PROBS, np.array([-1, 0]), "ab", "example 0 has -1"),
        (PROBS, np.array([0.0, 1.0]), "ab", "must be integers"),
        (PROBS, np.array([0, 1, 1]), "ab", r"targets has shape \(3,\)"),
        (PROBS, np.array([[0, 2], [1, 0]]), "ab", "must be 0 or 1"),
        (PROBS, TARGETS, "abc", "3 names for probs"),
    ],
)
def test_wrong_input_is_named(probs, targets, names, words):
    with pytest.raises(InputError, match=words):
        score_labels(probs, targets, tuple(names))


def test_measures_refuse_targets_of_the_other_kind():
    with pytest.raises(InputError, match="one class number per example"):
        topk_error(PROBS, np.array([[1, 0], [0, 1]]))
    with pytest.raises(InputError, match="at least 1"):
        topk_error(PROBS, TARGETS, 0)
    with pytest.raises(InputError, match="at least one 1"):
        mean_average_precision(PROBS, TARGETS)
    with pytest.raises(InputError, match=r"both must be \(N,\)"):
        average_precision(np.zeros(3), np.zeros(2))
