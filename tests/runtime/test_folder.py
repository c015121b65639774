"""A model's folder: the weights once, the graph without them, and what damage to either is called."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file, save_file

from macaw.errors import ModelError, UnknownName
from macaw.model import Model
from macaw.registry import ENGINES
from macaw.runtime.graph import read_weights
from macaw.runtime.single import whole_model

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).standard_normal((2, 3, 32, 32), np.float32)


def graph_of(folder: Path) -> onnx.ModelProto:
    return onnx.load_model(folder / "model.onnx", load_external_data=False)


def external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def test_the_weights_are_there_once(little: Path):
    weights = load_file(little / "model.safetensors")
    tensors = list(graph_of(little).graph.initializer)
    named = {tensor.name: tuple(tensor.dims) for tensor in tensors if external(tensor)}
    assert named == {name: array.shape for name, array in weights.items()}
    held = [tensor for tensor in tensors if not external(tensor)]
    assert not {tensor.name for tensor in held} & set(weights)
    # What the graph holds itself: sizes, and rows of zeros where the convolutions have no bias
    floats = [
        onnx.numpy_helper.to_array(tensor) for tensor in held if tensor.data_type == onnx.TensorProto.FLOAT
    ]
    assert all(array.ndim == 1 and not array.any() for array in floats)
    assert (little / "model.onnx").stat().st_size < 300_000
    assert (
        sum(file.stat().st_size for file in little.iterdir())
        < 2.2 * sum(a.size for a in weights.values()) + 200_000
    )


def test_the_graph_says_nothing_of_where_it_was_made(little: Path):
    data = (little / "model.onnx").read_bytes()
    for place in (ROOT, Path.home().parent, Path(torch.__file__).parent):
        assert len(str(place)) < 6 or str(place).encode() not in data
    assert b"stack_trace" not in data
    assert not re.search(rb"[\w/]+\.py\b", data)


def test_the_graph_takes_any_batch_and_size(little: Path):
    (inputs,) = graph_of(little).graph.input
    assert inputs.name == "pictures"
    dims = inputs.type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [0, 3, 0, 0]
    assert all(dims[axis].dim_param for axis in (0, 2, 3))
    model = Model(little)
    for shape in ((1, 3, 40, 56), (7, 3, 64, 64), (3, 3, 9, 130)):
        assert model.core(np.zeros(shape, np.float32)).shape == (shape[0], 3)


def test_weights_are_read_as_single_precision(little: Path):
    stored, read = load_file(little / "model.safetensors"), read_weights(little)
    assert {array.dtype.name for array in stored.values()} == {"float16", "float32"}
    assert {array.dtype.name for array in read.values()} == {"float32"}
    assert all((read[name] == stored[name].astype(np.float32)).all() for name in stored)


def test_an_unknown_engine_is_named(little: Path):
    with pytest.raises(UnknownName, match=r"no engine 'onnx'.*onnxruntime, openvino, torch"):
        Model(little, engine="onnx").core(X)


# Damage, one kind at a time


@pytest.fixture
def folder(little: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(little, tmp_path / "model"))


def cut(name: str, share: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(share * len(data))])

    return damage


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def garbage(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"nothing of the kind\n" * 300) and None


def weights(change: Callable[[dict[str, np.ndarray]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def card(**fields: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        values = json.loads((folder / "card.json").read_text())
        values |= fields
        kept = {name: value for name, value in values.items() if value is not ...}
        (folder / "card.json").write_text(json.dumps(kept))

    return damage


def narrow(tensors: dict[str, np.ndarray]) -> None:
    tensors["head.out.weight"] = tensors["head.out.weight"][:, :64].copy()


def turned(tensors: dict[str, np.ndarray]) -> None:
    tensors["head.out.weight"] = tensors["head.out.weight"].T.copy()  # as many numbers, in another shape


def other_name(tensors: dict[str, np.ndarray]) -> None:
    tensors["head.weight"] = tensors.pop("head.out.weight")


def whole_numbers(tensors: dict[str, np.ndarray]) -> None:
    tensors["head.out.bias"] = tensors["head.out.bias"].astype(np.int32)


BOTH = {
    "no card": (without("card.json"), r"is not a model: it has no card\.json"),
    "broken card": (cut("card.json", 0.5), r"card\.json is damaged"),
    "card without a field": (card(head=...), r"card\.json is damaged: it has no field 'head'"),
    "card of a later macaw": (card(format=99), r"has format 99, this macaw reads up to 1; upgrade macaw"),
    "no weights": (without("model.safetensors"), r"has no model\.safetensors"),
    "empty weights": (cut("model.safetensors", 0), r"model\.safetensors is cut short or damaged"),
    "weights cut in the header": (cut("model.safetensors", 0.001), r"safetensors is cut short or damaged"),
    "weights cut in half": (cut("model.safetensors", 0.5), r"safetensors is cut short or damaged"),
    "weights cut at the end": (cut("model.safetensors", 0.9999), r"safetensors is cut short or damaged"),
    "no weights at all in it": (garbage("model.safetensors"), r"safetensors is cut short or damaged"),
    "weights of another width": (weights(narrow), r"not fit"),
    "weights in another shape": (weights(turned), r"not fit"),
    "a weight of another name": (weights(other_name), r"not fit"),
    "weights that are whole numbers": (weights(whole_numbers), r"holds 'head\.out\.bias' as int32"),
}
GRAPH_ONLY = {
    "no graph": (without("model.onnx"), r"has no model\.onnx"),
    "empty graph": (cut("model.onnx", 0), r"model\.onnx is damaged"),
    "graph cut in half": (cut("model.onnx", 0.5), r"model\.onnx is damaged"),
    "graph cut at the end": (cut("model.onnx", 0.999), r"model\.onnx is damaged"),
    "no graph at all in it": (garbage("model.onnx"), r"model\.onnx is damaged"),
}
CARD_ONLY = {
    "a card of a wider front-end": (
        card(frontend={"name": "image", "config": {"dial": 1.0}}), r"the weights do not fit the card"),
    "an option that no front-end has": (
        card(frontend={"name": "image", "config": {"depth": 3}}), r"describes nothing .*'depth'"),
    "a value that no front-end takes": (
        card(frontend={"name": "image", "config": {"reduction": 3}}), r"describes nothing .*reduction=3"),
    "a head that nobody registered": (
        card(head={"name": "labl", "config": {}}), r"describes nothing .*'labl'\. Did you mean 'label'"),
    "a head without its options": (
        card(head={"name": "label", "config": {}}), r"describes nothing .*'labels'"),
    "a builder that nobody registered": (
        card(builder="other"), r"describes nothing .*no builder 'other'"),
}  # fmt: skip

Damage = tuple[Callable[[Path], None], str]


def one_line(problem: BaseException, folder: Path) -> None:
    words = str(problem)
    assert "\n" not in words
    assert str(folder) in words
    assert len(words) < 600


def cases(*tables: dict[str, Damage]) -> Any:
    rows = {name: damage for table in tables for name, damage in table.items()}
    return pytest.mark.parametrize(("damage", "words"), rows.values(), ids=rows.keys())


@pytest.mark.parametrize("engine", ENGINES.names())
@cases(BOTH)
def test_damage_that_every_engine_meets(
    engine: str, damage: Callable[[Path], None], words: str, folder: Path
):
    damage(folder)
    with pytest.raises(ModelError, match=words) as caught:
        Model(folder, engine=engine).core(X)
    one_line(caught.value, folder)


@cases(GRAPH_ONLY)
def test_damage_to_the_graph(damage: Callable[[Path], None], words: str, folder: Path):
    damage(folder)
    with pytest.raises(ModelError, match=words) as caught:
        Model(folder).core(X)
    one_line(caught.value, folder)
    assert Model(folder, engine="torch").core(X).shape == (2, 3)  # which does without it


@cases(CARD_ONLY)
def test_a_card_that_cannot_be_built(damage: Callable[[Path], None], words: str, folder: Path):
    damage(folder)
    with pytest.raises(ModelError, match=words) as caught:
        Model(folder, engine="torch").core(X)
    one_line(caught.value, folder)


@cases(GRAPH_ONLY, {name: BOTH[name] for name in BOTH if "weight" in name})
def test_damage_is_found_by_an_export(damage: Callable[[Path], None], words: str, folder: Path):
    damage(folder)
    with pytest.raises(ModelError, match=words) as caught:
        whole_model(folder)
    one_line(caught.value, folder)


def test_a_missing_weight_is_not_read_from_somewhere_else(folder: Path, monkeypatch: pytest.MonkeyPatch):
    # The graph names model.safetensors, and the present folder has one of that name
    weights(lambda tensors: tensors.pop("head.out.weight"))(folder)
    monkeypatch.chdir(folder)
    with pytest.raises(ModelError, match="not fit"):
        Model(folder).core(X)


def test_nothing_is_printed_about_damage(folder: Path, capfd: pytest.CaptureFixture[str]):
    cut("model.onnx", 0.5)(folder)
    with pytest.raises(ModelError):
        Model(folder).core(X)
    weights(narrow)(folder)
    with pytest.raises(ModelError):
        Model(folder).core(X)
    assert capfd.readouterr() == ("", "")
