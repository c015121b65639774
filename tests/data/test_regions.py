"""Regions: run lengths, polygons and overlaps, equal to pycocotools to the bit; damaged text is one line."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from macaw.data.regions import Region, compress, decompress, iou
from macaw.errors import InputError

# pycocotools 2.0 returns arrays in a way that numpy 2 frowns on
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = st.integers(1, 24)
MASKS = arrays.arrays(bool, st.tuples(SIDES, SIDES))
POINT = st.floats(-8, 32, allow_nan=False).map(lambda value: round(value, 2)) | st.integers(-2, 26).map(float)
POLYGON = st.lists(st.tuples(POINT, POINT), min_size=3, max_size=9).map(
    lambda points: [value for point in points for value in point]
)


@pytest.fixture(scope="module")
def oracle():
    """pycocotools, whose C code is the definition of the format."""
    return pytest.importorskip("pycocotools.mask")


class TestRunLengths:
    def test_a_mask_written_by_hand(self):
        region = Region.of_mask(np.array([[0, 1, 1], [0, 0, 1]]))
        assert region.size == (2, 3)
        assert region.counts.tolist() == [2, 1, 1, 2]  # columns: 00 10 11
        assert region.area == 3
        assert region.xyxy.tolist() == [1, 0, 3, 2]

    def test_the_first_run_counts_zeros_even_where_there_are_none(self):
        assert Region.of_mask(np.ones((2, 2))).counts.tolist() == [0, 4]
        assert Region.of_mask(np.zeros((2, 2))).counts.tolist() == [4]
        assert Region.of_mask(np.zeros((2, 2))).xyxy.tolist() == [0, 0, 0, 0]

    @given(MASKS)
    def test_mask_area_and_box_return(self, mask):
        region = Region.of_mask(mask)
        assert (region.mask() == mask).all()
        assert region.area == mask.sum()
        if mask.any():
            rows, columns = np.nonzero(mask)
            assert region.xyxy.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]

    @given(st.lists(st.integers(0, 1 << 31), min_size=1, max_size=12))
    def test_text_returns_what_was_written(self, counts):
        assert decompress(compress(np.array(counts))).tolist() == counts

    def test_the_example_of_the_coco_api(self):
        # maskApi.h: M=[0 0 1 1 1 0 1] is R=[2 3 1 1]
        assert decompress(compress(np.array([2, 3, 1, 1]))).tolist() == [2, 3, 1, 1]
        assert compress(np.array([2, 3, 1, 1])) == "231N"

    @given(MASKS)
    def test_text_is_pycocotools_own(self, oracle, mask):
        told = oracle.encode(np.asfortranarray(mask.astype(np.uint8)))
        region = Region.of_mask(mask)
        assert region.to_coco() == {"size": told["size"], "counts": told["counts"].decode()}
        assert (Region.of_coco(told, mask.shape).mask() == mask).all()
        assert region.area == oracle.area(told)
        x, y, width, height = oracle.toBbox(told).tolist()
        assert region.xyxy.tolist() == [x, y, x + width, y + height]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty"),
            ("23p", "has b'p' at letter 2; allowed are '0' to 'o'"),
            ("23\n", "at letter 2"),
            ("23é", "at letter 2"),
            ("2o", "stops within a number"),
            ("oooooooo1", "has a number of 9 letters at letter 0"),
            ("O", "run 0 of a run-length text is negative"),
        ],
    )
    def test_damaged_text(self, text, words):
        with pytest.raises(InputError) as caught:
            decompress(text)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, data):
        try:
            counts = decompress(data)
        except InputError:
            return
        assert (counts >= 0).all()

    @pytest.mark.parametrize(
        ("counts", "words"),
        [
            ([3, 2], "cover 5 pixels; a picture of 3 x 2 has 6"),
            ([7, -1], "cover no number of pixels"),
            ([2**60, 2**60], "a picture of 3 x 2 has 6"),
            ([1.5, 4.5], "are no run lengths"),
            (["6"], "are no run lengths"),
            ([2**70], "are no run lengths"),
            (6, "are no run lengths"),
        ],
    )
    def test_run_lengths_that_do_not_fit(self, counts, words):
        with pytest.raises(InputError, match=words):
            Region.of_coco({"size": [2, 3], "counts": counts}, (2, 3))

    def test_a_region_of_another_picture(self):
        with pytest.raises(InputError, match=r"of size \[3, 2\] in a picture of \[2, 3\]"):
            Region.of_coco({"size": [3, 2], "counts": [6]}, (2, 3))

    def test_a_picture_too_large_to_be_one(self):
        with pytest.raises(InputError, match="a region of a picture of"):
            Region((1 << 30, 1 << 30), np.array([1 << 60]))


class TestPolygons:
    def test_a_rectangle_covers_its_pixels(self):
        mask = Region.of_polygons([[1, 1, 4, 1, 4, 3, 1, 3]], (5, 6)).mask()
        expected = np.zeros((5, 6), bool)
        expected[1:3, 1:4] = True
        assert (mask == expected).all()

    @given(st.lists(POLYGON, min_size=1, max_size=3), SIDES, SIDES)
    def test_pixels_are_pycocotools_own(self, oracle, polygons, height, width):
        told = oracle.decode(oracle.merge(oracle.frPyObjects(polygons, height, width)))
        region = Region.of_polygons(polygons, (height, width))
        assert (region.mask() == told.astype(bool)).all()
        assert region.counts.tolist() == Region.of_mask(told).counts.tolist()

    def test_pixels_of_large_outlines_are_pycocotools_own(self, oracle):
        noise = np.random.default_rng(0)
        for _ in range(20):
            polygon = noise.uniform(-50, 700, 2 * int(noise.integers(3, 40))).round(2).tolist()
            told = oracle.decode(oracle.frPyObjects([polygon], 480, 640))[:, :, 0]
            assert (Region.of_polygons([polygon], (480, 640)).mask() == told).all()

    def test_polygons_are_kept_as_they_were(self):
        parts = [[0.125, 0.1, 3, 0, 3, 3.3], [5, 5, 6, 5, 6, 6, 5, 6]]
        assert Region.of_coco(parts, (8, 8)).to_coco() == parts

    def test_they_are_drawn_when_asked_for_and_once(self):
        region = Region.of_polygons([[0, 0, 4, 0, 4, 4]], (8, 8))
        assert "counts" not in vars(region)
        assert region.counts is region.counts
        assert pickle.loads(pickle.dumps(region)).area == region.area

    @pytest.mark.parametrize(
        ("polygon", "words"),
        [
            ([0, 0, 4, 4], "a polygon of 2 corners; an area has at least 3"),
            ([0, 0, 4, 4, 2], "of 5 numbers; x and y take turns"),
            ([0, 0, 4, 4, 2, float("nan")], "not finite"),
            (["0", "0", "4", "4", "2", "2"], "is no polygon"),
            ("0,0", "is no polygon"),
            ([0, 0, 4, 4, 2, 1e300], "a coordinate of 1e[+]300 px"),
            ([0, 0, 9e6, 9e6, 0, 9e6], "px around"),
        ],
    )
    def test_what_is_no_polygon(self, polygon, words):
        with pytest.raises(InputError, match=words):
            _ = Region.of_polygons([polygon], (8, 8)).counts

    @pytest.mark.parametrize("what", [[], {"size": [8, 8]}, 3, [0, 0, 4, 0, 4, 4]])
    def test_what_is_no_region(self, what):
        with pytest.raises(InputError):
            Region.of_coco(what, (8, 8))


class TestOverlap:
    @given(st.data())
    def test_equals_pycocotools(self, oracle, data):
        shape = data.draw(st.tuples(SIDES, SIDES))
        masks = [data.draw(arrays.arrays(bool, shape)) for _ in range(5)]
        crowd = data.draw(st.lists(st.booleans(), min_size=3, max_size=3))
        told = [oracle.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]
        expected = oracle.iou(told[:2], told[2:], crowd)
        regions = [Region.of_mask(mask) for mask in masks]
        assert iou(regions[:2], regions[2:], crowd) == pytest.approx(expected, abs=1e-12)

    def test_by_hand(self):
        left, right = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
        left[:, :2], right[:, 1:] = True, True
        regions = Region.of_mask(left), Region.of_mask(right)
        assert iou(regions, regions).tolist() == [[1, 0.25], [0.25, 1]]
        assert iou(regions[:1], regions[1:], [True]).tolist() == [[0.5]]
        assert iou([], regions).shape == (0, 2)

    def test_of_two_pictures(self):
        one, other = Region.of_mask(np.ones((2, 3))), Region.of_mask(np.ones((3, 2)))
        with pytest.raises(InputError, match="of 2 sizes"):
            iou([one], [other])
