"""Annotated pictures that are wrong, through the real command: one clear line, nothing half-written.

A truncated video is in tests/data/test_video.py.
"""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.cli import main
from macaw.data.prepare import Fit, read_whole

INPUT = 3  # docs/cli.md


def coco(root: Path, boxes: dict[str, list[tuple[int, list[float]]]], *, size: int = 96) -> Path:
    """A COCO folder: for each picture its objects: a category's id and left, top, width, height."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, objects) in enumerate(boxes.items()):
        pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(root / "images" / name)
        images.append({"id": number, "file_name": name, "width": size, "height": size})
        for category, box in objects:
            common = {"id": len(annotations), "image_id": number, "category_id": category, "bbox": box}
            annotations.append({**common, "area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "annotations" / "instances_train.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, list[str]]:
    """The exit code, standard output, and the complaints."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, [line for line in err.splitlines() if line.startswith("macaw: ")]


def test_a_class_id_out_of_range(here: Path, capsys: pytest.CaptureFixture[str]):
    coco(here / "data", {"a.png": [(1, [5, 5, 20, 20])], "b.png": [(7, [5, 5, 20, 20])]})
    code, _, complaints = said(capsys, "train", "detect", "data", "--out", "model", "--dial", 0.25)
    assert code == INPUT and len(complaints) == 1
    assert "annotations[1], field 'category_id': there is no category with id 7" in complaints[0]
    assert "the categories have ids 1 to 2" in complaints[0]
    assert not (here / "model").exists()


def test_a_yolo_class_id_out_of_range(here: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("images", "labels"):
        (here / "data" / name / "train").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(here / "data/images/train/a.png")
    (here / "data/labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2\n80 0.5 0.5 0.2 0.2\n")
    (here / "data/data.yaml").write_text("path: .\ntrain: images/train\nnames: [cat, dog]\n")
    code, _, complaints = said(capsys, "train", "detect", "data", "--out", "model", "--dial", 0.25)
    assert code == INPUT and len(complaints) == 1
    assert "a.txt, row 2" in complaints[0] and "80" in complaints[0]
    assert not (here / "model").exists()


def test_pictures_without_any_object(here: Path, capsys: pytest.CaptureFixture[str]):
    coco(here / "data", {f"{i}.png": [] for i in range(12)})
    code, _, complaints = said(capsys, "train", "detect", "data", "--out", "model", "--dial", 0.25)
    assert code == INPUT and len(complaints) == 1
    assert complaints[0] == "macaw: data: 0 of 12 pictures of train have labels; annotate some"
    code, out, _ = said(capsys, "check", "detect", "data")
    assert "picture-empty" in out or "empty-many" in out


def test_pictures_without_an_object_beside_others_are_learned_from(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("torch")
    boxes = {f"{i}.png": [(1, [10, 10, 50, 50])] if i % 2 else [] for i in range(12)}
    coco(here / "data", boxes)
    how = ("--dial", 0.25, "--epochs", 1, "--size", 64)
    code, _, complaints = said(capsys, "train", "detect", "data", "--out", "model", *how)
    assert (code, complaints) == (0, [])
    examples = json.loads((here / "model" / "card.json").read_text())["training"]["examples"]
    assert sum(examples.values()) == 12


def test_noise_in_the_labels_is_told_before_training(here: Path, capsys: pytest.CaptureFixture[str]):
    boxes = {f"{i}.png": [(1 + i % 2, [10, 10, 50, 50])] for i in range(30)}
    boxes["0.png"] = [(1, [10, 10, 50, 50]), (1, [10, 10, 50, 51])]  # drawn twice
    boxes["1.png"] = [(1, [10, 10, 50, 50]), (2, [10, 10, 50, 51])]  # two classes in one place
    coco(here / "data", boxes)
    (here / "data/images/copy.png").write_bytes((here / "data/images/2.png").read_bytes())
    file = here / "data/annotations/instances_train.json"
    content = json.loads(file.read_text())
    content["images"].append({"id": 99, "file_name": "copy.png", "width": 96, "height": 96})
    other = {"id": 999, "image_id": 99, "category_id": 2, "bbox": [40, 40, 30, 30], "area": 900, "iscrowd": 0}
    content["annotations"].append(other)  # the same picture with other boxes
    file.write_text(json.dumps(content))
    _, out, _ = said(capsys, "check", "detect", "data", "--json")
    found = {one["code"]: one["count"] for one in json.loads(out)["findings"]}
    assert found["box-again"] == 1 and found["box-two-classes"] == 1
    assert "label-conflict" in found or "box-conflict" in found


def test_ten_thousand_boxes_in_one_picture(here: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    many = [(1, [2.0 * (i % 100), 2.0 * (i // 100), 6.0, 6.0]) for i in range(10_000)]
    few = {f"{i}.png": [(2, [30.0, 30.0, 120.0, 120.0])] for i in range(8)}
    coco(here / "data", {"many.png": many, **few}, size=256)
    code, out, _ = said(capsys, "check", "detect", "data", "--json")
    assert "crowded" in {one["code"] for one in json.loads(out)["findings"]}
    how = ("--dial", 0.25, "--epochs", 1, "--size", 128, "--json")
    code, _, complaints = said(capsys, "train", "detect", "data", "--out", "model", *how)
    assert (code, complaints) == (0, [])
    code, _, complaints = said(capsys, "evaluate", "./model", "data", "--split", "train", "--board", "board")
    assert (code, complaints) == (0, [])


def test_a_picture_of_twelve_thousand_by_nine_thousand(here: Path, finder: Path):
    """Its boxes are in its own pixels, and it is never held at its full size in numbers."""
    import macaw

    large = Image.new("L", (12_000, 9_000), 40)
    large.convert("RGB").save(here / "large.jpg", quality=60)
    side = macaw.load(finder).card.prepare["size"]
    tracemalloc.start()
    picture, size = read_whole(here / "large.jpg", Fit(size=side, resize="letter"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == (12_000, 9_000) and picture.shape[0] < 2_000 and peak < 60e6
    answer = macaw.run(finder, here / "large.jpg")
    assert answer.size == (12_000, 9_000) and len(answer) == 0
