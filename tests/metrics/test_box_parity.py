"""How alike two detectors answer, against pairs found one by one, counts by hand, and AP measured apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from macaw.data.objects import Objects
from macaw.errors import InputError
from macaw.metrics.box_parity import ALIKE, Both, alike, compare_boxes, differences, precision_change
from macaw.metrics.coco_ap import score_boxes
from macaw.metrics.intervals import wilson_interval
from macaw.results.boxes import Boxes
from macaw.results.silhouette import Silhouette
from macaw.testing import check_result

NAMES = ("cat", "dog")
TWO = ("onnxruntime, float32", "onnxruntime, int8")


def boxes(*rows: tuple[float, ...], regions: tuple[Silhouette, ...] = ()) -> Boxes:
    """Rows of label, score, left, top, right, bottom; the surest first."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Boxes(NAMES, table[:, 2:], table[:, 0].astype(int), table[:, 1], (100, 100), regions=regions)


def raw(*cells: tuple[float, ...]) -> np.ndarray:
    """(1, A, 6): left, top, right, bottom, and the scores of cat and dog."""
    return np.array([cells], np.float32)


def crowd(seed: int, count: int = 12) -> Boxes:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 60, (count, 2))
    xyxy = np.hstack([corner, corner + random.uniform(5, 40, (count, 2))])
    scores = np.sort(random.random(count))[::-1]
    return Boxes(NAMES, xyxy, random.integers(0, 2, count), scores, (100, 100))


def test_cells_are_compared_where_either_is_sure():
    before = raw((0, 0, 10, 10, 0.9, 0.1), (0, 0, 10, 10, 0.1, 0.1), (5, 5, 9, 9, 0.2, 0.0))
    after = raw((0, 0, 10, 12, 0.8, 0.1), (50, 0, 90, 10, 0.1, 0.15), (5, 5, 9, 9.5, 0.2, 0.3))
    apart, moved = differences(before, after, 2, score=0.25)
    assert apart == pytest.approx([0.3])  # of a dog in the third cell
    assert moved == pytest.approx([2])  # the second cell is sure of nothing, so its forty pixels are not seen
    assert differences(before, after, 2, score=0.95)[1] == [0]


def test_what_follows_the_scores_is_not_taken_for_one():
    before = np.zeros((1, 3, 9), np.float32)  # three numbers that outlines are mixed by
    after = before.copy()
    after[..., 6:] = 7
    apart, moved = differences(before, after, 2, score=0.0)
    assert (apart, moved) == ([0], [0])


def test_partners_are_those_that_trying_all_pairings_finds():
    """Of distinct boxes a partner is unique, so the greedy choice is the best of all."""
    for seed in range(20):
        one, random = crowd(seed), np.random.default_rng(seed + 100)
        moved = one.xyxy + random.normal(0, 0.6, one.xyxy.shape) * np.repeat([0, 1], [24, 24]).reshape(12, 4)
        labels = np.where(random.random(12) < 0.2, 1 - one.labels, one.labels)
        other = Boxes(NAMES, moved, labels, one.scores, (100, 100))[np.flatnonzero(random.random(12) < 0.8)]
        expected = 0
        free = set(range(len(other)))
        for a in one:
            fits = [
                i for i in sorted(free) if other[i].name == a.name and overlap(a.xyxy, other[i].xyxy) >= ALIKE
            ]
            if fits:
                expected += 1
                free.remove(max(fits, key=lambda i, a=a: overlap(a.xyxy, other[i].xyxy)))
        assert alike([one], [other], 2).tolist() == [expected]
        assert 0 < expected < 12


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return across * down / (sum(areas) - across * down)


CAT = (0, 0.9, 0, 0, 100, 10)


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        ((CAT,), False),
        (((0, 0.4, 0, 0, 100, 10),), False),  # another score, the same answer
        (((0, 0.9, 0, 0, 91, 10),), False),  # IoU 0.91
        (((0, 0.9, 0, 0, 89, 10),), True),  # IoU 0.89
        (((1, 0.9, 0, 0, 100, 10),), True),  # another class
        ((CAT, (1, 0.5, 0, 0, 100, 10)), True),  # one more
        ((), True),
    ],
)
def test_when_an_answer_is_another(after: tuple, changed: bool):
    one, other = boxes(CAT), boxes(*after)
    both = Both((raw((0, 0, 1, 1, 0, 0)),) * 2, ([one], [other]))
    found = compare_boxes([both], NAMES, score=0.25, between=TWO, pictures="one")
    assert found.changed == wilson_interval(int(changed), 1)
    back = compare_boxes(
        [both._replace(sure=([other], [one]))], NAMES, score=0.25, between=TWO, pictures="one"
    )
    assert back.changed == found.changed


