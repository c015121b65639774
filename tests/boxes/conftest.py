"""A detector whose answers can be worked out by hand, and annotated pictures that it was made for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from PIL import Image
from safetensors.numpy import save_file

from macaw.card import Card

SIDE, CELL = 32, 8  # pixels of the prepared picture and of a cell: 4 x 4 cells
NAMES = ("blue", "green", "red")

# A cell says how much its mean colour is pure red, green or blue; its box is the cell itself.
GRAPH = """<ir_version: 10, opset_import: ["" : 20]>
finder (float[B, 3, 32, 32] pictures) => (float[B, 16, 7] raw, float[B, 3] pooled) {
    means = AveragePool <kernel_shape = [8, 8], strides = [8, 8]> (pictures)
    told = Conv (means, weight, bias)
    flat = Reshape (told, flat_shape)
    cells = Transpose <perm = [0, 2, 1]> (flat)
    moved = Slice (cells, zero, four, two)
    xyxy = Add (moved, places)
    logits = Slice (cells, four, seven, two)
    scores = Sigmoid (logits)
    raw = Concat <axis = 2> (xyxy, scores)
    pooled = ReduceMean <keepdims = 0> (pictures, axes)
}"""


def paint(*squares: tuple[str, int, int], size: tuple[int, int] = (64, 32)) -> np.ndarray:
    """A black picture of `size` (width, height) with squares of 16 pixels: colour, left, top."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for name, left, top in squares:
        picture[top : top + 16, left : left + 16, ("red", "green", "blue").index(name)] = 255
    return picture


def proto() -> onnx.ModelProto:
    model = onnx.parser.parse_model(GRAPH)
    places = [(c, r, c + 1, r + 1) for r in range(4) for c in range(4)]
    constants = {
        "places": CELL * np.float32([places]),
        **{name: np.int64(value) for name, value in {"flat_shape": [0, 7, -1], "axes": [2, 3]}.items()},
        **{name: np.int64([value]) for name, value in {"zero": 0, "two": 2, "four": 4, "seven": 7}.items()},
    }
    for name, value in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    for name, shape in {"weight": (7, 3, 1, 1), "bias": (7,)}.items():
        kept = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        kept.data_location = TensorProto.EXTERNAL
        parts = {"location": "model.safetensors", "offset": "0", "length": str(4 * int(np.prod(shape)))}
        for key, text in parts.items():
            kept.external_data.add(key=key, value=text)
        model.graph.initializer.append(kept)
    for number, node in enumerate(model.graph.node):
        node.name = f"node_{number}"
    return model


@pytest.fixture(scope="session")
def painted() -> Callable[..., np.ndarray]:
    """`painted(("red", 0, 16), size=(64, 32))`: a black picture with squares of 16 pixels."""
    return paint


@pytest.fixture(scope="session")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the detector; of 64 x 32 pixels, each of its cells covers 16 x 16."""
    folder = tmp_path_factory.mktemp("models") / "finder"
    folder.mkdir()
    weight = np.zeros((7, 3, 1, 1), np.float32)
    weight[4:, :, 0, 0] = np.float32([[-20, -20, 20], [-20, 20, -20], [20, -20, -20]])  # blue, green, red
    bias = np.float32([0, 0, 0, 0, -10, -10, -10])
    save_file({"weight": weight, "bias": bias}, folder / "model.safetensors")
    (folder / "model.onnx").write_bytes(proto().SerializeToString())
    Card(
        task="detect",
        name="finder",
        builder="recognizer",
        frontend={"name": "image", "config": {}},
        head={"name": "box", "config": {"labels": 3}},
        names=NAMES,
        prepare={"size": SIDE, "mean": [0.0] * 3, "std": [1.0] * 3, "resize": "letter", "levels": None},
        decode={"score": 0.25, "iou": 0.6, "limit": 300, "branch": "one-to-many"},
        terms={"code": "Apache-2.0"},
    ).save(folder)
    return folder


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotated pictures of 64 x 32 pixels: 40 to train, 12 to validate, some without a square."""
    root = tmp_path_factory.mktemp("data") / "scenes"
    (root / "images").mkdir(parents=True)
    random, images = np.random.default_rng(0), []
    for number in range(52):
        spots = random.permutation(8)[: number % 4]
        squares = [(str(random.choice(NAMES)), int(16 * (spot % 4)), int(16 * (spot // 4))) for spot in spots]
        noise = random.integers(0, 40, (32, 64, 3), np.uint8)
        Image.fromarray(np.maximum(paint(*squares), noise)).save(root / "images" / f"{number:02}.png")
        images.append(
            {
                "file": f"images/{number:02}.png", "split": "val" if number % 13 > 9 else "train",
                "w": 64, "h": 32,
                "boxes": [[left, top, left + 16, top + 16] for _, left, top in squares],
                "labels": [NAMES.index(name) for name, *_ in squares],
            }
        )  # fmt: skip
    (root / "annotations.json").write_text(json.dumps({"classes": NAMES, "images": images}))
    return root
