"""Augmentation of scenes: what is painted and what is said of it move together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.heads.extents import Extents
from macaw.heads.scene import Scene, empty_scene
from macaw.training.geometry import (
    Move,
    clip_boxes,
    move_boxes,
    move_extents,
    move_masks,
    move_picture,
    move_points,
    worth_keeping,
)
from macaw.training.scene_augment import SceneAugmentation, Tile, augment_scenes, move_scene

SIDE = 48
NOTHING = SceneAugmentation(flip=0, zoom=0, shift=0, colour=0, mosaic=0)
WHOLE = (0, 0, SIDE, SIDE)
FLIPS = (1, 0, 2)

moves = st.builds(
    lambda scale, mirror, x, y: Move(
        -scale if mirror else scale,
        scale,
        SIDE / 2 + x + (scale if mirror else -scale) * SIDE / 2,
        SIDE / 2 + y - scale * SIDE / 2,
    ),
    st.floats(0.4, 2.0), st.booleans(), st.floats(-15, 15), st.floats(-15, 15),
)  # fmt: skip


def painted(seed: int = 0, count: int = 2) -> tuple[torch.Tensor, Scene]:
    """A dark picture with bright rectangles apart from each other, and all that can be said of them."""
    draw = np.random.default_rng(seed)
    picture = torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8)
    masks = torch.zeros(count, SIDE, SIDE, dtype=torch.bool)
    boxes, points, step = [], [], SIDE // count
    for i in range(count):
        left, top = i * step + int(draw.integers(1, 10)), int(draw.integers(1, 30))
        right, bottom = left + int(draw.integers(6, 13)), top + int(draw.integers(6, 18))
        masks[i, top:bottom, left:right] = True
        picture[masks[i]] = 255
        boxes.append([left, top, right, bottom])
        points.append([[left + 0.5, top + 0.5, 2], [right - 0.5, top + 0.5, 1], [0, 0, 0]])
    classes = torch.where(masks.any(0), 1, 0).to(torch.uint8)
    return picture, Scene(
        torch.tensor(boxes, dtype=torch.float32), torch.arange(count), None, Extents.of(masks),
        torch.tensor(points, dtype=torch.float32), classes,
    )  # fmt: skip


def shrunk(masks: torch.Tensor) -> torch.Tensor:
    """What is two pixels off the border of one of the masks (N, H, W), and off the sheet's."""
    bare = torch.nn.functional.pad((~masks).float()[:, None], (2, 2, 2, 2), value=1.0)
    return (torch.nn.functional.max_pool2d(bare, 5, 1) == 0).any(0)[0]


