"""The image front-end: sizes at every stride, one set of weights at every reduction, the dial."""

from __future__ import annotations

from math import ceil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.frontends.image import ImageFrontend, reduction_for

SMALL = {reduction: ImageFrontend(dial=0.25, reduction=reduction).eval() for reduction in (1, 2, 4)}


@settings(max_examples=40)
@given(height=st.integers(8, 130), width=st.integers(8, 130), reduction=st.sampled_from((1, 2, 4)))
def test_levels_have_the_declared_strides_at_any_size(height: int, width: int, reduction: int):
    frontend = SMALL[reduction]
    assert frontend.strides == (reduction, 2 * reduction, 4 * reduction, 8 * reduction)
    with torch.inference_mode():
        features = frontend(torch.zeros(1, 3, height, width))
    assert [tuple(level.shape) for level in features.levels] == [
        (1, depth, ceil(height / stride), ceil(width / stride))
        for depth, stride in zip(frontend.widths, frontend.strides, strict=True)
    ]
    assert features.pooled.shape == (1, frontend.widths[-1])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_tiny_pictures_leave_one_position(size: int):
    with torch.inference_mode():
        assert SMALL[4](torch.zeros(2, 3, size, size)).levels[-1].shape == (2, 64, 1, 1)


def trained() -> ImageFrontend:
    """A front-end none of whose parts is switched off, as most are at the start."""
    torch.manual_seed(1)
    frontend = ImageFrontend(dial=0.5, reduction=4)
    for name, value in frontend.state_dict().items():
        if value.ndim == 1:
            value.copy_(torch.rand_like(value) + 0.5 if "mean" not in name else torch.randn_like(value) * 0.1)
    return frontend.eval()


def test_weights_mean_the_same_at_every_reduction():
    # In the middle of a picture of one colour all positions see the same, however far apart they are
    source = trained()
    picture = torch.tensor([0.3, -1.0, 0.8]).view(1, 3, 1, 1).expand(1, 3, 512, 512)
    seen = []
    for reduction in (1, 2, 4):
        frontend = ImageFrontend(dial=0.5, reduction=reduction).eval()
        frontend.load_state_dict(source.state_dict())  # strict: the same names and shapes
        side = 128 * reduction
        with torch.inference_mode():
            levels = frontend(picture[:, :, :side, :side]).levels
        seen.append([level[0, :, level.shape[2] // 2, level.shape[3] // 2] for level in levels])
    for other in seen[1:]:
        for mine, theirs in zip(seen[0], other, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
    assert len({tuple(level.tolist()) for level in seen[0]}) == 4


def test_the_dial_scales_the_widths():
    assert ImageFrontend().widths == (24, 64, 128, 256)
    assert ImageFrontend(dial=0.5).widths == (16, 32, 64, 128)  # 12 is rounded to a multiple of 8
    assert ImageFrontend(dial=0.01).widths == (8, 8, 8, 8)
    sizes = [sum(p.numel() for p in ImageFrontend(dial=dial).parameters()) for dial in (0.5, 1.0, 2.0)]
    assert 3 < sizes[1] / sizes[0] < 5
    assert 3 < sizes[2] / sizes[1] < 5


def test_every_block_begins_as_the_identity():
    # Goyal et al. 2017 (arXiv 1706.02677), section 5.1: residual branches start at zero
    frontend = ImageFrontend(dial=0.25).eval()
    for level, width in zip(frontend.levels, frontend.widths, strict=True):
        x = torch.rand(1, width, 5, 5)  # not negative: the ReLU after the sum changes nothing
        for block in list(level)[1:]:
            assert torch.equal(block(x), x)


def test_another_reduction_is_refused():
    with pytest.raises(InputError, match=r"reduction=3: .* 1, 2 or 4"):
        ImageFrontend(reduction=3)


@given(size=st.integers(16, 1024))
def test_the_reduction_leaves_positions_to_look_at(size: int):
    reduction = reduction_for(size)
    assert ceil(size / (8 * reduction)) >= 2
    assert reduction_for(size + 1) >= reduction


def test_the_reduction_of_the_usual_sizes():
    assert {size: reduction_for(size) for size in (28, 32, 64, 96, 128, 224)} == {
        28: 1, 32: 1, 64: 2, 96: 4, 128: 4, 224: 4,
    }  # fmt: skip
