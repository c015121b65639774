"""Answers drawn on a frame: each where it belongs, in its colour, and the frame itself left alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from macaw.results.base import Result
from macaw.results.boxes import Boxes
from macaw.results.labels import Labels
from macaw.results.mask import NONE, Mask
from macaw.results.overlay import overlay
from macaw.results.palette import COLORS, colors, rgb
from macaw.results.points import Points
from macaw.results.silhouette import Silhouette
from macaw.results.skeleton import Bones

FRAME = np.full((240, 320, 3), 120, np.uint8)
NAMES = ("cat", "dog")


def boxes(**more: object) -> Boxes:
    xyxy = np.array([[100, 80, 200, 180], [10, 120, 60, 200]], np.float32)
    return Boxes(NAMES, xyxy, np.array([1, 0]), np.array([0.9, 0.5], np.float32), size=(320, 240), **more)


def changed(picture: np.ndarray) -> np.ndarray:
    assert picture.shape == FRAME.shape and picture.dtype == np.uint8
    assert (FRAME == 120).all()  # a copy was drawn on
    return (picture != 120).any(axis=2)


def test_boxes_are_outlined_in_the_colour_of_their_class_and_named():
    drawn = overlay(boxes(), FRAME)
    tone = colors(NAMES)
    assert (drawn[130, 101] == rgb(tone["dog"])).all() and (drawn[160, 11] == rgb(tone["cat"])).all()
    assert not changed(drawn)[100:160, 120:180].any()  # inside the frame shows
    assert not changed(drawn)[210:].any()
    above = drawn[62:80, 100:170].reshape(-1, 3)
    assert ((above == rgb(tone["dog"])).all(axis=1)).mean() > 0.3  # the plate of its name


def test_a_box_at_the_edge_keeps_its_name_on_the_frame():
    one = Boxes(NAMES, np.array([[250, 0, 320, 60]]), np.array([0]), np.array([0.5]), size=(320, 240))
    where = changed(overlay(one, FRAME))
    assert where[:25, 250:].mean() > 0.5
    assert not where[70:].any()


def test_places_are_brought_to_the_size_of_the_frame():
    half = Boxes(NAMES, np.array([[50, 40, 100, 90]]), np.array([1]), np.array([0.9]), size=(160, 120))
    assert (overlay(half, FRAME)[130, 101] == rgb(colors(NAMES)["dog"])).all()


def test_regions_are_tinted_and_sure_points_joined():
    mask = np.zeros((240, 320), bool)
    mask[100:150, 120:160] = True
    regions = (Silhouette.of_mask(mask), Silhouette.of_mask(np.zeros_like(mask)))
    tinted = overlay(boxes(regions=regions), FRAME)
    assert (changed(tinted)[105:145, 125:155]).all() and not changed(tinted)[105:145, 165:190].any()
    points = np.array([[[120, 100, 1], [180, 100, 1], [150, 160, 0.1]], [[0, 0, 0]] * 3], np.float32)
    joined = changed(overlay(boxes(points=points, skeleton=Bones(("a", "b", "c"), ((0, 1), (1, 2)))), FRAME))
    assert joined[100, 125:175].all() and not joined[150:170, 140:160].any()


def test_a_mask_tints_its_classes_and_leaves_what_is_none():
    labels = np.full((240, 320), NONE, np.uint8)
    labels[120:, :160], labels[120:, 160:] = 0, 1
    drawn = overlay(Mask(NAMES, labels), FRAME)
    tone = {name: (np.array(rgb(color)) + 120) // 2 for name, color in colors(NAMES).items()}
    assert (drawn[130:, :160] == tone["cat"]).all() and (drawn[130:, 160:] == tone["dog"]).all()
    assert not changed(drawn)[60:120].any()
    assert changed(drawn)[:30, :30].any()  # the names


def test_points_that_are_sure_are_drawn_and_joined():
    xy = np.array([[50, 50], [150, 50], [100, 200]], np.float32)
    some = Points(("a", "b", "c"), xy, np.array([0.9, 0.9, 0.2]), edges=((0, 1), (1, 2)), size=(320, 240))
    drawn = overlay(some, FRAME)
    assert (drawn[50, 100] == rgb(COLORS[1])).all() and not changed(drawn)[120:].any()


def test_labels_stand_in_the_corner():
    where = changed(overlay(Labels(NAMES, np.array([0.8, 0.2])), FRAME))
    assert where[2:25, 2:50].mean() > 0.9 and not where[60:].any() and not where[:, 160:].any()


def test_of_another_kind_the_headline():
    class Other(Result):
        headline = "three of them"

    assert changed(overlay(Other(), FRAME))[2:12, 2:60].all()


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3)])
def test_a_frame_of_any_size(size: tuple[int, int]):
    for answer in (boxes(), Labels(NAMES, np.array([0.8, 0.2])), Mask(NAMES, np.zeros(size, np.uint8))):
        assert overlay(answer, np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


def test_it_needs_none_of_the_slow_parts_of_matplotlib():
    loaded = {name for name in sys.modules if name.startswith("matplotlib.backends.backend_agg")}
    overlay(boxes(), FRAME)
    assert {name for name in sys.modules if name.startswith("matplotlib.backends.backend_agg")} == loaded
