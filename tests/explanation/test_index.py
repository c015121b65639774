"""The index of training pictures: exact search as its oracle, its size, and files that were changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from macaw.data.examples import Examples
from macaw.data.labelled import read_labelled
from macaw.errors import InputError, ModelError
from macaw.explanation.index import NAME, WIDTH, Index, balanced, index_examples, save_index
from macaw.explanation.neighbours import find_neighbours
from macaw.model import Model

NAMES = ("cat", "dog", "tree frog")


def features(count: int, width: int = 128, kinds: int = 50) -> np.ndarray:
    """Rectified features in clusters, with a fall of variance over the directions as networks have it."""
    noise = np.random.default_rng(0)
    centres = noise.normal(size=(kinds, width)) / np.arange(1, width + 1) ** 0.5
    points = (
        centres[noise.integers(0, kinds, count)]
        + 0.7 * noise.normal(size=(count, width)) / np.arange(1, width + 1) ** 0.7
    )
    return np.maximum(points @ np.linalg.qr(noise.normal(size=(width, width)))[0] + 0.5, 0).astype(np.float32)


def examples(count: int, targets: np.ndarray | None = None) -> Examples:
    """Pictures that are nothing but a few bytes, each its own."""
    sources = [f"picture {number}".encode() for number in range(count)]
    return Examples(sources, np.arange(count) % 3 if targets is None else targets)


def packed(count: int, folder: Path) -> Examples:
    """A pack of as many files of some bytes."""
    blob = [f"picture {number}".encode() for number in range(count)]
    off = np.concatenate([[0], np.cumsum([len(one) for one in blob])])
    np.savez(
        folder / "train.npz",
        blob=np.frombuffer(b"".join(blob), np.uint8),
        off=off,
        label=(np.arange(count) % 3).astype(np.uint8),
    )
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return read_labelled(folder, val_share=0.0).splits["train"]


def exact(all_features: np.ndarray, query: np.ndarray, count: int) -> np.ndarray:
    """The nearest by the cosine of centred features, with nothing left out."""
    centred, asked = all_features - all_features.mean(0), query - all_features.mean(0)
    cosine = centred @ asked / np.linalg.norm(centred, axis=1) / np.linalg.norm(asked)
    return np.argsort(-cosine)[:count]


def test_it_finds_what_exact_search_finds_and_is_small(tmp_path: Path):
    known, asked = np.split(features(5200), [5000])
    path = save_index(tmp_path, known, packed(5000, tmp_path), names=NAMES, root=tmp_path)
    index = Index.load(tmp_path)
    found = 0
    for one in asked:
        near = {int(item.name[len("train.npz[") : -1]) for item in index.nearest(one, 10)}
        found += len(near & set(exact(known, one, 10).tolist()))
    recall, size = found / 2000, path.stat().st_size
    print(f"recall@10 {recall:.3f}, {size:,} bytes for 5,000 pictures")
    assert recall > 0.85
    assert size < 55 * 5000 + 128 * (2 * WIDTH + 4) + 2000


def test_what_is_saved_comes_back(tmp_path: Path):
    known = features(60)
    data = packed(60, tmp_path)
    save_index(tmp_path, known, data, names=NAMES, root=tmp_path)
    index = Index.load(tmp_path)
    assert len(index) == 60
    assert index.source == tmp_path.name
    for row in (0, 17, 59):
        first = index.nearest(known[row], 1)[0]
        assert first.name == f"train.npz[{row}]"
        assert first.labels == (NAMES[row % 3],)
        assert first.likeness == pytest.approx(1, abs=0.03)
        assert first.mark == hashlib.sha256(f"picture {row}".encode()).digest()[:8]


def test_a_picture_may_have_several_labels_or_none(tmp_path: Path):
    targets = np.zeros((20, 3), np.float32)
    targets[::2, 0] = targets[::3, 2] = 1
    save_index(tmp_path, features(20), examples(20, targets), names=NAMES, root=tmp_path)
    index = Index.load(tmp_path)
    assert index.labels[0] == ("cat", "tree frog")
    assert index.labels[1] == ()
    assert index.labels[2] == ("cat",)


def test_names_may_hold_any_letters(tmp_path: Path):
    folder = tmp_path / "köln"
    folder.mkdir()
    names = ["a b.png", "ö\nneu.png", "日本.png", os.fsdecode(b"bad\xff.png")]
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name, "PNG")
    data = Examples([folder / name for name in names], np.zeros(4, int))
    save_index(tmp_path, features(4), data, names=NAMES, root=tmp_path)
    assert list(Index.load(tmp_path).names) == [f"köln/{name}" for name in names]


def test_a_large_set_is_thinned_out_class_by_class():
    targets = np.repeat([0, 1, 2], [1000, 30, 200])
    kept = balanced(targets, 150)
    assert np.bincount(targets[kept]).tolist() == [60, 30, 60]
    assert (np.diff(kept) > 0).all()
    assert (kept == balanced(targets, 150)).all()
    assert (kept != balanced(targets, 150, seed=1)).any()
    assert balanced(targets, 5000).tolist() == list(range(1230))


@pytest.mark.parametrize("harm", ["cut", "shape", "labels", "format", "empty", "code", "names"])
def test_a_damaged_index_is_one_clear_error(tmp_path: Path, harm: str):
    path = save_index(tmp_path, features(30), examples(30), names=NAMES, root=tmp_path)
    tensors = load_file(path)
    about = {"format": "1", "labels": json.dumps([[name] for name in NAMES]), "source": "x"}
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "shape":
        save_file({**tensors, "vectors": tensors["vectors"][:-1].copy()}, path, about)
    elif harm == "labels":
        save_file(tensors, path, {**about, "labels": "[[]"})
    elif harm == "code":
        save_file({**tensors, "codes": tensors["codes"] + 9}, path, about)
    elif harm == "names":
        save_file({**tensors, "names": np.zeros(40, np.uint8)}, path, about)
    else:
        save_file(tensors, path, {**about, "format": "2"})
    with pytest.raises(ModelError, match=rf"{NAME} is damaged \(.*\); remove it, or train again"):
        Index.load(tmp_path)


def test_without_an_index_the_error_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(ModelError, match="train again"):
        Index.load(tmp_path)


def test_features_of_another_model_are_refused(tmp_path: Path):
    save_index(tmp_path, features(30), examples(30), names=NAMES, root=tmp_path)
    with pytest.raises(InputError, match="features of shape"):
        Index.load(tmp_path).nearest(np.zeros(7, np.float32), 3)


@pytest.fixture
def indexed(little: Path, shapes: Path, tmp_path: Path) -> tuple[Model, Path]:
    """A model with an index of its training pictures, and a copy of these."""
    data = shutil.copytree(shapes, tmp_path / "shapes")
    model = Model(shutil.copytree(little, tmp_path / "model"))
    train = read_labelled(data, names=model.card.names, val_share=0.0).splits["train"]
    index_examples(model, train, data)
    return model, data


def own_features(model: Model, path: Path) -> np.ndarray:
    return model.features(Examples([path], np.zeros(1, int)))[0]


def test_the_nearest_to_a_training_picture_is_itself(indexed: tuple[Model, Path]):
    model, data = indexed
    for path in (data / "disc" / "03.png", data / "cross" / "20.png"):
        near, notes = find_neighbours(model, own_features(model, path), data=data)
        first = near.items[0]
        assert first.name == f"{path.parent.name}/{path.name}"
        assert first.labels == (path.parent.name,)
        assert first.likeness == pytest.approx(1, abs=0.03)
        assert first.picture is not None and (first.picture == np.asarray(Image.open(path))).all()
        assert notes == [] and near.total == 120 and near.source == "shapes"
        likeness = [one.likeness for one in near.items]
        assert likeness == sorted(likeness, reverse=True)


def test_without_the_data_names_and_classes_are_still_listed(indexed: tuple[Model, Path]):
    model, data = indexed
    near, notes = find_neighbours(model, own_features(model, data / "disc" / "03.png"))
    assert near.items[0].name == "disc/03.png"
    assert all(one.picture is None for one in near.items)
    assert notes == []


def test_a_picture_that_changed_since_is_not_shown(indexed: tuple[Model, Path]):
    model, data = indexed
    path = data / "disc" / "03.png"
    asked = own_features(model, path)
    Image.new("RGB", (32, 32), "red").save(path)
    near, notes = find_neighbours(model, asked, data=data)
    assert near.items[0].name == "disc/03.png" and near.items[0].picture is None
    assert near.items[1].picture is not None
    assert notes == [f"1 near picture in '{data}' changed since the training, not shown"]


def test_pictures_that_are_gone_are_counted(indexed: tuple[Model, Path]):
    model, data = indexed
    asked = own_features(model, data / "disc" / "03.png")
    (data / "disc" / "03.png").unlink()
    near, notes = find_neighbours(model, asked, data=data)
    assert near.items[0].picture is None
    assert notes == [f"1 near picture not found in '{data}': is it what was trained on?"]


def test_no_picture_is_copied_into_the_models_folder(indexed: tuple[Model, Path]):
    model, data = indexed
    held = (model.folder / NAME).read_bytes()
    pixels = np.asarray(Image.open(data / "disc" / "03.png")).tobytes()
    assert pixels[:64] not in held and str(data).encode() not in held
    assert len(held) < 60 * 120 + 30_000
