"""Why a box: on a detector whose answers are known, and on a real one of random weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName
from macaw.explanation.box_case import ask
from macaw.explanation.box_occlusion import REACH, STEPS, Window, box_heat, energy, scores_here, window_of
from macaw.explanation.boxes import explain_boxes
from macaw.metrics.maps import BLUR, blur
from macaw.model import Model
from macaw.recognition.recognizer import build
from macaw.recognition.saving import save_weights

SIDE = 96
STRIDES = (8, 16, 32)
SURE = {8: 0.9, 16: 1.0, 32: 0.25}  # how much of a colour the cells of each level see
NAMES = ("red", "green", "blue")

# Places on the sheet: the object, and the part of it whose colour counts
RED, PART = (16, 32, 48, 64), (16, 32, 32, 64)


class Known(Model):
    """Cells in a square answer for it; all others for themselves, by the colour of their own pixels."""

    def __init__(self, **decode: Any) -> None:
        self.folder, self.engine = Path("known"), "none"
        self.card = Card(
            task="detect",
            name="known",
            builder="recognizer",
            frontend={"name": "image", "config": {}},
            head={"name": "box", "config": {}},
            names=NAMES,
            prepare={"size": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "letter", "levels": None},
            decode={"score": 0.25, "iou": 0.6, "limit": 300, "branch": "one-to-many", **decode},
        )

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.stack([self.answer(one) for one in arrays[0]]),)

    def core(self, *arrays: np.ndarray) -> np.ndarray:
        return self.outputs(*arrays)[0]

    def answer(self, picture: np.ndarray) -> np.ndarray:
        """(3, S, S) -> (A, 4 + 3), cell by cell."""
        rows = []
        for stride in STRIDES:
            for top in range(0, SIDE, stride):
                for left in range(0, SIDE, stride):
                    own = (left, top, left + stride, top + stride)
                    x, y = left + stride / 2, top + stride / 2
                    mine = RED[0] <= x < RED[2] and RED[1] <= y < RED[3]
                    seen = SURE[stride] * mean(picture, PART if mine else own)
                    rows.append([*(RED if mine else own), *seen])
        return np.array(rows, np.float32)


def mean(picture: np.ndarray, place: tuple[int, int, int, int]) -> np.ndarray:
    """The mean colour (3,) of a part of the sheet; grey, as the bars are, is none."""
    left, top, right, bottom = place
    part = picture[:, top:bottom, left:right]
    return np.asarray((part - part.min(axis=0)).mean((1, 2)))


def photo(times: int = 1) -> np.ndarray:
    """48 x 96 pixels, so many times: a red square, of 0.8, and a patch of weak blue, of 0.2, on black.

    On the sheet it lies 24 pixels from the top, between two bars.
    """
    made = np.zeros((48, 96, 3), np.uint8)
    made[8:40, 16:48, 0] = 204
    made[8:24, 64:80, 2] = 51
    return made.repeat(times, axis=0).repeat(times, axis=1)


def case(picture: np.ndarray, *, target: str | None = None, rank: int = 1, **decode: Any) -> Any:
    return ask(Known(**decode), picture, target=target, rank=rank, score=None)


# The cells


def test_levels_hold_what_the_cells_give_and_lie_on_the_picture():
    why = explain_boxes(Known(), photo(), by="cells")
    assert [level.stride for level in why.levels] == [8, 16, 32]
    assert [level.scores.shape for level in why.levels] == [(12, 12), (6, 6), (3, 3)]
    fine = why.levels[0].scores
    assert fine[4:8, 2:6] == pytest.approx(0.9 * 0.8)  # 32 pixels down on the sheet, 8 on the picture
    assert np.delete(fine.ravel(), [12 * y + x for y in range(4, 8) for x in range(2, 6)]).max() == 0
    assert (why.side, why.sheet) == (96, (0, -24, 96, 72))


def test_claims_are_the_cells_whose_box_it_is():
    why = explain_boxes(Known(), photo(), by="cells")
    claims = why.claims
    assert claims is not None
    # Cells of 8, 16 and 32 pixels with their centre in the square: 16, 4, and 1
    assert [(claims.strides == stride).sum() for stride in STRIDES] == [16, 4, 1]
    assert claims.scores.tolist() == pytest.approx([0.8] * 4 + [0.72] * 16 + [0.2])
    assert claims.overlaps == pytest.approx(1)
    assert claims.xyxy == pytest.approx(np.tile([16, 8, 48, 40], (21, 1)))
    assert claims.centres[:4].tolist() == [[24, 16], [40, 16], [24, 32], [40, 32]]
    assert "21 cells on 3 levels claim it, 20 of them with the 25\u00a0%" in str(why)
    assert "the surest, at stride 16, gives 80\u00a0%" in str(why)


def test_places_are_those_of_the_picture_whatever_its_size():
    small, large = explain_boxes(Known(), photo()), explain_boxes(Known(), photo(5))
    assert large.answer.size == (480, 240)
    assert np.array(large.box.xyxy) == pytest.approx(5 * np.array(small.box.xyxy), abs=0.5)
    assert large.sheet == pytest.approx((0, -120, 480, 360))
    assert small.heat and large.heat
    assert np.array(large.heat.frame) == pytest.approx(5 * np.array(small.heat.frame))
    assert large.claims and large.claims.centres[0] == pytest.approx([120, 80])


# Suppression


def test_the_removed_are_named_with_who_removed_them():
    why = explain_boxes(Known(), photo(), by="suppression")
    assert len(why.answer) == 1 and why.place == 1 and why.found
    told = why.suppression
    assert told is not None and told.iou == 0.6
    assert len(told.removed) == 19  # all cells of the square but the surest, and one below the threshold
    assert (told.by == 1).all() and len(told.of(1)) == 19 and len(told.of(2)) == 0
    assert told.removed.overlaps == pytest.approx(1)
    assert (np.diff(told.removed.scores) <= 0).all()


def test_a_surer_cell_that_another_box_removed_claims_that_one():
    class Row(Known):
        def answer(self, picture: np.ndarray) -> np.ndarray:
            raw = 0 * super().answer(picture)
            for cell in range(3):  # each overlaps the next by 2 / 3, and the one after it by 3 / 7
                raw[cell] = [8 * cell, 24, 8 * cell + 40, 64, 0.9 - 0.1 * cell, 0, 0]
            return raw

    first, second = (explain_boxes(Row(), photo(), rank=rank, by=("cells", "suppression")) for rank in (1, 2))
    assert len(first.answer) == 2 and first.suppression is not None and second.claims is not None
    assert first.suppression.of(1).scores.tolist() == pytest.approx([0.8])
    assert first.suppression.of(1).overlaps.tolist() == pytest.approx([2 / 3])
    assert first.claims is not None and first.claims.scores.tolist() == pytest.approx([0.9, 0.8])
    assert second.claims.scores.tolist() == pytest.approx([0.7])


def test_what_lies_below_the_threshold_comes_next():
    why = explain_boxes(Known(), photo(), by="suppression")
    assert why.misses is not None
    assert {why.answer.names[label] for label in why.misses.labels} == {"blue"}
    assert why.misses.scores == pytest.approx([0.2] + [0.18] * 4)
    assert len(why.misses) == 5  # the one over four fine cells, and those, which overlap too little
    assert (why.misses.xyxy[:, :2] >= [64, 8]).all() and (why.misses.xyxy[:, 2:] <= [80, 24]).all()
    lower = explain_boxes(Known(), photo(), score=0.15, by="suppression")
    assert [one.name for one in lower.answer].count("blue") == 5
    assert lower.threshold == 0.15


def test_other_classes_of_the_cell_are_ranked():
    mixed = photo()
    mixed[8:40, 16:48, 1] = 51
    why = explain_boxes(Known(), mixed, by="suppression")
    assert [name for name, _ in why.classes] == ["red", "green", "blue"]
    assert [score for _, score in why.classes] == pytest.approx([0.8, 0.2, 0])
    assert "The same cell gives “green” 20\u00a0%." in str(why)


def test_a_model_of_one_answer_an_object_removes_nothing():
    why = explain_boxes(Known(branch="one-to-one"), photo(), by="suppression")
    assert why.suppression is not None and not why.suppression.needed
    assert len(why.suppression.removed) == 0 and len(why.answer) == 20
    assert "no box had to be removed" in str(why)


def test_the_case_keeps_what_the_answer_keeps():
    asked = case(photo(), score=0.05, iou=0.2)
    assert asked.found.xyxy[asked.trace.kept] == pytest.approx(asked.answer.xyxy)
    assert asked.found.labels[asked.trace.kept].tolist() == asked.answer.labels.tolist()


# Which box


def test_a_class_and_a_rank_choose_the_box():
    model = Known(score=0.15)
    assert explain_boxes(model, photo(), target="blue", by="cells").place == 2
    second = explain_boxes(model, photo(), target="blue", rank=2, by="cells")
    assert (second.place, second.box.name, second.target) == (3, "blue", "blue")
    assert explain_boxes(model, photo(), rank=3, by="cells").box == second.box
    with pytest.raises(InputError, match="no box of rank 6: the model finds 5 'blue' here; give 1 to 5"):
        explain_boxes(model, photo(), target="blue", rank=6, by="cells")
    with pytest.raises(InputError, match="rank is 0; boxes are counted from 1"):
        explain_boxes(model, photo(), rank=0)


def test_where_nothing_was_found_the_nearest_candidate_is_explained():
    why = explain_boxes(Known(), photo(), target="blue")
    assert not why.found and why.place == 0
    assert (why.box.name, why.box.score) == ("blue", pytest.approx(0.2))
    assert why.headline == "Why no “blue”? 20 % at best; 25 % are needed"
    assert why.levels[0].scores[4:6, 8:10] == pytest.approx(0.18)  # those of the class that was asked for
    assert why.heat is not None and why.heat.before == pytest.approx(0.2)
    assert why.misses is not None  # without itself; the last is red, half a cell of 32
    assert why.misses.scores == pytest.approx([0.18] * 4 + [0.1])
    empty = explain_boxes(Known(score=0.9), photo(), by="cells")
    assert len(empty.answer) == 0
    assert empty.headline == "Why nothing? 80 % at best, a “red”; 90 % are needed"
    with pytest.raises(InputError, match="finds no 'blue' here; ask for rank 1"):
        explain_boxes(Known(), photo(), target="blue", rank=2)


def test_names_that_nobody_knows_are_refused_with_a_hint():
    with pytest.raises(UnknownName, match=r"no class 'rad'.*Did you mean 'red'"):
        explain_boxes(Known(), photo(), target="rad")
    with pytest.raises(UnknownName, match=r"no way 'cell'.*mean 'cells'.*cells, suppression, occlusion"):
        explain_boxes(Known(), photo(), by="cell")
    with pytest.raises(InputError, match="no way to explain was given"):
        explain_boxes(Known(), photo(), by=())
    with pytest.raises(InputError, match="score is 2; it must lie between 0 and 1"):
        explain_boxes(Known(), photo(), score=2)
    with pytest.raises(InputError, match="stands for several pictures"):
        explain_boxes(Known(), [photo(), photo()])


def test_a_way_alone_leaves_the_others_out():
    cells = explain_boxes(Known(), photo(), by="cells")
    assert cells.levels and cells.heat is None and cells.suppression is None and cells.misses is None
    assert not explain_boxes(Known(), photo(), by="occlusion").levels


def test_a_detector_without_cells_is_refused():
    class Queries(Known):
        def answer(self, picture: np.ndarray) -> np.ndarray:
            return super().answer(picture)[:100]

    with pytest.raises(ModelError, match="100 cells are no grids over 96 x 96 pixels"):
        explain_boxes(Queries(), photo(), score=0.0)


# By covering


def test_the_window_is_twice_the_box_as_far_as_the_picture_reaches():
    assert window_of(case(photo())) == Window(0, 24, 64, 72)  # the box: 16, 32 to 48, 64; bars end at 24, 72
    tiny = case(photo(), target="blue")  # a box of 16 pixels
    left, top, right, bottom = window_of(tiny)
    assert right - left == 32 and top == 24 and bottom - top <= 32


def test_the_falls_are_those_of_a_naive_loop():
    asked = case(photo())
    heat, window = box_heat(asked), window_of(asked)
    blank = blur(asked.prepared, BLUR * SIDE)
    down, across = (-(-count // STEPS) for count in (window.bottom - window.top, window.right - window.left))
    rows = range(window.top - (REACH - 1) * down, window.bottom, down)
    columns = range(window.left - (REACH - 1) * across, window.right, across)
    falls = np.zeros((len(rows), len(columns)))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covered = asked.prepared.copy()
            y = slice(max(top, window.top), min(top + REACH * down, window.bottom))
            x = slice(max(left, window.left), min(left + REACH * across, window.right))
            covered[:, y, x] = blank[:, y, x]
            falls[i, j] = heat.before - mean(covered, PART)[0]
    assert heat.falls == pytest.approx(falls, abs=1e-5)
    assert heat.worst == pytest.approx(0.8 - falls.max(), abs=1e-5)


def test_the_heat_lies_on_the_part_that_counts():
    why = explain_boxes(Known(), photo(), by="occlusion")
    heat = why.heat
    assert heat is not None
    y, x = np.unravel_index(heat.values.argmax(), heat.values.shape)
    assert PART[0] <= x < PART[2] and PART[1] <= y + 24 < PART[3]  # the window begins 24 pixels down
    assert heat.before == pytest.approx(0.8) and heat.hidden < 0.5
    assert heat.alone == pytest.approx(0.8)  # nothing outside the box counts
    assert heat.share == pytest.approx(32 * 32 / (64 * 48))
    assert heat.better and heat.inside > 0.5
    assert "no more than a guess" not in str(why)


def test_a_score_elsewhere_is_not_this_boxs():
    two = photo()
    two[8:24, 64:80] = [255, 0, 0]  # a second, surer one
    places = [box.xyxy[0] for box in case(two, target="red").answer]
    asked = case(two, target="red", rank=places.index(16) + 1)
    assert scores_here(asked, asked.prepared[None])[0] == pytest.approx(0.8)
    gone = asked.prepared.copy()
    gone[:, :, 16:32] = 0
    assert scores_here(asked, gone[None])[0] == 0


def test_energy_counts_what_is_above_zero():
    values = np.zeros((4, 6), np.float32)
    values[1, 1], values[3, 5], values[0, 0] = 1, 0.25, -1
    assert energy(values, np.array([1, 1, 3, 3])) == (pytest.approx(0.8), pytest.approx(4 / 24))
    assert energy(np.zeros((4, 6)), np.array([1, 1, 3, 3]))[0] == 0


# A real one


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A detector of random weights, in torch."""
    folder = tmp_path_factory.mktemp("models") / "random"
    folder.mkdir()
    torch.manual_seed(0)
    known = Known().card
    card = known.replace(
        frontend={"name": "image", "config": {"dial": 0.25, "reduction": 4}},
        head={"name": "box", "config": {"labels": 3, "strides": [4, 8, 16, 32], "width": 32}},
        prepare={**known.prepare, "mean": [0.5] * 3, "std": [0.25] * 3},
    )
    save_weights(build(card), folder)
    card.save(folder)
    return Model(folder, engine="torch")


