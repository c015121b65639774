"""Labels: ranks, checks, text, JSON and the picture."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy.special import expit, softmax

from macaw.errors import InputError, ModelError, UnknownName
from macaw.results import draw
from macaw.results.labels import Guess, Labels, decode_labels

NAMES = ("cat", "dog", "espresso", "red panda", "soup bowl", "tree frog")
PROBS = np.array([0.05, 0.2, 0.621, 0.004, 0.1, 0.025], np.float32)
LOGITS = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-80, 80, width=32)
)


def table(count):
    return tuple(f"class {i}" for i in range(count))


def color(word):
    return tuple(int(word[i : i + 2], 16) for i in (1, 3, 5))


def test_ranking():
    labels = Labels(NAMES, PROBS)
    assert [guess.name for guess in labels.top(3)] == ["espresso", "dog", "soup bowl"]
    assert labels.best == labels[0] == Guess("espresso", pytest.approx(0.621))
    assert labels[-1].name == "red panda"
    assert labels[1:3] == labels.top(3)[1:]
    assert len(labels) == len(labels.top(99)) == len(list(labels)) == 6
    assert labels.top(0) == ()
    assert labels["dog"] == pytest.approx(0.2)


def test_equal_probabilities_keep_the_order_of_the_table():
    probs = np.array([0.2, 0.3, 0.2, 0.3])
    assert [guess.name for guess in Labels(NAMES[:4], probs)] == ["dog", "red panda", "cat", "espresso"]


def test_unknown_names_and_ranks_are_named():
    labels = Labels(NAMES, PROBS)
    with pytest.raises(UnknownName, match=r"no class 'expresso' .* Did you mean 'espresso'"):
        labels["expresso"]
    with pytest.raises(InputError, match=r"top\(-1\)"):
        labels.top(-1)
    with pytest.raises(InputError, match="threshold is 50"):
        labels.chosen(50)


def test_chosen_may_be_none_or_several():
    labels = Labels(("a", "b", "c"), np.array([0.5, 0.2, 0.9]), multi=True)
    assert [guess.name for guess in labels.chosen()] == ["c", "a"]
    assert labels.chosen(0.95) == ()


def test_text_is_aligned():
    labels = Labels(NAMES, PROBS)
    assert str(labels).splitlines() == [
        "  1  espresso    62.1 %",
        "  2  dog         20.0 %",
        "  3  soup bowl   10.0 %",
        "  4  cat          5.0 %",
        "  5  tree frog    2.5 %",
    ]
    long = str(Labels(("x" * 500, "y"), np.array([0.5, 0.5])))
    assert max(map(len, long.splitlines())) < 80


def test_dictionary_is_json():
    values = Labels(NAMES, PROBS, "photos/cup.jpg").to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["source"] == "photos/cup.jpg"
    assert values["multi"] is False
    assert values["labels"][0] == {"name": "espresso", "prob": 0.621}
    assert len(values["labels"]) == 5


def test_the_value_is_frozen():
    given_probs = PROBS.copy()
    labels = Labels(list(NAMES), given_probs)
    given_probs[:] = 0
    assert labels["dog"] == pytest.approx(0.2)
    with pytest.raises(ValueError, match="read-only"):
        labels.probs[0] = 1
    with pytest.raises(AttributeError):
        labels.multi = True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": ()}, "class table is empty"),
        ({"probs": PROBS[:5]}, r"shape \(5,\); 6 names need \(6,\)"),
        ({"probs": PROBS * 2}, r"between 0\.008 and 1\.242"),
        ({"probs": PROBS / 2}, r"sum to 0\.5"),
        ({"probs": PROBS * np.nan}, "0..1"),
        ({"probs": PROBS * np.nan, "multi": True}, "0..1"),
        (
            {"picture": np.zeros((4, 4), np.uint8)},
            r"uint8 of shape \(4, 4\); it must be uint8 of shape \(H, W, 3\)",
        ),
        ({"picture": np.zeros((4, 4, 3))}, "picture is float64"),
        ({"picture": np.zeros((0, 4, 3), np.uint8)}, r"\(0, 4, 3\)"),
    ],
)
def test_wrong_parts_are_named(arguments, words):
    with pytest.raises(InputError, match=words):
        Labels(**({"names": NAMES, "probs": PROBS} | arguments))


@settings(max_examples=60, deadline=None)
@given(LOGITS, st.floats(0.05, 20), st.booleans())
def test_decoding_agrees_with_scipy_and_keeps_the_ranking(raw, temperature, multi):
    names = table(raw.shape[1])
    scaled = raw.astype(float) / temperature
    expected = expit(scaled) if multi else softmax(scaled, axis=1)
    for row, labels, probs in zip(
        raw, decode_labels(raw, names, temperature=temperature, multi=multi), expected, strict=True
    ):
        np.testing.assert_allclose(labels.probs, probs, atol=1e-6)
        shown = [guess.prob for guess in labels.top(5)]
        assert shown == sorted(shown, reverse=True)
        assert labels.probs[row.argmax()] == labels.probs.max()  # a temperature never changes the best
        assert multi or labels.probs.sum(dtype=float) == pytest.approx(1, abs=1e-5)


def test_decoding_one_by_one_equals_the_batch():
    raw = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    batch = decode_labels(raw, NAMES, temperature=1.7)
    for i, labels in enumerate(batch):
        assert (decode_labels(raw[i : i + 1], NAMES, temperature=1.7)[0].probs == labels.probs).all()


def test_decoding_carries_sources_and_pictures():
    pictures = [np.full((2, 3, 3), i, np.uint8) for i in range(2)]
    first, second = decode_labels(np.zeros((2, 6)), NAMES, sources=["a", "b"], pictures=pictures)
    assert (first.source, second.source) == ("a", "b")
    assert second.picture is pictures[1]
    assert decode_labels(np.zeros((0, 6)), NAMES) == []


def test_huge_logits_do_not_overflow():
    labels = decode_labels(np.array([[3e38, -3e38, 0]]), NAMES[:3], temperature=0.05)[0]
    assert labels.probs.tolist() == [1, 0, 0]
    labels = decode_labels(np.array([[3e38, -3e38, 0]]), NAMES[:3], multi=True)[0]
    assert labels.probs.tolist() == [1, 0, 0.5]


@pytest.mark.parametrize(
    ("error", "words", "raw", "options"),
    [
        (ModelError, r"shape \(1, 5\); its class table needs \(N, 6\)", np.zeros((1, 5)), {}),
        (ModelError, r"shape \(6,\)", np.zeros(6), {}),
        (ModelError, "input 1 is not finite", np.array([[0] * 6, [0] * 5 + [np.nan]]), {}),
        (InputError, "temperature is 0", np.zeros((1, 6)), {"temperature": 0}),
        (InputError, "temperature is nan", np.zeros((1, 6)), {"temperature": float("nan")}),
        (InputError, "2 sources for 1 outputs", np.zeros((1, 6)), {"sources": ["a", "b"]}),
    ],
)
def test_decoding_names_what_is_wrong(error, words, raw, options):
    with pytest.raises(error, match=words):
        decode_labels(raw, NAMES, **options)


def test_bars_are_as_long_as_the_probabilities():
    pixels = np.asarray(Labels(NAMES, PROBS).plot())
    best = (pixels == color(draw.BLUE)).all(axis=2).sum(axis=1).max()
    track = ((pixels == color(draw.TRACK)) | (pixels == color(draw.BLUE))).all(axis=2)
    full = (track | (pixels == color(draw.BLUE)).all(axis=2)).sum(axis=1).max()
    assert best / full == pytest.approx(0.621, abs=0.005)
    second = (pixels == color(draw.PALE_BLUE)).all(axis=2).sum(axis=1).max()
    assert second / full == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (20, 900), (900, 20), (1500, 1000)])
def test_a_picture_of_any_size_is_shown_whole_and_in_proportion(size):
    width, height = size
    picture = np.full((height, width, 3), (200, 30, 90), np.uint8)
    pixels = np.asarray(Labels(NAMES, PROBS, picture=picture).plot())
    rows, columns = np.nonzero((pixels == (200, 30, 90)).all(axis=2))
    shown = (np.ptp(columns) + 3, np.ptp(rows) + 3)  # and a hairline around it
    assert max(shown) == pytest.approx(480, abs=1)
    assert shown[0] / shown[1] == pytest.approx(width / height, rel=0.15 if min(size) == 20 else 0.01)


STRANGE = (r"$\frac$ {", "long " * 60, "w" * 200, "two\nlines\tand tab", "東京 🦜", "a_b\\frac")


@pytest.mark.parametrize("picture", [None, np.zeros((8, 8, 3), np.uint8)])
@pytest.mark.parametrize("multi", [False, True])
def test_strange_names_are_drawn_inside_the_sheet(picture, multi):
    pixels = np.asarray(Labels(STRANGE, np.full(6, 1 / 6), picture=picture, multi=multi).plot())
    inside = pixels[24:-24, 24:-24]
    assert (pixels != 255).any(axis=2).sum() == (inside != 255).any(axis=2).sum()


def test_saving(tmp_path):
    labels = Labels(NAMES, PROBS, picture=np.zeros((9, 9, 3), np.uint8))
    assert json.loads(labels.save(tmp_path / "a.json").read_text())["labels"][0]["name"] == "espresso"
    with Image.open(labels.save(tmp_path / "a.png")) as image:
        assert image.size == labels.plot().size
    with pytest.raises(InputError, match=r"a\.tiff"):
        labels.save(tmp_path / "a.tiff")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.png"]
    assert labels._repr_png_().startswith(b"\x89PNG")


def test_drawing_libraries_are_imported_only_to_draw_and_pyplot_never():
    code = """
import sys
import macaw.metrics.labels, macaw.results.scores, macaw.results.curves, macaw.results.draw
from macaw.results.labels import decode_labels
labels = decode_labels([[1.0, 2.0]], ("a", "b"))[0]
assert str(labels)
loaded = {"torch", "matplotlib", "PIL", "scipy"} & set(sys.modules)
assert not loaded, loaded
import matplotlib
before = dict(matplotlib.rcParams)
labels.plot()
assert "matplotlib.pyplot" not in sys.modules
assert dict(matplotlib.rcParams) == before
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
