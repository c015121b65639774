"""The tour of a row that finds objects: its pictures with boxes, and whether what is there was found."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw import tour_page, verbs, visit, zoo
from macaw.errors import InputError
from macaw.results.boxes import Boxes
from macaw.results.mask import Mask
from macaw.samples import SAMPLES, Package, Sample
from macaw.tasks import TASKS, Task

Paint = Callable[..., np.ndarray]
SHOWN = {"flag": ("red", "blue"), "leaf": ("green",), "rose": ("red",), "fog": ("grey",)}


@pytest.fixture
def row(tmp_path: Path, finder: Path, painted: Paint, monkeypatch: pytest.MonkeyPatch) -> Task:
    """The row of detectors on the finder and four pictures that a package "toys" brings."""
    folder = tmp_path / "packages" / "toys" / "pictures"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    package = Package("toys", "toys", "pictures", extra="")
    pictures = {
        "flag": painted(("blue", 0, 0), ("red", 16, 0)),
        "leaf": painted(("red", 0, 0)),
        "rose": painted(("green", 0, 0), ("green", 16, 16), ("red", 32, 16)),
        "fog": painted(),
    }
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
        words = {"title": f"A {name}", "alt": f"It is a {name}", "author": "Nobody", "terms": "none"}
        sample = Sample(name, "picture", package, f"{name}.png", **words, shows=SHOWN[name])
        monkeypatch.setitem(SAMPLES, name, sample)
    shutil.copytree(finder, tmp_path / "zoo" / "detect")
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    found = dataclasses.replace(TASKS["detect"], samples=tuple(SHOWN))
    monkeypatch.setitem(TASKS, "detect", found)
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How the tour asked for an explanation; none is given."""
    ways: list[Any] = []

    def explain(*_: object, by: object = None) -> None:
        ways.append(by)
        raise InputError("not today")

    monkeypatch.setattr(verbs, "explain", explain)
    return ways


def test_each_sample_is_judged_by_what_was_found(row: Task, asked: list[Any]):
    seen = visit.visit(row)
    assert seen.problem == ""
    verdicts = {one.sample.name: one.verdict for one in seen.answered}
    assert verdicts == {
        "flag": ("right", "right, it finds red and blue"),
        "leaf": ("wrong", "it does not find green"),
        "rose": ("right", "right, it finds red"),  # whichever of its three boxes is the surest
        "fog": (
            "outside",
            "its subject is not among the 3 classes: whatever it finds is the nearest it knows",
        ),
    }
    assert all(isinstance(one.answer, Boxes) for one in seen.answered)
    assert asked == [None]  # every way there is: none of a detector's needs torch
    assert seen.notes == ("its answers are not explained here: not today",)


def test_the_table_in_the_terminal_says_how_many_of_what(row: Task, asked: list[Any]):
    lines = str(visit.visit(row)).splitlines()
    assert re.search(r"rose +.*2 greens?, 1 red +right, it finds red$", "\n".join(lines), re.MULTILINE)


def test_the_page_shows_the_picture_with_its_boxes(row: Task, asked: list[Any]):
    seen = visit.visit(row)
    text = tour_page.page([seen], place="a place", machine="a machine", seconds=1.0)
    assert "2 of 3" in text and "found, of the samples whose subject it knows" in text
    assert "right at once" not in text
    drawn = re.findall(r'<img class="drawn" src="data:image/\w+;base64,([^"]+)"[^>]*alt="([^"]*)"', text)
    assert len(drawn) == 4
    assert [words for _, words in drawn] == [one.answer.headline for one in seen.answered]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn[3][0]))).convert("RGB"), int)
    assert picture.max() < 40  # nothing was found in the fog, so nothing is drawn there
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn[0][0])))).max() > 200
    assert text.count('class="tick"') >= 3 and "nothing found" in text
    assert "<script" not in text and "macaw run detect photo.jpg" in text


def test_a_mask_is_judged_by_what_it_shows():
    answer = Mask(("road", "sky", "tree"), np.array([[0, 0, 1]], np.uint8))
    kinds = {("sky",): "right", ("tree",): "wrong", ("sky", "tree"): "right", (): "outside"}
    for right, kind in kinds.items():
        one = visit.Answered(SAMPLES["grace_hopper"], answer, 0.1, right, 3, "Mask")
        assert one.verdict.kind == kind


def test_labels_are_still_judged_by_their_order():
    assert visit.CHOICES == {"Labels"} and visit.WAYS["Labels"] == ("occlusion", "neighbours")
