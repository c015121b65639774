"""Why a mask: on a segmenter whose logits are known, where every figure can be told beforehand."""

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
from macaw.data.letterbox import place
from macaw.errors import InputError, UnknownName
from macaw.explanation.mask_contests import contests_of
from macaw.explanation.mask_maps import Maps, maps_of
from macaw.explanation.mask_picture import explain_mask
from macaw.model import Model
from macaw.results.mask_explanation import MaskExplanation
from macaw.results.mask_explanation_pictures import bits_picture, probs_picture
from macaw.testing import check_result

SIDE = 32
NAMES = ("ground", "<i>kerb", "road")


class Known(Model):
    """A segmenter whose answer is the same for every picture: probabilities (C, h, w)."""

    def __init__(self, probs: np.ndarray) -> None:
        self.folder, self.engine, self.probs = Path("known"), "none", probs
        self.card = Card(
            task="segment",
            name="known",
            builder="recognizer",
            frontend={"name": "image", "config": {}},
            head={"name": "mask", "config": {}},
            names=NAMES,
            prepare={"size": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "letter", "levels": None},
            decode={},
        )

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.log(self.probs)[None].repeat(len(arrays[0]), axis=0).astype(np.float32),)


def street() -> np.ndarray:
    """8 x 8 cells: two rows of each bar say road; between them three columns ground, one even, four road."""
    probs = np.full((3, 8, 8), 0.0)
    probs[:, :, :3] = np.array([0.96, 0.02, 0.02])[:, None, None]
    probs[:, :, 3:4] = np.array([0.5, 0.01, 0.49])[:, None, None]
    probs[:, :, 4:] = np.array([0.1, 0.2, 0.7])[:, None, None]
    probs[:, [0, 1, 6, 7]] = np.array([0.001, 0.001, 0.998])[:, None, None]
    return probs


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (16, 32, 3), np.uint8)


@pytest.fixture
def why(photo: np.ndarray) -> MaskExplanation:
    return explain_mask(Known(street()), photo, target="ground")


def test_maps_hold_the_probability_and_the_bits_that_are_known(why: MaskExplanation):
    assert why.probs.shape == why.bits.shape == (16, 32)
    # Columns about the centre of a cell hold its own value: cell 1 is about x = 6, cell 6 about x = 26
    assert why.probs[:, 5:7] == pytest.approx(0.96, abs=1e-5)
    assert why.probs[:, 25:27] == pytest.approx(0.1, abs=1e-5)
    known = np.array([0.1, 0.2, 0.7])
    assert why.bits[:, 25:27] == pytest.approx(-(known * np.log2(known)).sum(), abs=1e-4)


def test_bars_are_never_read(why: MaskExplanation):
    assert (why.probs == why.probs[0]).all()  # they would show in the first and the last rows
    assert why.probs[0, 5] > 0.9


def test_even_classes_have_all_bits_and_one_class_none():
    for many in (2, 4, 7):
        even = maps_of(np.zeros((many, 4, 4), np.float32), place(16, 16, 16), 0)
        assert even.bits == pytest.approx(np.log2(many), abs=1e-5)
        assert even.contested.all() and (even.best != even.second).all()
    alone = maps_of(np.zeros((1, 4, 4), np.float32), place(16, 16, 16), 0)
    assert (alone.bits == 0).all() and (alone.probs == 1).all() and not alone.contested.any()


def test_maps_do_not_depend_on_the_strips_they_are_made_in(monkeypatch: pytest.MonkeyPatch):
    logits = np.random.default_rng(1).normal(0, 3, (5, 8, 8)).astype(np.float32)
    whole = maps_of(logits, place(50, 37, 32), 2)
    monkeypatch.setattr("macaw.explanation.mask_maps._STRIP", 1)
    for one, other in zip(whole, maps_of(logits, place(50, 37, 32), 2), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_logits_of_any_size_stay_finite():
    huge = np.array([3e38, -3e38, 0], np.float32)[:, None, None] * np.ones((4, 4), np.float32)
    with np.errstate(over="ignore"):
        maps = maps_of(huge, place(16, 16, 16), 1)
    assert np.isfinite(maps.bits).all() and maps.probs == pytest.approx(0)


def test_the_first_of_the_two_classes_is_the_answer(photo: np.ndarray):
    noise = np.random.default_rng(2).dirichlet([1, 1, 1], (8, 8)).transpose(2, 0, 1)
    why = explain_mask(Known(noise), photo)
    maps = maps_of(np.log(noise).astype(np.float32), place(32, 16, SIDE), 0)
    assert (maps.best == why.answer.labels).all()
    assert why.answer.probs is not None
    mine = why.answer[why.target]
    assert why.probs[mine] == pytest.approx(why.answer.probs[mine], abs=1e-5)


def test_contests_count_pixels_and_borders_by_pair():
    best = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    second = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]], np.uint8)
    contested = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
    empty = np.zeros(best.shape, np.float32)
    found = contests_of(Maps(empty, empty, best, second, contested), ("a", "b", "c"))
    assert found == (("a", "b", 2, 1, 2), ("a", "c", 0, 0, 2), ("b", "c", 0, 0, 2))
    assert (found[0].pixels, found[0].width, found[1].width) == (3, 1.5, 0)


