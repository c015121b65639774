"""Crops of objects: whole pixels, grey beyond the picture, and a way back that is exact."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from macaw.data.apart import is_single, margin_of, objects_apart, usable
from macaw.data.crops import MARGIN, Crop, crops_of
from macaw.data.hashing import digests
from macaw.data.objects import Annotated, AnnotatedPictures, Objects, Skeleton
from macaw.data.pictures import read_picture
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit
from macaw.errors import DataError, InputError

PLACES = st.integers(-60, 160)


def numbered(width: int, height: int) -> np.ndarray:
    """A picture whose every pixel tells its column, its row and 7."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


@given(PLACES, PLACES, st.integers(1, 80), st.integers(1, 80))
def test_every_pixel_of_a_crop_is_that_of_its_place_or_grey(left, top, across, down):
    crop, picture = Crop(left, top, left + across, top + down), numbered(100, 90)
    found = crop.cut(picture)
    assert found.shape == (down, across, 3) and found.dtype == np.uint8
    rows, columns = np.mgrid[top : top + down, left : left + across]
    inside = (columns >= 0) & (columns < 100) & (rows >= 0) & (rows < 90)
    assert (found[inside] == np.stack([columns, rows, np.full_like(rows, 7)], axis=-1)[inside]).all()
    assert (found[~inside] == 114).all()
    assert crop.sees(100, 90) == inside.any()


@given(PLACES, PLACES)
def test_the_way_back_is_exact(left, top):
    crop = Crop(left, top, left + 10, top + 10)
    xy = np.random.default_rng(0).integers(-500, 500, (5, 3, 2)) / 8
    assert (crop.to_picture(crop.to_crop(xy)) == xy).all()
    boxes = np.array([[1.5, 2.25, 30.0, 40.0]])
    assert crop.to_crop(boxes).tolist() == [[1.5 - left, 2.25 - top, 30 - left, 40 - top]]


def test_a_margin_lies_about_the_middle_of_a_box():
    (crop,) = crops_of([[40.0, 20.0, 60.0, 60.0]], (100, 90))
    assert (crop.left, crop.top, crop.right, crop.bottom) == (37, 15, 63, 65)  # 12.5 and 25 about 50, 40
    (wide,) = crops_of([[0.0, 0.0, 50.0, 90.0]], (100, 90), margin=2)
    assert (wide.left, wide.top, wide.right, wide.bottom) == (-25, -45, 75, 135)


def test_a_box_that_is_the_whole_picture_is_cut_out_as_it_is():
    assert crops_of([[0, 0, 100, 90], [-5, -5, 300, 90]], (100, 90)) == 2 * [Crop(0, 0, 100, 90)]


def test_no_crop_is_much_larger_than_its_picture():
    many = [[-1e9, -1e9, 1e9, 50.0], [1e8, 1e8, 1e9, 1e9], [-9.0, 3.0, -9.0, 3.0], [50.0, 10.0, 50.0, 80.0]]
    crops = crops_of(many, (100, 90))
    assert all(1 <= one.size[0] <= 127 and 1 <= one.size[1] <= 115 for one in crops)
    assert not crops[1].sees(100, 90) and crops[3].sees(100, 90)
    assert (crops[1].cut(numbered(100, 90)) == 114).all()
    assert crops_of([], (100, 90)) == crops_of(np.zeros((0, 4)), (100, 90)) == []


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([[0.0, 0.0, np.nan, 5.0]], "box 0 is 0, 0, nan, 5"),
        ([[0.0, 0.0, 5.0, 5.0], [9.0, 0.0, 5.0, 5.0]], "box 1 is 9, 0, 5, 5"),
        ([[1.0, 2.0, 3.0]], r"shape \(1, 3\)"),
        ([1.0, 2.0, 3.0, 4.0], r"shape \(4,\)"),
    ],
)
def test_what_is_no_box_is_one_line(boxes, words):
    with pytest.raises(InputError, match=words) as caught:
        crops_of(boxes, (100, 90))
    assert "\n" not in str(caught.value)


