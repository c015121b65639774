"""Occlusion against a loop that covers one spot after another, and evidence whose place is known."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.explanation.occlusion import occlusion_map, spots
from macaw.metrics.maps import BLUR, blur


def corner(pictures: np.ndarray) -> np.ndarray:
    """Evidence that is the brightness of the upper left quarter, less that of the lower right one."""
    half = pictures.shape[-1] // 2
    return np.asarray(
        pictures[:, :, :half, :half].mean((1, 2, 3)) - pictures[:, :, half:, half:].mean((1, 2, 3))
    )


def picture(side: int) -> np.ndarray:
    """Noise with a bright spot in the upper left and one in the lower right quarter."""
    made = np.random.default_rng(0).random((3, side, side)).astype(np.float32)
    quarter = side // 4
    made[:, quarter, quarter] = made[:, 3 * quarter, 3 * quarter] = 50
    return made


@pytest.mark.parametrize("side", [32, 45])
def test_it_equals_a_naive_loop(side: int):
    one = picture(side)
    blank, step = blur(one, BLUR * side), -(-side // 8)
    total, times = np.zeros((side, side)), np.zeros((side, side))
    for top in range(-2 * step, side, step):
        for left in range(-2 * step, side, step):
            covered = one.copy()
            rows, columns = slice(max(top, 0), top + 3 * step), slice(max(left, 0), left + 3 * step)
            covered[:, rows, columns] = blank[:, rows, columns]
            fall = corner(one[None])[0] - corner(covered[None])[0]
            for y in range(*rows.indices(side)):
                for x in range(*columns.indices(side)):
                    middle = (3 * step - 1) / 2
                    near = (1 - abs(y - top - middle) / (1.5 * step)) * (
                        1 - abs(x - left - middle) / (1.5 * step)
                    )
                    total[y, x] += near * fall
                    times[y, x] += near
    mean = total / times
    assert occlusion_map(one, corner, steps=8, reach=3) == pytest.approx(mean / np.abs(mean).max(), abs=1e-4)


def test_it_finds_what_speaks_for_and_what_speaks_against():
    heat = occlusion_map(picture(64), corner)
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(y - 16) <= 6 and abs(x - 16) <= 6
    y, x = np.unravel_index(heat.argmin(), heat.shape)
    assert abs(y - 48) <= 6 and abs(x - 48) <= 6
    assert heat.max() == 1 or heat.min() == -1


@pytest.mark.parametrize("side", [16, 64, 100, 224])
def test_every_pixel_is_covered_alike_and_the_cost_is_bounded(side: int):
    covers, nearness = spots(side, 16, 3)
    assert (covers.sum(axis=0) == 3).all()
    assert len(covers) ** 2 <= 400
    assert ((nearness > 0) == (covers > 0)).all() and nearness.max() <= 1


def test_evidence_that_never_changes_gives_a_cold_map():
    heat = occlusion_map(picture(32), lambda pictures: np.zeros(len(pictures)))
    assert (heat == 0).all()
