"""Resuming: interrupted anywhere, a run ends where it would have ended; bad checkpoints are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from macaw.errors import ModelError
from macaw.registry import BUILDERS
from macaw.testing import check_resume
from macaw.training.checkpoint import NAME, flatten, load_checkpoint, save_checkpoint, unflatten
from macaw.training.loop import Run
from macaw.training.optimizers import Optimizers
from macaw.training.progress import Silent

MakeRun = Callable[..., Run]

# Everything random in a step is switched on, and everything that a run remembers is in use
RECIPES = {
    "plain": {"epochs": 4},
    "all of it": {
        "epochs": 3.5, "zoom": 0.3, "colour": 0.3, "cutout": 0.4, "mixup": 0.4, "ema": 0.9, "patience": 3,
        "seed": 5,
    },
}  # fmt: skip


def test_every_builder_is_tried():
    # Of these `make_run` builds the first; the others are never trained
    assert BUILDERS.names() == ["recognizer", "joined", "whole"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_interrupted_and_resumed_equals_uninterrupted(recipe: str, make_run: MakeRun, tmp_path: Path):
    check_resume(lambda: make_run(**RECIPES[recipe]), tmp_path)


def test_several_labels_resume_too(
    make_run: MakeRun, train_set: tuple[np.ndarray, np.ndarray], tmp_path: Path
):
    marks = np.eye(3, dtype=np.float32)[train_set[1]]
    options = {"targets": marks, "head": {"multi": "yes", "weights": [0.5, 1.0, 1.5]}, "mixup": 0.2}
    check_resume(lambda: make_run(**options, epochs=3), tmp_path)


@pytest.mark.parametrize("forgotten", ["momentum", "momentum_buffer"])
def test_a_run_that_forgets_is_found(
    forgotten: str, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    original = Optimizers.load
    monkeypatch.setattr(
        Optimizers,
        "load",
        lambda self, tensors: original(
            self, {k: v for k, v in tensors.items() if not k.endswith(f"/{forgotten}")}
        ),
    )
    with pytest.raises(AssertionError, match="and resumed, model differs"):
        check_resume(lambda: make_run(epochs=3), tmp_path)


def test_a_run_at_its_end_resumes_to_the_same(make_run: MakeRun, tmp_path: Path):
    run = make_run(epochs=1)
    run.fit(tmp_path, watcher=Silent())
    again = make_run(epochs=1)
    again.fit(tmp_path, watcher=Silent(), resume=True)
    assert again.state == run.state
    for name, tensor in run.best.state_dict().items():
        assert torch.equal(again.best.state_dict()[name], tensor), name


@pytest.fixture
def finished(make_run: MakeRun, tmp_path: Path) -> Path:
    make_run(epochs=1).fit(tmp_path, watcher=Silent())
    return tmp_path


def resume(run: Run, folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        run.fit(folder, watcher=Silent(), resume=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_checkpoint(make_run: MakeRun, tmp_path: Path):
    assert f"has no {NAME}" in resume(make_run(), tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 300, 0.5, 0.999])
def test_a_checkpoint_cut_short(make_run: MakeRun, finished: Path, keep: float):
    data = (finished / NAME).read_bytes()
    (finished / NAME).write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    assert "is damaged" in resume(make_run(epochs=1), finished)


def test_a_checkpoint_that_is_something_else(make_run: MakeRun, finished: Path):
    (finished / NAME).write_text("no weights in here\n" * 40)
    assert "is damaged" in resume(make_run(epochs=1), finished)
    save_file({"w": torch.zeros(3)}, finished / NAME)  # a model's weights, say
    assert "is damaged" in resume(make_run(epochs=1), finished)


@pytest.mark.parametrize("state", [[], {}, {"recipe": 1}, "x", {"state": {"epoch": 0, "nonsense": 1}}])
def test_a_checkpoint_with_another_state(make_run: MakeRun, finished: Path, state: object):
    tensors, good = load_checkpoint(finished)
    whole = {**good, **state} if isinstance(state, dict) and state else state
    save_file(tensors, finished / NAME, {"state": json.dumps(whole)})
    words = resume(make_run(epochs=1), finished)
    assert "damaged" in words or "belongs to another" in words


def test_another_recipe_is_refused(make_run: MakeRun, finished: Path):
    assert "belongs to another recipe" in resume(make_run(epochs=2), finished)
    assert "belongs to another recipe" in resume(make_run(epochs=1, flip=0.0), finished)


def test_another_class_table_is_refused(make_run: MakeRun, finished: Path):
    assert "another model or class table" in resume(make_run(epochs=1, head={"labels": 4}), finished)


def test_tensors_and_values_come_back(tmp_path: Path):
    tensors = {
        "model/w": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "model/n": torch.tensor(7),
        "average/w": torch.randn(3, 2).T,
    }
    state = {"epoch": 3, "best": 1e300, "history": [{"loss": 0.125}], "name": "é"}
    save_checkpoint(tmp_path, tensors, state)
    back, values = load_checkpoint(tmp_path)
    assert values == state
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)
    assert unflatten("model", back).keys() == {"w", "n"}
    assert flatten("model", unflatten("model", back)).keys() == {"model/w", "model/n"}


def test_a_checkpoint_is_no_pickle(finished: Path):
    assert [file.name for file in finished.iterdir()] == [NAME]
    assert b"__reduce__" not in (finished / NAME).read_bytes()
    assert (finished / NAME).read_bytes()[8:9] == b"{"  # safetensors: the length of a JSON header, then that
