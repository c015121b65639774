"""Features: the pooled vector, with and without padding, against the mean written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from macaw.frontends.base import Features, Frontend


@given(
    count=st.integers(1, 4), width=st.integers(1, 5), side=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_pooled_is_the_mean_over_valid_positions(count: int, width: int, side: tuple[int, int], seed: int):
    noise = np.random.default_rng(seed)
    level = noise.standard_normal((count, width, *side)).astype(np.float32)
    valid = noise.random((count, *side)) < 0.6
    pooled = Features((torch.from_numpy(level),), torch.from_numpy(valid)).pooled.numpy()
    assert pooled.shape == (count, width)
    for i in range(count):
        for d in range(width):
            seen = level[i, d][valid[i]]
            assert pooled[i, d] == pytest.approx(seen.mean() if seen.size else 0.0, abs=1e-5)


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 4, 5), (2, 3, 2, 3, 4)])
def test_pooled_without_padding_is_the_plain_mean_of_the_last_level(shape: tuple[int, ...]):
    fine, coarse = torch.randn(2, 9, 8, 8), torch.randn(shape)
    features = Features((fine, coarse))
    assert features.pooled.numpy() == pytest.approx(coarse.numpy().reshape(2, 3, -1).mean(2), abs=1e-6)
    everything = Features((fine, coarse), torch.ones(2, *shape[2:], dtype=torch.bool))
    torch.testing.assert_close(everything.pooled, features.pooled)


def test_what_lies_in_the_padding_does_not_matter():
    level = torch.randn(1, 2, 6)
    valid = torch.tensor([[True, True, True, True, False, False]])
    garbage = level.clone()
    garbage[:, :, 4:] = 1e6
    torch.testing.assert_close(Features((garbage,), valid).pooled, level[:, :, :4].mean(2))


def test_a_front_end_must_say_how_it_computes():
    with pytest.raises(NotImplementedError):
        Frontend()(torch.zeros(1))
