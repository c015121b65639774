"""Adopted checkpoints: the probabilities of transformers, from a folder that needs neither it nor torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.card import Card
from macaw.errors import InputError, MissingExtra, StorageError
from macaw.model import Model
from macaw.recognition import adopt as adoption
from macaw.recognition.adopt import adopt
from macaw.testing import check_engines, check_model

# Those whose graphs differ most (mobilenet_v2 is below, with several labels); the others are marked slow
FIRST = ("convnextv2", "dinov2_with_registers", "resnet", "swin", "vit")
OTHERS = (
    "beit", "bit", "convnext", "data2vec-vision", "deit", "dinov2", "hgnet_v2", "ijepa", "mobilenet_v1",
    "regnet", "swinv2", "vit_msn",
)  # fmt: skip
CUT = {
    "image_processor_type": "BitImageProcessor",
    "size": {"shortest_edge": 73},
    "crop_size": 64,
    "resample": 3,
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests of a session that leave it as it is: each checkpoint is adopted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def adopted(cache: Path) -> Any:
    """`adopted(folder)` is the model's folder in that cache."""

    def opened(folder: Path) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(cache))
            return adopt(f"hf:{folder}")

    return opened


def copied(folder: Path, out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def theirs(folder: Path, photos: list[np.ndarray]) -> np.ndarray:
    """The probabilities by transformers alone."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    net = AutoModelForImageClassification.from_pretrained(folder).eval()
    pictures = [Image.fromarray(photo) for photo in photos]
    inputs = AutoImageProcessor.from_pretrained(folder)(pictures, return_tensors="pt")
    with torch.no_grad():
        logits = net(**inputs).logits
    multi = net.config.problem_type == "multi_label_classification"
    return np.asarray(logits.sigmoid() if multi else logits.softmax(1))


@pytest.mark.parametrize("kind", [*FIRST, *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHERS)])
def test_every_engine_gives_the_probabilities_of_transformers(
    kind: str, make: Any, photos: list[np.ndarray], adopted: Any
):
    # DINOv2's positions are those of larger pictures than its processor gives
    changes = {"image_size": 56} if kind.startswith("dinov2") else {}
    folder = make(kind, processor=CUT if kind in {"bit", "resnet"} else None, **changes)
    wanted = theirs(folder, photos)
    assert np.ptp(wanted, axis=0).max() > 0.01  # the answers differ between pictures
    out = adopted(folder)
    for engine in ("onnxruntime", "torch"):
        answers = Model(out, engine=engine).run(photos)
        assert np.abs(np.stack([one.probs for one in answers]) - wanted).max() < 1e-5


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_it_keeps_the_contract_of_models(kind: str, make: Any, photos: list[np.ndarray], adopted: Any):
    out = adopted(make(kind, processor=CUT if kind == "resnet" else None))
    check_model(out, photos)
    noise = np.random.default_rng(0)
    side = Card.load(out).prepare["size"]
    check_engines(out, *(noise.standard_normal((count, 3, side, side), np.float32) for count in (1, 5)))
    if kind == "resnet":  # a convolutional network takes any size
        check_engines(out, noise.standard_normal((2, 3, 64, 96), np.float32))


def test_its_card_says_where_it_is_from(make: Any, adopted: Any):
    folder = make("vit")
    card = Card.load(adopted(folder))
    assert card.names == ("tench", "crane (1)", "a cup of tea", "crane (3)", "Ærø ferry")
    assert card.training["source"] == f"hf:{folder}"
    assert card.training["unused"] == []
    assert card.terms["weights"] == "not stated by the checkpoint"
    assert card.decode == {"temperature": 1.0, "multi": False}


def test_several_labels(make: Any, photos: list[np.ndarray], adopted: Any):
    folder = make("mobilenet_v2", problem_type="multi_label_classification", processor=CUT)
    wanted = theirs(folder, photos)
    assert wanted.sum(1).max() > 1.5
    for engine in ("onnxruntime", "torch"):
        answers = Model(adopted(folder), engine=engine).run(photos)
        assert all(answer.multi for answer in answers)
        assert np.abs(np.stack([one.probs for one in answers]) - wanted).max() < 1e-5


def test_a_snapshot_in_the_cache_of_the_hub(make: Any, home: Path):
    commit, said = "0123456789abcdef0123456789abcdef01234567", []
    store = home / "xdg_cache_home" / "huggingface" / "hub" / "models--owner--little"
    (store / "refs").mkdir(parents=True)
    (store / "refs" / "main").write_text(commit)
    (store / "snapshots").mkdir()
    os.symlink(make("vit"), store / "snapshots" / commit)
    out = adopt("hf:owner/little", note=said.append)
    assert out.name.startswith(f"owner--little-{commit[:16]}-")
    assert out.is_relative_to(home / "xdg_cache_home" / "macaw")
    card = Card.load(out)
    assert (card.name, card.training["source"]) == ("owner/little", f"hf:owner/little@{commit}")
    assert [f"hf:owner/little@{commit}" in line for line in said] == [True]
    assert adopt(f"hf:owner/little@{commit}", note=said.append) == out
    assert len(said) == 1


def test_it_is_made_once_and_opened_without_torch(make: Any, adopted: Any, cache: Path):
    folder = make("vit")
    out = adopted(folder)
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    code = f"""
import sys, numpy as np
from macaw.recognition import adopt as adoption
from macaw.recognition.adopt import adopt
from macaw.model import Model
print(Model(adopt("hf:{folder}")).run(np.zeros((40, 50, 3), np.uint8)).best.name)
print(*({{"torch", "transformers", "huggingface_hub", "onnx"}} & set(sys.modules)), "done")
"""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    name, rest = done.stdout.strip().split("\n")
    assert name in Card.load(out).names
    assert rest == "done"
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == times


@pytest.fixture(scope="session")
def whole(make: Any, adopted: Any) -> Path:
    """The folder of an adopted ViT."""
    return adopted(make("vit"))


@pytest.fixture
def made(whole: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that would be made from here on; none is."""
    folders: list[Path] = []
    monkeypatch.setattr(adoption, "_convert", lambda found, reference, out: folders.append(out))
    return folders


def test_what_was_made_needs_no_transformers(
    make: Any, adopted: Any, whole: Path, monkeypatch: pytest.MonkeyPatch
):
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(adoption, "version", absent)
    assert adopted(make("vit")) == whole


def test_the_same_content_is_the_same_folder(
    make: Any, adopted: Any, whole: Path, made: list[Path], tmp_path: Path
):
    copy = copied(make("vit"), tmp_path / "vit")
    assert adopted(copy) == whole
    assert made == []
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        before = (copy / name).read_bytes()
        (copy / name).write_bytes(before.replace(b"tench", b"bream").replace(b"0.485", b"0.585"))
        if name == "model.safetensors":
            (copy / name).write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert adopted(copy) != whole
        (copy / name).write_bytes(before)
    assert len(set(made)) == 3


def test_a_folder_that_was_cut_short_is_made_again(
    make: Any, photos: list[np.ndarray], whole: Path, home: Path
):
    before = [one.probs for one in Model(whole).run(photos)]
    out = copied(whole, home / "xdg_cache_home" / "macaw" / "hub" / whole.name)
    (out / "model.onnx").write_bytes((whole / "model.onnx").read_bytes()[:-1])
    assert adopt(f"hf:{make('vit')}") == out
    assert all((a.probs == b).all() for a, b in zip(Model(out).run(photos), before, strict=True))


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "card.json"])
def test_each_of_its_files_is_looked_at(name: str, make: Any, whole: Path, home: Path, made: list[Path]):
    out = copied(whole, home / "xdg_cache_home" / "macaw" / "hub" / whole.name)
    assert adopt(f"hf:{make('vit')}") == out
    assert made == []
    (out / name).write_bytes((whole / name).read_bytes()[:100])
    assert adopt(f"hf:{make('vit')}") == out
    (out / name).unlink()
    assert adopt(f"hf:{make('vit')}") == out
    assert made == [out, out]