def same(one: Scene, other: Scene, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    for name in ("xyxy", "labels", "points", "classes"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert torch.equal(one.masks.whole(size), other.masks.whole(size))


def extent(mask: torch.Tensor) -> torch.Tensor:
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
    return torch.stack((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)).float()


@given(move=moves, seed=st.integers(0, 99))
def test_a_moved_mask_has_the_moved_box(move: Move, seed: int):
    scene = painted(seed)[1]
    boxes = clip_boxes(move_boxes(scene.xyxy, move), WHOLE)
    masks = move_extents(scene.masks, move, WHOLE).whole((SIDE, SIDE))
    for box, mask in zip(boxes, masks, strict=True):
        if mask.any():
            assert (extent(mask) - box).abs().max() <= 1
        else:
            assert (box[2:] - box[:2]).min() <= 1


@given(move=moves, seed=st.integers(0, 99))
def test_a_moved_picture_shows_what_its_mask_says(move: Move, seed: int):
    picture, scene = painted(seed)
    bright = move_picture(picture, move, WHOLE)
    masks = move_extents(scene.masks, move, WHOLE).whole((SIDE, SIDE))
    inside = move_masks(torch.ones(SIDE, SIDE, dtype=torch.bool), move, WHOLE)
    assert (bright[~inside] == 114).all()
    # Off the borders of the rectangles, where bilinear sampling mixes, the two agree
    assert (bright[shrunk(masks) & inside] > 254).all()
    assert (bright[shrunk(~masks.any(0)[None]) & inside] < 1).all()


@given(x=st.integers(4, SIDE - 5), y=st.integers(4, SIDE - 5), move=moves)
def test_a_painted_marker_ends_where_its_point_says(x: int, y: int, move: Move):
    picture = torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    point = move_points(torch.tensor([[[x + 0.5, y + 0.5, 2.0]]]), move, WHOLE)[0, 0]
    light = move_picture(picture, move, WHOLE)[..., 0]
    light = torch.where(light == 114, 0.0, light) if light.max() > 120 else light  # the grey beyond
    low, high = point[:2] - 2.5 * move.down - 1, point[:2] + 2.5 * move.down + 1
    if point[2] == 0 or low.min() < 0 or high.max() > SIDE:
        return  # it left the picture, in whole or in part
    centres = torch.arange(SIDE) + 0.5
    found = torch.stack([(light.sum(axis) * centres).sum() / light.sum() for axis in (0, 1)])
    assert (found - point[:2]).abs().max() < 0.3


def test_a_mirror_twice_is_the_identity():
    picture, scene = painted()
    mirror = Tile(0, Move(-1, 1, SIDE, 0), WHOLE)
    again = move_scene(move_scene(scene, mirror, FLIPS), mirror, FLIPS)
    same(again, scene)
    turned = move_picture(picture, mirror.move, WHOLE)
    assert torch.equal(turned, picture.flip(1).float())
    assert torch.equal(move_picture(turned, mirror.move, WHOLE), picture.float())


def test_a_mirror_makes_a_left_hand_a_right_one():
    points = torch.tensor([[[10.0, 5.0, 2.0], [20.0, 6.0, 1.0], [30.0, 7.0, 2.0]]])
    out = move_points(points, Move(-1, 1, SIDE, 0), WHOLE, flips=FLIPS)
    assert out.tolist() == [[[28, 6, 1], [38, 5, 2], [18, 7, 2]]]
    upright = move_points(points, Move(1, 1, 0, 0), WHOLE, flips=FLIPS)
    assert torch.equal(upright, points)


def test_points_outside_are_not_labelled():
    points = torch.tensor([[[1.0, 5.0, 2.0], [47.9, 5.0, 2.0], [20.0, 20.0, 0.0]]])
    out = move_points(points, Move(1, 1, 0.5, 0), WHOLE)
    assert out.tolist() == [[[1.5, 5, 2], [0, 0, 0], [0, 0, 0]]]


def test_what_is_hardly_left_goes():
    scene = Scene(
        torch.tensor([[0.0, 0, 10, 10], [0, 0, 11, 10], [30, 30, 40, 40], [0, 0, 10, 10], [9.5, 20, 12, 30]]),
        torch.arange(5),
        torch.tensor([False, False, False, True, False]),
    )
    # Ten to the left: of the first nothing, of the second an 11th is left; a crowd would stay for a pixel
    moved = move_scene(scene, Tile(0, Move(1, 1, -9, 0), WHOLE))
    assert moved.labels.tolist() == [0, 1, 2, 3, 4]
    moved = move_scene(scene, Tile(0, Move(1, 1, -9.1, 0), WHOLE))
    assert moved.labels.tolist() == [1, 2, 4]  # the first and the crowd are under a pixel wide
    moved = move_scene(scene, Tile(0, Move(1, 4, -9, 0), WHOLE))
    assert moved.labels.tolist() == [0, 1, 3]
    assert moved.xyxy.tolist() == [[0, 0, 1, 40], [0, 0, 2, 40], [0, 0, 1, 40]]
    boxes = torch.tensor([[0.0, 0, 10, 10], [-99, 0, 10, 10]])
    assert worth_keeping(boxes, clip_boxes(boxes, WHOLE)).tolist() == [True, False]


def batch(count: int = 4) -> tuple[torch.Tensor, list[Scene]]:
    parts = [painted(seed) for seed in range(count)]
    return torch.stack([picture for picture, _ in parts]), [scene for _, scene in parts]


def run(
    how: SceneAugmentation, *, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE), count: int = 4, **more
):
    return augment_scenes(*batch(count), how, size=size, seed=seed, flips=FLIPS, **more)


def test_nothing_switched_on_changes_nothing():
    pictures, scenes = batch()
    out, moved = run(NOTHING)
    assert out.dtype == torch.float32
    assert torch.equal(out, pictures.permute(0, 3, 1, 2).float())
    assert out.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(moved, scenes, strict=True):
        same(one, other)


def test_a_shift_alone_copies_pixels():
    out, moved = run(SceneAugmentation(flip=0.5, zoom=0, shift=0.2, colour=0))
    assert set(out.unique().tolist()) <= {0.0, 114.0, 255.0}
    for scene in moved:
        assert torch.equal(scene.xyxy, scene.xyxy.round())
        for box, mask in zip(scene.xyxy, scene.masks.whole((SIDE, SIDE)), strict=True):
            assert torch.equal(extent(mask), box)


@given(
    seed=st.integers(0, 999), mosaic=st.sampled_from((0.0, 1.0)), size=st.sampled_from(((48, 48), (64, 40)))
)
@settings(max_examples=25)
def test_what_comes_out_belongs_together(seed: int, mosaic: float, size: tuple[int, int]):
    how = SceneAugmentation(zoom=0.4, shift=0.2, colour=0, mosaic=mosaic)
    out, moved = run(how, seed=seed, size=size)
    assert out.shape == (4, 3, *size)
    assert out.min() >= 0
    assert out.max() <= 255
    for picture, scene in zip(out, moved, strict=True):
        masks = scene.masks.whole(size)
        assert scene.classes.shape == size
        assert (scene.xyxy >= 0).all()
        assert (scene.xyxy <= torch.tensor([size[1], size[0]] * 2)).all()
        assert ((scene.xyxy[:, 2:] - scene.xyxy[:, :2]) >= 1).all()
        for box, mask, points in zip(scene.xyxy, masks, scene.points, strict=True):
            assert (extent(mask) - box).abs().max() <= 1
            for x, y, v in points.tolist():
                if v:
                    assert box[0] <= x <= box[2]
                    assert box[1] <= y <= box[3]
        inner = shrunk(masks)
        assert (picture[:, inner] > 200).all()
        assert (scene.classes[inner] == 1).all()


def test_a_mosaic_shows_four_pictures():
    pictures = torch.stack([torch.full((SIDE, SIDE, 3), 50 * i, dtype=torch.uint8) for i in range(5)])
    scenes = [Scene(torch.tensor([[12.0, 12, 36, 36]]), torch.tensor([i])) for i in range(5)]
    how = SceneAugmentation(flip=0, colour=0, mosaic=1.0)
    out, moved = augment_scenes(pictures, scenes, how, size=(SIDE, SIDE), seed=1)
    for i, scene in enumerate(moved):
        assert 0 < len(scene) <= 4
        for box, label in zip(scene.xyxy, scene.labels.tolist(), strict=True):
            x, y = ((box[:2] + box[2:]) / 2).long().tolist()
            assert out[i, 0, y, x] == 50 * label  # the box lies in the tile of its own picture
    assert any(len(set(scene.labels.tolist())) > 2 for scene in moved)


def test_the_end_of_the_run_is_without_mosaics():
    how = SceneAugmentation(flip=0, zoom=0, shift=0, colour=0, mosaic=1.0, calm=0.2)
    calm = run(how, progress=0.8)[0]
    assert torch.equal(calm, run(NOTHING)[0])
    assert not torch.equal(run(how, progress=0.79)[0], calm)
    assert torch.equal(run(how, count=1)[0], run(NOTHING, count=1)[0])  # four of one would teach nothing


def test_a_mosaic_of_scenes_that_know_different_things():
    pictures, scenes = batch(3)
    bare = [scenes[0], Scene(scenes[1].xyxy, scenes[1].labels), empty_scene()]
    how = SceneAugmentation(flip=0, colour=0, mosaic=1.0)
    for seed in range(5):
        for scene in augment_scenes(pictures, bare, how, size=(SIDE, SIDE), seed=seed)[1]:
            assert scene.masks is None or len(scene.masks) == len(scene)
            assert scene.points is None or scene.points.shape == (len(scene), 3, 3)
            assert scene.classes is None or (scene.classes == 255).any()


EVERYTHING = SceneAugmentation(zoom=0.4, shift=0.2, colour=0.3, mosaic=0.5)


def test_same_seed_same_batch_and_the_users_own_random_numbers_are_left_alone():
    first, one = run(EVERYTHING, seed=3)
    torch.manual_seed(8)
    expected = torch.rand(3)
    torch.manual_seed(8)
    again, other = run(EVERYTHING, seed=3)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, again)
    assert all(torch.equal(a.xyxy, b.xyxy) for a, b in zip(one, other, strict=True))
    assert not torch.equal(first, run(EVERYTHING, seed=4)[0])


