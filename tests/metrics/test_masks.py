"""Scores of segmentation against scikit-learn, boundary F1 against a distance transform, and hand cases."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from macaw.errors import InputError
from macaw.metrics.edges import boundary_f1, edge_pixels, near
from macaw.metrics.masks import METRICS, Confusion, score_masks
from macaw.testing import check_result


def scene(seed, pictures=4, classes=4, size=(20, 26)):
    """Blocks of classes and answers that slip and lie, with some pixels not labelled."""
    random = np.random.default_rng(seed)
    truths, answers = [], []
    for _ in range(pictures):
        coarse = random.integers(0, classes, (-(-size[0] // 6), -(-size[1] // 6)))
        truth = np.kron(coarse, np.ones((6, 6), int))[: size[0], : size[1]].astype(np.uint8)
        answer = np.roll(truth, random.integers(-2, 3, 2), (0, 1))
        lies = random.random(size) < 0.1
        answer[lies] = random.integers(0, classes, int(lies.sum()))
        truth[random.random(size) < random.choice([0.0, 0.1])] = 255
        truths.append(truth)
        answers.append(answer)
    return truths, answers, tuple(f"class {i}" for i in range(classes))


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_the_figures_agree_with_scikit_learn(seed):
    truths, answers, names = scene(seed)
    scores = score_masks(truths, answers, names)
    truth, answer = (np.concatenate([x.ravel() for x in part]) for part in (truths, answers))
    truth, answer = truth[truth != 255], answer[truth != 255]
    labels = range(len(names))
    assert (scores.confusion == oracle.confusion_matrix(truth, answer, labels=labels)).all()
    present = np.union1d(truth, answer)
    iou = oracle.jaccard_score(truth, answer, labels=present, average=None)
    there = np.unique(truth)
    expected = {
        "mIoU": iou.mean(),
        "pixel accuracy": oracle.accuracy_score(truth, answer),
        "mean accuracy": oracle.recall_score(truth, answer, labels=there, average="macro"),
        "frequency-weighted IoU": oracle.jaccard_score(truth, answer, labels=there, average="weighted"),
    }
    assert {name: scores.metrics[name].value for name in expected} == pytest.approx(expected)
    assert [one.iou for one in scores.per_class if one.iou is not None] == pytest.approx(iou.tolist())
    assert tuple(scores.metrics) == METRICS


def test_two_classes_by_hand():
    truth = np.array([[0, 0, 1, 1], [0, 255, 1, 1]])
    answer = np.array([[0, 1, 1, 1], [0, 0, 1, 0]])
    scores = score_masks([truth], [answer], ("sky", "road"))
    assert scores.confusion.tolist() == [[2, 1], [1, 3]]
    sky, road = scores.per_class
    assert (sky.pixels, sky.iou, sky.recall, sky.precision) == (3, 2 / 4, 2 / 3, 2 / 3)
    assert (road.pixels, road.iou, road.recall, road.precision) == (4, 3 / 5, 3 / 4, 3 / 4)
    assert scores.metrics["mIoU"].value == pytest.approx((0.5 + 0.6) / 2)
    assert scores.metrics["pixel accuracy"].value == pytest.approx(5 / 7)
    assert scores.metrics["frequency-weighted IoU"].value == pytest.approx((3 * 0.5 + 4 * 0.6) / 7)
    assert [(one.truth, one.answer, one.count) for one in scores.worst()] == [
        ("sky", "road", 1),
        ("road", "sky", 1),
    ]


def test_a_class_that_is_nowhere_has_no_figure_and_one_that_is_only_answered_counts():
    scores = score_masks([np.zeros((4, 4), int)], [np.array([[0, 0, 0, 1]] * 4)], ("a", "b", "c"))
    a, b, c = scores.per_class
    assert (a.iou, b.iou, b.recall, b.precision) == (0.75, 0.0, None, 0.0)
    assert (c.iou, c.recall, c.precision, c.boundary) == (None,) * 4
    assert scores.metrics["mIoU"].value == 0.375
    assert "over the 2 classes that are in the labels or in the answers" in str(scores)


def test_pixels_without_an_answer_are_wrong_and_said():
    scores = score_masks([np.zeros((2, 2), int)], [np.array([[0, 255], [0, 0]])], ("a", "b"))
    assert (scores.per_class[0].iou, scores.unanswered.tolist()) == (0.75, [1, 0])
    assert "1 labelled pixels have no answer" in str(scores)


def test_nothing_labelled_is_no_zero():
    scores = score_masks([np.full((3, 3), 255)], [np.zeros((3, 3), int)], ("a", "b"))
    assert (scores.metrics, scores.missing) == ({}, METRICS)
    assert scores.headline == "mIoU n/a"
    assert "NaN" not in json.dumps(scores.to_dict(), allow_nan=False)
    check_result(scores)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.floats(0.5, 6))
def test_pixels_are_near_when_the_distance_transform_says_so(seed, reach):
    random = np.random.default_rng(seed)
    edge, other = (random.random((17, 23)) < share for share in (0.2, 0.03))
    if not other.any():
        other[3, 4] = True
    expected = distance_transform_edt(~other)[edge] <= reach + 1e-9
    assert (near(edge, other, reach) == expected).all()


def test_boundary_f1_by_hand():
    """A straight border, two pixels wide; the answer's lies three to the right."""
    truth, answer = np.zeros((2, 10, 20), int)
    truth[:, 8:] = 1
    answer[:, 11:] = 1
    assert edge_pixels(truth, 2).nonzero()[1].tolist() == [7, 8] * 10
    assert boundary_f1(truth, truth, 2, reach=1).tolist() == [1, 1]
    assert boundary_f1(truth, answer, 2, reach=2.9).tolist() == [0, 0]
    assert boundary_f1(truth, answer, 2, reach=3).tolist() == [1, 1]
    assert np.isnan(boundary_f1(truth, answer, 3, reach=3)[2])
    assert boundary_f1(truth, np.zeros_like(truth), 2, reach=3).tolist() == [0, 0]


