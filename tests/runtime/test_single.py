"""One-file models: the card and the words in their metadata, how they load, and what damage is called."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from macaw.card import Card
from macaw.errors import ModelError
from macaw.model import Model
from macaw.runtime.places import card_of
from macaw.runtime.single import decode_words, described, prepare_words, whole_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def single(little: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("single") / "little.onnx"
    path.write_bytes(described(whole_model(little), Card.load(little)))
    return path


def test_the_checker_of_onnx_is_content(single: Path):
    onnx.checker.check_model(str(single), full_check=True)


def test_it_stands_alone(single: Path):
    proto = onnx.load_model(single, load_external_data=False)
    assert not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in proto.graph.initializer)


def test_it_is_what_the_onnx_package_would_write(single: Path, little: Path):
    from macaw.runtime.graph import read_weights

    theirs = onnx.load_model(little / "model.onnx", load_external_data=False)
    tensors = read_weights(little)
    for tensor in theirs.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(onnx.numpy_helper.from_array(tensors[tensor.name], tensor.name))
    assert onnx.load_model(single).graph == theirs.graph


def test_its_card_is_the_model_s(single: Path, little: Path):
    assert card_of(single) == Card.load(little)


def test_any_reader_of_onnx_finds_how_to_use_it(single: Path, little: Path):
    meta = ort.InferenceSession(single, providers=["CPUExecutionProvider"]).get_modelmeta()
    card, found = Card.load(little), meta.custom_metadata_map
    assert meta.producer_name == "macaw"
    assert json.loads(found["labels"]) == list(card.names)
    assert found["licence"].startswith("code: Apache-2.0; data: ")
    assert (
        "Scale the shorter side to 32 pixels (bicubic, antialiased). Keep the centre, 32 x 32."
        in found["macaw.prepare"]
    )
    assert f"subtract {', '.join(f'{x:g}' for x in card.prepare['mean'])}" in found["macaw.prepare"]
    assert f"Divide by {card.decode['temperature']:g}; their softmax" in found["macaw.decode"]


def test_it_can_be_used_by_its_words_alone(single: Path, little: Path, shapes: Path):
    """What the words say, done by hand, gives the probabilities of the model."""
    from PIL import Image

    picture = np.asarray(Image.open(shapes / "disc" / "05.png"))
    found = ort.InferenceSession(single, providers=["CPUExecutionProvider"])
    card = Card.load(little)
    x = (picture / 255 - card.prepare["mean"]) / card.prepare["std"]
    (raw,) = found.run(["raw"], {"pictures": x.transpose(2, 0, 1)[None].astype(np.float32)})
    powers = np.exp(raw[0] / card.decode["temperature"])
    np.testing.assert_allclose(Model(little).run(picture).probs, powers / powers.sum(), atol=1e-5)


def test_it_says_nothing_of_where_it_was_made(single: Path):
    data = single.read_bytes()
    for place in (ROOT, Path(np.__file__).parents[1], single.parent):
        assert str(place).encode() not in data


def test_every_way_to_prepare_has_its_words():
    how = {"size": 224, "mean": [0.5] * 3, "std": [0.25] * 3}
    words = prepare_words({**how, "crop": 0.875, "filter": "bilinear", "levels": [0, 4095]})
    assert "Of 16-bit and float pictures 0 becomes 0 and 4095 becomes 255." in words
    assert "shorter side to 256 pixels (bilinear, antialiased). Keep the centre, 224 x 224." in words
    assert "Scale both sides to 224 pixels" in prepare_words({**how, "resize": "stretch"})


def test_several_labels_have_their_words(little: Path):
    card = Card.load(little).replace(decode={"temperature": 2.0, "multi": True})
    assert "Divide by 2; the sigmoid of each gives the probabilities" in decode_words(card)


def test_it_answers_like_the_folder(single: Path, little: Path, shapes: Path):
    pictures = sorted(shapes.rglob("*.png"))[::11]
    ours, theirs = Model(single).run(pictures), Model(little).run(pictures)
    assert max(np.abs(a.probs - b.probs).max() for a, b in zip(ours, theirs, strict=True)) < 1e-6
    noise = np.random.default_rng(0).standard_normal((3, 3, 40, 56), np.float32)
    np.testing.assert_allclose(Model(single).pooled(noise), Model(little).pooled(noise), atol=1e-5)


def test_it_makes_another_of_itself(single: Path):
    assert whole_model(single) == single.read_bytes()


# Damage


@pytest.fixture
def broken(single: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(single, tmp_path / "broken.onnx"))


def refused(path: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        Model(path).core(np.zeros((1, 3, 32, 32), np.float32))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
def test_one_that_is_cut_short(broken: Path, share: float):
    data = broken.read_bytes()
    broken.write_bytes(data[: int(share * len(data))])
    refused(broken, "is cut short|has no card")


def test_an_empty_one(broken: Path):
    broken.write_bytes(b"")
    refused(broken, "has no card in its metadata")


def test_something_else_of_that_name(broken: Path):
    broken.write_bytes(b"nothing of the kind\n" * 300)
    refused(broken, "is cut short, or no ONNX model")


def test_a_model_of_another_library(broken: Path):
    proto = onnx.load_model(broken)
    del proto.metadata_props[:]
    onnx.save(proto, broken)
    refused(broken, "has no card in its metadata, so nothing says how to feed it")


def test_a_damaged_card(broken: Path, little: Path):
    proto = onnx.load_model(broken)
    for entry in proto.metadata_props:
        if entry.key == "macaw":
            entry.value = entry.value.replace('"names"', '"classes"')
    onnx.save(proto, broken)
    refused(broken, "is damaged: it has no field 'names'")


def test_a_graph_that_cannot_be_computed(broken: Path):
    proto = onnx.load_model(broken)
    proto.graph.node[0].op_type = "Convolve"
    onnx.save(proto, broken)
    refused(broken, r"broken\.onnx is damaged \(.*Convolve")


def test_a_file_of_another_suffix(single: Path, tmp_path: Path):
    other = Path(shutil.copy(single, tmp_path / "model.bin"))
    refused(other, r"is no model; give the folder of one, or a file \(\.onnx, \.xml\)")


def test_torch_does_not_open_it(single: Path):
    with pytest.raises(ModelError, match=r"by engine 'torch'; those that can: onnxruntime, openvino"):
        Model(single, engine="torch")


def test_nothing_is_read_from_beside_it(broken: Path, little: Path, monkeypatch: pytest.MonkeyPatch):
    """A file whose weights lie elsewhere, which a one-file model never is, does not make us open that."""
    data = described((little / "model.onnx").read_bytes(), Card.load(little))
    broken.write_bytes(data)
    shutil.copy(little / "model.safetensors", broken.parent)
    monkeypatch.chdir(broken.parent)
    refused(broken, "is damaged")
