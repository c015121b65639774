"""LabelScores: text, tables, files and pictures, for few classes, many, and multi-label."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from macaw.errors import InputError
from macaw.metrics.labels import score_labels
from macaw.results import draw, panels
from macaw.results.scores import Calibration, Interval, LabelScores


def make(classes, count=None, seed=0, names=None, strength=3.0):
    random = np.random.default_rng(seed)
    targets = np.arange(count or 10 * classes) % classes
    logits = random.normal(size=(len(targets), classes))
    logits[np.arange(len(targets)), targets] += strength
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return score_labels(probs, targets, names or [f"class {i}" for i in range(classes)], resamples=50)


def make_multi(classes=4):
    random = np.random.default_rng(0)
    targets = random.random((80, classes)) < 0.4
    probs = 1 / (1 + np.exp(-(random.normal(size=targets.shape) + 3 * targets - 1.5)))
    return score_labels(probs, targets, [f"class {i}" for i in range(classes)], resamples=50)


SCORES = {classes: make(classes) for classes in (1, 2, 6, 30, 31, 200)} | {"multi": make_multi()}


def count(picture, color):
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.asarray(picture) == wanted).all(axis=2).sum())


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.123, 0.119, 0.128), "12.3 % [11.9, 12.8]"),
        (Interval(0.0123, 0.0122, 0.0124), "1.23 % [1.22, 1.24]"),
        (Interval(0.0, 0.0, 0.0), "0.0 % [0.0, 0.0]"),
        (Interval(1.0, 0.96, 1.0), "100.0 % [96.0, 100.0]"),
        (Interval(1.4642, 1.4361, 1.4889, "nats"), "1.464 nats [1.436, 1.489]"),
    ],
)
def test_intervals_as_text(interval, text):
    assert str(interval) == text
    assert text.startswith(interval.text)


@pytest.mark.parametrize(
    "values", [(0.5, 0.6, 0.7), (0.5, 0.4, 0.45), (float("nan"), 0, 1), (0.5, 0, float("inf"))]
)
def test_an_interval_holds_its_value(values):
    with pytest.raises(InputError, match="low <= value <= high"):
        Interval(*values)


def test_text_shows_the_figures_and_the_worst():
    confusion = np.array([[8, 2, 0], [1, 9, 0], [0, 5, 5]])
    scores = replace(make(3, names=["cat", "dog", "tree frog"]), confusion=confusion, seconds=0.5)
    lines = str(scores).splitlines()
    assert lines[0] == "30 examples, 3 classes, 60 a second"
    assert lines[1].startswith("  top-1 error        ")
    assert lines[-4:] == [
        "most often confused, truth -> answer",
        "  tree frog -> dog  5 of 10, 50 %",
        "  cat -> dog        2 of 10, 20 %",
        "  dog -> cat        1 of 10, 10 %",
    ]


def test_worst_is_sorted_and_leaves_right_answers_out():
    scores = SCORES[30]
    worst = scores.worst(400)
    counts = [pair.count for pair in worst]
    assert counts == sorted(counts, reverse=True)
    wrong = scores.confusion.sum() - np.trace(scores.confusion)
    assert sum(counts) == wrong
    first = worst[0]
    row, column = scores.names.index(first.truth), scores.names.index(first.answer)
    assert first.count == scores.confusion[row, column]
    assert first.share == first.count / scores.confusion[row].sum()
    assert all(pair.truth != pair.answer for pair in worst)
    assert SCORES["multi"].worst() == ()


def test_hardest_classes_come_first_and_have_examples():
    scores = SCORES[6]
    scores = replace(
        scores, per_class=(replace(scores.per_class[0], count=0, f1=None), *scores.per_class[1:])
    )
    f1 = [score.f1 for score in scores.hardest(99)]
    assert len(f1) == 5
    assert f1 == sorted(f1)


@pytest.mark.parametrize("kind", [6, "multi"])
def test_json_has_everything_by_name(kind, tmp_path):
    scores = SCORES[kind]
    values = json.loads(scores.save(tmp_path / "scores.json").read_text())
    assert values == json.loads(json.dumps(scores.to_dict()))
    assert values["count"] == scores.count
    assert set(values["metrics"]["exact match error" if kind == "multi" else "top-1 error"]) == {
        "value",
        "low",
        "high",
        "unit",
    }
    assert [row["name"] for row in values["per_class"]] == list(scores.names)
    if kind == 6:
        back = [[values["confusion"][t].get(a, 0) for a in scores.names] for t in scores.names]
        assert back == scores.confusion.tolist()


def test_csv_is_read_back(tmp_path):
    scores = make(3, names=['a, "quoted"', "b\nc", "d"])
    missing = replace(scores.per_class[2], count=0, precision=None, recall=None, f1=None)
    scores = replace(scores, per_class=(*scores.per_class[:2], missing))
    with open(scores.save(tmp_path / "s.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == list(scores.names)
    assert float(rows[0]["recall"]) == pytest.approx(scores.per_class[0].recall, abs=1e-6)
    assert rows[2] == {"class": "d", "count": "0", "precision": "", "recall": "", "f1": ""}


class Page(HTMLParser):
    """Collects the cells of tables, and every address that a browser would load."""

    def __init__(self):
        super().__init__()
        self.cells, self.addresses, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        if self.tags and self.tags[-1] in {"td", "b"} and data.strip():
            self.cells.append(data)


def test_the_page_is_self_contained_and_escapes_names(tmp_path):
    scores = make(3, names=["<script>alert(1)</script>", "R&D", "plain"])
    page = Page()
    page.feed(scores.save(tmp_path / "s.html").read_text())
    assert {"<script>alert(1)</script>", "R&D", "plain"} <= set(page.cells)
    assert "script" not in page.tags
    assert [address.split(",")[0] for address in page.addresses] == ["data:image/png;base64"]
    assert scores.metrics["top-1 error"].text in page.cells


def test_pictures_and_unknown_endings(tmp_path):
    scores = SCORES[2]
    with Image.open(scores.save(tmp_path / "s.png")) as image:
        assert image.size == scores.plot().size
    with pytest.raises(InputError, match=r"'s\.xlsx': use \.json, \.csv, \.html"):
        scores.save(tmp_path / "s.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["s.png"]


@pytest.mark.parametrize("kind", SCORES)
def test_nothing_is_drawn_over_the_edge(kind):
    scores = SCORES[kind]
    pictures = [scores.plot(), scores.plot_calibration()]
    pictures += [] if kind == "multi" else [scores.plot_confusion()]
    for picture in pictures:
        pixels = np.asarray(picture)
        inner = pixels[30:-30, 30:-30]
        assert (pixels != 255).any(axis=2).sum() == (inner != 255).any(axis=2).sum()
        assert count(picture, draw.BLUE) > 10  # in 200 classes almost no class is always right


def test_long_names_stay_inside_too():
    scores = make(
        12, names=[f"{i} a very long name of a class, such as ImageNet has them" for i in range(12)]
    )
    for picture in (scores.plot(), scores.plot_confusion()):
        pixels = np.asarray(picture)
        assert (pixels[:30] == 255).all() and (pixels[-30:] == 255).all()
        assert (pixels[:, :30] == 255).all() and (pixels[:, -30:] == 255).all()


def test_a_perfect_matrix_is_a_blue_diagonal():
    sheet = draw.Sheet(400, 464)
    panels.matrix(sheet, draw.Box(0, 0, 400, 464), np.eye(40, dtype=int) * 5, [f"{i}" for i in range(40)])
    pixels = np.asarray(sheet.picture())[41:399, 41:399]
    place = np.arange(len(pixels))
    blue = [int(draw.BLUE[i : i + 2], 16) for i in (1, 3, 5)]
    assert (pixels[place, place] == blue).mean() > 0.7  # the rest: cells meet within a pixel
    assert (pixels[place, place[::-1]] == 255).mean() > 0.9


def test_errors_are_redder_the_larger_their_share():
    shares = np.array([[0.9, 0.1, 0.0], [0.02, 0.98, 0.0], [0.3, 0.3, 0.4]])
    colors = panels._cell_colors(shares, np.eye(3, dtype=bool)).astype(int)
    redness = colors[..., 0] - colors[..., 2]
    assert redness[0, 2] == 0 < redness[1, 0] < redness[0, 1] < redness[2, 0]
    assert (np.diagonal(redness) < 0).all()


def test_classes_that_are_confused_stand_side_by_side():
    random = np.random.default_rng(1)
    family = random.permutation(np.repeat(np.arange(12), 5))  # 60 classes in 12 families of 5
    confusion = random.poisson(np.where(family[:, None] == family, 2.0, 0.0)) + 20 * np.eye(60, dtype=int)
    order = panels.resemblance_order(confusion)
    assert sorted(order) == list(range(60))
    assert (np.diff(family[order]) != 0).sum() == 11  # each family in one piece
    assert (panels.resemblance_order(confusion) == order).all()


def test_classes_along_a_line_are_put_in_line():
    line = np.random.default_rng(2).permutation(50)  # class line[k] stands at place k
    place = np.argsort(line)
    apart = np.abs(place[:, None] - place)
    order = panels.resemblance_order(np.round(40 * np.exp(-apart / 2)).astype(int))
    assert place[order].tolist() in (list(range(50)), list(range(49, -1, -1)))


def test_more_classes_than_pixels_keep_their_worst_cells():
    values = np.zeros((7, 7))
    values[5, 2] = 1
    pooled = panels._pooled(values, 3)
    assert pooled.shape == (3, 3)
    assert np.argwhere(pooled).tolist() == [[1, 0]]


def test_multi_label_has_no_confusion_picture():
    with pytest.raises(InputError, match="no confusion matrix"):
        SCORES["multi"].plot_confusion()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"confusion": np.zeros((2, 3), int)}, r"shape \(2, 3\); 6 names need \(6, 6\)"),
        ({"per_class": SCORES[6].per_class[:5]}, "6 classes in order, got 5"),
        ({"per_class": SCORES[6].per_class[::-1]}, "in order"),
        ({"names": ("class 0",) * 6}, "two classes are named 'class 0'"),
    ],
)
def test_parts_that_do_not_fit_are_named(change, words):
    with pytest.raises(InputError, match=words):
        replace(SCORES[6], **change)


def test_calibration_checks_its_shapes_and_weighs_its_bins():
    edges = np.array([0, 0.5, 1])
    curve = Calibration(edges, np.array([0.4, 0.9]), np.array([0.4, 0.7]), np.array([1, 3]))
    assert curve.error == pytest.approx(0.15)
    with pytest.raises(InputError, match=r"accuracy has shape \(3,\); 3 edges need \(2,\)"):
        Calibration(edges, np.zeros(2), np.zeros(3), np.zeros(2, int))


def test_a_score_is_a_result():
    assert isinstance(SCORES[6], LabelScores)
    assert SCORES[6]._repr_png_().startswith(b"\x89PNG")