def test_what_is_not_labelled_has_no_border():
    truth, answer = np.zeros((2, 10, 20), int)
    truth[:, 8:] = 255
    answer[:, 8:] = 1
    scores = score_masks([truth], [answer], ("a", "b"))
    assert scores.per_class[0].boundary is None
    assert scores.missing == ("boundary F1",)


def test_perfect_answers_score_perfectly_and_half_wrong_ones_are_apart_in_the_boundary():
    truths, answers, names = scene(0, size=(48, 60))
    best = score_masks(truths, [np.where(one == 255, 0, one) for one in truths], names)
    assert {one.value for one in best.metrics.values()} == {1.0}
    worse = score_masks(truths, answers, names)
    assert worse.metrics["boundary F1"].value < 1 and worse.metrics["mIoU"].value < 1


def test_pictures_may_come_one_by_one_and_the_boundary_may_be_left_out():
    truths, answers, names = scene(1)
    stream = Confusion(names, boundary=None)
    for pair in zip(truths, answers, strict=True):
        stream.add(*pair)
    scores, whole = stream.scores(), score_masks(iter(truths), iter(answers), names)
    assert "boundary F1" not in {*scores.metrics, *scores.missing}
    assert scores.metrics["mIoU"].value == whole.metrics["mIoU"].value
    assert len(stream) == scores.count == 4


def test_intervals_hold_their_value_narrow_with_pictures_and_follow_the_seed():
    few, many = (score_masks(*scene(0, pictures=count)) for count in (10, 160))
    for scores in (few, many):
        assert all(0 <= one.low <= one.value <= one.high <= 1 for one in scores.metrics.values())
    width = {name: one.high - one.low for name, one in few.metrics.items()}
    assert all(one.high - one.low < 0.6 * width[name] for name, one in many.metrics.items())
    first, again, other = (score_masks(*scene(0), seed=seed).metrics["mIoU"] for seed in (1, 1, 2))
    assert first == again and first.low != other.low


def test_text_page_and_picture(tmp_path):
    scores = score_masks(*scene(2), seconds=2.0)
    check_result(scores)
    assert str(scores).splitlines()[0].endswith("of 4 classes in 4 pictures, 2.0 pictures a second")
    page = scores.save(tmp_path / "scores.html").read_text()
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert scores.save(tmp_path / "scores.csv").read_text().splitlines()[0] == (
        "class,pixels,share,iou,recall,precision,boundary_f1"
    )
    many = score_masks(*scene(3, classes=40, size=(60, 60)))
    check_result(many)
    assert "The confusions of most pixels" in many.to_html()


@pytest.mark.parametrize(
    ("truth", "answer", "words"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"\(2, 3\) and an answer of \(3, 2\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), int), "truth of picture 0 .* float64"),
        (np.zeros((2, 3, 3), int), np.zeros((2, 3), int), "height, width"),
        (np.full((2, 3), 7), np.zeros((2, 3), int), "truth of picture 0 holds 7 in 6 pixels"),
        (np.zeros((2, 3), int), np.full((2, 3), -1), "answer of picture 0 holds -1"),
    ],
)
def test_wrong_masks_are_named(truth, answer, words):
    with pytest.raises(InputError, match=words):
        Confusion(("a", "b")).add(truth, answer)


def test_wrong_tables_and_streams_are_named():
    with pytest.raises(InputError, match="all different"):
        Confusion(("a", "a"))
    with pytest.raises(InputError, match="boundary tolerance of 3"):
        Confusion(("a",), boundary=3)
    with pytest.raises(InputError, match="no picture was counted"):
        Confusion(("a",)).scores()
    with pytest.raises(InputError, match="after 1 pictures"):
        score_masks([np.zeros((2, 2), int)] * 2, [np.zeros((2, 2), int)], ("a",))
