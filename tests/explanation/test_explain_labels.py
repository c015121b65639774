"""An explanation from end to end, on a small model whose training pictures are at hand."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from macaw.data.labelled import read_labelled
from macaw.errors import InputError, MissingExtra, UnknownName
from macaw.explanation.case import Case
from macaw.explanation.index import NAME, index_examples
from macaw.explanation.labels import explain_labels
from macaw.metrics.maps import trial
from macaw.model import Model
from macaw.results.explanation import Explanation


@pytest.fixture(scope="module")
def model(little: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with an index of its training pictures."""
    opened = Model(shutil.copytree(little, tmp_path_factory.mktemp("models") / "indexed"))
    train = read_labelled(shapes, names=opened.card.names, val_share=0.0).splits["train"]
    index_examples(opened, train, shapes)
    return opened


@pytest.fixture(scope="module")
def why(model: Model, shapes: Path) -> Explanation:
    return explain_labels(model, shapes / "disc" / "03.png", data=shapes)


def test_it_explains_the_best_guess_by_every_way(why: Explanation, model: Model, shapes: Path):
    assert why.target == why.answer.best.name
    assert [heat.by for heat in why.maps] == ["gradient", "occlusion"]
    assert why.guess and why.sanity and why.neighbours and why.ledger
    assert len(why.levels) == 4
    assert why.notes == ()
    assert why.model == model.card.name
    assert (why.seen == np.asarray(Image.open(shapes / "disc" / "03.png"))).all()
    assert why.frame == (0, 0, 32, 32)
    assert why.neighbours.items[0].name == "disc/03.png"


def test_the_curves_begin_at_the_answer_and_end_at_the_blur(why: Explanation):
    said = why.answer[why.target]
    for heat in why.maps:
        deletion, insertion = heat.trial
        assert deletion.probs[0] == pytest.approx(said, abs=1e-4)
        assert insertion.probs[-1] == pytest.approx(said, abs=1e-4)
        assert deletion.probs[-1] == pytest.approx(insertion.probs[0], abs=1e-4)
    assert why.guess is not None and why.guess.deletion.probs[0] == pytest.approx(said, abs=1e-4)


def test_the_heads_account_is_the_models_logit(why: Explanation, model: Model):
    raw = model.core(model.prepare([why.picture]))[0]
    assert why.ledger is not None
    assert why.ledger.logit == pytest.approx(float(raw[why.answer.names.index(why.target)]), abs=1e-3)
    for channel, activity in why.ledger.maps.items():
        assert activity.mean() * why.ledger.weights[channel] == pytest.approx(
            why.ledger.products[channel], abs=1e-3
        )
    assert sum(why.ledger.products[list(why.ledger.top(5))]) + why.ledger.rest(5) + why.ledger.bias == (
        pytest.approx(why.ledger.logit)
    )


def test_maps_do_better_than_an_order_drawn_at_random(model: Model, shapes: Path):
    noise, gains = np.random.default_rng(0), []
    for kind in ("disc", "square", "cross"):
        found = explain_labels(model, shapes / kind / "01.png", target=kind, by=("gradient", "occlusion"))
        case = Case(model, model.prepare([found.picture])[0], model.card.names.index(kind))
        random = trial(noise.random((32, 32)), case.prepared, case.probs)
        for heat in found.maps:
            gains.append(random.deletion.area - heat.trial.deletion.area)
            gains.append(heat.trial.insertion.area - random.insertion.area)
    assert np.mean(gains) > 0.05


def test_a_class_can_be_chosen_and_held_against_another(model: Model, shapes: Path):
    path = shapes / "disc" / "03.png"
    found = explain_labels(model, path, target="cross", against="disc", by=("occlusion", "parts"))
    assert (found.target, found.against) == ("cross", "disc")
    assert found.question == "Why “cross” and not “disc”?"
    raw = model.core(model.prepare([found.picture]))[0].astype(float)
    cross, disc = (model.card.names.index(name) for name in ("cross", "disc"))
    assert found.ledger is not None
    assert found.ledger.logit == pytest.approx(raw[cross] - raw[disc], abs=1e-3)
    of_the_two = found.answer["cross"] / (found.answer["cross"] + found.answer["disc"])
    assert found.maps[0].trial.deletion.probs[0] == pytest.approx(of_the_two, abs=1e-4)


