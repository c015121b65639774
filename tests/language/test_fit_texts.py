"""Training as the verb calls it: each kind of model from a folder of texts, where it starts, how it stops."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from macaw import tasks, zoo
from macaw.card import Card
from macaw.errors import DataError, InputError, ModelError, UnknownName
from macaw.files import Stage
from macaw.language import fit, starting
from macaw.language.mixture import Mixture
from macaw.language.modules import build
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.opening import open_model
from macaw.language.shapes import RecurrentShape
from macaw.language.token_recipe import TokenRecipe
from macaw.language.token_run import TokenRun
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import packed
from macaw.training.progress import Silent

SMALL = {"width": 24, "embedding": 12, "batch": 4, "length": 16, "precision": "float32"}
LEAF = {"width": 32, "depth": 1, "heads": 2, "batch": 4, "length": 16, "precision": "float32"}


class Told(Silent):
    """Keeps what is said; presses Ctrl-C when so many evaluations were made."""

    def __init__(self, evaluations: int | None = None) -> None:
        self.words: list[str] = []
        self.left = evaluations

    def said(self, words: str) -> None:
        self.words.append(words)

    def scored(self, row, better):
        if self.left is not None:
            self.left -= 1

    def step(self, progress, row):
        if self.left is not None and self.left <= 0:
            raise KeyboardInterrupt


@pytest.fixture
def data(tmp_path: Path, tiny_texts: list[str]) -> Path:
    """18 stories in JSON lines, each with its title."""
    folder = tmp_path / "stories"
    folder.mkdir()
    rows = [text.split("\n\n", 1) for text in tiny_texts]
    lines = [json.dumps({"title": title, "text": text}) for title, text in rows]
    (folder / "stories.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written) -> Path:
    """A zoo of tiny models, in place of ours."""
    folder = tmp_path / "zoo"
    for name, kind, task in (
        ("complete", "transformer", "complete"),
        ("complete-lstm", "recurrent", "complete"),
        ("story", "transformer", "story"),
    ):
        shutil.copytree(written(kind, task), folder / name)
    monkeypatch.setattr(zoo, "FOLDER", folder)
    return folder


@pytest.fixture(autouse=True)
def nothing_embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No models to start from, unless a test brings them: ours are large."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "nothing")


def trained(
    data: Path, out: Path, *, task: str = "complete", told: Told | None = None, **options: Any
) -> bool:
    stage = Stage(out, resume=bool(options.pop("resume", False)))
    stage.check()
    stage.open()
    chosen = fit.Options.of(**options)
    read, began = fit.read(data, val_share=0.2), time.monotonic()
    try:
        return fit.fit(tasks.find(task), read, stage, options=chosen, watcher=told or Told(), began=began)
    finally:
        stage.close()


def bits(folder: Path) -> float:
    return Card.load(folder).training["val_bits_per_byte"]


@pytest.mark.parametrize(
    ("network", "numbers"),
    [("ngram", {"order": 3}), ("recurrent", SMALL), ("transformer", LEAF), ("mixture", SMALL)],
)
def test_each_kind_leaves_a_folder_that_opens(data: Path, tmp_path: Path, network: str, numbers: dict):
    out = tmp_path / "model"
    more = {"epochs": 2.0} if network != "ngram" else {}
    assert trained(data, out, network=network, **numbers, **more)
    assert {path.name for path in tmp_path.iterdir()} >= {"model"} and not Stage(out).work.exists()
    card, model = Card.load(out), open_model(out)
    assert (card.task, card.head["name"], card.names) == ("complete", network, ())
    assert card.builder == (network if network in {"ngram", "mixture"} else "network")
    assert card.frontend == {"name": "characters", "config": {"tokens": len(model.vocabulary)}}
    assert card.training["data"] == "stories" and card.training["documents"] == {"train": 14, "val": 4}
    text = model.vocabulary.encode("the fox")
    assert np.isfinite(model.score(text)).all()
    assert 0 < card.training["val_bits_per_byte"] < 10


def test_the_figure_on_the_card_is_that_of_evaluate(data: Path, tmp_path: Path):
    from macaw.metrics.likelihood import score_texts

    trained(data, tmp_path / "model", network="ngram", order=4)
    val = fit.read(data, val_share=0.2).splits["val"]
    scores = score_texts(Ngram.load(tmp_path / "model"), val.items())
    assert scores.metrics["bits per byte"].value == pytest.approx(bits(tmp_path / "model"), abs=1e-4)


def test_a_mixture_is_no_worse_on_val_than_either_of_its_parts(data: Path, tmp_path: Path):
    out = tmp_path / "model"
    told = Told()
    trained(data, out, told=told, epochs=4.0, **SMALL)  # the default of `complete`
    model = open_model(out)
    assert isinstance(model, Mixture) and model.weights.sum() == pytest.approx(1)
    assert bits(out) <= min(bits(out / "1"), bits(out / "2")) + 1e-3
    assert Card.load(out).head["config"]["weights"] == pytest.approx(model.weights, abs=1e-4)
    assert any(words.startswith("mixture: ngram ") for words in told.words)


def test_a_story_is_learned_with_its_title(data: Path, tmp_path: Path, tiny_texts: list[str]):
    trained(data, tmp_path / "story", task="story", network="ngram", order=6)
    trained(data, tmp_path / "plain", network="ngram", order=6)
    card = Card.load(tmp_path / "story")
    assert card.task == "story" and card.decode["limit"] > Card.load(tmp_path / "plain").decode["limit"]
    told, untold = (Ngram.load(tmp_path / name) for name in ("story", "plain"))
    title = told.vocabulary.encode(tiny_texts[0].split("\n\n")[0] + "\n\nOnce")
    assert told.score(title).mean() > untold.score(untold.vocabulary.encode("The Fox")).mean()
    assert told.score(title).mean() > -1.0


def test_a_story_without_a_title_is_one_line(tmp_path: Path):
    (tmp_path / "train.txt").write_text("Once upon a time.\nThere was no title.\n")
    (tmp_path / "valid.txt").write_text("The Fox\n\nOnce upon a time.\n")
    with pytest.raises(DataError, match=r"train.txt has no title.*field 'title'"):
        trained(tmp_path, tmp_path / "model", task="story", network="ngram")


def test_from_the_embedded_model_it_goes_on_and_beats_scratch_at_the_same_steps(
    data: Path, tmp_path: Path, embedded: Path
):
    told = Told()
    numbers = {"batch": 4, "length": 16, "epochs": 1.0, "precision": "float32"}
    trained(data, tmp_path / "on", told=told, network="recurrent", start="embedded", **numbers)
    vocabulary = embedded / "complete-lstm"
    shape = {"width": 48, "embedding": 24}
    fresh = {"network": "recurrent", "vocabulary": str(vocabulary), **shape}
    trained(data, tmp_path / "scratch", **fresh, **numbers)
    assert Vocabulary.load(tmp_path / "on") == Vocabulary.load(tmp_path / "scratch")
    assert bits(tmp_path / "on") < bits(tmp_path / "scratch") - 1
    assert Card.load(tmp_path / "on").training["start"] == "complete-lstm"
    before = next(words for words in told.words if words.startswith("before: "))
    assert bits(tmp_path / "on") <= float(before.split()[1]) + 1e-3


def test_weights_that_training_makes_worse_are_kept_as_they_were(data: Path, tmp_path: Path, embedded: Path):
    told = Told()
    harm = {"network": "recurrent", "start": "embedded", "epochs": 1.0, "plain_rate": 3.0, "ema": 0.0}
    trained(data, tmp_path / "model", told=told, batch=4, length=16, **harm)
    assert any("are kept" in words for words in told.words)
    ids = Vocabulary.load(embedded / "complete-lstm").encode("Once there was a fox")
    old, new = (Network.load(one).score(ids) for one in (embedded / "complete-lstm", tmp_path / "model"))
    np.testing.assert_allclose(old, new, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [("Once there was a fox who lived by the wood. ", True), ("Жила-была лиса у леса. ", False)],
    ids=["its own script", "another"],
)
def test_auto_looks_whether_the_pieces_are_those_of_the_text(
    tmp_path: Path, embedded: Path, text: str, goes_on: bool
):
    said: list[str] = []
    options = fit.Options.of(network="recurrent")
    row = tasks.find("complete")
    origin = starting.find_origin(row, "recurrent", options, [text * 20], said=said.append)
    assert (origin is not None) == goes_on
    assert said[0].startswith("goes on from the embedded" if goes_on else "from scratch")
    assert "bytes of this text each" in said[0]


def test_what_is_trained_and_where_it_starts_unless_told_otherwise(embedded: Path, written, monkeypatch):
    complete, story = tasks.find("complete"), tasks.find("story")
    of = fit.Options.of
    assert starting.network_of(complete, of()) == "mixture"
    assert starting.network_of(story, of()) == "transformer"
    assert starting.network_of(story, of(start="scratch")) == "mixture"
    assert starting.network_of(story, of(dial=2)) == "mixture"
    assert starting.network_of(complete, of(start=str(written("transformer")))) == "transformer"
    assert starting.network_of(complete, of(start=str(written("mixture")))) == "mixture"
    for row, network, name in (
        (complete, "mixture", "complete-lstm"), (complete, "transformer", "complete"),
        (story, "transformer", "complete"), (story, "recurrent", "complete-lstm"),
    ):  # fmt: skip
        found = starting.find_origin(row, network, of(start="embedded"), [], said=print)
        assert found is not None and found.name == name
    for chosen in (
        {"vocabulary": "pieces"},
        {"tokens": 300},
        {"dial": 1},
        {"width": 8},
        {"start": "scratch"},
    ):
        assert of(network="recurrent", **chosen).origin == "scratch"
    monkeypatch.setattr(zoo, "FOLDER", embedded / "nothing")
    assert starting.find_origin(complete, "mixture", of(), ["text"], said=print) is None
    with pytest.raises(ModelError, match="no embedded recurrent"):
        starting.find_origin(complete, "mixture", of(start="embedded"), ["text"], said=print)


def test_a_folder_to_start_from(data: Path, tmp_path: Path, written):
    numbers = {"batch": 4, "length": 16, "epochs": 0.2}
    start = written("mixture")
    assert trained(data, tmp_path / "mixture", start=str(start), **numbers)
    assert Card.load(tmp_path / "mixture").head["name"] == "mixture"
    assert Vocabulary.load(tmp_path / "mixture") == Vocabulary.load(start)
    assert trained(data, tmp_path / "tall", start=written("transformer"), network="transformer", **numbers)
    with pytest.raises(InputError, match="is a transformer network, and a recurrent one is trained"):
        trained(data, tmp_path / "other", start=str(written("transformer")), network="recurrent")
    with pytest.raises(InputError, match=r"is counted, there is nothing in it to go on from; vocabulary="):
        trained(data, tmp_path / "other", start=str(written("ngram")))


def test_the_vocabulary_is_chosen_by_the_size_of_the_text():
    said: list[str] = []
    options, much = fit.Options.of(), ["abc def " * 50_000] * 6
    assert starting.vocabulary_of(options, ["abc def"] * 9, said=said.append).kind == "characters"
    assert starting.vocabulary_of(options, much, said=said.append).kind == "pieces"
    assert said[-1].endswith("learned from 2.4 MB of text")
    sized = starting.vocabulary_of(fit.Options.of(tokens=270), ["abc def"] * 9, said=said.append)
    assert sized.kind == "pieces" and len(sized) <= 270


def test_ctrl_c_keeps_what_there_is_and_resume_goes_on_bit_for_bit(data: Path, tmp_path: Path):
    options = {"epochs": 4.0, **SMALL}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert trained(data, whole, **options)
    assert not trained(data, cut, told=Told(0), **options)
    assert Card.load(cut).head["name"] == "ngram"  # there is nothing else yet
    assert not trained(data, cut, told=Told(2), resume=True, **options)
    assert Card.load(cut).head["name"] == "mixture" and Card.load(cut / "2").training["epochs"] == 2
    assert trained(data, cut, resume=True, **options)
    one, two = (load_file(folder / "1" / "model.safetensors") for folder in (cut, whole))
    assert one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)
    for name in ("2/model.safetensors", "mixture.json", "vocabulary.json"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    with pytest.raises(InputError, match="no unfinished run"):
        Stage(cut, resume=True).check()


def test_minutes_fit_everything(data: Path, tmp_path: Path):
    began = time.monotonic()
    assert trained(data, tmp_path / "model", minutes=0.12, **SMALL)
    assert time.monotonic() - began < 60 * 0.12 + 1
    with pytest.raises(InputError, match="allow more"):
        trained(data, tmp_path / "other", minutes=0.01, network="recurrent", **SMALL)


def test_same_seed_same_bits(data: Path, tmp_path: Path):
    for name in ("one", "two"):
        trained(data, tmp_path / name, network="recurrent", epochs=1.0, seed=3, **SMALL)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"netwrok": "ngram"}, UnknownName, "Did you mean 'network'"),
        ({"network": "ngrams"}, UnknownName, "Did you mean 'ngram'"),
        ({"vocabulary": "charcters"}, UnknownName, "Did you mean 'characters'"),
        ({"start": "scrath"}, UnknownName, "Did you mean 'scratch'"),
        ({"start": "embedded", "dial": 2}, InputError, "dial is of a new network"),
        ({"network": "ngram", "epochs": 3}, InputError, "counted, it has no 'epochs'"),
        ({"network": "ngram", "start": "embedded"}, InputError, "vocabulary=FOLDER"),
        ({"network": "recurrent", "order": 5}, InputError, "of an n-gram"),
        ({"network": "mixture", "heads": 4}, InputError, "heads=4 is of a Transformer"),
        ({"tokens": 0}, InputError, "1 or more"),
        ({"order": 2.5}, InputError, "a whole number"),
        ({"prune": "0;1"}, InputError, "such as 0,0,1"),
        ({"rate": -1}, InputError, "0 or more"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(options: dict, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        fit.Options.of(**options)


def test_a_few_rows_of_each_step_begin_without_a_state_so_that_a_text_can_be_begun_anywhere():
    letters = Vocabulary.learn(["abcdefgh"], "characters")
    data = packed(["abcdefgh" * 500], letters, 16)
    torch.manual_seed(0)
    module = build(RecurrentShape(len(letters), width=8, embedding=4))
    run = TokenRun(module, data, TokenRecipe(batch=100), score=lambda _: {"score": 0.0}, vocabulary=letters)
    run._carried = (torch.ones(1, 100, 8), torch.ones(1, 100, 8))
    kept = []
    for run.state.step in range(100):
        hidden, cell = run._begun()
        assert torch.equal(hidden, cell) and torch.equal(hidden, run._begun()[0])
        kept.append(hidden.mean(-1).flatten())
    share = 1 - torch.stack(kept).mean().item()
    assert set(torch.stack(kept).unique().tolist()) == {0.0, 1.0} and 0.005 < share < 0.015


def test_weights_that_can_read_read_a_small_text_less_often():
    options = fit.Options.of().of_network("recurrent")
    fresh, trained_before = (options.recipe(1000, start=start) for start in ("scratch", "trained"))
    assert (fresh.epochs, trained_before.epochs) == (30, 8)
    assert options.recipe(10**8, start="trained") == options.recipe(10**8)


def test_thresholds_as_the_command_line_gives_them():
    assert fit.Options.of(prune="0,0,1").prune == (0, 0, 1) == fit.Options.of(prune=[0, 0, 1]).prune
    assert (
        fit.Options.of(prune=0).prune == (0,) and fit.Options.of(size=None, epochs=None) == fit.Options.of()
    )
