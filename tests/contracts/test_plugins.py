"""Plug-ins by entry point: a head and a front-end from outside are names like ours."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import torch
from torch import nn

from macaw import registry
from macaw.card import Card
from macaw.errors import UnknownName
from macaw.frontends.base import Features, Frontend
from macaw.heads.base import Head, check_pair
from macaw.heads.label import LabelHead
from macaw.recognition.recognizer import build
from macaw.registry import FRONTENDS, HEADS
from macaw.testing import check_frontend, check_head


class Stripes(Frontend):
    """(B, 3, H, W) -> the mean colour of each column: a front-end with one position axis."""

    dims, widths, strides = 1, (3,), (1,)

    def __init__(self) -> None:
        super().__init__()
        self.config = {}
        self.scale = nn.Parameter(torch.ones(3, 1))

    def forward(self, *batch: torch.Tensor) -> Features:
        return Features((batch[0].mean(2) * self.scale,))


class Number(Head):
    """One number for each input, from a picture's features only."""

    dims = (2,)

    def __init__(self, width: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.config = {"scale": scale}
        self.out = nn.Linear(width, 1)

    def forward(self, features: Features) -> torch.Tensor:
        return self.out(features.pooled)[:, 0] * self.config["scale"]

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        return (raw - targets).square().mean()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points as two packages would declare them; one claims a name of ours."""
    here = "plugin_of_the_tests"
    points = {
        "macaw.frontends": [EntryPoint("stripes", f"{here}:Stripes", "macaw.frontends")],
        "macaw.heads": [
            EntryPoint("number", f"{here}:Number", "macaw.heads"),
            EntryPoint("label", f"{here}:Number", "macaw.heads"),
        ],
    }
    module = type(pytest)(here)
    module.Stripes, module.Number = Stripes, Number
    monkeypatch.setitem(__import__("sys").modules, here, module)
    monkeypatch.setattr(registry, "entry_points", lambda *, group: points.get(group, []))


def test_plugins_are_listed_after_ours_and_found():
    assert HEADS.names() == ["label", "box", "mask", "point", "heatmap", "number"]
    assert FRONTENDS.names() == ["image", "hub", "stripes"]
    assert HEADS.get("number") is Number
    assert FRONTENDS.get("stripes") is Stripes
    assert HEADS.build("number", 7, scale=3.0).config == {"scale": 3.0}


def test_a_plugin_cannot_take_a_name_of_ours():
    assert HEADS.get("label") is LabelHead


def test_a_misspelt_plugin_is_suggested():
    with pytest.raises(UnknownName, match=r"no head 'nomber'\. Did you mean 'number'\?.*label, .*, number"):
        HEADS.get("nomber")


def test_plugins_keep_the_contracts():
    check_frontend(Stripes, torch.rand(2, 3, 9, 5))
    check_head(Number, torch.tensor([1.0, 5.0]))


def test_a_recogniser_is_built_of_a_plugin():
    card = Card(
        task="classify", name="rows", builder="recognizer",
        frontend={"name": "stripes", "config": {}}, head={"name": "label", "config": {"labels": 2}},
        names=("a", "b"), prepare={"size": 8, "mean": [0.5] * 3, "std": [0.25] * 3, "levels": None},
        decode={"temperature": 1.0, "multi": False},
    )  # fmt: skip
    model = build(card)
    assert type(model.frontend) is Stripes
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 2)
    plugged = build(
        card.replace(head={"name": "number", "config": {}}, frontend={"name": "image", "config": {}})
    )
    assert plugged(torch.zeros(2, 3, 8, 8)).shape == (2,)


def test_a_pair_that_does_not_fit_names_the_heads_that_do():
    with pytest.raises(UnknownName) as caught:
        check_pair(Stripes(), Number(3))
    words = str(caught.value)
    assert "'Number' reads features with 2 position axes, 'Stripes' gives 1" in words
    assert words.endswith("heads that can: label")
    check_pair(Stripes(), LabelHead(3, labels=2))


def test_a_front_end_that_no_head_reads_says_so():
    solid = Stripes()
    solid.dims = 3
    with pytest.raises(UnknownName, match=r"reads features with 1 or 2 position axes.* none yet$"):
        check_pair(solid, LabelHead(3, labels=2))
