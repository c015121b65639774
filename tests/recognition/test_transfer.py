"""Transfer: a head on what a front-end already knows, cached, fine-tuned, and chosen by validation."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import macaw
from macaw.card import Card
from macaw.data.labelled import read_labelled
from macaw.errors import InputError, ModelError, UnknownName
from macaw.files import cache_folder
from macaw.frontends.image import ImageFrontend
from macaw.heads.label import LabelHead
from macaw.recognition import saving
from macaw.recognition.recognizer import Recognizer
from macaw.recognition.start import open_start
from macaw.recognition.transfer import SHARE, set_rates
from macaw.runtime.eager import load_module
from macaw.tasks import TASKS
from macaw.training.loop import Batches, Run
from macaw.training.progress import Silent
from macaw.training.recipe import Recipe


class Lines(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, words: str) -> None:
        self.lines.append(words)


@pytest.fixture
def no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph takes seconds to export, and only some tests look at it."""
    monkeypatch.setattr(saving, "save_graph", lambda module, sample, folder, *, sizes: None)


def train(shapes: Path, out: Path, little: Path, **options: object) -> tuple[Card, list[str]]:
    watcher = Lines()
    macaw.train("classify", shapes, out=out, start=str(little), watcher=watcher, **options)
    return Card.load(out), watcher.lines


def weights(folder: Path, part: str) -> dict[str, np.ndarray]:
    return {k: v for k, v in load_file(folder / "model.safetensors").items() if k.startswith(part)}


def test_a_probe_changes_nothing_of_the_front_end_and_the_model_answers(
    shapes: Path, little: Path, tmp_path: Path
):
    card, lines = train(shapes, tmp_path / "m", little, tune="probe")
    before, after = weights(little, "frontend."), weights(tmp_path / "m", "frontend.")
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)  # norms' statistics as well
    assert lines[0].startswith("linear probe: error ") and "0 of 120 pictures from the cache" in lines[0]
    assert card.training["start"] == str(little) and card.training["epochs"] == 0
    assert card.prepare["mean"] == Card.load(little).prepare["mean"]
    scores = macaw.evaluate(tmp_path / "m", shapes, split="val")
    assert scores.metrics["top-1 error"].value == pytest.approx(card.training["val_error"])


def test_the_second_training_reads_only_the_cache(
    shapes: Path, little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_graph: None
):
    copy = tmp_path / "renamed"
    train(shapes, tmp_path / "one", little, tune="probe")
    shutil.copytree(shapes, copy)
    (copy / "disc" / "00.png").rename(copy / "disc" / "other.png")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr("macaw.recognition.transfer.load_pixels", forbidden)
    _, lines = train(copy, tmp_path / "two", little, tune="probe")
    assert "120 of 120 pictures from the cache" in lines[0]
    assert weights(tmp_path / "one", "head.").keys() == weights(tmp_path / "two", "head.").keys()
    for name, tensor in weights(tmp_path / "one", "head.").items():
        assert np.allclose(tensor, weights(tmp_path / "two", "head.")[name], atol=1e-3)


def test_a_cache_cut_short_is_said_and_made_again(shapes: Path, little: Path, tmp_path: Path, no_graph: None):
    train(shapes, tmp_path / "one", little, tune="probe")
    for file in cache_folder().rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:100])
    _, lines = train(shapes, tmp_path / "two", little, tune="probe")
    assert sum("is damaged: removed" in line for line in lines) == 2  # of train and of val
    assert "0 of 120 pictures from the cache" in lines[-1]


def test_fine_tuning_is_kept_only_where_it_is_better(
    shapes: Path, little: Path, tmp_path: Path, no_graph: None
):
    card, lines = train(shapes, tmp_path / "m", little, tune="all", epochs=2, size=32)
    probe, tuned = (float(part.split("%")[0].split()[-1]) for part in (lines[0], lines[-1]))
    kept = "the fine-tuned" if card.training["epochs"] == 2 else "the probe"
    assert lines[-1].endswith(f"kept: {kept}")
    assert 100 * card.training["val_error"] == pytest.approx(min(probe, tuned), abs=0.06)
    rows = (tmp_path / "m" / "history.csv").read_text().splitlines()
    assert [float(row.split(",")[0]) for row in rows[1:]] == [0, 1, 2]