def test_names_that_nobody_knows_are_refused_with_a_hint(model: Model, shapes: Path):
    path = shapes / "disc" / "03.png"
    with pytest.raises(UnknownName, match=r"no class 'dics'.*Did you mean 'disc'"):
        explain_labels(model, path, target="dics")
    with pytest.raises(UnknownName, match=r"no way 'gradients'.*Did you mean 'gradient'"):
        explain_labels(model, path, by="gradients")
    with pytest.raises(InputError, match="cannot be held against itself"):
        explain_labels(model, path, target="disc", against="disc")
    with pytest.raises(InputError, match="no way to explain was given"):
        explain_labels(model, path, by=())


def test_an_explanation_is_of_one_picture(model: Model, shapes: Path):
    with pytest.raises(InputError, match="stands for several pictures"):
        explain_labels(model, shapes / "disc")
    with pytest.raises(InputError, match="stands for no picture"):
        explain_labels(model, [])


def test_a_photograph_of_another_shape_is_framed(model: Model):
    photo = np.random.default_rng(0).integers(0, 255, (60, 100, 3), np.uint8)
    found = explain_labels(model, photo, by="occlusion")
    assert found.frame == (20, 0, 80, 60)
    assert found.picture.shape == (60, 100, 3)
    assert found.maps[0].values.shape == (32, 32)


def test_a_model_without_an_index_explains_the_rest(little: Path, shapes: Path, tmp_path: Path):
    folder = shutil.copytree(little, tmp_path / "model")
    (folder / NAME).unlink(missing_ok=True)
    found = explain_labels(Model(folder), shapes / "disc" / "03.png", by=("neighbours", "parts"))
    assert found.neighbours is None and found.ledger is not None
    assert len(found.notes) == 1
    assert NAME in found.notes[0] and "train again" in found.notes[0]


def test_without_torch_the_rest_is_explained(model: Model, shapes: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.startswith("macaw.explanation.")]:
        if name.rpartition(".")[2] in {"gradient", "activity"}:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    path = shapes / "disc" / "03.png"
    found = explain_labels(model, path, data=shapes)
    assert [heat.by for heat in found.maps] == ["occlusion"]
    assert found.neighbours and found.ledger and not found.levels and found.sanity is None
    hint = "needs 'torch'. Install it with: pip install 'macaw[train]'"
    assert found.notes == (f"explaining by gradient {hint}", f"showing feature maps {hint}")
    with pytest.raises(MissingExtra, match=r"explaining by gradient needs 'torch'.*macaw\[train\]"):
        explain_labels(model, path, by="gradient")


def test_a_model_of_several_labels_is_explained_by_their_own_odds(model: Model, shapes: Path, tmp_path: Path):
    folder = shutil.copytree(model.folder, tmp_path / "multi")
    card = json.loads((folder / "card.json").read_text())
    card["decode"]["multi"] = True
    card["head"]["config"]["multi"] = "yes"
    (folder / "card.json").write_text(json.dumps(card))
    several = Model(folder)
    found = explain_labels(several, shapes / "disc" / "03.png", target="square", by=("gradient", "occlusion"))
    assert found.answer.multi
    for heat in found.maps:
        assert heat.trial.deletion.probs[0] == pytest.approx(found.answer["square"], abs=1e-4)
    pair = explain_labels(
        several, shapes / "disc" / "03.png", target="square", against="disc", by="occlusion"
    )
    assert 0 < pair.maps[0].trial.deletion.probs[0] < 1


def test_the_same_question_has_the_same_answer(model: Model, shapes: Path, why: Explanation):
    again = explain_labels(model, shapes / "disc" / "03.png", data=shapes)
    assert again.to_dict() == why.to_dict()
