"""Objects and skeletons: shapes are checked, parts are taken, mirrors are told by names."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.data.objects import Annotated, Objects, Skeleton
from macaw.data.regions import Region
from macaw.data.skeletons import BODY, FACE, mirror_of, named_skeleton
from macaw.errors import InputError

BOXES = [(0, 0, 4, 4), (1, 1, 3, 2), (5, 5, 9, 6)]


def test_areas_are_of_regions_where_there_are_some():
    region = Region.of_mask(np.eye(4))
    objects = Objects.of(BOXES, [0, 1, 0], regions=(region, None, None))
    assert objects.area.tolist() == [4, 2, 4]
    assert len(objects) == 3
    assert objects.xyxy.dtype == np.float64


def test_parts_by_mask_indices_and_nothing():
    points = np.arange(18).reshape(3, 2, 3) % 3
    objects = Objects.of(BOXES, [0, 1, 2], regions=(None, None, None), points=points)
    assert objects[[2, 0]].labels.tolist() == [2, 0]
    assert objects[np.array([False, True, False])].xyxy.tolist() == [[1, 1, 3, 2]]
    assert objects[1:].points.tolist() == points[1:].tolist()
    nothing = objects[[]]
    assert len(nothing) == 0
    assert nothing.points.shape == (0, 2, 3)
    assert Objects.empty(5).points.shape == (0, 5, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"xyxy": [(0, 0, 4)] * 3}, r"xyxy has shape \(3, 3\); 3 labels need \(3, 4\)"),
        ({"crowd": [True]}, r"crowd has shape \(1,\)"),
        ({"regions": (None,)}, "1 regions for 3 objects"),
        ({"points": np.zeros((3, 2))}, r"points has shape \(3, 2\); 3 objects need \(3, K, 3\)"),
        ({"points": np.full((3, 1, 3), 7)}, "v 0"),
        ({"xyxy": [(0, 0, np.nan, 4)] * 3}, "not finite"),
        ({"xyxy": [(4, 0, 0, 4)] * 3}, "box 0 is 4, 0, 0, 4; left, top, right, bottom must rise"),
        ({"labels": [0, -1, 0]}, "label -1 is negative"),
    ],
)
def test_wrong_fields_are_refused(fields, words):
    plain = np.zeros(3, bool)
    whole = {"xyxy": BOXES, "labels": [0] * 3, "crowd": plain, "difficult": plain, "area": [1] * 3, **fields}
    with pytest.raises(InputError, match=words):
        Objects(**whole)


def test_a_split_takes_parts_with_sizes_and_ids():
    objects = [Objects.of(BOXES[:number], [0] * number) for number in range(3)]
    some = Annotated(["a", "b", "c"], objects, [(1, 2), (3, 4), (5, 6)], [7, 8, 9])
    part = some.subset([2, 0])
    assert part.sources == ["c", "a"]
    assert part.sizes.tolist() == [[5, 6], [1, 2]]
    assert list(part.ids) == [9, 7]
    assert some.count == 3
    with pytest.raises(InputError, match="3 sources but 1 objects"):
        Annotated(["a", "b", "c"], objects[:1], [(1, 2)] * 3)


def test_mirrors_are_told_by_names_of_sides():
    assert mirror_of(["nose", "left_eye", "right_eye"]) == (0, 2, 1)
    assert mirror_of(["Eye-L", "Eye-R", "tip"]) == (1, 0, 2)
    assert mirror_of(["left brow 1", "right brow 1"]) == (1, 0)
    assert mirror_of(["top", "bottom"]) is None  # nothing says what a mirror does
    assert mirror_of(["left_eye", "nose"]) is None  # no partner
    assert mirror_of(["upright", "uplift"]) is None


def test_skeletons_that_are_known():
    assert BODY.flips == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
    assert BODY.sigmas[0] == 0.026 and BODY.sigmas[11] == 0.107
    assert len(BODY.edges) == 19
    assert named_skeleton(BODY.names).sigmas == BODY.sigmas
    assert len(FACE.names) == len(FACE.flips) == 68
    assert FACE.flips[36] == 45 and FACE.flips[48] == 54 and FACE.flips[8] == 8 and FACE.flips[60] == 64


def test_the_mirror_of_the_face_fits_the_pack(packs):
    """In thousands of faces the mean face is nearly its own mirror: a wrong pair would stand out."""
    with np.load(packs / "kp_face68" / "test.npz") as arrays:
        mean = arrays["points"].astype(np.float64).mean(axis=0)
    mirrored = mean[list(FACE.flips)] * (-1, 1) + (2 * mean[:, 0].mean(), 0)
    assert np.abs(mirrored - mean).max() < 3  # pixels of a crop of 96; the nearest wrong pair is farther


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"edges": ((0, 2),)}, "joins a point beyond its 2"),
        ({"flips": (1, 1)}, "must swap them in pairs"),
        ({"flips": (0,)}, "must swap them in pairs"),
        ({"flips": (5, 0)}, "must swap them in pairs"),
        ({"sigmas": (0.1,)}, "1 sigmas for 2 points"),
        ({"sigmas": (0.1, 0.0)}, "2 sigmas for 2 points"),
    ],
)
def test_skeletons_that_do_not_fit(more, words):
    with pytest.raises(InputError, match=words):
        Skeleton(("a", "b"), **more)
