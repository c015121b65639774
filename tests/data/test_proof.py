"""Which pictures an export is proved on, and which calibrate it, for every kind of data."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from macaw.data.hashing import digests
from macaw.data.labelled import read_labelled
from macaw.data.proof import Proof, proof_of, proof_without_data
from macaw.errors import DataError, InputError

NAMES = ("cross", "disc", "square")


def apart(proof: Proof) -> bool:
    """Whether no picture both calibrates and proves."""
    sets = (proof.pictures, proof.calibration)
    one, other = (set(digests(some.sources)) for some in sets)
    return not one & other


def test_data_without_splits_is_proved_on_what_training_sets_aside(shapes: Path):
    found = proof_of(shapes, NAMES, multi=False, calibrated=True)
    assert found.labelled and found.words == "val of shapes"
    val = read_labelled(shapes).splits["val"]
    assert digests(found.pictures.sources) == digests(val.sources)
    assert (found.pictures.targets == val.targets).all()
    assert len(found.calibration) == 108 and apart(found)
    assert proof_of(shapes, NAMES, multi=False, calibrated=False).calibration is None


def test_test_pictures_come_before_validation(shapes: Path, tmp_path: Path):
    for split in ("train", "val", "test"):
        shutil.copytree(shapes, tmp_path / "data" / split)
    found = proof_of(tmp_path / "data", NAMES, multi=False, calibrated=True)
    assert found.words == "test of data"
    assert found.calibration.sources[0].parts[-3] == "train"


def test_one_split_alone_is_halved_to_calibrate(shapes: Path, tmp_path: Path):
    shutil.copytree(shapes, tmp_path / "data" / "val")
    found = proof_of(tmp_path / "data", NAMES, multi=False, calibrated=True)
    assert found.labelled and apart(found)
    assert len(found.pictures) + len(found.calibration) == 120
    assert 40 <= len(found.calibration) <= 80
    assert len(proof_of(tmp_path / "data", NAMES, multi=False, calibrated=False).pictures) == 120


def test_pictures_without_classes_serve_too(shapes: Path):
    found = proof_of(shapes / "disc", NAMES, multi=False, calibrated=True)
    assert not found.labelled and apart(found)
    assert len(found.pictures) + len(found.calibration) == 40
    assert found.words == "disc"
    assert found.notes[0].startswith("labels are not looked at: 0 pictures with a class")


def test_classes_that_the_model_lacks_are_not_looked_at(shapes: Path):
    found = proof_of(shapes, ("cat", "dog"), multi=False, calibrated=False)
    assert not found.labelled
    assert len(found.pictures) == 120
    assert "class 'cross' in train is not among the model's 2 classes" in found.notes[0]


def test_one_label_is_no_proof_for_several(shapes: Path):
    found = proof_of(shapes, NAMES, multi=True, calibrated=False)
    assert not found.labelled
    assert "another number of labels" in found.notes[0]


def test_data_without_a_picture_is_refused_for_what_it_lacks(tmp_path: Path):
    with pytest.raises(DataError, match="the folder is empty"):
        proof_of(tmp_path, NAMES, multi=False, calibrated=False)
    with pytest.raises(InputError, match="no such"):
        proof_of(tmp_path / "nothing", NAMES, multi=False, calibrated=False)


def test_too_few_pictures_to_calibrate(shapes: Path, tmp_path: Path):
    for path in sorted((shapes / "disc").iterdir())[:6]:
        shutil.copy(path, tmp_path)
    with pytest.raises(InputError, match=r"leaves \d pictures? to calibrate on; give 32 or more"):
        proof_of(tmp_path, NAMES, multi=False, calibrated=True)


def test_of_very_many_some_are_drawn_the_same_each_time(shapes: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("macaw.data.proof.MOST", 30)
    monkeypatch.setattr("macaw.data.proof.CALIBRATION", 20)
    assert len(proof_of(shapes, NAMES, multi=False, calibrated=True).calibration) == 20
    one, other = (proof_of(shapes, ("cat", "dog"), multi=False, calibrated=False) for _ in range(2))
    assert one.words == "drawn from the 120 of shapes"
    assert len(one.pictures) == 30
    assert one.pictures.sources == other.pictures.sources
    assert len({path.parent.name for path in one.pictures.sources}) == 3  # not the first thirty


def test_without_data_there_are_stand_ins():
    found = proof_without_data([np.zeros((40, 60, 3), np.uint8)])
    assert len(found.pictures) == 200
    assert found.words.startswith("1 photograph, windows and textures, ")
    assert not found.labelled and found.calibration is None
