"""Which pictures prove and calibrate a detector or a segmenter, and how they are read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from macaw.data.hashing import digests
from macaw.data.prepare import Fit
from macaw.data.proof import proof_of_masks, proof_of_objects
from macaw.data.wholes import read_wholes
from macaw.errors import InputError

NAMES = ("cat", "dog")


def picture(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


def pack(root: Path, splits: dict[str, int], names: tuple[str, ...] = NAMES) -> Path:
    """Annotated pictures: one object each, the classes by turns, every fifth without any."""
    images, number = [], 0
    for split, count in splits.items():
        for _ in range(count):
            file = f"images/{number:03}.png"
            picture(root / file, number)
            boxes = [] if number % 5 == 4 else [[1, 2, 20, 25]]
            labels = [number % len(names)] * len(boxes)
            images.append({"file": file, "split": split, "w": 40, "h": 30, "boxes": boxes, "labels": labels})
            number += 1
    (root / "annotations.json").write_text(json.dumps({"classes": names, "images": images}))
    return root


def apart(one, other) -> bool:
    return not set(digests(one.sources)) & set(digests(other.sources))


def test_of_annotated_pictures_validation_proves_and_training_calibrates(tmp_path: Path):
    found = proof_of_objects(pack(tmp_path, {"train": 40, "val": 11}), NAMES, calibrated=True)
    assert found.labelled and found.words == f"val of {tmp_path.name}"
    assert len(found.pictures.objects) == 11 and len(found.calibration) == 40
    assert apart(found.pictures, found.calibration)
    assert proof_of_objects(tmp_path, NAMES, calibrated=False).calibration is None


def test_one_split_alone_is_halved_and_both_halves_show_every_class(tmp_path: Path):
    found = proof_of_objects(pack(tmp_path, {"val": 60}), NAMES, calibrated=True)
    assert apart(found.pictures, found.calibration)
    assert len(found.pictures) + len(found.calibration) == 60 and 20 <= len(found.calibration) <= 40
    for some in (found.pictures, found.calibration):
        assert {label for objects in some.objects for label in objects.labels.tolist()} == {0, 1}


def test_classes_that_the_detector_lacks_are_not_looked_at(tmp_path: Path):
    found = proof_of_objects(pack(tmp_path, {"train": 10}), ("bird",), calibrated=False)
    assert not found.labelled and len(found.pictures) == 10
    assert "not looked at" in found.notes[0] and "'cat'" in found.notes[0]


def test_bare_pictures_serve_too(tmp_path: Path):
    pack(tmp_path, {"train": 40})
    found = proof_of_objects(tmp_path / "images", NAMES, calibrated=True)
    assert not found.labelled and len(found.pictures) + len(found.calibration) == 40


def test_too_few_to_calibrate_and_no_such_place(tmp_path: Path):
    pack(tmp_path / "few", {"train": 10, "val": 4})
    with pytest.raises(InputError, match=r"leaves 10 pictures to calibrate on; give 32 or more"):
        proof_of_objects(tmp_path / "few", NAMES, calibrated=True)
    with pytest.raises(InputError, match="no such"):
        proof_of_objects(tmp_path / "nothing", NAMES, calibrated=False)


def test_masks_prove_with_what_their_numbers_mean(tmp_path: Path):
    for split, count in (("train", 20), ("val", 3)):
        for number in range(count):
            picture(tmp_path / "images" / split / f"{number}.png", number + 100 * len(split))
            mask = Image.fromarray(np.full((30, 40), number % 2, np.uint8))
            (tmp_path / "masks" / split).mkdir(parents=True, exist_ok=True)
            mask.save(tmp_path / "masks" / split / f"{number}.png")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    found = proof_of_masks(tmp_path, NAMES, calibrated=True)
    assert found.labelled and len(found.pictures.masks) == 3 and len(found.calibration) == 20
    assert found.legend.values[1] == 1


def test_pictures_come_with_the_size_they_have(tmp_path: Path):
    """A large one is read at a fraction, upright; its size is that of the whole."""
    large = Image.fromarray(np.full((900, 1600, 3), 90, np.uint8))
    exif = large.getexif()
    exif[274] = 6  # turned by a quarter
    large.save(tmp_path / "large.jpg", exif=exif)
    picture(tmp_path / "small.png", 0)
    sources = [tmp_path / "large.jpg", tmp_path / "small.png"] * 6
    pictures, sizes = read_wholes(sources, Fit(32, resize="letter"))
    assert sizes == [(900, 1600), (40, 30)] * 6
    assert pictures[0].shape[0] < 1600 and pictures[0].shape[0] > pictures[0].shape[1]
    assert pictures[1].shape == (30, 40, 3)
    (tmp_path / "small.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"small\.png"):
        read_wholes(sources, Fit(32, resize="letter"))
