"""Fitting a recogniser: the folder it leaves, what Ctrl-C leaves, and what bad luck leaves."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from macaw.card import Card
from macaw.data.examples import Examples, LabelledPictures
from macaw.data.labelled import read_labelled
from macaw.errors import InputError, ModelError
from macaw.files import Stage
from macaw.model import Model
from macaw.recognition import saving
from macaw.recognition.fit import Options
from macaw.recognition.fit import fit as fit_labels
from macaw.runtime.eager import load_module
from macaw.tasks import TASKS
from macaw.training import loop
from macaw.training.progress import Silent

SHORT = {"epochs": 3, "dial": 0.25, "batch": 16, "size": 16, "rate": 0.1}


@pytest.fixture
def data(shapes: Path) -> LabelledPictures:
    return read_labelled(shapes)


@pytest.fixture(autouse=True)
def no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph takes seconds to export, and what is told here is about the rest."""
    monkeypatch.setattr(saving, "save_graph", lambda module, sample, folder, *, sizes: None)


class Stop(Silent):
    """Ctrl-C at the n-th of an event."""

    def __init__(self, event: str, number: int = 1) -> None:
        self.left = {event: number}

    def _count(self, event: str) -> None:
        self.left[event] = self.left.get(event, 0) - 1
        if self.left[event] == 0:
            raise KeyboardInterrupt

    def step(self, progress, row):
        self._count("step")

    def scored(self, row, better):
        self._count("scored")


def fit(
    data: LabelledPictures, out: Path, watcher: Any = None, *, resume: bool = False, **options: Any
) -> bool:
    chosen = Options.of(**{**SHORT, **options})
    stage = Stage(out, resume=resume)
    stage.check()
    watcher = watcher or Silent()
    return fit_labels(TASKS["classify"], data, stage, options=chosen, watcher=watcher, began=time.monotonic())


