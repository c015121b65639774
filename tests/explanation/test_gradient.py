"""Maps by gradient, of recognisers made by hand whose evidence lies where the test put it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from macaw.explanation.activity import level_activity, level_views  # noqa: E402
from macaw.explanation.gradient import (  # noqa: E402
    Goal,
    added_evidence,
    gradient_map,
    log_odds,
    placed,
    randomised,
)
from macaw.frontends.base import Features, Frontend  # noqa: E402
from macaw.frontends.image import ImageFrontend  # noqa: E402
from macaw.heads.label import LabelHead  # noqa: E402
from macaw.metrics.maps import BLUR, blur  # noqa: E402
from macaw.recognition.recognizer import Recognizer  # noqa: E402


class Colours(Frontend):
    """Three channels: how red, green and blue each cell of 4 x 4 pixels is."""

    dims, widths, strides, config = 2, (3,), (4,), {}

    def forward(self, *batch: torch.Tensor) -> Features:
        return Features((nn.functional.avg_pool2d(batch[0], 4),))


class Summed(Frontend):
    """Its features do not pass through its only level, as a class token's do not."""

    dims, widths, strides, config = 2, (3,), (4,), {}

    def forward(self, *batch: torch.Tensor) -> Features:
        apart = Features((nn.functional.avg_pool2d(batch[0], 4).detach(),))
        object.__setattr__(apart, "vector", batch[0].mean((2, 3)))
        return apart


class SummedHead(LabelHead):
    """A label head that reads them."""

    def forward(self, features: Features) -> torch.Tensor:
        return self.out(features.vector)  # type: ignore[attr-defined]


def recognizer(frontend: Frontend, head: type[LabelHead] = LabelHead) -> Recognizer:
    """Classes red, green and blue."""
    module = Recognizer(frontend, head(3, labels=3), mean=(0, 0, 0), std=(1, 1, 1)).eval()
    with torch.no_grad():
        module.head.out.weight.copy_(torch.eye(3))
    return module


def spots() -> np.ndarray:
    """A black picture (3, 32, 32): red in the upper left corner, blue in the lower right one."""
    picture = np.zeros((3, 32, 32), np.float32)
    picture[0, 4:8, 4:8] = picture[2, 24:28, 24:28] = 1
    return picture


def odds(target: int, against: int | None = None, *, multi: bool = False) -> Goal:
    return log_odds(target, against, multi=multi, temperature=1.0)


def place(heat: np.ndarray) -> tuple[float, float]:
    """The middle of the hottest pixels."""
    return tuple(np.argwhere(heat > 0.99 * heat.max()).mean(axis=0))  # type: ignore[return-value]


@pytest.mark.parametrize(("frontend", "head"), [(Colours, LabelHead), (Summed, SummedHead)])
def test_it_points_at_the_evidence_of_each_class(frontend: type[Frontend], head: type[LabelHead]):
    module = recognizer(frontend(), head)
    for target, other, spot in ((0, 2, 5.5), (2, 0, 25.5)):
        heat = gradient_map(module, spots(), odds(target))
        assert heat.shape == (32, 32) and heat.dtype == np.float32
        assert np.abs(heat).max() == 1
        assert place(heat) == pytest.approx((spot, spot), abs=2)
        against = gradient_map(module, spots(), odds(other))
        assert place(-against) == pytest.approx((spot, spot), abs=2)


def test_what_a_level_adds_is_the_change_of_the_evidence():
    module, picture = recognizer(Colours()), spots()
    blank = blur(picture, BLUR * 32)
    for goal in (odds(0), odds(2, 0), odds(1, multi=True)):
        with torch.no_grad():
            before, after = (float(goal(module(torch.from_numpy(one[None])))[0]) for one in (blank, picture))
        pixels, cells = added_evidence(module, picture, goal)
        assert pixels.shape == (32, 32) and cells.shape == (8, 8)
        assert pixels.sum() == pytest.approx(after - before, abs=1e-4)
        assert cells.sum() == pytest.approx(after - before, abs=1e-4)


def test_a_linear_module_is_explained_exactly():
    # Of a mean, each pixel adds its own colour less its blur's, by the number of pixels.
    module, picture = recognizer(Colours()), spots()
    pixels, cells = added_evidence(module, picture, odds(2, 0), steps=1)
    change = (picture - blur(picture, BLUR * 32)) / 32**2
    assert pixels == pytest.approx(change[2] - change[0], abs=1e-7)
    assert cells == pytest.approx((change[2] - change[0]).reshape(8, 4, 8, 4).sum((1, 3)), abs=1e-7)


