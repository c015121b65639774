"""How alike two segmenters answer, against counts by hand and mIoU measured apart."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.metrics.mask_parity import Both, compare_masks, differences
from macaw.metrics.masks import score_masks
from macaw.results.mask import Mask
from macaw.results.mask_parity import MaskParity
from macaw.testing import check_result

NAMES = ("road", "sky", "tree")
TWO = ("onnxruntime, float32", "openvino, int8")


def batch(seed: int, *, truths: bool = True, wrong: float = 0.2) -> Both:
    """Two pictures of other sizes; the second way is wrong in a share of the pixels."""
    random, sizes = np.random.default_rng(seed), ((12, 20), (9, 7))
    labels = [random.integers(0, 3, size, np.uint8) for size in sizes]
    others = [
        np.where(random.random(one.shape) < wrong, (one + 1) % 3, one).astype(np.uint8) for one in labels
    ]
    known = [np.where(random.random(one.shape) < 0.3, 255, one).astype(np.uint8) for one in labels]
    raws = random.normal(0, 2, (2, 2, 3, 4, 4))
    masks = [[Mask(NAMES, one) for one in some] for some in (labels, others)]
    return Both((raws[0], raws[1]), (masks[0], masks[1]), known if truths else ())


def compared(*batches: Both) -> MaskParity:
    return compare_masks(batches, NAMES, between=TWO, pictures="some")


def test_probabilities_are_the_softmax_of_the_cells():
    before, after = np.zeros((1, 3, 1, 2)), np.zeros((1, 3, 1, 2))
    after[0, :, 0, 1] = np.log([2, 1, 1])  # 1/2, 1/4, 1/4 in place of thirds
    assert differences(before, after) == pytest.approx([1 / 6])
    assert differences(before + 500, after + 700) == pytest.approx([1 / 6])


def test_pixels_are_counted_in_each_picture():
    some = [batch(seed) for seed in range(3)]
    found = compared(*some)
    shares = [
        (one.labels != other.labels).sum() / one.labels.size
        for both in some
        for one, other in zip(*both.masks, strict=True)
    ]
    assert found.turned == pytest.approx(shares) and len(found.apart) == 6
    assert found.changed.value == pytest.approx(np.mean(shares))
    assert found.changed.low < found.changed.value < found.changed.high
    assert found.headline == f"{found.changed.text} of the pixels changed class"


def test_miou_is_that_of_each_way_alone_and_the_difference_theirs():
    some = [batch(seed) for seed in range(8)]
    before, after, gap = compared(*some).overlap
    truths = [truth for both in some for truth in both.truths]
    for which, value in ((0, before), (1, after)):
        answers = [one.labels for both in some for one in both.masks[which]]
        assert value.value == pytest.approx(score_masks(truths, answers, NAMES).metrics["mIoU"].value)
    assert before.value == 1 and gap.value == pytest.approx(after.value - 1) and gap.high < 0


def test_it_keeps_the_contract_of_results():
    check_result(compared(batch(0)))
    found = compared(batch(0, truths=False))
    assert found.overlap is None and "mIoU" not in str(found)
    check_result(found)


def test_the_same_answers_are_perfect():
    both = batch(1, wrong=0)
    found = compared(both._replace(raws=(both.raws[0], both.raws[0])))
    assert (found.largest, found.changed.value, found.overlap[2].value) == (0, 0, 0)


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="of both"):
        differences(np.zeros((1, 3, 4, 4)), np.zeros((1, 3, 4, 5)))
    with pytest.raises(InputError, match="no picture to compare"):
        compared()
    both = batch(0)
    with pytest.raises(InputError, match=r"a mask of \(3, 3\) for an answer of \(12, 20\)"):
        compared(both._replace(truths=[np.zeros((3, 3), np.uint8)] * 2))