def test_a_backbone_is_no_model(make: Any, home: Path):
    folder = make("dinov2", base=True)
    with pytest.raises(
        InputError, match=r"has no classifier, it is a front-end; train one on it by: macaw train"
    ) as caught:
        adopt(f"hf:{folder}")
    assert f"--start hf:{folder}" in str(caught.value)
    assert not list(home.rglob("card.json"))


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("vit", {"problem_type": "regression"}, r"gives numbers \(regression\)"),
        ("vit", {"model_type": "bert"}, "type 'bert' is no image classifier .* What works: beit, "),
        ("vit", {"architectures": ["DeiTForImageClassificationWithTeacher"]}, "the mean of two classifiers"),
        ("vit", {"num_channels": 1}, "pictures of 1 channels"),
        (
            "vit",
            {"id2label": {"first": "a", "second": "b"}},
            "does not number its labels: id2label has 'first'",
        ),
    ],
)
def test_other_checkpoints_are_refused(
    kind: str, changes: dict[str, Any], said: str, make: Any, home: Path, tmp_path: Path
):
    config = json.loads((copied(make(kind), tmp_path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(InputError, match=said):
        adopt(f"hf:{tmp_path}")


@pytest.mark.parametrize("module", ["transformers.models.auto", "onnxscript.optimizer"])
def test_without_a_library_the_command_that_installs_it(
    module: str, make: Any, home: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = make("vit")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"pip install 'macaw\[(hub|train)\]'"):
        adopt(f"hf:{folder}")


def test_a_cache_that_cannot_be_written(make: Any, home: Path):
    (home / "xdg_cache_home").mkdir(exist_ok=True)
    (home / "xdg_cache_home" / "macaw").write_text("a file")
    with pytest.raises(StorageError):
        adopt(f"hf:{make('vit')}")
