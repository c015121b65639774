"""Run lengths and silhouettes: equal to the pixels they stand for, and to COCO's text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from macaw.errors import InputError
from macaw.results.runs import bounds_of, compress, decompress, from_bounds
from macaw.results.silhouette import Silhouette

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


def runs_of(mask):
    """Run lengths down the columns, zeros first, one pixel after the other."""
    counts, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def text_of(counts):
    """COCO's text, one number after the other, as its description has it."""
    letters = []
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        while True:
            low, rest = rest & 31, rest >> 5
            more = rest != (-1 if low & 16 else 0)
            letters.append(chr(low + 32 * more + 48))
            if not more:
                break
    return "".join(letters)


@given(MASKS)
def test_a_silhouette_is_its_mask(mask):
    one = Silhouette.of_mask(mask)
    assert one.counts.tolist() == runs_of(mask)
    assert (one.mask() == mask).all()
    assert one.area == mask.sum()
    rows, columns = np.nonzero(mask)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0, 0, 0, 0]
    assert one.xyxy.tolist() == box


@given(MASKS, st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_a_part_of_a_picture_gives_the_runs_of_the_whole(mask, left, top, right, bottom):
    whole = np.pad(mask, ((top, bottom), (left, right)))
    bounds = bounds_of(mask, left=left, top=top, rows=whole.shape[0])
    assert from_bounds(bounds, whole.size).tolist() == runs_of(whole)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30))
def test_the_text_is_that_of_coco_and_comes_back(counts):
    text = compress(np.array(counts))
    assert text == text_of(counts)
    assert decompress(text).tolist() == counts


@given(MASKS)
def test_through_json_and_back(mask):
    value = json.loads(json.dumps(Silhouette.of_mask(mask).to_coco()))
    assert (Silhouette.of_coco(value).mask() == mask).all()
    assert (Silhouette.of_coco({"size": mask.shape, "counts": runs_of(mask)}).mask() == mask).all()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"size": [2, 2], "counts": [1, 2]}, "make up the 4 pixels"),
        ({"size": [2, 2], "counts": [5, -1]}, "make up the 4 pixels"),
        ({"size": [2, 2], "counts": "~~"}, "run-length text has"),
        ({"size": [2, 2], "counts": ["a"]}, "'size' and 'counts'"),
        ({"size": 4, "counts": [4]}, "'size' and 'counts'"),
        ({"counts": [4]}, "'size' and 'counts'"),
        ([1, 2], "'size' and 'counts'"),
    ],
)
def test_damaged_values_are_refused(value, words):
    with pytest.raises(InputError, match=words):
        Silhouette.of_coco(value)
