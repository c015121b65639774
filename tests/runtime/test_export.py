"""Export: one file that stands alone, and that any ONNX runtime opens to the same output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from macaw import verbs
from macaw.errors import InputError, MissingExtra, StorageError
from macaw.model import Model
from macaw.runtime.exporter import save_whole


@pytest.fixture(scope="module")
def whole(little: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "little.onnx"
    assert verbs.export(little, path) == path
    return path


def test_it_stands_alone(whole: Path):
    assert [file.name for file in whole.parent.iterdir()] == ["little.onnx"]
    proto = onnx.load_model(whole)
    assert not any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in proto.graph.initializer)
    assert all(tensor.data_type != onnx.TensorProto.FLOAT16 for tensor in proto.graph.initializer)


def test_the_checker_of_onnx_is_content(whole: Path):
    onnx.checker.check_model(str(whole), full_check=True)


def test_it_gives_the_output_of_the_model(whole: Path, little: Path):
    session = ort.InferenceSession(whole, providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["pictures"]
    assert [node.name for node in session.get_outputs()] == ["raw"]
    model, noise = Model(little), np.random.default_rng(0)
    for shape in ((1, 3, 32, 32), (5, 3, 40, 56), (2, 3, 64, 17)):
        batch = noise.standard_normal(shape, np.float32)
        (raw,) = session.run(None, {"pictures": batch})
        assert np.abs(raw - model.core(batch)).max() < 1e-4
        assert (raw.argmax(1) == model.core(batch).argmax(1)).all()


def test_another_suffix_is_refused(little: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"the suffix must be \.onnx"):
        verbs.export(little, tmp_path / "little.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(little: Path, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        save_whole(little, tmp_path / "file" / "little.onnx")


def test_without_onnx_the_command_to_install_it(
    little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'macaw\[train\]'"):
        save_whole(little, tmp_path / "little.onnx")
