"""The plan of a training: size, levels and weights from the data, options that cannot be."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.utils.class_weight import compute_class_weight

from macaw.data.examples import Examples, LabelledPictures
from macaw.data.labelled import read_labelled
from macaw.errors import DataError, InputError, UnknownName
from macaw.recognition.plan import Options, class_weights, levels_of, read_pixels, size_of


def folder(root: Path, sides: list[tuple[int, int]]) -> Examples:
    paths = []
    for number, (width, height) in enumerate(sides):
        paths.append(root / f"{number}.png")
        Image.new("RGB", (width, height), (number % 256, 0, 0)).save(paths[-1])
    return Examples(paths, np.zeros(len(paths), np.int64))


@pytest.mark.parametrize(
    ("side", "size"),
    [(1, 16), (16, 16), (28, 28), (30, 32), (40, 40), (41, 64), (64, 64), (96, 64), (97, 128), (500, 128)],
)
def test_the_size_follows_the_pictures(tmp_path: Path, side: int, size: int):
    assert size_of(folder(tmp_path, [(side, side)])) == size


def test_the_shorter_side_counts_and_the_median_picture(tmp_path: Path):
    assert size_of(folder(tmp_path, [(300, 32), (32, 900), (32, 32), (900, 900)])) == 32
    assert size_of(folder(tmp_path, [(900, 900)] * 3 + [(32, 32)])) == 128


def test_unreadable_pictures_are_passed_over(tmp_path: Path):
    examples = folder(tmp_path, [(32, 32)] * 5)
    Path(examples.sources[0]).write_bytes(b"no picture")
    Path(examples.sources[1]).unlink()
    Path(examples.sources[2]).write_bytes(Path(examples.sources[2]).read_bytes()[:20])
    assert size_of(examples) == 32
    for path in examples.sources:
        Path(path).write_bytes(b"")
    assert size_of(examples) == 128


def test_pictures_in_packs_have_sizes_too(tmp_path: Path):
    # Raw packs hold bare pixels, which have no header
    pixels = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
    (tmp_path / "train.images.u8.xz").write_bytes(lzma.compress(pixels.tobytes()))
    (tmp_path / "train.labels.u8").write_bytes(bytes([0, 1, 0, 1, 0, 1]))
    (tmp_path / "README.md").write_text("pictures of 28 x 28")
    assert size_of(read_labelled(tmp_path, val_share=0.0).splits["train"]) == 28


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_class_weights_are_balanced(truths: list[int]):
    targets = np.array([*range(5), *truths])
    oracle = compute_class_weight("balanced", classes=np.arange(5), y=targets)
    weights = class_weights(targets, 5)
    assert weights == pytest.approx(oracle, abs=1e-4)
    assert np.mean(np.array(weights)[targets]) == pytest.approx(1, abs=1e-3)


def test_class_weights_of_classes_without_examples_and_of_several_labels():
    assert class_weights(np.array([0, 0, 2, 2]), 3) == [0.6667, 1.3333, 0.6667]  # as if there were one of it
    marks = np.array([[1, 0], [1, 0], [1, 1], [1, 0]], np.float32)
    assert class_weights(marks, 2) == [0.5, 2.0]


@pytest.fixture
def data(shapes: Path) -> LabelledPictures:
    return read_labelled(shapes)


def test_mean_and_deviation_are_of_the_training_pictures(data: LabelledPictures):
    pixels = read_pixels(data, 24)
    assert pixels.train.shape == (len(data.splits["train"]), 24, 24, 3)
    assert pixels.val.shape == (len(data.splits["val"]), 24, 24, 3)
    assert pixels.mean == pytest.approx(pixels.train.mean((0, 1, 2)) / 255, abs=1e-4)
    assert pixels.std == pytest.approx(pixels.train.std((0, 1, 2)) / 255, abs=1e-4)
    assert levels_of(data) is None


def test_a_constant_channel_stays_finite(tmp_path: Path):
    splits = {
        name: folder(tmp_path / name, [(8, 8)] * 2)
        for name in ("train", "val")
        if not (tmp_path / name).mkdir()
    }
    data = LabelledPictures(("a", "b"), splits, multi=False, kind="folder", notes=(), path=tmp_path)
    pixels = read_pixels(data, 8)
    assert pixels.std[1:] == (0.01, 0.01)


def test_levels_are_measured_over_both_splits(tmp_path: Path):
    splits = {}
    for name, low, high in (("train", 100, 900), ("val", 50, 500)):
        (tmp_path / name).mkdir()
        values = np.linspace(low, high, 64).astype(np.uint16).reshape(8, 8)
        Image.fromarray(values).save(tmp_path / name / "a.png")
        splits[name] = Examples([tmp_path / name / "a.png"], np.zeros(1, np.int64))
    data = LabelledPictures(("a", "b"), splits, multi=False, kind="folder", notes=(), path=tmp_path)
    levels = levels_of(data)
    assert levels == [50, 900]
    pixels = read_pixels(data, 8, levels=levels)
    assert pixels.train.max() == 255
    assert pixels.val.max() == pytest.approx(255 * (500 - 50) / (900 - 50), abs=1)


def test_a_picture_that_cannot_be_read_is_named(data: LabelledPictures, tmp_path: Path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    train = data.splits["train"]
    broken = Examples([bad, *train.sources], np.append(train.targets, 0))
    with pytest.raises(DataError, match=r"1 of \d+ pictures cannot be read.*bad\.png"):
        read_pixels(
            LabelledPictures(data.names, {**data.splits, "train": broken}, False, "folder", (), tmp_path), 16
        )


def test_options_split_into_their_own_and_the_recipes():
    options = Options.of(effort=2, dial=0.5, size=32, epochs=3, flip=0.0)
    assert (options.effort, options.dial, options.size) == (2, 0.5, 32)
    recipe = options.recipe_for(1000)
    assert (recipe.epochs, recipe.augmentation.flip) == (3, 0.0)
    assert Options.of() == Options()


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"effort": 0}, InputError, "effort=0: a number above 0"),
        ({"minutes": -1}, InputError, "minutes=-1: a number above 0"),
        ({"minutes": float("inf")}, InputError, "minutes=inf"),
        ({"dial": float("nan")}, InputError, "dial=nan"),
        ({"effort": "2"}, InputError, "effort='2': a number"),
        ({"size": 0}, InputError, "size=0"),
        ({"size": 32.5}, InputError, "size=32.5: a whole number"),
        ({"balance": "class"}, UnknownName, r"balance='class': none or classes\. Did you mean 'classes'"),
        ({"epoch": 3}, UnknownName, r"no 'epoch'\. Did you mean 'epochs'"),
        ({"epochs": 0}, InputError, "epochs=0"),
        ({"recipe": ()}, UnknownName, "no 'recipe'"),
        ({"precision": "half"}, UnknownName, "precision='half'"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_read(
    wrong: dict[str, object], error: type[Exception], words: str
):
    with pytest.raises(error, match=words):
        Options.of(**wrong)