def test_a_real_detector_is_explained_from_end_to_end(real: Model):
    noise = np.random.default_rng(0).integers(0, 255, (70, 150, 3), np.uint8)
    why = explain_boxes(real, noise, score=0.005)
    assert why.found and why.suppression is not None and why.heat is not None and why.claims is not None
    assert [level.scores.shape for level in why.levels] == [(12, 12), (6, 6), (3, 3)]
    raw = real.core(real.prepare([noise]))[0]
    label = why.answer.names.index(why.box.name)
    assert np.concatenate([level.scores.ravel() for level in why.levels]) == pytest.approx(raw[:, 4 + label])
    assert len(why.answer) + len(why.suppression.removed) <= (raw[:, 4:] >= 0.005).sum()
    assert why.claims.scores[0] == pytest.approx(why.box.score)
    assert (why.suppression.removed.overlaps > 0.6).all()
    again = explain_boxes(real, noise, score=0.005)
    assert again.to_dict() == why.to_dict()
    nothing = explain_boxes(real, noise)
    assert not nothing.found and nothing.box.score < 0.25


def test_explaining_a_box_needs_no_torch():
    code = "import sys, macaw.explanation.boxes; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The outline


class Outlining(Known):
    """The same with masks of three prototypes: a disc in the square, its left half to take away, a trace."""

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        (raw,) = super().outputs(*arrays)
        mix = np.broadcast_to(np.array([0.5, -1.0, 1.0], np.float32), (*raw.shape[:2], 3))
        y, x = np.mgrid[2:SIDE:4, 2:SIDE:4]
        disc = np.where((x - 32) ** 2 + (y - 48) ** 2 <= 14**2, 8.0, -8.0)
        sheets = np.stack([disc, np.where(x < 32, 6.0, 0.0), np.full(disc.shape, 1e-3)])
        return np.concatenate([raw, mix], 2), sheets[None].astype(np.float32).repeat(len(raw), 0)


