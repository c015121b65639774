"""The mask head: its loss against torch and against a sorted list, its shapes, and that it learns."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.frontends.image import ImageFrontend
from macaw.heads.mask import MaskHead
from macaw.heads.scene import Scene, classes_of, empty_scene

NOTHING = Features((torch.zeros(1, 1, 1, 1),))  # the loss looks at its logits alone
WIDTHS, STRIDES = (8, 16, 24, 32), (4, 8, 16, 32)


def head(**options: object) -> MaskHead:
    torch.manual_seed(0)
    return MaskHead(WIDTHS, **({"labels": 3, "width": 16} | options))


def features(count: int, height: int, width: int) -> Features:
    draw = torch.Generator().manual_seed(0)
    return Features(
        tuple(
            torch.randn(count, wide, math.ceil(height / s), math.ceil(width / s), generator=draw)
            for wide, s in zip(WIDTHS, STRIDES, strict=True)
        )
    )


def truth(seed: int = 0, side: int = 8, unknown: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (2, 3, side / 4, side / 4) and labels (2, side, side), some of them not known."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (2, side, side), generator=draw, dtype=torch.uint8)
    labels[torch.rand(labels.shape, generator=draw) < unknown] = 255
    return torch.randn(2, 3, side // 4, side // 4, generator=draw) * 2, labels


@pytest.mark.parametrize(("height", "width"), [(64, 96), (45, 38)])
def test_logits_are_at_stride_four(height: int, width: int):
    raw = head()(features(2, height, width))
    assert raw.shape == (2, 3, math.ceil(height / 4), math.ceil(width / 4))


@pytest.mark.parametrize("count", [1, 3])
def test_a_front_end_of_few_levels_will_do(count: int):
    seen = Features(features(2, 64, 64).levels[-count:])
    raw = MaskHead(WIDTHS[-count:], labels=2, width=16)(seen)
    assert raw.shape == (2, 2, *seen.levels[0].shape[-2:])


def test_every_pixel_depends_on_the_whole_picture():
    seen = features(1, 256, 256)
    levels = [level.requires_grad_() for level in seen.levels]
    raw = head().eval()(Features(tuple(levels)))
    (slope,) = torch.autograd.grad(raw[0, :, 0, 0].sum(), levels[-1])
    assert (slope[0].abs().sum(0) > 0).all()


@given(seed=st.integers(0, 999), weighted=st.booleans())
def test_loss_is_that_of_torch_on_enlarged_logits(seed: int, weighted: bool):
    weights = [0.5, 2.0, 0.5] if weighted else None
    raw, labels = truth(seed)
    large = F.interpolate(raw, scale_factor=4.0, mode="bilinear", align_corners=False)
    oracle = torch.nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights), ignore_index=255
    )
    loss = head(weights=weights).loss(raw, labels, NOTHING)
    assert loss.item() == pytest.approx(oracle(large, labels.long()).item(), rel=1e-5)


@given(seed=st.integers(0, 999), share=st.floats(0.01, 1.0))
def test_the_hardest_pixels_are_learned_from(seed: int, share: float):
    raw, labels = truth(seed)
    large = F.interpolate(raw, size=(8, 8), mode="bilinear", align_corners=False).double().numpy()
    log = large - np.log(np.exp(large).sum(1, keepdims=True))
    known = labels.numpy() != 255
    each = [-log[i, labels[i, y, x], y, x] for i, y, x in zip(*np.nonzero(known), strict=True)]
    hardest = sorted(each, reverse=True)[: math.ceil(share * len(each))]
    loss = head(share=share).loss(raw, labels, NOTHING)
    assert loss.item() == pytest.approx(float(np.mean(hardest)), rel=1e-4)


def test_pixels_not_known_teach_nothing():
    raw, labels = truth(unknown=0.0)
    raw = torch.cat((raw, raw), 3).requires_grad_()  # four columns, each of four pixels
    labels = torch.cat((labels, torch.full_like(labels, 255)), 2)
    head().loss(raw, labels, NOTHING).backward()
    assert (raw.grad[..., :2] != 0).all()
    assert (raw.grad[..., 2] != 0).any()  # bilinear: it reaches two pixels into what is known
    assert (raw.grad[..., 3] == 0).all()
    raw.grad = None
    nothing = head().loss(raw, torch.full_like(labels, 255), NOTHING)
    nothing.backward()
    assert nothing == 0
    assert (raw.grad == 0).all()


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_loss_is_a_mean(share: float):
    raw, labels = truth(unknown=0.0)
    once = head(share=share).loss(raw, labels, NOTHING)
    twice = head(share=share).loss(torch.cat((raw, raw)), torch.cat((labels, labels)), NOTHING)
    assert twice.item() == pytest.approx(once.item(), rel=0.02)  # of an odd number, half is one more


def test_saved_and_loaded_it_is_the_same():
    net = head(share=0.5, weights=[1.0, 1.5, 0.5])
    config = json.loads(json.dumps(net.config))
    assert config == net.config
    other = MaskHead(WIDTHS, **config)
    other.load_state_dict(net.state_dict())
    seen = features(1, 64, 64)
    assert torch.equal(net.eval()(seen), other.eval()(seen))
    assert not any("weights" in name for name in net.state_dict())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"share": 0.0}, "share=0.0: above 0 and up to 1"),
        ({"weights": [1.0]}, "weights has 1 entries for 3 classes"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], words: str):
    with pytest.raises(InputError, match=words):
        head(**options)


def test_targets_are_the_class_maps_of_scenes():
    one = Scene(torch.zeros(0, 4), torch.zeros(0), classes=torch.full((4, 6), 7, dtype=torch.uint8))
    assert classes_of([one, one]).shape == (2, 4, 6)
    with pytest.raises(InputError, match="1 of 2 scenes have no class for each pixel"):
        classes_of([one, empty_scene()])


def test_it_learns_a_few_pictures_by_heart():
    draw = np.random.default_rng(0)
    pictures = draw.uniform(0, 0.3, (4, 3, 64, 64)).astype(np.float32)
    labels = np.zeros((4, 64, 64), np.uint8)
    row, column = np.mgrid[:64, :64]
    for i in range(4):
        for label in (1, 2):
            y, x = draw.integers(14, 50, 2)
            inside = (row - y) ** 2 + (column - x) ** 2 < 12**2
            labels[i][inside], pictures[i, label][inside] = label, 0.9
    torch.manual_seed(0)
    frontend = ImageFrontend(dial=0.25)
    net = MaskHead(frontend.widths, labels=3, width=24, share=0.5)
    optimizer = torch.optim.AdamW([*frontend.parameters(), *net.parameters()], 5e-3)
    x, truth = torch.from_numpy(pictures), torch.from_numpy(labels)
    for _ in range(60):
        seen = frontend(x)
        loss = net.loss(net(seen), truth, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(p.grad is not None for p in net.parameters())
    with torch.no_grad():
        raw = net.eval()(frontend.eval()(x))
    found = F.interpolate(raw, size=(64, 64), mode="bilinear").argmax(1).numpy()
    shares = [((found == c) & (labels == c)).sum() / ((found == c) | (labels == c)).sum() for c in range(3)]
    assert np.mean(shares) > 0.9