def turned(path: Path) -> Path:
    """A picture that lies on its side in the file, and is 100 x 90 when EXIF has turned it."""
    lying = Image.fromarray(numbered(100, 90)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[274] = 6
    held = io.BytesIO()
    lying.save(held, "PNG", exif=exif)
    path.write_bytes(held.getvalue())
    return path


def crowd(tmp_path: Path) -> AnnotatedPictures:
    """A picture of two objects, a crowd and one without points; one of a single object; one of none."""
    points = np.zeros((4, 2, 3))
    points[0] = [[30, 40, 2], [0, 0, 0]]
    points[1] = [[70, 50, 1], [75, 55, 2]]
    points[2] = [[70, 50, 2], [75, 55, 2]]
    boxes = [[20, 30, 40, 50], [60, 40, 80, 60], [0, 0, 90, 90], [5, 5, 9, 9]]
    several = Objects.of(boxes, [0] * 4, points=points, crowd=np.array([False, False, True, False]))
    one = Objects.of([[10.0, 10.0, 30.0, 30.0]], [0], points=np.array([[[20.0, 20, 2], [21, 21, 2]]]))
    source = turned(tmp_path / "people.png")
    some = Annotated([source] * 3, [several, one, Objects.empty(2)], np.array([[100, 90]] * 3))
    skeleton = Skeleton(("left eye", "right eye"), flips=(1, 0))
    splits = {"train": some, "val": some.subset([1])}
    notes = ("1 picture of train without objects, kept as background", "another")
    return AnnotatedPictures(("person",), splits, "coco", notes, tmp_path, skeleton=skeleton)


def test_objects_that_teach_nothing_are_not_used(tmp_path: Path):
    some = crowd(tmp_path).splits["train"]
    assert [usable(objects).tolist() for objects in some.objects] == [[0, 1], [0], []]
    assert not is_single(some) and is_single(some.subset([1]))


def test_objects_come_apart_with_their_points(tmp_path: Path):
    data = objects_apart(crowd(tmp_path))
    train = data.splits["train"]
    assert len(train) == 3 and len(data.splits["val"]) == 1 and is_single(train)
    assert margin_of(train) == MARGIN and margin_of(crowd(tmp_path).splits["train"]) is None
    cut, points = read_picture(train.sources[1]), train.objects[1].points[0]
    assert cut.shape[:2] == tuple(train.sizes[1][::-1])
    for (x, y, _), place in zip(points, ((70, 50), (75, 55)), strict=True):
        assert tuple(cut[int(y), int(x)]) == (*place, 7)  # upright: the pixel tells its place in the picture
    assert train.objects[0].points[0, 1].tolist() == [0, 0, 0]  # not labelled, not moved
    assert data.notes == (
        "another",
        "4 objects cut out with a margin of 1.25, a picture each; 2 left out: crowds, and those without a "
        "labelled point",
    )


def test_crops_are_read_alike_every_time_and_told_apart(tmp_path: Path):
    train = objects_apart(crowd(tmp_path)).splits["train"]
    one, other = (load_pixels(train, Fit(64, resize="letter")) for _ in range(2))
    assert (one == other).all() and one.shape == (3, 64, 64, 3)
    marks = digests(train.sources)
    assert len(set(marks)) == 3 and marks == digests(train.sources)


def test_a_split_without_a_labelled_point_is_one_line(tmp_path: Path):
    data = crowd(tmp_path)
    data.splits["val"] = data.splits["train"].subset([2])
    with pytest.raises(DataError, match="no object of val has a labelled point"):
        objects_apart(data)
    data.splits["val"], data.splits["test"] = data.splits["train"].subset([1]), data.splits["val"]
    assert set(objects_apart(data).splits) == {"train", "val"}


def test_objects_that_share_the_whole_picture_are_refused(tmp_path: Path):
    data = crowd(tmp_path)
    points = np.array([[[20.0, 20, 2], [21, 21, 2]]] * 2)
    both = Objects.of([[0, 0, 100, 90]] * 2, [0, 0], points=points)
    data.splits["train"] = Annotated([tmp_path / "people.png"], [both], np.array([[100, 90]]))
    with pytest.raises(DataError, match=r"people\.png has 2 objects.*give the box of each"):
        objects_apart(data)


def test_a_picture_that_is_gone_is_named(tmp_path: Path):
    train = objects_apart(crowd(tmp_path)).splits["train"]
    (tmp_path / "people.png").unlink()
    with pytest.raises(DataError, match=r"3 of 3 pictures cannot be read.*people\.png"):
        load_pixels(train, Fit(64, resize="letter"))