def test_nothing_is_changed_in_place():
    pictures, scenes = batch()
    copies = (
        [scene.xyxy.clone() for scene in scenes],
        [scene.masks.whole((SIDE, SIDE)) for scene in scenes],
        pictures.clone(),
    )
    augment_scenes(pictures, scenes, EVERYTHING, size=(SIDE, SIDE), seed=0, flips=FLIPS)
    assert all(torch.equal(a.xyxy, b) for a, b in zip(scenes, copies[0], strict=True))
    assert all(torch.equal(a.masks.whole((SIDE, SIDE)), b) for a, b in zip(scenes, copies[1], strict=True))
    assert torch.equal(pictures, copies[2])


def test_key_points_are_not_mirrored_without_knowing_how():
    pictures, scenes = batch()
    with pytest.raises(InputError, match=r"flip=0.5: what each key point becomes in a mirror is not known"):
        augment_scenes(pictures, scenes, SceneAugmentation(), size=(SIDE, SIDE), seed=0)
    augment_scenes(pictures, scenes, SceneAugmentation(flip=0), size=(SIDE, SIDE), seed=0)


def test_a_picture_that_shrinks_is_averaged():
    # Every other row is white: of half the size, all is grey; sampling would see stripes or nothing
    picture = torch.zeros(SIDE, SIDE, 3)
    picture[::2] = 255
    small = move_picture(picture, Move(0.5, 0.5, 0, 0), (0, 0, SIDE // 2, SIDE // 2))
    assert small.numpy() == pytest.approx(127.5)
    odd = move_picture(torch.full((7, 9, 3), 80.0), Move(0.3, 0.3, 0, 0), (0, 0, 4, 4))
    assert odd[:2, :2].numpy() == pytest.approx(80.0)
    assert (odd[3] == 114).all()  # 7 rows become 2.1
