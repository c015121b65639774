"""Why a key point: on a model whose lines are known, where every figure can be told beforehand."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from macaw.card import Card
from macaw.errors import InputError, UnknownName
from macaw.explanation.point_lines import line_of
from macaw.explanation.point_picture import explain_points
from macaw.model import Model
from macaw.results.point_explanation import PointExplanation
from macaw.results.point_explanation_pictures import heat_picture
from macaw.testing import check_result

SIDE, BINS = 64, 128
NAMES = ("<i>nose", "left eye")


def hill(place: float, spread: float) -> np.ndarray:
    """A Gaussian over the bins, pixels of the sheet, that adds up to 1."""
    powers = np.exp(-0.5 * (((np.arange(BINS) + 0.5) * SIDE / BINS - place) / spread) ** 2)
    return np.asarray(powers / powers.sum())


class Known(Model):
    """A model whose answer is the same for every picture: the nose is sure, the eye has two places."""

    def __init__(self) -> None:
        self.folder, self.engine = Path("known"), "none"
        self.card = Card(
            task="keypoints",
            name="known",
            builder="recognizer",
            frontend={"name": "image", "config": {}},
            head={"name": "point", "config": {}},
            names=NAMES,
            prepare={"size": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "letter", "levels": None},
            decode={},
        )

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        nose = np.concatenate([hill(40, 1), hill(32, 1.5)])
        eye = np.concatenate([0.7 * hill(16, 1) + 0.3 * hill(48, 1), hill(30, 2)])
        return (np.log(np.stack([nose, eye]) + 1e-12)[None].astype(np.float32),)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Twice the sheet, which has bars of 16 pixels above and below: 32 of the picture's."""
    return np.random.default_rng(0).integers(0, 255, (64, 128, 3), np.uint8)


@pytest.fixture
def why(photo: np.ndarray) -> PointExplanation:
    return explain_points(Known(), photo)


def test_lines_are_those_of_the_raw_output_in_pixels_of_the_picture(why: PointExplanation):
    assert why.across.places[[0, -1]] == pytest.approx([0.5, 127.5])
    assert why.down.places[[0, -1]] == pytest.approx([0.5 - 32, 127.5 - 32])  # bars lie beside the picture
    assert why.across.probs == pytest.approx(0.7 * hill(16, 1) + 0.3 * hill(48, 1), abs=1e-6)
    assert why.down.mean == pytest.approx(2 * (30 - 16), abs=1e-3)


def test_spreads_are_standard_deviations_in_pixels_of_the_picture(why: PointExplanation):
    two = np.sqrt(1 + 0.7 * 0.3 * 32**2)  # of two hills of spread 1 that lie 32 apart
    assert why.spreads == pytest.approx(2 * np.array([[1, 1.5], [two, 2]]), rel=1e-3)
    assert (why.across.spread, why.down.spread) == tuple(why.spreads[1])


def test_a_second_peak_is_found_where_there_is_one(why: PointExplanation):
    first, second = why.across.peaks
    assert first.place == pytest.approx(32, abs=0.6) and second.place == pytest.approx(96, abs=0.6)
    assert first.share == pytest.approx(0.7, abs=0.01) and second.share == pytest.approx(0.3, abs=0.01)
    assert len(why.down.peaks) == 1
    assert "a second peak at 9" in str(why) and str(why).count("peak") == 1


def test_the_slope_of_a_peak_and_what_is_tiny_are_no_second_peak():
    places = np.arange(BINS) + 0.5
    assert len(line_of(hill(32, 12), places, BINS).peaks) == 1  # wide: its slope reaches far
    assert len(line_of(0.97 * hill(10, 1) + 0.03 * hill(50, 1), places, BINS).peaks) == 1
    assert len(line_of(0.93 * hill(10, 1) + 0.07 * hill(50, 1), places, BINS).peaks) == 2
    assert len(line_of(np.eye(BINS)[0], places, BINS).peaks) == 1
    uneven = np.random.default_rng(0).uniform(0.8, 1.2, BINS)  # knows nothing, and has a top everywhere
    assert len(line_of(uneven / uneven.sum(), places, BINS).peaks) == 1


def test_the_share_of_the_peaks_is_the_score(why: PointExplanation):
    least = min(why.across.peaks[0].share, why.down.peaks[0].share)
    assert why.point.score == pytest.approx(least, abs=1e-5)


def test_what_lies_on_the_bars_is_beside_the_picture():
    places = np.linspace(-31.5, 95.5, BINS)
    line = line_of(0.25 * hill(4, 1) + 0.75 * hill(32, 1), places, 64)
    assert line.beside == pytest.approx(0.25, abs=1e-6)


def test_heat_is_the_product_of_the_lines(why: PointExplanation):
    heat = why.heat((128, 64))
    assert heat.shape == (64, 128)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(column + 0.5 - 32) <= 1 and abs(row + 0.5 - 28) <= 1 and heat.max() > 0.95
    assert heat[28, 95:97].max() == pytest.approx(heat.max() * 3 / 7, rel=0.05)
    assert np.linalg.matrix_rank(heat.astype(np.float64), tol=1e-4) == 1
    drawn = np.asarray(heat_picture(why)).astype(int)
    assert drawn.shape == (320, 640, 3)
    colour = np.ptp(drawn, axis=2)
    assert colour[135:145, 475:485].mean() > colour[135:145, 300:320].mean() + 20


def test_the_least_sure_point_is_explained_or_the_one_asked_for(photo: np.ndarray, why: PointExplanation):
    assert why.target == "left eye" and not why.asked and why.order.tolist() == [1, 0]
    nose = explain_points(Known(), photo, target="<i>nose")
    assert nose.asked and nose.point.x == pytest.approx(80, abs=0.1)
    assert nose.point.y == pytest.approx(32, abs=0.1)
    with pytest.raises(UnknownName, match=r"knows no point 'left eyes'\. Did you mean 'left eye'"):
        explain_points(Known(), photo, target="left eyes")
    with pytest.raises(InputError, match="several pictures"):
        explain_points(Known(), [photo, photo])


def test_parts_that_do_not_fit_are_refused(why: PointExplanation):
    with pytest.raises(InputError, match=r"spreads have shape \(3, 2\)"):
        dataclasses.replace(why, spreads=np.zeros((3, 2)))
    with pytest.raises(InputError, match="add up to 2, not to 1"):
        dataclasses.replace(why.across, probs=2 * why.across.probs)
    with pytest.raises(InputError, match="64 x 64 pixels"):
        dataclasses.replace(why, across=why.down)


def test_it_keeps_the_contract_and_the_page_loads_nothing(photo: np.ndarray, tmp_path: Path):
    why = explain_points(Known(), photo, target="<i>nose")
    check_result(why)
    text = why.save(tmp_path / "why.html").read_text(encoding="utf-8")
    assert "<script" not in text and not re.search(r'(src|href)="(?!data:)|url\((?!#)|@import', text)
    assert "<i>nose" not in text + why.fragment() and "&lt;i&gt;nose" in text
    values = json.loads(why.save(tmp_path / "why.json").read_text(encoding="utf-8"))
    assert sum(values["across"]["probs"]) == pytest.approx(1, abs=1e-3)
    assert [len(one["spread"]) for one in values["answer"]["points"]] == [2, 2]
    with pytest.raises(InputError, match=r"why\.txt"):
        why.save(tmp_path / "why.txt")


def test_explaining_a_point_needs_no_torch():
    code = "import sys, macaw.explanation.point_picture; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
