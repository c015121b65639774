"""Small things to train, for the tests of the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from macaw.card import Card
from macaw.recognition.recognizer import build
from macaw.training.loop import Batches, Run
from macaw.training.recipe import Recipe

NAMES = ("bright", "dark", "striped")


def patterns(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, 16, 16, 3) uint8 pictures of noise over one of three patterns, and (N,) int64 classes."""
    noise = np.random.default_rng(seed)
    targets = np.arange(count) % 3
    stripes = np.where(np.arange(16) % 4 < 2, 150, 30)[:, None, None]
    base = np.stack([np.full((16, 1, 1), 150), np.full((16, 1, 1), 30), stripes])
    pictures = base[targets] + noise.integers(0, 100, (count, 16, 16, 3))
    return pictures.astype(np.uint8), targets.astype(np.int64)


@pytest.fixture(scope="session")
def train_set() -> tuple[np.ndarray, np.ndarray]:
    return patterns(96, 0)


@pytest.fixture(scope="session")
def val_set() -> tuple[np.ndarray, np.ndarray]:
    return patterns(150, 1)


def small_card(**head: Any) -> Card:
    return Card(
        task="classify", name="patterns", builder="recognizer",
        frontend={"name": "image", "config": {"dial": 0.25, "reduction": 1}},
        head={"name": "label", "config": {"labels": 3, **head}}, names=NAMES,
        prepare={"size": 16, "mean": [0.4] * 3, "std": [0.2] * 3, "levels": None},
        decode={"temperature": 1.0, "multi": head.get("multi") == "yes"},
    )  # fmt: skip


@pytest.fixture
def make_run(
    train_set: tuple[np.ndarray, np.ndarray], val_set: tuple[np.ndarray, np.ndarray]
) -> Callable[..., Run]:
    """`make_run(epochs=2, ...)`: a new run on the patterns; the numbers override those of a short recipe."""

    def score(module: torch.nn.Module) -> dict[str, float]:
        pictures, targets = val_set
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            raw = module((x / 255 - 0.4) / 0.2)
        error = (raw.argmax(1).numpy() != targets).mean().item()
        loss = F.cross_entropy(raw, torch.from_numpy(targets)).item()
        return {"val_loss": loss, "val_error": error, "score": error}

    def make(
        *,
        targets: np.ndarray | None = None,
        judge: Any = score,
        head: dict[str, Any] | None = None,
        **numbers: Any,
    ) -> Run:
        recipe = Recipe(batch=16, epochs=3).override(**numbers)
        torch.manual_seed(recipe.seed)
        batches = Batches(train_set[0], train_set[1] if targets is None else targets, 3)
        return Run(build(small_card(**head or {})), batches, recipe, size=16, score=judge)

    return make
