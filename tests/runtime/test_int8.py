"""Which parts of a Transformer become int8, and how near its answers stay, in both engines."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from macaw.errors import DataError, ModelError
from macaw.runtime.int8 import quantize
from macaw.runtime.vino import import_openvino

BATCHES = [np.random.default_rng(seed).standard_normal((4, 3, 8, 8), np.float32) for seed in range(4)]

# One block of attention, 64 positions of 16 channels; the two products inside it have no weight
ATTENTION = """<ir_version: 10, opset_import: ["" : 20]>
net (float[B, 3, H, W] pictures) => (float[B, 5] raw, float[B, 16] pooled) {
    row = Reshape <allowzero = 0> (pictures, flat)
    tokens = Transpose <perm = [0, 2, 1]> (row)
    x = MatMul (tokens, into)
    normed = LayerNormalization <axis = -1, epsilon = 0.00001> (x, gain, shift)
    asked = MatMul (normed, query)
    known = MatMul (normed, key)
    turned = Transpose <perm = [0, 2, 1]> (known)
    alike = MatMul (asked, turned)
    weight = Softmax <axis = -1> (alike)
    value = MatMul (normed, values)
    seen = MatMul (weight, value)
    out = Add (x, seen)
    pooled = ReduceMean <keepdims = 0> (out, axes)
    raw = Gemm (pooled, head, bias)
}"""
SHAPES = {
    "into": (3, 16), "gain": (16,), "shift": (16,), "query": (16, 16), "key": (16, 16), "values": (16, 16),
    "head": (16, 5), "bias": (5,),
}  # fmt: skip


@pytest.fixture(scope="module")
def transformer() -> bytes:
    model, random = onnx.parser.parse_model(ATTENTION), np.random.default_rng(0)
    for name, shape in SHAPES.items():
        weight = random.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weight / 3, name))
    for name, values in {"flat": [0, 3, -1], "axes": [1]}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.int64(values), name))
    for number, node in enumerate(model.graph.node):
        node.name = f"node_{number}"
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def kinds(model: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_model_from_string(model).graph.node)


def outputs(model: bytes, batch: np.ndarray) -> list[np.ndarray]:
    return ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"pictures": batch})


def near(small: bytes, plain: bytes) -> None:
    onnx.checker.check_model(onnx.load_model_from_string(small), full_check=True)
    batch = np.random.default_rng(9).standard_normal((6, 3, 8, 8), np.float32)
    for one, other in zip(outputs(small, batch), outputs(plain, batch), strict=True):
        assert 0 < np.abs(one - other).max() < 0.1 * other.std()


def test_of_a_transformer_the_products_with_weights_are_int8(transformer: bytes):
    small = quantize(transformer, BATCHES)
    model = onnx.load_model_from_string(small)
    found, made = kinds(small), {name: node.op_type for node in model.graph.node for name in node.output}
    assert (found["MatMul"], found["Gemm"], found["LayerNormalization"]) == (6, 1, 1)
    products = [node for node in model.graph.node if node.op_type == "MatMul"]
    whole = [node for node in products if made.get(node.input[1]) == "DequantizeLinear"]
    assert len(whole) == 4
    assert all(made[node.input[0]] == "DequantizeLinear" for node in whole)
    following = {node.op_type for node in model.graph.node if set(node.input) & {n.output[0] for n in whole}}
    assert "QuantizeLinear" not in following  # their outputs stay as they are
    near(small, transformer)


def test_openvino_reads_what_is_for_it_alike(transformer: bytes):
    small = quantize(transformer, BATCHES)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    core = import_openvino("a test").Core()
    theirs = core.compile_model(core.read_model(small), "CPU", options)(BATCHES[0])
    raw, pooled = outputs(small, BATCHES[0])
    assert np.abs(theirs["raw"] - raw).max() < 0.05 * raw.std()
    assert np.abs(theirs["pooled"] - pooled).max() < 0.05 * pooled.std()


def test_ranges_come_from_the_calibration(transformer: bytes):
    """Calibrated on pictures a hundred times too faint, everything beyond their range is cut off."""
    faint = quantize(transformer, [batch / 100 for batch in BATCHES])
    raw, exact = (outputs(model, BATCHES[0])[0] for model in (faint, transformer))
    assert np.abs(raw - exact).max() > 0.3 * exact.std()


def test_the_head_stays_as_it_is(transformer: bytes):
    model = onnx.load_model_from_string(quantize(transformer, BATCHES))
    (head,) = [node for node in model.graph.node if "pooled" in node.input]
    weight = next(one for one in model.graph.initializer if one.name == head.input[1])
    assert (head.op_type, weight.data_type) == ("Gemm", onnx.TensorProto.FLOAT)


def test_operators_of_no_library_and_notes_of_none(transformer: bytes):
    model = onnx.load_model_from_string(quantize(transformer, BATCHES))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert not model.metadata_props


def test_logging_is_as_it_was(transformer: bytes, caplog: pytest.LogCaptureFixture):
    before = logging.root.manager.disable
    quantize(transformer, BATCHES)
    assert logging.root.manager.disable == before
    assert caplog.records == []


def test_a_calibration_picture_that_cannot_be_read_is_named(transformer: bytes):
    def batches():
        yield BATCHES[0]
        raise DataError("birds/1.png is cut short; replace or remove it")

    with pytest.raises(DataError, match=r"birds/1\.png"):
        quantize(transformer, batches())


def test_what_is_no_model(transformer: bytes):
    with pytest.raises(ModelError, match=r"cannot be quantised \(.*\); export it in float32"):
        quantize(transformer[: len(transformer) // 2], BATCHES)
