"""The contracts of models and engines, over a model trained here and over every embedded one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from macaw import zoo
from macaw.card import Card
from macaw.model import Model
from macaw.registry import BUILDERS, ENGINES, HEADS
from macaw.tasks import TASKS
from macaw.testing import check_engines, check_model

# Prepared inputs of several counts and sizes: the graph takes any
SHAPES = [(1, 3, 40, 56), (7, 3, 64, 64), (2, 3, 33, 31)]


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    noise = np.random.default_rng(0)
    return [noise.standard_normal(shape, np.float32) for shape in SHAPES]


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    noise = np.random.default_rng(1)
    return [noise.integers(0, 256, (*size, 3), np.uint8) for size in ((80, 60), (32, 32), (47, 201), (9, 8))]


@pytest.fixture(scope="module")
def several(little: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model that gives several labels, for pictures of 64 pixels."""
    import torch

    from macaw.recognition.recognizer import build
    from macaw.recognition.saving import save_weights
    from macaw.runtime.exporter import save_graph

    card = Card.load(little)
    frontend = {"name": "image", "config": {"dial": 0.25, "reduction": 2}}
    head = {"name": "label", "config": {"labels": 3, "multi": "yes"}}
    decode, prepare = {"temperature": 1.5, "multi": True}, {**card.prepare, "size": 64}
    card = card.replace(frontend=frontend, head=head, decode=decode, prepare=prepare)
    torch.manual_seed(0)
    module = build(card)
    for name, parameter in module.named_parameters():
        torch.nn.init.normal_(parameter, 1.0 if "norm" in name else 0.0, 0.2)
    folder = tmp_path_factory.mktemp("models") / "several"
    folder.mkdir()
    save_weights(module, folder)
    card.save(folder)
    module.to(memory_format=torch.contiguous_format)
    save_graph(module.eval(), torch.zeros(2, 3, 64, 64), folder)
    return folder


def test_every_registered_name_is_tried():
    assert set(ENGINES.names()) == {"onnxruntime", "openvino", "torch"}
    assert set(BUILDERS.names()) == {"recognizer", "joined", "whole"}  # the others: test_join, tests/hub
    assert {task.builder for task in TASKS.values() if task.takes == "picture"} == {"recognizer"}


def test_a_trained_model(little: Path, shapes: Path, batches: list[np.ndarray]):
    check_model(little, sorted(shapes.rglob("*.png"))[::17])
    check_engines(little, *batches)


def test_a_model_of_several_labels(several: Path, photos: list[np.ndarray], batches: list[np.ndarray]):
    check_model(several, photos)
    check_engines(several, *batches)
    answers = Model(several).run(photos)
    assert all(answer.multi for answer in answers)


def test_every_embedded_model(photos: list[np.ndarray], batches: list[np.ndarray]):
    assert set(zoo.names()) <= {name for row in TASKS.values() for name in (row.embedded, *row.others)}
    pictured = [name for name in zoo.names() if Card.load(zoo.folder(name)).row.takes == "picture"]
    assert len(pictured) > 4
    for name in pictured:
        check_model(zoo.folder(name), photos)
        card = Card.load(zoo.folder(name))
        fixed, side = HEADS.get(card.head["name"]).sizes == "fixed", card.prepare["size"]
        sheet = (2, 3, side, side) if fixed else (2, 3, 64, 96)
        sheets = [np.random.default_rng(2).standard_normal(sheet, np.float32)]
        check_engines(zoo.folder(name), *(batches if card.task == "classify" else sheets))


def test_engines_answer_alike_on_real_pictures(little: Path, shapes: Path):
    pictures = sorted(shapes.rglob("*.png"))
    ours, *others = (Model(little, engine=name).run(pictures) for name in ENGINES.names())
    assert len(ours) == 120
    for theirs in others:
        assert [one.best.name for one in ours] == [one.best.name for one in theirs]
        assert max(np.abs(a.probs - b.probs).max() for a, b in zip(ours, theirs, strict=True)) < 1e-4