def test_a_band_of_doubt_is_told_with_its_neighbours(why: MaskExplanation):
    first = why.contests[0]
    assert {first.name, first.other} == {"ground", "road"}
    assert first.border == 16  # straight down the picture
    assert first.pixels == why.contested.sum() and 0 < why.doubt < 0.3
    assert sum(one.pixels for one in why.contests) == why.contested.sum()
    assert why.cell == 4 and first.width is not None and first.width < 4 and "confused" not in str(why)
    assert "confused, not only blurred" in str(dataclasses.replace(why, cell=1))
    assert f"{first.name} | {first.other}: {100 * why.doubt:.1f}\u00a0% of the picture" in str(why)


def test_two_classes_that_are_at_odds_everywhere_have_no_border(photo: np.ndarray):
    even = np.ones((3, 8, 8)) * np.array([0.5, 0.1, 0.4])[:, None, None]
    why = explain_mask(Known(even), photo)
    assert why.contests == (("ground", "road", 512, 0, 0),)
    assert why.doubt == 1 and "without a border" in str(why) and why.target == "ground"


def test_the_class_that_nobody_chose_is_the_surest_but_the_largest(photo: np.ndarray):
    probs = street()
    assert explain_mask(Known(probs), photo).target == "ground"  # road is the larger
    probs[:, :, :5] = np.array([0.9, 0.05, 0.05])[:, None, None]
    probs[:, :, 5:6] = np.array([0.2, 0.8, 0])[:, None, None] + 1e-6
    probs[:, :, 6:] = np.array([0.2, 0.2, 0.6])[:, None, None]
    assert explain_mask(Known(probs), photo).target == "<i>kerb"


def test_a_class_that_is_nowhere_is_explained_too(photo: np.ndarray):
    why = explain_mask(Known(street()), photo, target="<i>kerb")
    assert why.share == 0 and why.to_dict()["prob"] is None
    assert why.headline.startswith("Where is “<i>kerb”, and how sure? Nowhere: 20 % at most")


def test_names_and_inputs_are_checked(photo: np.ndarray):
    with pytest.raises(UnknownName, match=r"knows no class 'rod'\. Did you mean 'road'"):
        explain_mask(Known(street()), photo, target="rod")
    with pytest.raises(InputError, match="several pictures"):
        explain_mask(Known(street()), [photo, photo])


def test_parts_that_do_not_fit_are_refused(why: MaskExplanation):
    with pytest.raises(InputError, match=r"bits has shape \(3, 3\)"):
        dataclasses.replace(why, bits=np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"not 0\.\.1"):
        dataclasses.replace(why, probs=why.probs + 1)


def test_pictures_show_the_maps_where_they_are(why: MaskExplanation):
    probs, bits = probs_picture(why).astype(int), bits_picture(why).astype(int)
    assert probs.shape == bits.shape == (320, 640, 3)
    tone = lambda one, x: np.ptp(one[:, x - 5 : x + 5], axis=2).mean()  # noqa: E731  (grey has none)
    assert tone(probs, 100) > 40 > 15 > tone(probs, 520)
    assert tone(bits, 290) > tone(bits, 100) + 20


def test_it_keeps_the_contract_and_the_page_loads_nothing(photo: np.ndarray, tmp_path: Path):
    why = explain_mask(Known(street()), photo, target="<i>kerb")  # a class may be called anything
    check_result(why)
    text = why.save(tmp_path / "why.html").read_text(encoding="utf-8")
    assert "<script" not in text and not re.search(r'(src|href)="(?!data:)|url\((?!#)|@import', text)
    assert "<i>kerb" not in text and "&lt;i&gt;kerb" in text
    assert "<i>kerb" not in why.fragment()
    values = json.loads(why.save(tmp_path / "why.json").read_text(encoding="utf-8"))
    assert values["contests"][0]["names"] == [why.contests[0].name, why.contests[0].other]
    with pytest.raises(InputError, match=r"why\.txt"):
        why.save(tmp_path / "why.txt")


def test_explaining_a_mask_needs_no_torch():
    code = "import sys, macaw.explanation.mask_picture; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