def test_held_against_a_class_what_speaks_for_both_cancels_out():
    module, picture = recognizer(Colours()), spots()
    picture[:, 12:20, 12:20] = 3  # white: as red as it is blue
    assert place(gradient_map(module, picture, odds(0, multi=True))) == pytest.approx((15.5, 15.5), abs=1)
    heat = gradient_map(module, picture, odds(2, 0))
    assert np.abs(heat[13:19, 13:19]).max() < 0.05
    assert place(heat) == pytest.approx((25.5, 25.5), abs=2) and place(-heat) == pytest.approx(
        (5.5, 5.5), abs=2
    )


def test_a_class_without_evidence_has_a_cold_map():
    assert (gradient_map(recognizer(Colours()), spots(), odds(1, multi=True)) == 0).all()


def test_the_goal_is_the_log_odds_of_the_probability():
    raw = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.0, 5.0]])
    probs = (raw / 0.7).softmax(1)
    goal = log_odds(1, None, multi=False, temperature=0.7)
    assert goal(raw).numpy() == pytest.approx((probs[:, 1] / (1 - probs[:, 1])).log().numpy(), abs=1e-5)
    pair = log_odds(1, 2, multi=False, temperature=0.7)
    assert pair(raw).numpy() == pytest.approx((probs[:, 1] / probs[:, 2]).log().numpy(), abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (7, 7), (14, 9)])
def test_a_grid_keeps_its_sum_and_its_place_on_the_picture(shape: tuple[int, int]):
    grid = np.random.default_rng(0).normal(size=shape)
    assert placed(grid, 56).sum() == pytest.approx(grid.sum())
    one = np.zeros(shape)
    one[-1, 0] = 1
    y, x = np.argwhere(placed(one, 56) == placed(one, 56).max()).mean(axis=0)
    assert y > 55 - 56 / shape[0] and x < 56 / shape[1]


def deep() -> Recognizer:
    """An untrained recogniser whose parts all do something."""
    torch.manual_seed(0)
    module = Recognizer(
        ImageFrontend(dial=0.5, reduction=2), LabelHead(128, labels=3), mean=(0, 0, 0), std=(1, 1, 1)
    )
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)  # else blocks are identities, as training begins
    nn.init.normal_(module.head.out.weight)
    return module.eval()


def test_the_map_of_several_levels_is_the_same_each_time_and_leaves_the_module_alone():
    module, picture = deep(), np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    one, other = gradient_map(module, picture, odds(1)), gradient_map(module, picture, odds(1))
    assert (one == other).all() and np.abs(one).max() == 1
    sanity = randomised(module, picture, odds(1))
    assert all(bool((before[name] == tensor).all()) for name, tensor in module.state_dict().items())
    assert sanity.to_dict() == randomised(module, picture, odds(1)).to_dict()
    assert sanity.to_dict() != randomised(module, picture, odds(1), seed=1).to_dict()


def test_random_weights_change_the_map_and_every_part_gets_its_turn():
    module, picture = deep(), np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    sanity = randomised(module, picture, odds(1))
    assert len(sanity.stages) == 1 + len(module.frontend.parts()) == 6
    assert sanity.stages[0] == "the head" and sanity.stages[-1] == "and everything"
    assert (np.abs(sanity.likeness) < 0.99).all()


def test_a_map_that_ignores_the_weights_is_found_out():
    # Red is counted by a channel that no weight stands before; only the head could be shuffled, and is flat.
    module = recognizer(Colours())
    with torch.no_grad():
        module.head.out.weight.fill_(1)
    sanity = randomised(module, spots(), odds(0, multi=True))
    assert sanity.likeness == pytest.approx(1)
    assert sanity.verdict == "unmoved"
    assert sanity.words.startswith("Do not trust this map")


def test_the_channels_maps_add_up_to_the_logit():
    module, picture = deep(), np.random.default_rng(0).normal(size=(3, 64, 64)).astype(np.float32)
    last = level_activity(module, picture)[-1]  # (D, H, W)
    weight, bias = (tensor.detach().numpy() for tensor in (module.head.out.weight, module.head.out.bias))
    evidence = np.einsum("cd,dhw->chw", weight, last) / last[0].size
    with torch.no_grad():
        raw = module(torch.from_numpy(picture[None]))[0].numpy()
    assert evidence.sum(axis=(1, 2)) + bias == pytest.approx(raw, rel=1e-4, abs=1e-4)


def test_the_most_active_channels_of_each_level_are_shown():
    levels = [np.zeros((5, 4, 4), np.float32), np.ones((20, 2, 2), np.float32)]
    levels[0][3], levels[0][1] = -7, 2
    first, second = level_views(levels, (2, 4))
    assert first.channels[:2].tolist() == [3, 1] and (first.maps[0] == -7).all()
    assert first.width == 5 and len(first.channels) == 5 and first.stride == 2
    assert second.channels.tolist() == list(range(8))
