"""Export: files that stand alone and load again, the proof of their answers, int8, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import macaw
from macaw import verbs
from macaw.errors import InputError, MissingExtra, StorageError, UnknownName
from macaw.exporting import export_model
from macaw.metrics.intervals import wilson_interval
from macaw.model import Model
from macaw.results.exported import Exported
from macaw.runtime.graph import read_weights

with_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
SUFFIXES = [".onnx", pytest.param(".xml", marks=with_openvino)]


@pytest.fixture(scope="module")
def plain(little: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return verbs.export(little, tmp_path_factory.mktemp("exported") / "little.onnx")


@pytest.fixture(scope="module")
def small(little: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    path = tmp_path_factory.mktemp("exported") / "small.onnx"
    return verbs.export(little, path, precision="int8", data=shapes)


# One file


def test_it_stands_alone(plain: Exported):
    assert [file.name for file in plain.path.parent.iterdir()] == ["little.onnx"]
    proto = onnx.load_model(plain.path, load_external_data=False)
    assert not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in proto.graph.initializer)
    assert all(tensor.data_type != onnx.TensorProto.FLOAT16 for tensor in proto.graph.initializer)
    assert plain.size == plain.path.stat().st_size


def test_the_checker_of_onnx_is_content(plain: Exported, small: Exported):
    for exported in (plain, small):
        onnx.checker.check_model(str(exported.path), full_check=True)


def test_it_gives_the_outputs_of_the_model(plain: Exported, little: Path):
    session = ort.InferenceSession(plain.path, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["pictures"]
    assert [node.name for node in session.get_outputs()] == ["raw", "pooled"]
    model, noise = Model(little), np.random.default_rng(0)
    for shape in ((1, 3, 32, 32), (5, 3, 40, 56), (2, 3, 64, 17)):
        batch = noise.standard_normal(shape, np.float32)
        raw, pooled = session.run(None, {"pictures": batch})
        assert np.abs(raw - model.core(batch)).max() < 1e-4
        assert np.abs(pooled - model.pooled(batch)).max() < 1e-4


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_loads_again_with_its_proof_in_its_card(suffix: str, little: Path, shapes: Path, tmp_path: Path):
    exported = verbs.export(little, tmp_path / f"mine{suffix}", data=shapes)
    again = macaw.load(str(exported.path))
    assert again.card == Model(little).card.replace(exported=again.card.exported)
    told = again.card.exported
    assert told["precision"] == "float32" and told["engine"] == again.engine
    assert told["parity"] == json.loads(json.dumps(exported.parity.to_dict()))
    pictures = sorted(shapes.rglob("*.png"))[::7]
    pairs = zip(again.run(pictures), Model(little).run(pictures), strict=True)
    assert max(np.abs(a.probs - b.probs).max() for a, b in pairs) < 1e-4
    assert again.evaluate(shapes, split="val").count == 12
    names = {".onnx": ["mine.onnx"], ".xml": ["mine.bin", "mine.xml"]}[suffix]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert exported.size == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_an_exported_file_can_be_exported_on(plain: Exported, tmp_path: Path):
    again = verbs.export(plain.path, tmp_path / "again.onnx")
    assert again.parity.largest == 0
    assert onnx.load_model(again.path).graph == onnx.load_model(plain.path).graph


# The proof


def test_without_data_it_is_proved_on_stand_ins(plain: Exported):
    proof = plain.parity
    assert proof.between == ("onnxruntime, float32", "onnxruntime, float32")
    assert len(proof.apart) == 200 and "textures" in proof.pictures
    assert proof.changed == wilson_interval(0, 200)
    assert proof.largest < 1e-5 and proof.common == 1 and proof.errors is None


def test_the_proof_is_measured_on_the_file_and_not_on_what_it_was_made_from(
    little: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A writer that damages the weights is found out."""
    from macaw import exporting

    def other(place: Path) -> bytes:
        proto = onnx.load_model_from_string(whole(place))
        (weight,) = (one for one in proto.graph.initializer if one.name == "head.out.weight")
        weight.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(weight), weight.name))
        return proto.SerializeToString()

    whole = exporting.whole_model
    monkeypatch.setattr(exporting, "whole_model", other)
    proof = verbs.export(little, tmp_path / "wrong.onnx", data=shapes).parity
    before, after, loss = proof.errors
    assert proof.changed.value > 0.9 and proof.largest > 0.5
    assert loss.value == pytest.approx(after.value - before.value) and loss.low > 0.3


