"""The contracts of front-ends and heads, over everything that is registered."""

from __future__ import annotations

import pytest
import torch

from macaw.registry import FRONTENDS, HEADS
from macaw.testing import check_frontend, check_head

# What `forward` takes; odd sizes, so that a level's ceil is seen
BATCHES = {"image": (torch.rand(3, 3, 45, 38, generator=torch.Generator().manual_seed(0)),)}
CONFIGS = {"image": [{"dial": 0.5, "reduction": reduction} for reduction in (1, 2, 4)]}

# Options of a head, and targets for a batch of 4
HEAD_CASES = {
    "label": [
        ({"labels": 3}, torch.tensor([0, 2, 1, 2])),
        ({"labels": 3, "smoothing": 0.1, "weights": [0.5, 1.0, 1.5]}, torch.tensor([0, 2, 1, 2])),
        ({"labels": 2}, torch.tensor([[1.0, 0.0], [0.25, 0.75], [0.5, 0.5], [0.0, 1.0]])),
        ({"labels": 2, "multi": "yes"}, torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])),
    ]
}


OF_LEVELS = {"box", "mask", "point", "heatmap"}  # they read all levels: their contract is in tests/heads


def test_every_registered_name_is_tried():
    assert set(FRONTENDS.names()) == {*BATCHES, "hub"}  # each family of that one: tests/hub/test_frontend.py
    assert set(BATCHES) == set(CONFIGS)
    assert set(HEADS.names()) == {*HEAD_CASES, *OF_LEVELS}
    assert {name for name in HEADS.names() if HEADS.get(name).reads == "levels"} == OF_LEVELS


@pytest.mark.parametrize(
    ("name", "config"), [(name, config) for name in CONFIGS for config in CONFIGS[name]], ids=str
)
def test_frontend(name: str, config: dict[str, float]):
    check_frontend(lambda: FRONTENDS.build(name, **config), *BATCHES[name])


@pytest.mark.parametrize(
    ("name", "options", "targets"), [(name, *case) for name in HEAD_CASES for case in HEAD_CASES[name]]
)
def test_head(name: str, options: dict[str, object], targets: torch.Tensor):
    check_head(lambda width: HEADS.build(name, width, **options), targets)