def test_a_fine_tuning_that_ruins_it_keeps_the_probe(
    shapes: Path, little: Path, tmp_path: Path, no_graph: None
):
    card, lines = train(
        shapes, tmp_path / "m", little, tune="all", epochs=1, rate=3.0, plain_rate=2.0, warmup=0.0
    )
    assert lines[-1].endswith("kept: the probe")
    before, after = weights(little, "frontend."), weights(tmp_path / "m", "frontend.")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert card.training["epochs"] == 0


def test_few_pictures_are_not_fine_tuned_unless_asked(
    shapes: Path, little: Path, tmp_path: Path, no_graph: None
):
    for name in ("disc", "square", "cross"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for number in range(4):
            shutil.copy(shapes / name / f"{number:02}.png", tmp_path / "few" / name)
    _, lines = train(tmp_path / "few", tmp_path / "m", little)
    assert "not fine-tuned: fewer than 4 pictures a class" in lines[-1]


def test_ctrl_c_in_fine_tuning_keeps_the_probe(shapes: Path, little: Path, tmp_path: Path, no_graph: None):
    class Stop(Lines):
        def step(self, progress: float, row: dict[str, float]) -> None:
            raise KeyboardInterrupt

    watcher = Stop()
    macaw.train("classify", shapes, out=tmp_path / "m", start=str(little), watcher=watcher)
    assert Card.load(tmp_path / "m").training["epochs"] == 0
    assert "the probe is kept" in watcher.lines[-1]


def test_a_frozen_front_end_stays_as_it_is_while_its_head_trains(tmp_path: Path):
    torch.manual_seed(0)
    frontend = ImageFrontend(dial=0.25, reduction=1)
    frontend.freeze()
    model = Recognizer(frontend, LabelHead(frontend.width, labels=2), mean=[0.5] * 3, std=[0.25] * 3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (64, 16, 16, 3), np.uint8)
    data = Batches(pictures, (pictures.mean((1, 2, 3)) > 127).astype(np.int64), 2)
    run = Run(model, data, Recipe(epochs=2, batch=16, ema=0.5), size=16, score=lambda _: {"score": 0.0})
    run.fit(tmp_path, watcher=Silent())
    assert model.train().training and not frontend.training
    for trained in (model, run.best):
        after = trained.state_dict()
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert changed == {"head.out.bias", "head.out.weight"}


def test_earlier_parts_learn_less():
    frontend = ImageFrontend(dial=0.25)
    model = Recognizer(frontend, LabelHead(frontend.width, labels=2), mean=[0.5] * 3, std=[0.25] * 3)
    set_rates(model)
    shares = [next(part.parameters()).rate_share for part in frontend.parts()]
    assert shares == pytest.approx([SHARE**depth for depth in (5, 4, 3, 2, 1)])
    assert not hasattr(model.head.out.weight, "rate_share")


def test_it_starts_from_the_embedded_model_at_any_size():
    start = open_start(TASKS["classify"], "embedded")
    for size, reduction in ((28, 1), (64, 2), (128, 2)):
        moved = start.at(size)
        assert moved.frontend.config["reduction"] == reduction
        assert moved.key() != start.at(size + 4).key()
        with torch.no_grad():
            assert moved.frontend(torch.zeros(1, 3, size, size)).pooled.shape == (1, moved.frontend.width)


def test_a_start_that_is_none(shapes: Path, tmp_path: Path, little: Path):
    with pytest.raises(UnknownName, match=r"start='embeded': no such folder\. Did you mean 'embedded'\?"):
        macaw.train("classify", shapes, out=tmp_path / "m", start="embeded")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is not a model"):
        macaw.train("classify", shapes, out=tmp_path / "m", start=str(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"dial=0\.5 is of a new front-end"):
        macaw.train("classify", shapes, out=tmp_path / "m", start=str(little), dial=0.5)
    with pytest.raises(UnknownName, match=r"tune='prob': auto or probe or all\. Did you mean 'probe'\?"):
        macaw.train("classify", shapes, out=tmp_path / "m", tune="prob")
    assert not (tmp_path / "m").exists()


def test_a_model_made_by_transfer_is_a_start_again(
    shapes: Path, little: Path, tmp_path: Path, no_graph: None
):
    train(shapes, tmp_path / "one", little, tune="probe")
    _, lines = train(shapes, tmp_path / "two", tmp_path / "one", tune="probe")
    assert "120 of 120 pictures from the cache" in lines[0]  # the same front-end, whatever its head
    assert read_labelled(shapes).names == Card.load(tmp_path / "two").names
    assert load_module(tmp_path / "two", Card.load(tmp_path / "two"))
