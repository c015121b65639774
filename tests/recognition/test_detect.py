"""A detector from annotated files to boxes: trained, saved, run by every engine, scored, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw
from macaw.card import Card

torch = pytest.importorskip("torch")

NAMES = ("disc", "square")


@pytest.fixture(scope="session")
def finder(discs_and_squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detector trained on them."""
    out = tmp_path_factory.mktemp("finder") / "model"
    macaw.train(
        "detect", discs_and_squares, out=out, dial=0.25, epochs=30, mosaic=0.0, seed=1, precision="float32"
    )
    return out


def test_it_finds_what_it_was_trained_to_find(finder: Path, discs_and_squares: Path):
    scores = macaw.evaluate(finder, discs_and_squares, split="val", board=None)
    assert scores.metrics["AP50"].value > 0.8
    assert scores.metrics["AP"].low <= scores.metrics["AP"].value <= scores.metrics["AP"].high


def test_boxes_are_in_pixels_of_the_picture_whatever_its_shape(finder: Path, drawn: Any):
    model = macaw.load(finder)
    for scale, size in ((1, (96, 64)), (3, (288, 192)), (30, (2880, 1920))):
        picture, found = drawn(5000, (96, 64))
        picture = picture.resize(size, Image.Resampling.NEAREST)
        answer = model.run(picture)
        assert answer.size == size
        for name, (x, y, w, h) in found:
            wanted = np.array([x, y, x + w, y + h]) * scale
            apart = np.abs(answer.only(name).xyxy - wanted).max(axis=1) / scale
            assert len(apart) and apart.min() < 5, (scale, name)


def test_every_engine_finds_the_same(finder: Path, discs_and_squares: Path):
    files = sorted((discs_and_squares / "val").glob("*.png"))
    answers = {
        engine: macaw.load(finder, engine=engine).run(files)
        for engine in ("onnxruntime", "openvino", "torch")
    }
    for engine in ("openvino", "torch"):
        for one, other in zip(answers["onnxruntime"], answers[engine], strict=True):
            assert one.labels.tolist() == other.labels.tolist(), engine
            assert np.allclose(one.xyxy, other.xyxy, atol=0.05) and np.allclose(
                one.scores, other.scores, atol=1e-3
            )


def test_a_batch_is_its_pictures_one_by_one(finder: Path, discs_and_squares: Path):
    model = macaw.load(finder)
    files = sorted((discs_and_squares / "val").glob("*.png"))
    for together, alone in zip(model.run(files, batch=5), (model.run(file) for file in files), strict=True):
        assert np.allclose(together.xyxy, alone.xyxy, atol=0.02) and together.source == alone.source


def test_the_card_says_how_it_is_fed_and_which_branch_answers(finder: Path):
    card = Card.load(finder)
    assert (card.task, card.names) == ("detect", NAMES)
    assert card.prepare["resize"] == "letter" and card.prepare["size"] == 96
    scores = card.training["val_ap"]
    assert card.decode["branch"] == max(scores, key=lambda name: scores[name])


def test_the_same_seed_gives_the_same_bits(discs_and_squares: Path, tmp_path: Path):
    for name in ("one", "two"):
        macaw.train(
            "detect", discs_and_squares, out=tmp_path / name, dial=0.25, epochs=1, precision="float32"
        )
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert first == second


def test_a_picture_of_one_pixel_and_one_without_objects(finder: Path):
    model = macaw.load(finder)
    assert model.run(np.full((1, 1, 3), 120, np.uint8)).size == (1, 1)
    assert len(model.run(np.full((64, 96, 3), 120, np.uint8)).above(0.9)) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 100}, "size=100: it must be a multiple of 32; take 128"),
        ({"minutes": 0.01}, "reading, scoring and saving alone take"),
        ({"balance": "classes"}, "weighs no classes; leave it out"),
        ({"mosaik": 0.5}, "a recipe has no 'mosaik'. Did you mean 'mosaic'?"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, words: str, discs_and_squares: Path, tmp_path: Path):
    with pytest.raises(macaw.MacawError) as caught:
        macaw.train("detect", discs_and_squares, out=tmp_path / "model", dial=0.25, **options)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_a_set_without_an_object_is_refused(discs_and_squares: Path, tmp_path: Path):
    content = json.loads((discs_and_squares / "annotations" / "instances_train.json").read_text())
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train").symlink_to(discs_and_squares / "train")
    content["annotations"] = []
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
    with pytest.raises(macaw.MacawError, match="0 of 48"):
        macaw.train("detect", tmp_path, out=tmp_path / "model", dial=0.25)


def test_a_split_without_an_object_is_not_scored(finder: Path, discs_and_squares: Path, tmp_path: Path):
    content = json.loads((discs_and_squares / "annotations" / "instances_val.json").read_text())
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val").symlink_to(discs_and_squares / "val")
    content["annotations"] = []
    (tmp_path / "annotations" / "instances_val.json").write_text(json.dumps(content))
    with pytest.raises(macaw.MacawError) as caught:
        macaw.evaluate(finder, tmp_path, split="val")
    assert "\n" not in str(caught.value) and (
        "nothing to score" in str(caught.value) or "0 of 12" in str(caught.value)
    )
