"""Where the prepared square lies on the photograph, against the pixels that `fit` makes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from macaw.data.prepare import Fit, fit
from macaw.explanation.frame import seen_frame

SHAPES = [(200, 300), (300, 200), (160, 160), (97, 401)]
WAYS = [
    Fit(32),
    Fit(32, detail=0),
    Fit(32, crop=0.8),
    Fit(32, crop=0.8, detail=0, filter="bilinear"),
    Fit(32, resize="stretch"),
]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cutting_the_frame_out_and_scaling_it_gives_what_the_model_sees(shape: tuple[int, int], how: Fit):
    # A smooth picture: two ways to scale it differ by rounding alone, a frame in the wrong place by more.
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = np.stack([255 * y / shape[0], 255 * x / shape[1], 127 + 100 * np.sin(x / 40)], -1).astype(
        np.uint8
    )
    frame = seen_frame(*shape, how)
    kind = Image.Resampling[how.filter.upper()]
    cut = Image.fromarray(picture).resize((how.size, how.size), kind, box=frame)
    apart = np.abs(np.asarray(cut, int) - fit(picture, how))
    assert apart.mean() < 1.5
    moved = (frame[0], max(0.0, frame[1] - shape[0] / 10), frame[2], frame[3] - shape[0] / 10)
    other = Image.fromarray(picture).resize((how.size, how.size), kind, box=moved)
    assert np.abs(np.asarray(other, int) - fit(picture, how)).mean() > 2 * apart.mean()


def test_a_picture_of_the_models_size_is_seen_whole():
    assert seen_frame(64, 64, Fit(64)) == (0, 0, 64, 64)
    assert seen_frame(1, 1, Fit(64)) == (0, 0, 1, 1)
