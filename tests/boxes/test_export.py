"""Export of a detector: a file that answers alike, its proof, its words, and what a damaged one is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

import macaw
from macaw import verbs
from macaw.card import Card
from macaw.data.letterbox import GREY
from macaw.errors import InputError
from macaw.metrics.coco_ap import score_boxes
from macaw.metrics.intervals import wilson_interval
from macaw.model import Model
from macaw.runtime.words import decode_words, prepare_words

with_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
SUFFIXES = [".onnx", pytest.param(".xml", marks=with_openvino)]
Paint = Callable[..., np.ndarray]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_file_answers_like_the_folder(
    suffix: str, finder: Path, scenes: Path, painted: Paint, tmp_path: Path
):
    exported = verbs.export(finder, tmp_path / f"mine{suffix}", data=scenes)
    again, model = macaw.load(str(exported.path)), Model(finder)
    assert again.card == model.card.replace(exported=again.card.exported)
    assert again.card.exported["parity"] == json.loads(json.dumps(exported.parity.to_dict()))
    picture = painted(("red", 0, 16), ("blue", 32, 0))
    for one in (again.run(picture), model.run(picture)):
        assert {(box.name, box.xyxy) for box in one} == {
            ("red", (0.0, 16.0, 16.0, 32.0)),
            ("blue", (32.0, 0.0, 48.0, 16.0)),
        }


def test_the_proof_is_measured_on_the_annotated_pictures(finder: Path, scenes: Path, tmp_path: Path):
    proof = verbs.export(finder, tmp_path / "mine.onnx", data=scenes).parity
    assert proof.pictures == "val of scenes" and len(proof.apart) == 12
    assert proof.between == ("onnxruntime, float32", "onnxruntime, float32")
    assert proof.changed == wilson_interval(0, 12) and proof.largest < 1e-6 and proof.moved.max() == 0
    assert proof.boxes.before == proof.boxes.after == proof.boxes.both > 10
    before, after, change = proof.precision
    assert before == after and (change.value, change.low, change.high) == (0, 0, 0)
    text = str(proof)
    assert "answers changed" in text and "edges moved" in text and "change of AP" in text


def test_the_ap_of_the_proof_is_that_of_evaluate(finder: Path, scenes: Path, tmp_path: Path):
    from macaw.data.annotated import read_annotated

    proof = verbs.export(finder, tmp_path / "mine.onnx", data=scenes).parity
    some = read_annotated(scenes).splits["val"]
    card = Card.load(finder)
    unsure = card.replace(decode={**card.decode, "score": 0.001, "limit": 100})
    found = list(Model(finder).stream(some.sources, card=unsure))
    scores = score_boxes(found, some.objects, card.names)
    assert proof.precision[0].value == pytest.approx(scores.metrics["AP"].value)
    assert proof.precision[0].value > 0.9  # the squares are where they are said to be


def test_a_folder_of_pictures_is_proved_without_judging(finder: Path, scenes: Path, tmp_path: Path):
    proof = verbs.export(finder, tmp_path / "mine.onnx", data=scenes / "images").parity
    assert (len(proof.apart), proof.pictures, proof.precision) == (52, "images", None)


def test_without_data_it_is_proved_on_stand_ins(finder: Path, tmp_path: Path):
    proof = verbs.export(finder, tmp_path / "mine.onnx").parity
    assert len(proof.apart) == 200 and "textures" in proof.pictures
    assert proof.changed.value == 0 and proof.precision is None


def broken(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], bytes]:
    """A writer that changes constants of the graph on the way."""
    from macaw.runtime.single import whole_model

    def whole(place: Path) -> bytes:
        proto = onnx.load_model_from_string(whole_model(place))
        values = {one.name: onnx.numpy_helper.to_array(one).copy() for one in proto.graph.initializer}
        change(values)
        for one in proto.graph.initializer:
            one.CopyFrom(onnx.numpy_helper.from_array(values[one.name], one.name))
        return proto.SerializeToString()

    return whole


def test_a_file_whose_boxes_moved_is_found_out(
    finder: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def change(values: dict[str, np.ndarray]) -> None:
        values["places"][..., 0] -= 3  # pixels of the sheet, six of the picture: IoU 16 / 22

    monkeypatch.setattr("macaw.exporting.whole_model", broken(change))
    proof = verbs.export(finder, tmp_path / "wrong.onnx", data=scenes).parity
    shown = int(proof.changed.value * 12 + 0.5)
    assert proof.moved.max() == pytest.approx(3) and proof.largest < 1e-6
    assert proof.boxes.before == proof.boxes.after  # all there, but elsewhere; those at the left edge are cut
    assert 0 < shown <= 9 and proof.boxes.both < proof.boxes.before
    before, after, gap = proof.precision
    assert gap.value == pytest.approx(after.value - before.value) and gap.value < -0.1 and gap.high < 0


def test_a_file_that_finds_another_class_is_found_out(
    finder: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def change(values: dict[str, np.ndarray]) -> None:
        values["weight"][4:] = np.roll(values["weight"][4:], 1, axis=0)

    monkeypatch.setattr("macaw.exporting.whole_model", broken(change))
    proof = verbs.export(finder, tmp_path / "wrong.onnx", data=scenes).parity
    assert proof.changed == wilson_interval(9, 12)  # three pictures show nothing, before and after
    assert proof.boxes.both == 0 and proof.largest > 0.9 and proof.moved.max() == 0


def test_a_picture_that_cannot_be_read_is_named(finder: Path, tmp_path: Path, painted: Paint):
    folder = tmp_path / "some"
    folder.mkdir()
    Image.fromarray(painted()).save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:60])
    with pytest.raises(InputError, match=r"b\.png"):
        verbs.export(finder, tmp_path / "mine.onnx", data=folder)
    assert not (tmp_path / "mine.onnx").exists()


# Its words


def test_the_words_name_the_grey_that_is_used(finder: Path):
    assert f"of grey, {GREY} of 255" in prepare_words(Card.load(finder).prepare)


def test_it_can_be_used_by_its_words_alone(finder: Path, tmp_path: Path):
    """What the words say, done by hand, gives the boxes of the model, whatever the picture's shape."""
    path = verbs.export(finder, tmp_path / "mine.onnx").path
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    assert "Scale the longer side to 32 pixels" in said["macaw.prepare"]
    assert "float32 (B, A, 7)" in said["macaw.decode"]
    score = float(re.search(r"Every score of ([\d.]+) or more", said["macaw.decode"])[1])
    names, random = json.loads(said["labels"]), np.random.default_rng(1)
    for width, height in ((64, 32), (37, 90), (32, 32), (7, 150)):
        picture = random.integers(0, 2, (3, 2, 3), np.uint8) * 255
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST))
        factor = 32 / max(width, height)
        across, down = max(1, round(width * factor)), max(1, round(height * factor))
        left, top = (32 - across) // 2, (32 - down) // 2
        sheet = np.full((32, 32, 3), 114, np.uint8)
        scaled = Image.fromarray(picture).resize((across, down), Image.Resampling.BILINEAR)
        sheet[top : top + down, left : left + across] = np.asarray(scaled)
        x = (sheet / 255).transpose(2, 0, 1)[None].astype(np.float32)
        (raw,) = session.run(["raw"], {"pictures": x})
        found = set()
        for *box, blue, green, red in raw[0].tolist():
            for name, value in zip(names, (blue, green, red), strict=True):
                if value >= score:
                    spots = [(box[0] - left) * width / across, (box[1] - top) * height / down]
                    spots += [(box[2] - left) * width / across, (box[3] - top) * height / down]
                    limits = (width, height) * 2
                    cut = [min(max(spot, 0), limit) for spot, limit in zip(spots, limits, strict=True)]
                    found.add((name, round(value, 4), *(round(spot, 2) for spot in cut)))
        theirs = {
            (one.name, round(one.score, 4), *(round(x, 2) for x in one.xyxy))
            for one in Model(path).run(picture)
        }
        assert theirs == {one for one in found if one[2] < one[4] and one[3] < one[5]}


def test_every_way_to_keep_boxes_has_its_words(finder: Path):
    card = Card.load(finder)
    assert "overlap a better one by an intersection over union of more than 0.6." in decode_words(card)
    alone = card.replace(decode={**card.decode, "branch": "one-to-one", "limit": 50})
    assert "overlap" not in decode_words(alone) and "Keep the best 50." in decode_words(alone)
    masked = card.replace(head={"name": "box", "config": {"labels": 3, "protos": 8}})
    words = decode_words(masked)
    assert "float32 (B, A, 15)" in words and "Output 'prototypes': float32 (B, 8, h, w)" in words