def test_a_model_is_a_whole_folder(data: LabelledPictures, tmp_path: Path):
    out = tmp_path / "model"
    assert fit(data, out)
    assert {file.name for file in out.iterdir()} == {
        "card.json", "model.safetensors", "neighbours.safetensors", "history.csv", "curve.png",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # no checkpoint, no temporary folder
    card = Card.load(out)
    assert card.names == ("cross", "disc", "square")
    assert (
        card.training["examples"] == {"train": 107, "val": 13}
        or sum(card.training["examples"].values()) == 120
    )
    assert card.training["recipe"]["epochs"] == 3
    assert card.training["epochs"] == 3
    assert (out / "history.csv").read_text().count("\n") == 1 + 3
    assert card.decode["temperature"] > 0


def test_the_card_is_what_was_made(data: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr("macaw.recognition.fit.save_model", lambda out, model: made.append(model.card))
    monkeypatch.setattr("macaw.recognition.fit._index", lambda *_: None)
    fit(data, tmp_path / "model", epochs=1)
    made[0].save(tmp_path)
    assert Card.load(tmp_path) == made[0]  # nothing that JSON would give back otherwise


def test_weights_are_saved_in_half_precision_and_once(data: LabelledPictures, tmp_path: Path):
    fit(data, tmp_path / "model", epochs=1)
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    assert {t.dtype for t in tensors.values() if t.ndim > 1} == {torch.float16}
    assert {t.dtype for t in tensors.values() if t.ndim == 1} == {torch.float32}
    module = load_module(tmp_path / "model", Card.load(tmp_path / "model"))
    floating = {name for name, t in module.state_dict().items() if t.is_floating_point()}
    assert set(tensors) == floating


def test_half_precision_changes_no_answer(
    data: LabelledPictures, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = []
    original = saving.save_weights
    monkeypatch.setattr(
        saving, "save_weights", lambda run, folder: (kept.append(run), original(run, folder))[1]
    )
    fit(data, tmp_path / "model", epochs=8, dial=0.5, size=32)
    model = Model(tmp_path / "model", engine="torch")
    everything = sorted(shapes.rglob("*.png"))
    x = model.prepare([np.asarray(picture) for picture in map(_pixels, everything)])
    with torch.inference_mode():
        whole = kept[0](torch.from_numpy(x)).numpy()
    half = model.core(x)
    assert len(half) == 120
    assert len(set(half.argmax(1))) == 3
    assert 0 < np.abs(whole - half).max() < 0.05
    assert (whole.argmax(1) == half.argmax(1)).all()
    saved = [answer.probs for answer in model.decode(half)]
    assert np.abs(np.stack(saved) - np.stack([one.probs for one in model.decode(whole)])).max() < 0.01


def _pixels(path: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path))


def test_the_card_tells_the_error_of_the_weights_it_is_with(
    data: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The score is the error, and the loss where that is much the better: not always the lowest error is kept
    rows = iter(
        [
            {"val_loss": 90.0, "val_error": 0.10, "score": 0.19},
            {"val_loss": 1.0, "val_error": 0.15, "score": 0.151},
        ]
    )
    monkeypatch.setattr("macaw.recognition.fit.Judge.__call__", lambda self, module: next(rows))
    fit(data, tmp_path / "model", epochs=2)
    assert Card.load(tmp_path / "model").training["val_error"] == 0.15


def test_classes_are_balanced_on_demand(data: LabelledPictures, tmp_path: Path):
    train = data.splits["train"]
    kept = np.concatenate([np.flatnonzero(train.targets == 0)[:6], np.flatnonzero(train.targets != 0)])
    uneven = replace(data, splits={**data.splits, "train": train.subset(kept)})
    fit(uneven, tmp_path / "even", epochs=1, balance="classes")
    weights = Card.load(tmp_path / "even").head["config"]["weights"]
    assert weights[0] > 3 * max(weights[1:])
    fit(uneven, tmp_path / "plain", epochs=1)
    assert Card.load(tmp_path / "plain").head["config"]["weights"] is None


def test_several_labels(data: LabelledPictures, tmp_path: Path):
    def marks(examples: Examples) -> Examples:
        several = np.eye(3, dtype=np.float32)[examples.targets]
        several[:, 2] = 1  # and everything is a square, too
        return Examples(examples.sources, several)

    several = replace(data, multi=True, splits={name: marks(some) for name, some in data.splits.items()})
    fit(several, tmp_path / "model", epochs=4)
    model = Model(tmp_path / "model", engine="torch")
    assert model.card.decode["multi"] is True
    assert model.card.head["config"]["multi"] == "yes"
    answers = model.run([_pixels(path) for path in several.splits["val"].sources])
    assert min(answer["square"] for answer in answers) > 0.5


def test_ctrl_c_keeps_the_best_and_resuming_ends_where_it_would_have(data: LabelledPictures, tmp_path: Path):
    assert fit(data, tmp_path / "whole")
    assert fit(data, tmp_path / "cut", Stop("scored", 2)) is False
    assert Card.load(tmp_path / "cut").training["epochs"] == 2  # the best so far, as a model
    assert (tmp_path / "cut.training").is_dir()
    with pytest.raises(InputError, match=r"holds an unfinished run; go on with it by --resume"):
        fit(data, tmp_path / "cut")
    assert fit(data, tmp_path / "cut", resume=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]
    for name in ("model.safetensors",):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    one, other = (Card.load(tmp_path / name) for name in ("cut", "whole"))
    assert one.decode == other.decode
    assert one.training["val_error"] == other.training["val_error"]


def test_ctrl_c_before_there_is_a_model_leaves_nothing(data: LabelledPictures, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        fit(data, tmp_path / "model", Stop("step", 2))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_first_epoch_of_a_run_by_the_clock_leaves_no_run_to_resume(
    data: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Scored within the epoch, but the first checkpoint is written at its end
    monkeypatch.setattr("macaw.recognition.fit._EXPORT_SECONDS", 0.0)
    monkeypatch.setattr(loop.Run, "_due", lambda self, within: True)
    assert fit(data, tmp_path / "model", Stop("scored", 2), minutes=2) is False
    assert Card.load(tmp_path / "model").training["epochs"] < 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_ctrl_c_while_a_checkpoint_is_read_does_not_lose_it(
    data: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fit(data, tmp_path / "model", Stop("scored", 2))
    before = (tmp_path / "model.training" / "checkpoint.safetensors").read_bytes()

    def interrupted(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "load_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(data, tmp_path / "model", resume=True)
    assert (tmp_path / "model.training" / "checkpoint.safetensors").read_bytes() == before
    assert fit(data, tmp_path / "model", resume=True)


def test_another_recipe_does_not_resume(data: LabelledPictures, tmp_path: Path):
    fit(data, tmp_path / "model", Stop("scored", 2))
    with pytest.raises(ModelError, match="belongs to another recipe"):
        fit(data, tmp_path / "model", resume=True, epochs=9)
    assert (tmp_path / "model.training").is_dir()


def test_a_lost_loss_is_one_line_and_leaves_nothing(data: LabelledPictures, tmp_path: Path):
    with pytest.raises(InputError, match=r"the loss became .* lower rate"):
        fit(data, tmp_path / "model", plain_rate=1e30)
    assert list(tmp_path.iterdir()) == []


def test_too_few_minutes_are_one_line_and_leave_nothing(data: LabelledPictures, tmp_path: Path):
    with pytest.raises(
        InputError, match=r"minutes=0\.01: reading, scoring and saving alone take 0\.\d; allow more"
    ):
        fit(data, tmp_path / "model", minutes=0.01)
    assert list(tmp_path.iterdir()) == []


def test_what_surrounds_the_training_is_taken_from_the_minutes(
    data: LabelledPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given = []
    original = loop.Run.fit

    def recording(self, folder, *, watcher, seconds, resume):
        given.append(seconds)
        self.recipe = replace(self.recipe, epochs=1)
        original(self, folder, watcher=watcher, resume=resume)

    monkeypatch.setattr(loop.Run, "fit", recording)
    began = time.monotonic()
    fit(data, tmp_path / "model", minutes=10)
    spent = time.monotonic() - began
    assert 600 - 20 - spent <= given[0] < 600 - 20  # 20 are kept back for graph, files and index
    assert Card.load(tmp_path / "model").training["recipe"]["minutes"] == 10
