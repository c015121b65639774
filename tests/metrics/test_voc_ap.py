"""VOC's average precision: by hand, against a plain loop written from the rules, and the two conventions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.data.objects import Objects
from macaw.errors import InputError, UnknownName
from macaw.metrics.voc_ap import voc_ap

BOX, OTHER, NOWHERE = [0, 0, 10, 10], [40, 40, 60, 60], [90, 0, 99, 9]


def one_class(boxes, scores):
    return [(np.array(boxes, float), np.zeros(len(boxes), int), np.array(scores, float))]


def scene(seed, pictures=6, classes=3):
    random = np.random.default_rng(seed)
    found, objects = [], []
    for _ in range(pictures):
        count = int(random.integers(0, 5))
        corner = random.integers(0, 60, (count, 2))
        boxes = np.hstack([corner, corner + random.integers(1, 40, (count, 2))]).astype(float)
        labels = random.integers(0, classes, count)
        objects.append(Objects.of(boxes, labels, difficult=random.random(count) < 0.3))
        copies = random.integers(0, count, int(random.integers(0, 9))) if count else np.zeros(0, int)
        mine = boxes[copies] + random.integers(-3, 4, (len(copies), 4))
        mine = np.sort(mine.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        scores = random.random(len(copies)).round(int(random.choice([1, 6])))
        found.append((mine, labels[copies], scores))
    return found, objects, tuple("abc"[:classes])


def slow(found, objects, label, points, more=0.0, floor=0.5):
    """The rules in plain loops: sort by score, take the object that overlaps most, then go down the list."""
    listed = [
        (float(scores[i]), picture, boxes[i])
        for picture, (boxes, labels, scores) in enumerate(found)
        for i in range(len(scores))
        if labels[i] == label
    ]
    listed.sort(key=lambda one: -one[0])  # stable
    left = {
        (picture, i): False
        for picture, one in enumerate(objects)
        for i in range(len(one))
        if one.labels[i] == label
    }
    total = sum(not objects[p].difficult[i] for p, i in left)
    if not total:
        return None
    right = wrong = 0
    precision, recall = [], []
    for _, picture, box in listed:
        best, mate = -1.0, None
        for p, i in left:
            if p == picture:
                other = objects[p].xyxy[i]
                across = min(box[2], other[2]) - max(box[0], other[0]) + more
                down = min(box[3], other[3]) - max(box[1], other[1]) + more
                if across > 0 and down > 0:
                    areas = [(b[2] - b[0] + more) * (b[3] - b[1] + more) for b in (box, other)]
                    overlap = across * down / (sum(areas) - across * down)
                    if overlap > best:
                        best, mate = overlap, (p, i)
        if best >= floor and objects[picture].difficult[mate[1]]:
            pass
        elif best >= floor and not left[mate]:
            left[mate] = True
            right += 1
        else:
            wrong += 1
        precision.append(right / (right + wrong) if right + wrong else 0.0)
        recall.append(right / total)
    if points == "11":
        return (
            sum(
                max((p for p, r in zip(precision, recall, strict=True) if r >= i / 10), default=0)
                for i in range(11)
            )
            / 11
        )
    area, last = 0.0, 0.0
    for i, reached in enumerate(recall):
        if reached > last:
            area += (reached - last) * max(precision[i:])
            last = reached
    return area


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from(["11", "all"]), st.sampled_from(["half-open", "inclusive"]))
def test_it_agrees_with_a_plain_loop(seed, points, edges):
    found, objects, names = scene(seed)
    mine = voc_ap(found, objects, names, points=points, edges=edges)
    expected = [slow(found, objects, i, points, more=float(edges == "inclusive")) for i in range(len(names))]
    assert list(mine.per_class.values()) == pytest.approx(expected)
    known = [x for x in expected if x is not None]
    assert mine.mean is None if not known else mine.mean.value == pytest.approx(np.mean(known))
    assert list(mine.counts.values()) == [
        sum(int(((one.labels == i) & ~one.difficult).sum()) for one in objects) for i in range(len(names))
    ]


def test_both_rules_by_hand():
    """Right, wrong, right, with two objects."""
    found, objects = one_class([BOX, NOWHERE, OTHER], [0.9, 0.8, 0.7]), [Objects.of([BOX, OTHER], [0, 0])]
    eleven, every = (voc_ap(found, objects, ("thing",), points=points) for points in ("11", "all"))
    assert eleven.mean.value == pytest.approx((6 + 5 * 2 / 3) / 11)
    assert every.mean.value == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert (eleven.name, every.name) == ("mAP50 of VOC, 11 points", "mAP50 of VOC, all points")


def test_a_recall_of_three_tenths_reaches_three_tenths():
    """Eleven recalls are tenths: a running sum of 0.1 gives 0.30000000000000004, which 3 of 10 misses."""
    boxes = [[20 * i, 0, 20 * i + 9, 9] for i in range(10)]
    found = one_class(boxes[:3], [0.9, 0.8, 0.7])
    assert voc_ap(found, [Objects.of(boxes, [0] * 10)], ("a",), points="11").mean.value == pytest.approx(
        4 / 11
    )


def test_difficult_objects_are_neither_found_nor_missed():
    objects = [Objects.of([BOX, OTHER], [0, 0], difficult=np.array([False, True]))]
    found = one_class([OTHER, OTHER, BOX], [0.9, 0.8, 0.7])
    assert voc_ap(found, objects, ("a",)).mean.value == 1
    crowd = [Objects.of([BOX, OTHER], [0, 0], crowd=np.array([False, True]))]
    assert voc_ap(found, crowd, ("a",)).mean.value == 1


def test_a_second_answer_to_an_object_is_wrong_even_where_another_is_free():
    """Unlike COCO: the answer goes to the object that it overlaps most, and that one is taken."""
    objects = [Objects.of([[0, 0, 10, 10], [0, 2, 10, 12]], [0, 0])]
    found = one_class([[0, 0, 10, 10], [0, 0, 10, 10.5]], [0.9, 0.8])
    assert voc_ap(found, objects, ("a",)).mean.value == 0.5


def test_the_inclusive_convention_makes_small_boxes_overlap_more():
    """2 x 2 pixels against 2 x 3: 4 / 6 inclusive, 1 / 2 when the same numbers are read as half-open."""
    objects, found = [Objects.of([[0, 0, 1, 2]], [0])], one_class([[0, 0, 1, 1]], [0.9])
    high = {
        edges: voc_ap(found, objects, ("a",), edges=edges, floor=0.6) for edges in ("inclusive", "half-open")
    }
    assert {edges: one.mean.value for edges, one in high.items()} == {"inclusive": 1.0, "half-open": 0.0}
    assert high["inclusive"].name == "mAP60 of VOC, all points"


def test_intervals_hold_their_value_and_follow_the_seed():
    found, objects, names = scene(4, pictures=60)
    first, again, other = (voc_ap(found, objects, names, seed=seed).mean for seed in (1, 1, 2))
    assert first == again and first.low != other.low
    assert 0 <= first.low < first.value < first.high <= 1


def test_nothing_to_find_is_no_zero():
    bare = voc_ap([(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))], [Objects.empty()], tuple("ab"))
    assert (bare.mean, bare.per_class, bare.counts) == (None, {"a": None, "b": None}, {"a": 0, "b": 0})
    missed = voc_ap(
        [(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))], [Objects.of([BOX], [0])], tuple("ab")
    )
    assert (missed.mean.value, missed.per_class) == (0.0, {"a": 0.0, "b": None})


def test_wrong_choices_are_named():
    found, objects = one_class([BOX], [0.5]), [Objects.of([BOX], [0])]
    with pytest.raises(UnknownName, match="no points '12'; there are 11, all"):
        voc_ap(found, objects, ("a",), points="12")
    with pytest.raises(UnknownName, match="Did you mean 'inclusive'"):
        voc_ap(found, objects, ("a",), edges="inclusiv")
    with pytest.raises(InputError, match="an overlap of 50"):
        voc_ap(found, objects, ("a",), floor=50)
    with pytest.raises(InputError, match="labels of 1 classes"):
        voc_ap([(np.array([BOX], float), np.array([3]), np.array([0.5]))], objects, ("a",))
