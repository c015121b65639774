"""Of a real detector's graph: what becomes int8, what stays, and how near its cells stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from macaw.card import Card
from macaw.runtime.int8 import quantize
from macaw.runtime.single import whole_model
from macaw.runtime.vino import import_openvino

SIDE = 64
BATCHES = [np.random.default_rng(seed).standard_normal((4, 3, SIDE, SIDE), np.float32) for seed in range(4)]


def made(folder: Path) -> Path:
    """The folder of an untrained detector with outlines, whose every layer does something."""
    from macaw.frontends.image import ImageFrontend
    from macaw.recognition.recognizer import build
    from macaw.recognition.saving import save_weights
    from macaw.runtime.exporter import save_graph

    torch.manual_seed(0)
    strides = list(ImageFrontend(dial=0.25, reduction=4).strides)
    card = Card(
        task="detect",
        name="untrained",
        builder="recognizer",
        frontend={"name": "image", "config": {"dial": 0.25, "reduction": 4}},
        head={"name": "box", "config": {"labels": 3, "width": 16, "protos": 4, "strides": strides}},
        names=("a", "b", "c"),
        prepare={"size": SIDE, "mean": [0.5] * 3, "std": [0.25] * 3, "resize": "letter"},
        decode={"score": 0.25},
    )
    module = build(card)
    for name, parameter in module.named_parameters():
        if parameter.ndim == 1 and "norm" in name:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    module.to(memory_format=torch.contiguous_format)
    module.train()
    with torch.no_grad():
        for batch in BATCHES * 8:  # so that norms know what they see
            module.outputs(torch.from_numpy(batch))
    folder.mkdir()
    save_weights(module, folder)
    card.save(folder)
    save_graph(module.eval(), torch.zeros(2, 3, SIDE, SIDE), folder)
    return folder


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return whole_model(made(tmp_path_factory.mktemp("models") / "untrained"))


@pytest.fixture(scope="module")
def small(detector: bytes) -> bytes:
    return quantize(detector, BATCHES)


def outputs(model: bytes, batch: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return dict(
        zip([one.name for one in session.get_outputs()], session.run(None, {"pictures": batch}), strict=True)
    )


def layers(model: bytes) -> tuple[list[str], list[str]]:
    """The convolutions in int8, and those in float32, by the names of their weights."""
    graph = onnx.load_model_from_string(model).graph
    made_by = {name: node for node in graph.node for name in node.output}
    eight, float32 = [], []
    for node in graph.node:
        if node.op_type == "Conv":
            weight = made_by.get(node.input[1])
            (eight if weight is not None and weight.op_type == "DequantizeLinear" else float32).append(
                node.name
            )
    return eight, float32


def test_all_layers_become_int8(small: bytes):
    eight, float32 = layers(small)
    assert len(eight) > 50 and float32 == []


def test_behind_the_last_layers_nothing_is_rounded(small: bytes):
    """On every way back from the answer the first rounding is that of a convolution's own output."""
    graph = onnx.load_model_from_string(small).graph
    made_by = {name: node for node in graph.node for name in node.output}
    waiting, seen, ends = ["raw", "prototypes"], set(), []
    while waiting:
        name = waiting.pop()
        node = made_by.get(name)
        if node is None or name in seen or node.op_type == "Shape":  # of a map: its values are not read
            continue
        seen.add(name)
        if node.op_type == "QuantizeLinear":
            ends.append(made_by[node.input[0]].op_type)
        else:
            assert node.op_type != "Conv"  # it would have been met by way of its rounded output
            waiting += node.input
    assert ends == ["Conv"] * (3 * 3 + 1)  # of three levels scores, edges and mixtures; and the prototypes


