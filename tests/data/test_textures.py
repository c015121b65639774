"""Pictures for where none are given: of many sizes, from the photographs at hand, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.data.textures import stand_ins
from macaw.errors import InputError

# A photograph whose pixels say where they were: any rectangle of it can be found again
ROWS, COLUMNS = np.mgrid[:120, :200]
PHOTO = np.stack([ROWS, COLUMNS, np.full_like(ROWS, 7)], axis=-1).astype(np.uint8)


def test_photographs_come_first_and_whole():
    first, *_ = stand_ins([PHOTO], 5)
    assert first is PHOTO
    assert len(stand_ins([PHOTO, PHOTO], 1)) == 1


def test_windows_are_rectangles_of_a_photograph_some_of_them_mirrored():
    windows = [one for one in stand_ins([PHOTO], 200)[1:] if (one[..., 2] == 7).all()]
    assert 130 < len(windows) < 165  # three quarters
    mirrored = 0
    for one in windows:
        turned = one.shape[1] > 1 and one[0, 0, 1] > one[0, 1, 1]
        mirrored += turned
        upright = one[:, ::-1] if turned else one
        top, left = upright[0, 0, :2]
        assert (upright == PHOTO[top : top + len(one), left : left + one.shape[1]]).all()
    assert 0.35 < mirrored / len(windows) < 0.65
    sides = sorted(min(one.shape[:2]) for one in windows)
    assert sides[0] < 16 and sides[-1] > 100


def test_textures_differ_in_size_and_grain():
    textures = stand_ins([], 60)
    assert all(one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] == 3 for one in textures)
    sides = [side for one in textures for side in one.shape[:2]]
    assert 16 <= min(sides) < 40 and 250 < max(sides) < 320
    steps = [np.abs(np.diff(one.astype(float), axis=1)).mean() / (one.std() + 1) for one in textures]
    assert min(steps) < 0.2 and max(steps) > 0.8  # clouds and snow


def test_each_depends_on_the_seed_and_its_place_alone():
    few, many = stand_ins([PHOTO], 20, seed=3), stand_ins([PHOTO], 40, seed=3)
    assert all((one == other).all() for one, other in zip(few, many, strict=False))
    others = stand_ins([PHOTO], 20, seed=4)
    assert not all(one.shape == other.shape for one, other in zip(few[1:], others[1:], strict=True))


def test_none_can_be_asked_for():
    with pytest.raises(InputError, match="0 pictures"):
        stand_ins([PHOTO], 0)


def test_a_photograph_of_one_pixel():
    assert len(stand_ins([PHOTO[:1, :1]], 30)) == 30