@with_openvino
def test_every_engine_may_be_the_one_that_is_compared_with(little: Path, tmp_path: Path):
    model = macaw.load(little, engine="openvino")
    assert model.export(tmp_path / "a.onnx").parity.between == ("openvino, float32", "onnxruntime, float32")


# int8


def test_int8_answers_nearly_alike_and_says_how_nearly(small: Exported, little: Path, shapes: Path):
    proof = small.parity
    assert proof.between == ("onnxruntime, float32", "onnxruntime, int8")
    assert proof.pictures == "val of shapes" and len(proof.apart) == 12
    assert 0 < proof.largest < 0.2
    model, exact = Model(small.path), Model(little)
    pictures = sorted(shapes.rglob("*.png"))
    pairs = list(zip(model.run(pictures), exact.run(pictures), strict=True))
    assert sum(a.best.name == b.best.name for a, b in pairs) >= 117
    assert model.card.exported["precision"] == "int8"
    assert model.card.exported["calibration_pictures"] == 108
    assert proof.errors[0] == exact_error(exact, shapes)


def exact_error(model: Model, shapes: Path) -> object:
    return macaw.evaluate(model, shapes, split="val").metrics["top-1 error"]


def test_int8_weights_are_a_quarter(small: Exported, plain: Exported):
    assert small.size < 0.45 * plain.size
    proto = onnx.load_model(small.path)
    kinds = {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.INT8}
    assert not any(node.domain for node in proto.graph.node)  # plain ONNX, for every runtime


def test_int8_weights_stay_within_seven_bits(small: Exported):
    """2 * 255 * 64 < 2^15: nothing overflows where two products are added in 16 bits, as without VNNI."""
    for tensor in onnx.load_model(small.path).graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and tensor.dims:
            assert np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max() <= 64


def test_int8_is_the_same_each_time(small: Exported, little: Path, shapes: Path, tmp_path: Path):
    again = verbs.export(little, tmp_path / "again.onnx", precision="int8", data=shapes)
    assert again.path.read_bytes() == small.path.read_bytes()


def test_int8_takes_any_batch_and_size_and_gives_features(small: Exported, little: Path):
    model, exact = Model(small.path), Model(little)
    for shape in ((1, 3, 32, 32), (5, 3, 40, 56)):
        batch = np.random.default_rng(0).standard_normal(shape, np.float32)
        assert model.core(batch).shape == (shape[0], 3)
        pooled, wanted = model.pooled(batch), exact.pooled(batch)
        assert np.corrcoef(pooled.ravel(), wanted.ravel())[0, 1] > 0.95
    assert len(np.unique(pooled)) > 256  # features are not rounded to eight bits


def test_int8_without_labels_is_compared_and_not_judged(little: Path, shapes: Path, tmp_path: Path):
    exported = verbs.export(little, tmp_path / "a.onnx", precision="int8", data=shapes / "disc")
    assert exported.parity.errors is None
    assert exported.parity.pictures == "disc"


