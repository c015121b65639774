"""The point heads: their losses against the formulas, what they leave out, and that they learn."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.frontends.image import ImageFrontend
from macaw.heads.base import Head
from macaw.heads.points import HeatmapHead, PointHead
from macaw.heads.scene import Scene, empty_scene, points_of

NOTHING = Features((torch.zeros(1, 1, 1, 1),))  # the losses look at their raw output alone
WIDTHS, STRIDES = (8, 16, 24, 32), (4, 8, 16, 32)
HEIGHT, WIDTH = 64, 32  # of the crop


def lines(**options: object) -> PointHead:
    torch.manual_seed(0)
    return PointHead(WIDTHS, **({"points": 3, "size": (HEIGHT, WIDTH), "strides": STRIDES} | options))


def maps() -> HeatmapHead:
    torch.manual_seed(0)
    return HeatmapHead(WIDTHS, points=3, strides=STRIDES, width=16)


def features(count: int = 2) -> Features:
    draw = torch.Generator().manual_seed(0)
    return Features(
        tuple(
            torch.randn(count, wide, HEIGHT // s, WIDTH // s, generator=draw)
            for wide, s in zip(WIDTHS, STRIDES, strict=True)
        )
    )


def places(seed: int = 0) -> torch.Tensor:
    """(2, 3, 3): the last point of each crop is not labelled."""
    draw = torch.Generator().manual_seed(seed)
    out = torch.rand(2, 3, 3, generator=draw) * torch.tensor([WIDTH, HEIGHT, 0.0])
    out[..., 2] = torch.tensor([2.0, 1.0, 0.0])
    return out


def test_raw_outputs_have_the_shapes_of_the_contract():
    assert lines()(features()).shape == (2, 3, 2 * WIDTH + 2 * HEIGHT)
    assert maps()(features()).shape == (2, 3, HEIGHT // 4, WIDTH // 4)


@given(seed=st.integers(0, 999), bins=st.sampled_from((1, 2, 3)))
def test_loss_of_lines_is_the_divergence_from_a_gaussian(seed: int, bins: int):
    truth = places(seed)
    raw = torch.randn(2, 3, bins * (WIDTH + HEIGHT), generator=torch.Generator().manual_seed(seed))
    total = 0.0
    for i in range(2):
        for k in range(2):  # of the three points, those that are labelled
            for axis, (start, count) in enumerate(((0, bins * WIDTH), (bins * WIDTH, bins * HEIGHT))):
                sigma = math.sqrt(count / 16)  # RTMPose
                away = np.arange(count) + 0.5 - float(truth[i, k, axis]) * bins
                wanted = np.exp(-(away**2) / (2 * sigma**2))
                wanted /= wanted.sum()
                log = log_softmax(raw[i, k, start : start + count].double().numpy())
                apart = (wanted * (np.log(np.maximum(wanted, 1e-300)) - log)).sum()
                total += float(apart) / 2
    loss = lines(bins=bins).loss(raw, truth, NOTHING)
    assert loss.item() == pytest.approx(total / 4, rel=1e-3)


@given(seed=st.integers(0, 999))
def test_loss_of_maps_is_the_cross_entropy_with_a_gaussian(seed: int):
    truth = places(seed)
    raw = torch.randn(2, 3, 16, 8, generator=torch.Generator().manual_seed(seed))
    row, column = np.mgrid[:16, :8] + 0.5
    total = amount = 0.0
    for i in range(2):
        for k in range(2):
            x, y = (truth[i, k, :2].double() / 4).tolist()
            wanted = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 2.0**2))
            score = expit(raw[i, k].double().numpy())
            total -= (wanted * np.log(score) + (1 - wanted) * np.log(1 - score)).sum()
            amount += wanted.sum()
    assert maps().loss(raw, truth, NOTHING).item() == pytest.approx(total / amount, rel=1e-4)


@pytest.mark.parametrize("make", [lines, maps])
def test_points_that_are_not_seen_teach_nothing(make: type):
    head, truth = make(), places()
    truth[1, 0, 0] = WIDTH + 3.0  # outside the crop
    raw = head(features()).detach().requires_grad_()
    head.loss(raw, truth, NOTHING).backward()
    assert (raw.grad[:, 2] == 0).all()
    assert (raw.grad[1, 0] == 0).all()
    assert (raw.grad[0, 0] != 0).any()
    nothing = head.loss(raw, torch.zeros(2, 3, 3), NOTHING)
    assert nothing == 0
    nothing.backward()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize("make", [lines, maps])
def test_the_loss_is_a_mean_and_a_batch_its_parts(make: type):
    head, truth, seen = make().eval(), places(), features()
    raw = head(seen)
    once, twice = (head.loss(torch.cat([raw] * n), torch.cat([truth] * n), NOTHING) for n in (1, 2))
    torch.testing.assert_close(once, twice)
    for i in range(2):
        alone = head(Features(tuple(level[i : i + 1] for level in seen.levels)))
        torch.testing.assert_close(raw[i : i + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [lines, maps])
def test_saved_and_loaded_it_is_the_same(make: type):
    head = make()
    config = json.loads(json.dumps(head.config))
    assert config == head.config
    other = type(head)(WIDTHS, **config)
    other.load_state_dict(head.state_dict())
    assert torch.equal(head.eval()(features()), other.eval()(features()))


def test_options_that_cannot_be():
    with pytest.raises(InputError, match=r"bins=0 for a crop of \(64, 32\) pixels"):
        lines(bins=0)


def test_targets_are_the_points_of_scenes():
    one = Scene(torch.zeros(1, 4), torch.zeros(1), points=torch.ones(1, 3, 3))
    found = points_of([one, empty_scene()], 3)
    assert found.shape == (2, 3, 3)
    assert (found[0] == 1).all()
    assert (found[1] == 0).all()


def crops() -> tuple[torch.Tensor, torch.Tensor]:
    """Crops with a red and a green spot, and where they are."""
    draw = np.random.default_rng(0)
    pictures = draw.uniform(0, 0.2, (8, 3, HEIGHT, WIDTH)).astype(np.float32)
    truth = np.full((8, 2, 3), 2.0, np.float32)
    row, column = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for i in range(8):
        for k in range(2):
            x, y = draw.uniform(4, WIDTH - 4), draw.uniform(4, HEIGHT - 4)
            pictures[i, k][(column - x) ** 2 + (row - y) ** 2 < 9] = 1.0
            truth[i, k, :2] = x, y
    return torch.from_numpy(pictures), torch.from_numpy(truth)


def found_on_lines(raw: torch.Tensor) -> torch.Tensor:
    across, down = raw.split([2 * WIDTH, 2 * HEIGHT], -1)
    return (torch.stack((across.argmax(-1), down.argmax(-1)), -1) + 0.5) / 2


def found_on_maps(raw: torch.Tensor) -> torch.Tensor:
    best = raw.flatten(2).argmax(-1)
    return (torch.stack((best % raw.shape[-1], best // raw.shape[-1]), -1) + 0.5) * 2


@pytest.mark.parametrize(("kind", "within"), [("lines", 1.0), ("maps", 1.0)])
def test_it_learns_a_few_crops_by_heart(kind: str, within: float):
    pictures, truth = crops()
    torch.manual_seed(0)
    # Of crops as small as these the last level of stride 32 would have two positions
    frontend = ImageFrontend(dial=0.25, reduction=2)
    widths, strides = frontend.widths, frontend.strides
    head: Head = (
        PointHead(widths, points=2, size=(HEIGHT, WIDTH), strides=strides)
        if kind == "lines"
        else HeatmapHead(widths, points=2, strides=strides, width=16)
    )
    optimizer = torch.optim.AdamW([*frontend.parameters(), *head.parameters()], 5e-3)
    for _ in range(100):
        seen = frontend(pictures)
        loss = head.loss(head(seen), truth, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None for p in head.parameters())
    with torch.no_grad():
        raw = head.eval()(frontend.eval()(pictures))
    found = found_on_lines(raw) if kind == "lines" else found_on_maps(raw)
    assert (found - truth[..., :2]).abs().mean() < within
