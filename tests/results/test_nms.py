"""Suppression: equal to the plain loop on every kind of set, ties and blocks included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.results.nms import ASIDE, BLOCK, suppress, trace


def overlap(a, b):
    """Intersection over union of two boxes, plainly."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = sum(max(0.0, r - l) * max(0.0, b - t) for l, t, r, b in (a, b)) - shared
    return shared / union if union > 0 else 0.0


def plain(boxes, scores, labels, *, iou=0.6, limit=300, per_class=True, candidates=1000):
    """The loop of the textbook: the best that is left removes what overlaps it."""
    boxes, groups = boxes.tolist(), labels.tolist() if per_class else [0] * len(labels)
    order = sorted(range(len(boxes)), key=lambda place: (-scores[place], place))
    order = [
        place
        for rank, place in enumerate(order)
        if sum(groups[one] == groups[place] for one in order[:rank]) < candidates
    ]
    kept, by = [], [ASIDE] * len(boxes)
    for place in order:
        if len(kept) == limit:
            break
        winner = next(
            (one for one in kept if groups[one] == groups[place] and overlap(boxes[one], boxes[place]) > iou),
            None,
        )
        by[place] = place if winner is None else winner
        if winner is None:
            kept.append(place)
    return kept, by


def check(boxes, scores, labels, **how):
    found = trace(boxes, scores, labels, **how)
    kept, by = plain(np.asarray(boxes, float), scores, labels, **how)
    assert found.kept.tolist() == kept
    assert found.by.tolist() == by
    assert suppress(boxes, scores, labels, **how).tolist() == kept


CORNER = st.integers(0, 8)
BOX = st.tuples(CORNER, CORNER, CORNER, CORNER).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
ITEM = st.tuples(BOX, st.sampled_from([0.1, 0.5, 0.5, 0.9]), st.integers(0, 2))


@settings(max_examples=300)
@given(
    st.lists(ITEM, max_size=24),
    st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    st.integers(1, 8),
    st.booleans(),
    st.integers(1, 10),
)
def test_equals_the_plain_loop_where_scores_and_overlaps_tie(items, iou, limit, per_class, candidates):
    boxes = np.array([box for box, _, _ in items], float).reshape(-1, 4)
    scores, labels = np.array([s for _, s, _ in items], float), np.array([k for _, _, k in items], int)
    check(boxes, scores, labels, iou=iou, limit=limit, per_class=per_class, candidates=candidates)


@pytest.mark.parametrize("per_class", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_plain_loop_across_blocks(seed, per_class):
    noise = np.random.default_rng(seed)
    count = 2 * BLOCK + 37
    corner, size = noise.uniform(0, 60, (count, 2)), noise.uniform(5, 40, (count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    scores, labels = noise.uniform(0, 1, count).round(2), noise.integers(0, 3, count)
    check(boxes, scores, labels, iou=0.5, per_class=per_class, limit=count, candidates=count)
    check(boxes, scores, labels, iou=0.5, per_class=per_class, limit=70)


def test_of_identical_boxes_the_first_of_the_best_stays():
    boxes = np.tile([3.0, 4.0, 30.0, 40.0], (1000, 1))
    scores = np.r_[0.3, np.full(999, 0.7)]
    found = trace(boxes, scores, np.zeros(1000, int))
    assert found.kept.tolist() == [1]
    assert (found.by == 1).all()
    assert suppress(boxes, scores, np.arange(1000)).tolist() == [*range(1, 301)]


def test_what_a_removed_box_overlaps_stays():
    chain = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]], float)  # neighbours overlap by 7 / 13
    assert suppress(chain, np.array([0.9, 0.8, 0.7]), np.zeros(3, int), iou=0.5).tolist() == [0, 2]


def test_nested_boxes_stay_unless_they_fill_most_of_each_other():
    nested = np.array([[0, 0, 100, 100], [0, 0, 50, 50], [1, 1, 99, 99]], float)
    assert suppress(nested, np.array([0.5, 0.9, 0.8]), np.zeros(3, int)).tolist() == [1, 2]


def test_boxes_without_area_overlap_nothing():
    flat = np.array([[5, 5, 5, 9], [5, 5, 5, 9], [0, 0, 9, 9], [7, 7, 2, 2]], float)
    assert sorted(suppress(flat, np.full(4, 0.5), np.zeros(4, int), iou=0.0)) == [0, 1, 2, 3]


def test_the_order_of_the_boxes_does_not_matter_where_scores_differ():
    noise = np.random.default_rng(5)
    boxes = np.sort(noise.uniform(0, 50, (400, 2, 2)), axis=1).reshape(400, 4)
    scores, labels, order = noise.permutation(400) / 400, noise.integers(0, 2, 400), noise.permutation(400)
    kept = suppress(boxes, scores, labels)
    assert order[suppress(boxes[order], scores[order], labels[order])].tolist() == kept.tolist()


def test_nothing_gives_nothing():
    found = trace(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    assert found.kept.shape == found.by.shape == (0,)


def test_ten_thousand_boxes_in_one_place():
    noise = np.random.default_rng(6)
    corner, size = noise.uniform(0, 300, (10_000, 2)), noise.uniform(20, 90, (10_000, 2))
    boxes, scores = np.concatenate([corner, corner + size], axis=1), noise.uniform(0, 1, 10_000)
    found = trace(boxes, scores, np.zeros(10_000, int), candidates=10_000)
    assert len(found.kept) == 300
    best = boxes[found.kept]
    assert not any(overlap(best[i], best[j]) > 0.6 for i in range(300) for j in range(i))
    assert (scores[found.kept][:-1] >= scores[found.kept][1:]).all()


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (r"box 1 is not finite", {"xyxy": [[0, 0, 1, 1], [0, np.nan, 1, 1]]}),
        (r"box 0 is not finite", {"scores": [np.nan, 0.5]}),
        (r"\(3,\) labels do not fit", {"labels": [0, 0, 0]}),
        (r"\(2, 3\) boxes", {"xyxy": np.zeros((2, 3))}),
        (r"iou is 60", {"iou": 60}),
        (r"1 or more; got 0", {"limit": 0}),
        (r"1 or more; got -1", {"candidates": -1}),
    ],
)
def test_what_cannot_be_compared_is_named(words, change):
    given = {"xyxy": [[0, 0, 1, 1]] * 2, "scores": [0.5, 0.5], "labels": [0, 0]} | change
    with pytest.raises(InputError, match=words):
        suppress(given.pop("xyxy"), given.pop("scores"), given.pop("labels"), **given)