@with_openvino
def test_openvino_computes_the_same_int8(small: Exported, little: Path, shapes: Path, tmp_path: Path):
    exported = verbs.export(little, tmp_path / "mine.xml", precision="int8", data=shapes)
    floats = 4 * sum(array.size for array in read_weights(little).values())
    assert exported.path.with_suffix(".bin").stat().st_size < 0.35 * floats
    pictures = sorted(shapes.rglob("*.png"))[::3]
    answers = [
        model.run(pictures)
        for model in (Model(small.path), Model(small.path, engine="openvino"), Model(exported.path))
    ]
    for others in answers[1:]:
        apart = [np.abs(a.probs - b.probs).max() for a, b in zip(answers[0], others, strict=True)]
        assert np.median(apart) < 0.02 and max(apart) < 0.2
    kinds = {tensor.get_element_type().get_type_name() for tensor in _constants(exported.path)}
    assert "i8" in kinds


def _constants(path: Path) -> list[object]:
    from macaw.runtime.vino import import_openvino

    model = import_openvino("a test").Core().read_model(path)
    return [node.output(0) for node in model.get_ops() if node.get_type_name() == "Constant"]


def test_nothing_is_printed_while_it_quantises(
    little: Path, shapes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    verbs.export(little, tmp_path / "quiet.onnx", precision="int8", data=shapes)
    assert capfd.readouterr() == ("", "")


# What is refused


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("little.pt", r"the suffix must be one of \.onnx, \.xml\."),
        ("little.onx", r"must be one of \.onnx, \.xml\. Did you mean '\.onnx'\?"),
        ("little", r"the suffix must be one of"),
    ],
)
def test_a_name_that_nothing_can_be_exported_to(name: str, words: str, little: Path, tmp_path: Path):
    with pytest.raises(InputError, match=words):
        verbs.export(little, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_precision_nobody_knows(little: Path, tmp_path: Path):
    with pytest.raises(
        UnknownName, match=r"no precision 'int4'\. Did you mean 'int8'\? There are: float32, int8"
    ):
        verbs.export(little, tmp_path / "a.onnx", precision="int4")


def test_int8_without_pictures(little: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"int8 is calibrated on pictures: .*--data my-pictures/"):
        verbs.export(little, tmp_path / "a.onnx", precision="int8")


def test_int8_of_int8(small: Exported, shapes: Path, tmp_path: Path):
    with pytest.raises(InputError, match="is int8 already; export the model that it was made from"):
        verbs.export(small.path, tmp_path / "a.onnx", precision="int8", data=shapes)


@with_openvino
def test_openvino_s_files_go_nowhere_else(little: Path, tmp_path: Path):
    path = verbs.export(little, tmp_path / "a.xml").path
    with pytest.raises(InputError, match=r"is an export to OpenVINO; export the model's folder"):
        verbs.export(path, tmp_path / "b.onnx")


def test_a_folder_of_that_name(little: Path, tmp_path: Path):
    (tmp_path / "a.onnx").mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*a\.onnx: a folder has that name"):
        verbs.export(little, tmp_path / "a.onnx")


def test_a_place_that_cannot_be_written(little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        verbs.export(little, tmp_path / "file" / "little.onnx")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, whom CI runs as, may write everywhere
    monkeypatch.setattr("macaw.exporting.whole_model", None)  # it is told before anything is computed
    with pytest.raises(StorageError, match="no permission to write there"):
        verbs.export(little, tmp_path / "new" / "little.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_onnx_there_is_no_int8_but_an_export(
    little: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in [name for name in sys.modules if name.split(".")[:2] == ["onnxruntime", "quantization"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"int8 needs 'onnx'.*pip install 'macaw\[train\]'"):
        verbs.export(little, tmp_path / "little.onnx", precision="int8", data=shapes)
    assert list(tmp_path.iterdir()) == []
    assert verbs.export(little, tmp_path / "little.onnx").parity.largest < 1e-5


def test_stopped_half_way_it_leaves_what_was_there(
    little: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "little.onnx").write_bytes(b"old")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("macaw.exporting.prove", stop)
    with pytest.raises(KeyboardInterrupt):
        export_model(Model(little), tmp_path / "little.onnx", data=shapes)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("little.onnx", b"old")]
