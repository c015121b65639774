"""The wire format of ONNX, against the onnx package: what we write it reads, what it writes we read."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from macaw.runtime import wire

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def model_of(*tensors: TensorProto, **metadata: str) -> onnx.ModelProto:
    """(B, 2) -> (B, 3), by a weight that may lie elsewhere."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", n]) for name, n in (("x", 2), ("y", 3))
    )
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], list(tensors))
    model = helper.make_model(graph, producer_name="pytorch", opset_imports=[helper.make_opsetid("", 20)])
    helper.set_model_props(model, metadata)
    return model


def outside(name: str = "w", shape: tuple[int, ...] = (2, 3)) -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.dims.extend(shape)
    tensor.external_data.add(key="location", value="model.safetensors")
    return tensor


def parsed(data: bytes) -> Any:
    return onnx.load_model_from_string(data)


def test_weights_are_put_inside():
    inside = numpy_helper.from_array(np.float32([7, 8]), "kept")
    whole = parsed(wire.embed(model_of(outside(), inside).SerializeToString(), {"w": WEIGHT}))
    onnx.checker.check_model(parsed(wire.embed(model_of(outside()).SerializeToString(), {"w": WEIGHT})))
    weight, kept = whole.graph.initializer
    assert (numpy_helper.to_array(weight) == WEIGHT).all()
    assert numpy_helper.to_array(weight).dtype == np.float32
    assert not weight.external_data and weight.data_location == TensorProto.DEFAULT
    assert kept == inside
    assert whole.graph.node == model_of(outside()).graph.node


def test_a_tensor_whose_sizes_stand_in_a_row():
    tensor = outside()
    tensor.ClearField("dims")
    packed = tensor.SerializeToString() + wire.sized(wire.DIMS, bytes([2, 3]))
    graph = wire.sized(wire.GRAPH, wire.sized(wire.INITIALIZER, packed))
    (weight,) = parsed(wire.embed(graph, {"w": WEIGHT})).graph.initializer
    assert (numpy_helper.to_array(weight) == WEIGHT).all()


@pytest.mark.parametrize("tensors", [{}, {"w": WEIGHT.T}, {"v": WEIGHT}], ids=["none", "turned", "renamed"])
def test_a_weight_that_is_missing_or_of_another_shape(tensors: dict[str, np.ndarray]):
    with pytest.raises(KeyError, match=r"w of shape \(2, 3\)"):
        wire.embed(model_of(outside()).SerializeToString(), tensors)


@pytest.mark.parametrize("data", [b"", wire.sized(wire.DOC, b"words")], ids=["empty", "no graph"])
def test_what_holds_no_graph_takes_no_weights(data: bytes):
    with pytest.raises(EOFError, match="no graph"):
        wire.embed(data, {"w": WEIGHT})


def test_descriptions_take_the_place_of_what_was_there():
    before = model_of(numpy_helper.from_array(WEIGHT, "w"), old="value")
    data = wire.describe(
        before.SerializeToString(), {"a": "ä", "b": ""}, producer="m", version="1", words="w w"
    )
    after = parsed(data)
    onnx.checker.check_model(after)
    assert {entry.key: entry.value for entry in after.metadata_props} == {"a": "ä", "b": ""}
    assert (after.producer_name, after.producer_version, after.doc_string) == ("m", "1", "w w")
    assert after.graph == before.graph
    assert after.opset_import == before.opset_import
    assert wire.read_metadata(data) == {"a": "ä", "b": ""}


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=4))
def test_texts_come_back_as_they_were(texts: dict[str, str]):
    model = model_of().SerializeToString()
    data = wire.describe(model, texts, producer="macaw", version="1", words="")
    assert wire.read_metadata(data) == texts
    assert {entry.key: entry.value for entry in parsed(data).metadata_props} == texts


def test_metadata_that_the_onnx_package_wrote():
    assert wire.read_metadata(model_of(first="1", second="zwei").SerializeToString()) == {
        "first": "1",
        "second": "zwei",
    }


def test_whatever_is_cut_off_is_noticed_but_for_whole_fields():
    data = model_of(numpy_helper.from_array(WEIGHT, "w"), key="value").SerializeToString()
    ends = {0}
    for field in wire.fields(memoryview(data)):
        ends.add(max(ends) + len(field.whole))
    for size in range(len(data)):
        if size in ends:  # protobuf has no end mark: what stops between two fields is a message
            assert "key" not in wire.read_metadata(data[:size])
            continue
        with pytest.raises(EOFError):
            wire.read_metadata(data[:size])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes):
    try:
        wire.read_metadata(data)
    except (EOFError, UnicodeDecodeError):
        return
    assert b"".join(field.whole for field in wire.fields(memoryview(data))) == data
