"""The contracts themselves: each finds what it is there to find, and says it in one line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from macaw.frontends.base import Features, Frontend
from macaw.heads.base import Head
from macaw.heads.label import LabelHead
from macaw.results.base import Result
from macaw.testing import GRAPH_BYTES, check_engines, check_frontend, check_head, check_model, check_result

BATCH = torch.rand(3, 2, 20, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([1.0, 2.0, 4.0])


class Sound(Frontend):
    """(B, 2, T) -> one level (B, 5, ceil(T / 2)): a front-end of another kind of input."""

    dims, widths, strides = 1, (5,), (2,)

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        self.config = {"bias": bias}
        self.conv = nn.Conv1d(2, 5, 3, 2, 1, bias=bias)

    def forward(self, *batch: torch.Tensor) -> Features:
        return Features((self.conv(batch[0]),))


class Number(Head):
    """One number for each input."""

    dims = (1, 2)

    def __init__(self, width: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.config = {"scale": scale}
        self.out = nn.Linear(width, 1)

    def forward(self, features: Features) -> torch.Tensor:
        return self.out(features.pooled)[:, 0] * self.config["scale"]

    def loss(self, raw: torch.Tensor, targets: torch.Tensor, features: Features) -> torch.Tensor:
        return (raw - targets).square().mean()


def test_the_contracts_need_no_torch_until_one_does():
    code = "import sys, macaw.testing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_kinds_that_keep_the_contract_pass():
    check_frontend(Sound, BATCH)
    check_head(Number, TARGETS)


class Mixing(Sound):
    def forward(self, *batch):
        level = self.conv(batch[0])
        return Features((level - level.mean(0, keepdim=True),))


class Forgetful(Sound):
    def __init__(self, *, bias=True):
        super().__init__(bias=bias)
        self.config = {}
        self.conv = nn.Conv1d(2, 5, 3, 2, 1, bias=not self.config.get("bias", False))
        self.noise = torch.rand(1)  # neither in the config nor in the state

    def forward(self, *batch):
        return Features((self.conv(batch[0]) + self.noise,))


class Wide(Sound):
    widths = (6,)


class Fine(Sound):
    strides = (1,)


class Idle(Sound):
    def __init__(self, *, bias=True):
        super().__init__(bias=bias)
        self.unused = nn.Linear(2, 2)


class Unseeded(Sound):
    def __init__(self, *, bias=True):
        super().__init__(bias=bias)
        with torch.no_grad():
            self.conv.weight.add_(float(np.random.default_rng().random()))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Mixing, "one by one"),
        (Forgetful, "saved and loaded"),
        (Wide, r"shape \(3, 5, 10\), declared is \(3, 6, 10\)"),
        (Fine, r"declared is \(3, 5, 20\)"),
        (Idle, "no gradient reaches unused.weight"),
        (Unseeded, "same seed"),
    ],
)
def test_broken_frontends_are_found(kind: type[Frontend], words: str):
    with pytest.raises(AssertionError, match=words):
        check_frontend(kind, BATCH)


class Summed(Number):
    def loss(self, raw, targets, features):
        return (raw - targets).square().sum()


class Backwards(Number):
    def forward(self, features):
        return super().forward(features).detach() + 0 * self.out.weight.sum() + 0 * self.out.bias.sum()


class Ranking(Number):
    def forward(self, features):
        raw = super().forward(features)
        return raw - raw.mean()


class Greedy(Number):
    dims = (1,)

    def forward(self, features):
        return super().forward(features)[:2]

    def loss(self, raw, targets, features):
        return (raw - 1).square().mean()


class Blind(Number):
    dims = ()


class Lost(Number):
    def __init__(self, width, *, scale=2.0):
        super().__init__(width, scale=scale)
        self.scale, self.config = scale, {"scale": 1.0}

    def forward(self, features):
        return self.out(features.pooled)[:, 0] * self.scale


class Tuples(Number):
    def __init__(self, width, *, scale=1.0, sides=(1, 2)):
        super().__init__(width, scale=scale)
        self.config = {"scale": scale, "sides": (1, 2)}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Summed, "no mean"),
        (Backwards, "does not fall"),
        (Ranking, "one by one"),
        (Greedy, "2 outputs for 3 inputs"),
        (Blind, "names no front-end"),
        (Lost, "saved and loaded"),
        (Tuples, "JSON"),
    ],
)
def test_broken_heads_are_found(kind: type[Head], words: str):
    with pytest.raises(AssertionError, match=words):
        check_head(kind, TARGETS)


def test_a_head_that_takes_any_features_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("macaw.heads.base.check_pair", lambda frontend, head: None)
    with pytest.raises(AssertionError, match="takes features of 3 dims"):
        check_head(lambda width: LabelHead(width, labels=3), torch.tensor([0, 2, 1]))


@dataclass(frozen=True)
class Word(Result):
    word: str

    def to_dict(self) -> dict[str, Any]:
        return {"word": self.word}

    def plot(self):
        from PIL import Image

        return Image.new("RGB", (8, 8))


class Loose(Result):
    pass


class Pairs(Word):
    def to_dict(self):
        return {"word": (1, 2)}


class Anywhere(Word):
    def save(self, path):
        Path(path).write_text(json.dumps(self.to_dict()))
        return Path(path)


class Empty(Word):
    def plot(self):
        from PIL import Image

        return Image.new("RGB", (0, 8))


def test_a_result_that_keeps_the_contract_passes():
    check_result(Word("yes"))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (Loose(), "no dataclass"),
        (Pairs("yes"), "JSON"),
        (Anywhere("yes"), "did not raise InputError"),
        (Empty("yes"), "empty picture"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_broken_results_are_found(result: Result, words: str):
    with pytest.raises(AssertionError, match=words):
        check_result(result)


def test_a_result_that_can_be_changed_is_found():
    @dataclass
    class Open(Result):
        word: str = "yes"

    with pytest.raises(AssertionError, match="can be changed"):
        check_result(Open())


@pytest.fixture
def folder(little: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(little, tmp_path / "model"))


NOISE = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_a_second_copy_of_the_weights_is_found(folder: Path):
    check_model(folder, list(NOISE))
    shutil.copy(folder / "model.safetensors", folder / "more.safetensors")
    with pytest.raises(AssertionError, match="more than once"):
        check_model(folder, list(NOISE))


def test_code_in_a_model_is_found(folder: Path):
    (folder / "model.pt").write_bytes(b"")
    with pytest.raises(AssertionError, match=r"holds code: model\.pt"):
        check_model(folder, list(NOISE))


def test_a_missing_file_is_found(folder: Path):
    (folder / "model.onnx").unlink()
    with pytest.raises(AssertionError, match=r"has no model\.onnx"):
        check_model(folder, list(NOISE))


def test_a_graph_that_holds_the_weights_is_found(folder: Path):
    with (folder / "model.onnx").open("ab") as file:
        file.write(bytes(GRAPH_BYTES))
    with pytest.raises(AssertionError, match="seems to hold the weights"):
        check_model(folder, list(NOISE))


def test_engines_that_disagree_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from macaw.runtime import eager

    original = eager.TorchEngine.__call__
    monkeypatch.setattr(eager.TorchEngine, "__call__", lambda self, *x: 0 * original(self, *x))
    noise = np.random.default_rng(0).standard_normal((4, 3, 32, 32), np.float32)
    with pytest.raises(AssertionError, match="onnxruntime and torch differ"):
        check_engines(folder, noise)


def test_an_answer_that_depends_on_its_batch_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from macaw.runtime import graph

    original = graph.OnnxEngine.outputs
    more = lambda self, *x: tuple(one * len(x[0]) for one in original(self, *x))  # noqa: E731
    monkeypatch.setattr(graph.OnnxEngine, "outputs", more)
    with pytest.raises(AssertionError, match="in a batch"):
        check_model(folder, list(NOISE))