def test_cells_stay_near(small: bytes, detector: bytes):
    batch = np.random.default_rng(9).standard_normal((3, 3, SIDE, SIDE), np.float32)
    mine, exact = outputs(small, batch), outputs(detector, batch)
    raw, wanted = mine["raw"], exact["raw"]
    assert raw.shape == (3, 8 * 8 + 4 * 4 + 2 * 2, 4 + 3 + 4)
    assert 0 < np.abs(raw[..., :4] - wanted[..., :4]).max() < 4  # pixels, of boxes up to 368 wide
    assert np.abs(raw[..., :4] - wanted[..., :4]).mean() < 0.4
    assert 0 < np.abs(raw[..., 4:7] - wanted[..., 4:7]).max() < 0.1
    assert np.corrcoef(mine["prototypes"].ravel(), exact["prototypes"].ravel())[0, 1] > 0.98
    assert len(np.unique(raw[..., :4])) > 900  # places are not rounded to eight bits


def test_it_takes_other_sizes_and_any_batch(small: bytes, detector: bytes):
    batch = np.random.default_rng(3).standard_normal((1, 3, 96, 128), np.float32)
    raw, wanted = (outputs(model, batch)["raw"] for model in (small, detector))
    assert raw.shape == wanted.shape and np.abs(raw[..., 4:7] - wanted[..., 4:7]).max() < 0.2


def test_openvino_reads_it_alike(small: bytes):
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    core = import_openvino("a test").Core()
    theirs = core.compile_model(core.read_model(small), "CPU", options)(BATCHES[0])["raw"]
    raw = outputs(small, BATCHES[0])["raw"]
    assert np.abs(theirs[..., 4:7] - raw[..., 4:7]).max() < 0.05
    assert np.abs(theirs[..., :4] - raw[..., :4]).mean() < 0.3


# Where a graph ends

# Two branches of different depth, one read through the mean of three bins, and a mean that no layer reads
BRANCHES = """<ir_version: 10, opset_import: ["" : 20]>
net (float[B, 3, 8, 8] pictures) => (float[B, K, 3] raw, float[B, 4] pooled) {
    one = Conv (pictures, into)
    act = Relu (one)
    deep = Conv (act, far)
    first = Relu (deep)
    near = Conv (act, near_last)
    last = Conv (first, far_last)
    both = Concat <axis = 1> (near, last)
    flat = Reshape (both, shape)
    weighed = Softmax <axis = -1> (flat)
    place = MatMul (weighed, bins)
    raw = Add (flat, place)
    pooled = ReduceMean <keepdims = 0> (act, axes)
}"""
SHAPES = {"into": (4, 3, 1, 1), "far": (4, 4, 1, 1), "near_last": (3, 4, 1, 1), "far_last": (3, 4, 1, 1)}


def test_branches_of_any_depth_end_where_their_last_layer_does():
    model, random = onnx.parser.parse_model(BRANCHES), np.random.default_rng(0)
    for name, shape in {**SHAPES, "bins": (3, 1)}.items():
        weight = random.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(weight, name))
    for name, values in {"shape": [0, -1, 3], "axes": [2, 3]}.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.int64(values), name))
    for number, node in enumerate(model.graph.node):
        node.name = f"node_{number}"
    plain = model.SerializeToString()
    batches = [batch[:, :, :8, :8].copy() for batch in BATCHES]
    small = quantize(plain, batches)
    graph = onnx.load_model_from_string(small).graph
    made_by = {name: node for node in graph.node for name in node.output}
    rounded = {
        node.output[0] for node in graph.node
        if node.op_type == "Conv" and node.input[1] in made_by  # its weight is an operator's, not a constant
    }  # fmt: skip
    assert rounded == {"act", "first", "near", "last"}  # the rectifiers have gone into theirs
    behind = {node.op_type: node for node in graph.node if node.op_type in {"Concat", "MatMul", "Add"}}
    assert [made_by[name].op_type for name in behind["Concat"].input] == ["DequantizeLinear"] * 2
    assert behind["Concat"].output == ["both"] and behind["MatMul"].input[1] == "bins"
    assert made_by["raw"] == behind["Add"] and "flat" in behind["Add"].input
    raw, wanted = (outputs(one, batches[0])["raw"] for one in (small, plain))
    assert 0 < np.abs(raw - wanted).max() < 0.2 * wanted.std()