def test_two_boxes_share_no_partner():
    twins = boxes(CAT, (0, 0.8, 0, 0, 100, 10))
    assert alike([twins], [boxes(CAT)], 2).tolist() == [1]
    assert alike([twins], [twins], 2).tolist() == [2]


def test_boxes_of_other_pictures_are_no_partners():
    empty = boxes()
    assert alike([boxes(CAT), empty], [empty, boxes(CAT)], 2).tolist() == [0, 0]
    assert alike([empty, empty], [empty, empty], 2).tolist() == [0, 0]


def test_regions_must_agree_as_well():
    mask = np.zeros((100, 100), bool)
    mask[:10] = True
    other = mask.copy()
    other[:10, :50] = False
    whole, half, bare = (Silhouette.of_mask(one) for one in (mask, other, np.zeros_like(mask)))
    for mine, theirs, kept in ((whole, whole, 1), (whole, half, 0), (bare, bare, 1), (whole, bare, 0)):
        assert alike([boxes(CAT, regions=(mine,))], [boxes(CAT, regions=(theirs,))], 2).tolist() == [kept]


def test_the_figures_add_up_over_batches():
    first = Both((raw((0, 0, 1, 1, 0.9, 0)), raw((0, 0, 1, 1.5, 0.9, 0))), ([boxes(CAT)], [boxes(CAT)]))
    second = Both((raw((0, 0, 1, 1, 0.0, 0)), raw((0, 0, 1, 1, 0.1, 0))), ([boxes(CAT, CAT)], [boxes(CAT)]))
    found = compare_boxes([first, second], NAMES, score=0.25, between=TWO, pictures="two")
    assert found.apart == pytest.approx([0, 0.1]) and found.moved == pytest.approx([0.5, 0])
    assert found.boxes == (3, 2, 2) and found.changed == wilson_interval(1, 2)
    assert found.precision is None
    check_result(found)
    values = found.to_dict()
    assert values["boxes"] == {"before": 3, "after": 2, "both": 2} and values["moved"] == 0.5
    assert "3, now 2, 66.7 % of them kept" in str(found)
    assert found.headline == "66.7 % of 3 boxes kept"


def scene(seed: int, pictures: int = 40) -> tuple[list[Boxes], list[Boxes], list[Objects]]:
    """Objects, answers near them, and answers further away."""
    random, near, far, objects = np.random.default_rng(seed), [], [], []
    for _ in range(pictures):
        truth = crowd(int(random.integers(1 << 30)), 4)
        objects.append(Objects.of(truth.xyxy, truth.labels))
        for kept, spread in ((near, 1.0), (far, 3.0)):
            xyxy = np.sort((truth.xyxy + random.normal(0, spread, (4, 4))).reshape(4, 2, 2), axis=1).reshape(
                4, 4
            )
            kept.append(Boxes(NAMES, xyxy, truth.labels, truth.scores, (100, 100)))
    return near, far, objects


def test_ap_is_that_of_each_way_alone_and_the_difference_theirs():
    near, far, objects = scene(0)
    before, after, gap = precision_change(near, far, objects, NAMES)
    alone = [score_boxes(some, objects, NAMES).metrics["AP"] for some in (near, far)]
    assert [before.value, after.value] == pytest.approx([one.value for one in alone])
    assert (before.low, before.high) == pytest.approx((alone[0].low, alone[0].high))  # the same resamples
    assert gap.value == pytest.approx(after.value - before.value) and gap.high < 0
    back = precision_change(far, near, objects, NAMES)[2]
    assert (back.value, back.low, back.high) == pytest.approx((-gap.value, -gap.high, -gap.low))


def test_pairs_know_the_difference_better_than_either():
    near, _, objects = scene(1)
    random = np.random.default_rng(5)
    shaken = [
        Boxes(NAMES, one.xyxy + random.normal(0, 0.2, (4, 1)), one.labels, one.scores, (100, 100))
        for one in near
    ]
    before, after, gap = precision_change(near, shaken, objects, NAMES)
    assert gap.high - gap.low < 0.6 * min(before.high - before.low, after.high - after.low)


def test_without_an_object_there_is_no_ap():
    assert precision_change([boxes(CAT)], [boxes()], [Objects.empty()], NAMES) is None


@pytest.mark.parametrize(
    ("before", "after"),
    list(itertools.product([np.zeros((1, 4, 6)), np.zeros((1, 4, 5)), np.zeros((4, 6))], repeat=2))[1:],
)
def test_what_cannot_be_compared(before: np.ndarray, after: np.ndarray):
    with pytest.raises(InputError, match="of both"):
        differences(before, after, 2, score=0.5)


def test_no_picture_is_no_proof():
    with pytest.raises(InputError, match="no picture to compare"):
        compare_boxes([], NAMES, score=0.5, between=TWO, pictures="none")
