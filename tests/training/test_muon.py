"""Muon and the optimizers of a phase: directions, norms and rates against numpy and torch's own SGD."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from macaw.frontends.image import ImageFrontend
from macaw.heads.label import LabelHead
from macaw.training.muon import Muon, orthogonal
from macaw.training.optimizers import Optimizers, Phase, is_bank
from macaw.training.recipe import Recipe


@settings(max_examples=40)
@given(
    short=st.integers(2, 40), aspect=st.floats(2, 9), tall=st.booleans(), seed=st.integers(0, 999),
    scale=st.sampled_from((1e-6, 1.0, 1e6)),
)  # fmt: skip
def test_orthogonal_is_near_the_polar_factor(short: int, aspect: float, tall: bool, seed: int, scale: float):
    matrix = torch.randn(short, int(short * aspect), generator=torch.Generator().manual_seed(seed)).double()
    matrix = scale * (matrix.T if tall else matrix)
    near = orthogonal(matrix)
    assert near.shape == matrix.shape
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ near @ v.T  # what is left of the polar factor u @ v: the identity, for an exact method
    stretch = inner.diagonal()
    assert 0.6 < stretch.min() < stretch.max() < 1.3
    assert (inner - torch.diag(stretch)).abs().max() < 1e-6  # the directions are exact
    assert (u @ inner @ v - near).abs().max() < 1e-6


def test_orthogonal_of_every_filter_bank_of_ours():
    torch.manual_seed(0)
    for parameter in filter(is_bank, ImageFrontend().parameters()):
        values = torch.linalg.svdvals(orthogonal(torch.randn(len(parameter), parameter[0].numel())))
        assert 0.6 < values.min() < values.max() < 1.3


def test_orthogonal_of_nothing_is_nothing():
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


def banks() -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(7 * torch.randn(6, 4, 3, 3)), nn.Parameter(0.01 * torch.randn(5, 8, 1, 1))]


def test_muon_keeps_the_norm():
    made = banks()
    for p in made:
        p.grad = torch.randn_like(p)
    Muon(made, lr=0.0).step()
    for p in made:
        assert p.norm().item() == pytest.approx(len(p) ** 0.5, rel=1e-5)


def test_muon_does_not_see_the_scale_of_weights_and_gradients():
    one, other = banks(), banks()
    for mine, theirs in zip(one, other, strict=True):
        mine.grad = torch.randn_like(mine)
        theirs.grad = 1000 * mine.grad
        theirs.data *= 20
    Muon(one, lr=0.2).step()
    Muon(other, lr=0.2).step()
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_muon_steps_along_the_nesterov_momentum():
    p = banks()[0]
    start, rate, momentum = p.detach().clone(), 0.3, 0.6
    optimizer = Muon([p], lr=rate, momentum=momentum)
    mean = torch.zeros_like(p)
    for step in range(4):
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
        mean = momentum * mean + p.grad
        direction = orthogonal((p.grad + momentum * mean).reshape(6, 36)).reshape(p.shape)
        start = start * 6**0.5 / start.norm() - rate * direction
        optimizer.step()
        torch.testing.assert_close(p.detach(), start, rtol=1e-5, atol=1e-6)


def test_muon_leaves_alone_what_has_no_gradient():
    made = banks()
    before = made[0].detach().clone()
    made[1].grad = torch.randn_like(made[1])
    Muon(made).step()
    assert torch.equal(made[0], before)


def test_filter_banks_go_to_muon_and_the_rest_does_not():
    frontend, head = ImageFrontend(dial=0.25), LabelHead(64, labels=3)
    banks = {name for name, p in frontend.named_parameters() if is_bank(p)}
    rest = {name for name, p in frontend.named_parameters() if not is_bank(p)}
    assert "stem.0.weight" in rest  # three channels in: colours, not features
    assert {name for name in rest if "depthwise.0" in name} == {
        "levels.3.1.depthwise.0.weight",
        "levels.3.2.depthwise.0.weight",
    }
    assert {"levels.0.0.0.weight", "levels.2.1.second.0.weight", "levels.3.1.expand.0.weight"} <= banks
    assert all(name.endswith(".0.weight") for name in banks)  # no norm, no bias
    assert not any(is_bank(p) for p in head.parameters())


class Both(nn.Module):
    """One bank and a line of numbers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bank = nn.Parameter(torch.randn(6, 4, 3, 3))
        self.bank.scale_free = True
        self.line = nn.Parameter(torch.randn(9))

    def phase(self, seed: int = 0, name: str = "one") -> Phase:
        noise = torch.Generator().manual_seed(seed)
        loss = (self.bank * torch.randn(self.bank.shape, generator=noise)).sum()
        loss = loss + (self.line * torch.randn(9, generator=noise)).square().sum()
        return Phase(name, loss, (self.bank, self.line))


RECIPE = Recipe(rate=0.2, plain_rate=0.01, momentum=0.8, decay=0.02)


def test_the_rest_is_stepped_by_nesterov_sgd():
    ours, theirs = Both(), Both()
    optimizers = Optimizers(RECIPE)
    oracle = torch.optim.SGD([theirs.line], 0.01, 0.8, weight_decay=0.02, nesterov=True)
    for step in range(5):
        scale = 1 - step / 5
        optimizers.step(ours.phase(step), scale=scale)
        theirs.line.grad = None
        theirs.phase(step).loss.backward()
        oracle.param_groups[0]["lr"] = 0.01 * scale
        oracle.step()
        assert torch.equal(ours.line, theirs.line)


def test_a_scale_of_nothing_stands_still():
    model, optimizers = Both(), Optimizers(RECIPE)
    line = model.line.detach().clone()
    optimizers.step(model.phase(), scale=0.0)
    assert torch.equal(model.line, line)
    assert model.bank.norm().item() == pytest.approx(6**0.5)


def test_momentum_of_zero_is_plain_descent():
    model, start = Both(), Both()
    phase = model.phase()
    Optimizers(Recipe(plain_rate=0.1, momentum=0.0, decay=0.0)).step(phase, scale=1.0)
    torch.testing.assert_close(model.line.detach(), start.line - 0.1 * model.line.grad)


def test_buffers_come_back_before_and_after_the_first_step():
    whole, plan = Both(), Optimizers(RECIPE)
    for step in range(4):
        plan.step(whole.phase(step), scale=1.0)
    half, first = Both(), Optimizers(RECIPE)
    for step in range(2):
        first.step(half.phase(step), scale=1.0)
    kept = first.tensors()
    assert set(kept) == {"one/0/0/momentum", "one/1/0/momentum_buffer"}
    second = Optimizers(RECIPE)
    second.load(kept)
    assert second.tensors().keys() == kept.keys()  # interrupted again before its first step, nothing is lost
    for step in (2, 3):
        second.step(half.phase(step), scale=1.0)
    assert torch.equal(half.bank, whole.bank)
    assert torch.equal(half.line, whole.line)


def test_every_phase_has_optimizers_of_its_own():
    model, optimizers = Both(), Optimizers(RECIPE)
    optimizers.step(model.phase(), scale=1.0)
    optimizers.step(model.phase(name="other"), scale=1.0)
    assert {name.split("/")[0] for name in optimizers.tensors()} == {"one", "other"}
