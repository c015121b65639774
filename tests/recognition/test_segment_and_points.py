"""Masks and key points from files to answers, by the heads and the training they share with the detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import macaw

torch = pytest.importorskip("torch")

SIZE = (96, 64)


def painted(seed: int) -> tuple[Image.Image, Image.Image]:
    """Grey ground with a red disc or a blue square on it, and the class of each pixel: 0, 1, 2."""
    noise = np.random.default_rng(seed)
    picture, mask = Image.new("RGB", SIZE, (110, 120, 110)), Image.new("L", SIZE, 0)
    side = int(noise.integers(22, 40))
    x, y = int(noise.integers(0, SIZE[0] - side)), int(noise.integers(0, SIZE[1] - side))
    disc, place = bool(noise.integers(2)), (x, y, x + side - 1, y + side - 1)
    for canvas, colour in ((picture, (230, 60, 40) if disc else (40, 90, 230)), (mask, 1 if disc else 2)):
        brush = ImageDraw.Draw(canvas)
        (brush.ellipse if disc else brush.rectangle)(place, fill=colour)
    return picture, mask


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("masks")
    for split, count, first in (("train", 40, 0), ("val", 10, 500)):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in range(count):
            picture, mask = painted(first + i)
            picture.save(root / "images" / split / f"{i}.png")
            mask.save(root / "masks" / split / f"{i}.png")
    (root / "classes.txt").write_text("ground\ndisc\nsquare\n")
    return root


@pytest.fixture(scope="module")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red and a blue dot in each picture of 64 pixels, which a table places."""
    root = tmp_path_factory.mktemp("dots")
    lines = ["image,red_x,red_y,blue_x,blue_y,split"]
    for i in range(120):
        noise = np.random.default_rng(i)
        picture = Image.new("RGB", (64, 64), (110, 120, 110))
        places = noise.integers(8, 56, (2, 2))
        for (x, y), colour in zip(places, ((230, 40, 30), (30, 60, 235)), strict=True):
            ImageDraw.Draw(picture).ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
        picture.save(root / f"{i}.png")
        told = ",".join(f"{value + 0.5:g}" for value in places.ravel())
        lines.append(f"{i}.png,{told},{'train' if i < 100 else 'val'}")
    (root / "points.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_segmenter(masks: Path, tmp_path: Path):
    model = macaw.train(
        "segment", masks, out=tmp_path / "m", dial=0.25, epochs=25, seed=0, precision="float32"
    )
    scores = macaw.evaluate(model, masks, split="val", board=None)
    assert scores.metrics["mIoU"].value > 0.75
    picture, mask = painted(9000)
    answer = model.run(picture)
    assert answer.labels.shape == (SIZE[1], SIZE[0]) and set(answer.names) == {"ground", "disc", "square"}
    names = np.array(["ground", "disc", "square"])[np.asarray(mask)]
    assert (np.array(answer.names)[answer.labels] == names).mean() > 0.9
    again = macaw.load(tmp_path / "m", engine="torch").run(picture)
    assert (again.labels == answer.labels).mean() > 0.999


def test_key_points(dots: Path, tmp_path: Path):
    model = macaw.train(
        "keypoints", dots, out=tmp_path / "m", dial=0.25, epochs=60, seed=0, precision="float32", head="simcc"
    )
    scores = macaw.evaluate(model, dots, split="val", board=None)
    assert scores.metrics["NME, box side"].value < 0.1
    answer = model.run(dots / "110.png")
    assert set(answer.names) == {"red", "blue"} and answer.xy.shape == (2, 2)
    large = model.run(Image.open(dots / "110.png").resize((640, 640)))
    assert np.allclose(large.xy / 10, answer.xy, atol=1.0)


def test_a_picture_with_two_objects_is_refused(dots: Path, tmp_path: Path):
    text = (dots / "points.csv").read_text().replace("1.png", "0.png", 1)
    (tmp_path / "points.csv").write_text(text)
    for i in range(120):
        (tmp_path / f"{i}.png").symlink_to(dots / f"{i}.png")
    with pytest.raises(macaw.MacawError, match=r"0\.png"):
        macaw.train("keypoints", tmp_path, out=tmp_path / "m", dial=0.25)


@pytest.mark.parametrize("row", ["keypoints"])
def test_an_embedded_model_scores_what_its_card_says(row: str, packs: Path):
    card = macaw.load(row).card
    ((told, metrics), *_) = card.scores.items()
    found = macaw.evaluate(row, packs / "kp_face68", split="test", board=None)
    assert "770" in told and found.count == 770
    assert found.metrics["NME, box side"].value == pytest.approx(metrics["NME, box side"][0], abs=2e-4)
