"""How alike two models of key points answer, against distances by hand and errors measured apart."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.data.objects import Objects
from macaw.errors import InputError
from macaw.metrics.intervals import wilson_interval
from macaw.metrics.point_parity import compare_points
from macaw.metrics.points import box_side, score_points
from macaw.results.points import Points
from macaw.testing import check_result

NAMES = ("eye", "nose")
TWO = ("onnxruntime, float32", "onnxruntime, int8")


def points(xy: object, scores: object = (0.9, 0.8), size: tuple[int, int] = (100, 50)) -> Points:
    return Points(NAMES, np.array(xy, np.float64), np.array(scores), size=size)


def test_the_figures_are_those_counted_by_hand():
    before = [points([[10, 10], [20, 20]]), points([[10, 10], [20, 20]], size=(400, 100))]
    after = [
        points([[10, 10], [20, 23]], (0.9, 0.5)),
        points([[13, 14], [20, 20]], (0.8, 0.8), size=(400, 100)),
    ]
    found = compare_points(before, after, between=TWO, pictures="two")
    assert found.apart == pytest.approx([0.3, 0.1], abs=1e-6)
    assert found.moved == pytest.approx([3 / 100, 5 / 400])
    assert found.changed == wilson_interval(1, 2)  # 3 % of the longer side, and 1.25 %
    assert found.errors is None and "NME" not in str(found)
    check_result(found)


def scene(seed: int, spread: float) -> tuple[list[Points], list[Objects]]:
    random, found, objects = np.random.default_rng(7), [], []
    noise = np.random.default_rng(seed)
    for _ in range(30):
        truth = random.uniform(20, 60, (2, 2))
        seen = random.integers(0, 3, 2)
        found.append(points(truth + noise.normal(0, spread, (2, 2))))
        rows = np.hstack([truth, seen[:, None]])[None]
        objects.append(Objects.of([[10, 10, 50, 40]], [0], points=rows))
    return found, objects


def test_the_error_is_that_of_each_way_alone_and_the_difference_theirs():
    (good, objects), (bad, _) = scene(0, 1.0), scene(1, 3.0)
    found = compare_points(good, bad, between=TWO, pictures="thirty", objects=objects)
    truth, boxes = (np.concatenate([getattr(one, name) for one in objects]) for name in ("points", "xyxy"))
    alone = [
        score_points(np.stack([one.xy for one in some]), truth, NAMES, normaliser=box_side(boxes))
        for some in (good, bad)
    ]
    before, after, gap = found.errors
    nme = [one.metrics["NME, box side"].value for one in alone]
    assert [before.value, after.value] == pytest.approx(nme)
    assert gap.value == pytest.approx(nme[1] - nme[0]) and gap.low > 0
    assert found.normaliser == "box side" and "of the box side" in str(found)
    check_result(found)


def test_without_a_labelled_point_there_is_no_error():
    found, _ = scene(0, 1.0)
    bare = [Objects.of([[0, 0, 9, 9]], [0], points=np.zeros((1, 2, 3)))] * len(found)
    assert compare_points(found, found, between=TWO, pictures="bare", objects=bare).errors is None


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="give both for one or more"):
        compare_points([], [], between=TWO, pictures="none")
    with pytest.raises(InputError, match="answers to 1 and 0 pictures"):
        compare_points([points([[1, 1], [2, 2]])], [], between=TWO, pictures="one")
