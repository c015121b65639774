"""Augmentation: each operation against what it must do to pixels that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from macaw.training.augment import Augmentation, augment

NOTHING = Augmentation(flip=0.0, shift=0.0)
EVERYTHING = Augmentation(shift=0.2, zoom=0.4, colour=0.4, cutout=0.4, mixup=0.5)


def noise(count: int = 6, side: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=draw)
    return pictures, torch.arange(count) % 3


def run(pictures: torch.Tensor, targets: torch.Tensor, how: Augmentation, size: int = 16, seed: int = 0):
    return augment(pictures, targets, how, labels=3, size=size, seed=seed)


@given(side=st.integers(1, 40), seed=st.integers(0, 99))
def test_nothing_switched_on_changes_nothing(side: int, seed: int):
    pictures, targets = noise(3, side, seed)
    out, same = run(pictures, targets, NOTHING, size=side, seed=seed)
    assert out.dtype == torch.float32
    assert (out - pictures.permute(0, 3, 1, 2)).abs().max() < 1e-3
    assert same is targets


def test_channels_last_in_memory():
    for how in (NOTHING, EVERYTHING):
        out, _ = run(*noise(), how)
        assert out.shape == (6, 3, 16, 16)
        assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("side", [15, 16])
def test_flip_of_one_mirrors_every_picture(side: int):
    pictures, targets = noise(side=side)
    out, _ = run(pictures, targets, Augmentation(flip=1.0, shift=0.0), size=side)
    assert (out - pictures.permute(0, 3, 1, 2).flip(3)).abs().max() < 1e-3


def test_flip_of_a_half_mirrors_half_of_them():
    pictures, targets = noise(count=400, side=4)
    plain = pictures.permute(0, 3, 1, 2)
    out, _ = run(pictures, targets, Augmentation(flip=0.5, shift=0.0), size=4)
    mirrored = (out - plain.flip(3)).abs().amax((1, 2, 3)) < 1e-3
    upright = (out - plain).abs().amax((1, 2, 3)) < 1e-3
    assert (mirrored ^ upright).all()
    assert 150 < mirrored.sum() < 250  # five deviations of 10


@given(seed=st.integers(0, 999))
def test_a_shift_moves_whole_pixels_and_mirrors_what_comes_in(seed: int):
    pictures, targets = noise(count=2, side=20, seed=seed)
    out, _ = run(pictures, targets, Augmentation(flip=0.0, shift=0.15), size=20, seed=seed)
    most = 3  # 0.15 of 20
    padded = np.pad(pictures.numpy(), ((0, 0), (most, most), (most, most), (0, 0)), mode="symmetric")
    for one, whole in zip(out, padded, strict=True):
        places = [
            (row, column)
            for row in range(2 * most + 1)
            for column in range(2 * most + 1)
            if np.abs(whole[row : row + 20, column : column + 20] - one.permute(1, 2, 0).numpy()).max() < 1e-2
        ]
        assert len(places) == 1


def test_shifts_reach_their_bounds():
    pictures = torch.zeros(300, 20, 20, 3, dtype=torch.uint8)
    pictures[:, 10, 10] = 255
    out, _ = run(pictures, torch.zeros(300, dtype=torch.long), Augmentation(flip=0, shift=0.15), size=20)
    places = out[:, 0].flatten(1).argmax(1)
    rows, columns = places // 20 - 10, places % 20 - 10
    for moved in (rows, columns):
        assert (moved.min(), moved.max()) == (-3, 3)
        assert abs(moved.float().mean()) < 0.4
    assert (rows != columns).any()


def test_zoom_keeps_what_a_ramp_shows():
    # Of a ramp from left to right, any crop is a ramp, and its slope is the side of the crop
    ramp = torch.arange(32, dtype=torch.uint8)[None, None, :, None].expand(200, 32, 32, 3)
    targets = torch.zeros(200, dtype=torch.long)
    out, _ = run(ramp, targets, Augmentation(flip=0, shift=0, zoom=0.5), size=32)
    slopes = (out[:, 0, 16, 30] - out[:, 0, 16, 1]) / 29
    assert 0.49 <= slopes.min() < 0.53  # bicubic bends a ramp by a hundredth
    assert 0.97 < slopes.max() <= 1.001
    assert out.min() >= -1e-3  # nothing from outside: the crop lies in the picture
    assert out.max() <= 31.2
    torch.testing.assert_close(out[:, 0, 3], out[:, 0, 28])


@pytest.mark.parametrize("size", [8, 12, 16, 24])
def test_any_size_comes_out(size: int):
    pictures, targets = noise()
    out, _ = run(pictures, targets, EVERYTHING, size=size)
    assert out.shape == (6, 3, size, size)
    assert out.isfinite().all()
    assert out.min() >= -1e-3
    assert out.max() <= 255 + 1e-3


@pytest.mark.parametrize("first", range(4))
def test_a_smaller_size_averages(first: int):
    # Every fourth row is white: a quarter of the light everywhere; sampling would see none or all
    pictures = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    pictures[:, first::4] = 255
    out, _ = run(pictures, torch.zeros(1, dtype=torch.long), NOTHING, size=8)
    assert out[:, :, 2:6, 2:6].numpy() == pytest.approx(255 / 4, rel=0.01)


@given(seed=st.integers(0, 999))
def test_colour_scales_brightness_contrast_and_saturation(seed: int):
    pictures = noise(count=4, seed=seed)[0] // 2 + 64  # no value can leave 0..255, so nothing is cut off
    out, _ = run(
        pictures, torch.zeros(4, dtype=torch.long), Augmentation(flip=0, shift=0, colour=0.2), seed=seed
    )
    plain = pictures.permute(0, 3, 1, 2).double()
    brightness = out.double().mean((1, 2, 3)) / plain.mean((1, 2, 3))
    assert ((brightness > 0.8) & (brightness < 1.2)).all()

    def spread(x: torch.Tensor) -> torch.Tensor:
        return x.mean(1).flatten(1).std(1)

    contrast = spread(out.double()) / spread(plain) / brightness
    saturation = (out.amax(1) - out.amin(1)).mean((1, 2)) / (plain.amax(1) - plain.amin(1)).mean((1, 2))
    assert ((contrast > 0.8 - 1e-3) & (contrast < 1.2 + 1e-3)).all()
    assert (
        (saturation / brightness / contrast > 0.8 - 1e-3) & (saturation / brightness / contrast < 1.2 + 1e-3)
    ).all()


def test_colour_leaves_grey_grey_and_stays_in_range():
    grey = torch.arange(0, 256, dtype=torch.uint8).view(1, 16, 16, 1).expand(8, 16, 16, 3)
    out, _ = run(grey, torch.zeros(8, dtype=torch.long), Augmentation(flip=0, shift=0, colour=0.9))
    torch.testing.assert_close(out[:, 0], out[:, 1], atol=1e-2, rtol=0)
    assert out.min() >= 0
    assert out.max() <= 255


def test_cutout_erases_its_share():
    white = torch.full((500, 20, 20, 3), 255, dtype=torch.uint8)
    out, _ = run(
        white, torch.zeros(500, dtype=torch.long), Augmentation(flip=0, shift=0, cutout=0.4), size=20
    )
    erased = (out == 127).all(1)
    assert ((out == 127) == (out == 127).all(1, keepdim=True)).all()  # all three colours
    assert (out[~erased[:, None].expand_as(out)] > 254).all()
    area = erased.sum((1, 2))
    assert area.max() == 8 * 8  # a square of 0.4 of the side, when it lies inside
    assert area.min() < 40  # and less of it at a border
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(rows * columns, area)  # always a rectangle
    assert erased.float().mean() == pytest.approx(
        0.4**2 * 0.81, rel=0.1
    )  # (1 - 0.4 / 4) ** 2 of it is inside


@given(seed=st.integers(0, 999), alpha=st.floats(0.05, 5.0))
def test_mixup_mixes_pictures_and_targets_alike(seed: int, alpha: float):
    pictures, targets = noise(count=7, side=4, seed=seed)
    how = Augmentation(flip=0, shift=0, mixup=alpha)
    mixed, shares = run(pictures, targets, how, size=4, seed=seed)
    assert shares.shape == (7, 3)
    assert (shares >= 0).all()
    assert shares.sum(1).numpy() == pytest.approx(1, abs=1e-6)
    # One share for the batch, and every picture serves once as the other one
    assert mixed.mean(0).numpy() == pytest.approx(
        pictures.permute(0, 3, 1, 2).float().mean(0).numpy(), abs=1e-2
    )
    counts = torch.bincount(targets, minlength=3)
    assert shares.sum(0).numpy() == pytest.approx(counts.numpy(), abs=1e-5)


@given(seed=st.integers(0, 999))
def test_mixup_gives_a_picture_the_targets_of_what_it_shows(seed: int):
    # The light of each picture tells its class: 0, 100 or 200
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 2])
    pictures = (100 * targets)[:, None, None, None].expand(7, 4, 4, 3).to(torch.uint8)
    mixed, shares = run(pictures, targets, Augmentation(mixup=0.5), size=4, seed=seed)
    shown = shares @ torch.tensor([0.0, 100.0, 200.0])
    assert mixed.flatten(1).numpy() == pytest.approx(shown[:, None].expand(7, 48).numpy(), abs=1e-2)


def test_mixup_of_several_labels_keeps_shares():
    pictures, _ = noise(count=4, side=4)
    marks = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    _, shares = run(pictures, marks, Augmentation(mixup=0.4), size=4)
    assert shares.sum(0).numpy() == pytest.approx(marks.sum(0).numpy(), abs=1e-5)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_same_seed_same_batch():
    pictures, targets = noise()
    first, soft = run(pictures, targets, EVERYTHING, seed=3)
    torch.rand(100)  # what was drawn in between must not matter
    torch.manual_seed(8)
    again, too = run(pictures, targets, EVERYTHING, seed=3)
    assert torch.equal(first, again)
    assert torch.equal(soft, too)
    other, _ = run(pictures, targets, EVERYTHING, seed=4)
    assert not torch.equal(first, other)


def test_the_users_own_random_numbers_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(*noise(), EVERYTHING, seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_what_happens_to_a_picture_does_not_depend_on_the_others():
    # The seed and its place in the batch decide; mixup alone lets another picture in
    how = Augmentation(shift=0.2, zoom=0.4, colour=0.4, cutout=0.4)
    pictures, targets = noise(count=8)
    others = noise(count=8, seed=1)[0]
    others[3] = pictures[3]
    for size in (12, 16):
        mine, _ = run(pictures, targets, how, size=size, seed=2)
        theirs, _ = run(others, targets, how, size=size, seed=2)
        assert torch.equal(mine[3], theirs[3])
        assert not torch.equal(mine[4], theirs[4])


def test_pictures_are_not_changed_in_place():
    pictures, targets = noise()
    copy = pictures.clone()
    run(pictures, targets, EVERYTHING)
    assert torch.equal(pictures, copy)