def test_an_outline_is_the_sum_of_its_prototypes():
    why = explain_boxes(Outlining(), photo(), by=("prototypes", "cells"))
    mixture = why.mixture
    assert mixture is not None
    assert mixture.weights.tolist() == [0.5, -1, 1]
    assert mixture.shown.tolist() == [0, 1, 2]  # 4 everywhere, 6 on one half, next to nothing
    left, top, right, bottom = mixture.frame  # whole cells of 4 pixels about the square, in the picture
    assert left <= 16 and right >= 48 and top <= 8 and bottom >= 40 and top >= 0
    rows, columns = mixture.outline.shape
    assert (columns, rows) == ((right - left) / 4, (bottom - top) / 4)
    y, x = np.mgrid[:rows, :columns] * 4 + 2 + np.array([top + 24, left]).reshape(2, 1, 1)
    inside = (x - 32) ** 2 + (y - 48) ** 2 <= 14**2
    wanted = np.where(inside, 4.0, -4.0) - np.where(x < 32, 6.0, 0.0) + 1e-3
    assert mixture.outline == pytest.approx(1 / (1 + np.exp(-wanted)), abs=1e-5)
    assert mixture.parts[1] == pytest.approx(np.where(x < 32, -6.0, 0.0))
    assert mixture.alike == 1  # all of them are shown
    assert "mixed from 3 prototypes; the 3 strongest alone would give a mask that overlaps it by 1.00" in str(
        why
    )
    # The answer's mask is the right half of the disc, but for the border
    region = why.answer.regions[0]
    assert region.area == pytest.approx(np.pi * 14**2 / 2, rel=0.2) and region.xyxy[0] >= 30
    assert why.to_dict()["mixture"]["strongest"] == [0, 1, 2]


def test_the_outline_has_its_section_and_its_row(tmp_path: Path):
    why = explain_boxes(Outlining(), photo(), by=("prototypes", "cells"))
    page = why.to_html()
    assert "What its outline is mixed from" in page and page.count("<figcaption>") == 1 + 3 + 4
    assert "Prototype 1 × -1.00" in page and "All 3 added up" in page
    assert why.plot().height > explain_boxes(Outlining(), photo(), by="cells").plot().height + 100


def test_a_model_without_masks_has_no_prototypes():
    assert explain_boxes(Known(), photo()).mixture is None
    with pytest.raises(InputError, match="gives boxes without masks"):
        explain_boxes(Known(), photo(), by="prototypes")
