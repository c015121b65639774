"""Key points of every object of a picture: trained on crops, asked by boxes, after a detector, and scored."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import macaw
from macaw.card import Card
from macaw.commands import app
from macaw.data.pointfiles import read_points
from macaw.errors import InputError, UnknownName
from macaw.metrics.scoring import Wanted, score
from macaw.metrics.top_down import score_objects
from macaw.model import Model
from macaw.results.boxes import Boxes
from macaw.testing import check_result

SIDE, BINS = 64, 128
NAMES = ("red", "blue")
EYES = ("left_eye", "right_eye")


class Looks(Model):
    """Sees where red, and where blue, is strongest: an answer that can be worked out by hand."""

    def __init__(self, head: str = "point", **decode: object) -> None:
        self.folder, self.engine = Path("looks"), "none"
        self.asked: list[int] = []  # sheets of each batch
        self.card = Card(
            task="keypoints",
            name="looks",
            builder="recognizer",
            frontend={"name": "image", "config": {}},
            head={"name": head, "config": {}},
            names=NAMES,
            prepare={"size": SIDE, "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "letter", "levels": None},
            decode={"edges": [[0, 1]], **decode},
        )

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        self.asked.append(len(arrays[0]))
        shades = np.stack([arrays[0][:, c] - arrays[0].sum(1) / 3 for c in (0, 2)], axis=1)  # (B, 2, 64, 64)
        heat = np.where(shades > 0.5 * shades.max((2, 3), keepdims=True), shades, 0)
        rows, columns = (heat.sum(axis) / np.maximum(heat.sum((2, 3))[..., None], 1e-9) for axis in (3, 2))
        places = [(line * (np.arange(SIDE) + 0.5)).sum(-1) for line in (columns, rows)]  # of the middle
        if self.card.head["name"] == "heatmap":
            cells = [(np.arange(16) + 0.5 - place[..., None] / 4) ** 2 for place in places]
            return (8 - (cells[0][:, :, None, :] + cells[1][:, :, :, None]),)
        bins = [-(((np.arange(BINS) + 0.5) / 2 - place[..., None]) ** 2) / 8 for place in places]
        return (np.concatenate(bins, axis=-1),)


def dots(size: tuple[int, int], *places: tuple[int, int, int, int]) -> np.ndarray:
    """Grey, with for each place x, y, x, y a red and a blue square of 6 pixels about these corners."""
    picture = np.full((size[1], size[0], 3), 120, np.uint8)
    for red_x, red_y, blue_x, blue_y in places:
        picture[red_y - 3 : red_y + 3, red_x - 3 : red_x + 3] = (255, 0, 0)
        picture[blue_y - 3 : blue_y + 3, blue_x - 3 : blue_x + 3] = (0, 0, 255)
    return picture


TWO = dots((200, 100), (30, 30, 50, 60), (140, 40, 160, 80))
BOXES = [[20.0, 20.0, 60.0, 70.0], [130.0, 30.0, 170.0, 90.0]]
TRUE = [[[30, 30], [50, 60]], [[140, 40], [160, 80]]]


@pytest.mark.parametrize("head", ["point", "heatmap"])
def test_points_of_each_box_are_those_of_its_object(head: str):
    found = Looks(head).at(TWO, np.array(BOXES))
    assert found.points.shape == (2, 2, 3)
    assert np.abs(found.points[..., :2] - TRUE).max() < 0.6
    assert found.points[..., 2].min() > 0.3
    assert found.xyxy.tolist() == BOXES and found.scores.tolist() == [1, 1] and found.size == (200, 100)
    assert found.skeleton.names == NAMES and found.skeleton.edges == ((0, 1),)
    assert found.counts == {"object": 2}
    check_result(found)


@pytest.mark.parametrize("size", [(200, 100), (64, 64), (33, 90), (301, 64)])
@pytest.mark.parametrize("margin", [1.0, 1.25])
def test_one_box_that_is_the_picture_is_asked_as_the_picture_is(size: tuple[int, int], margin: float):
    picture = dots(size, (10, 12, 20, 40))
    model = Looks(margin=margin)
    whole, (points,) = model.run(picture), model.at(picture, [[0, 0, *size]]).points
    assert (points[:, :2] == whole.xy).all() and (points[:, 2] == whole.scores).all()


def test_the_margin_of_the_card_is_kept():
    seen = []

    class Keeps(Looks):
        def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
            seen.append(arrays[0])
            return super().outputs(*arrays)

    narrow, wide = Keeps(margin=1.0).at(TWO, BOXES), Keeps(margin=2.0).at(TWO, BOXES)
    assert np.abs(narrow.points[..., :2] - TRUE).max() < 0.5 > np.abs(wide.points[0, :, :2] - TRUE[0]).max()
    reds = [(sheets[0, 0] > 0.9).sum() for sheets in seen]
    assert reds[0] > 3 * reds[1]  # twice the margin shows the same dot with a fourth of the pixels


def test_no_box_is_no_points_and_many_come_in_batches():
    model = Looks()
    none = model.at(TWO, np.zeros((0, 4)))
    assert none.points.shape == (0, 2, 3) and len(none) == 0 and model.asked == []
    many = model.at(TWO, np.array(BOXES * 150), batch=64)
    assert model.asked == [64, 64, 64, 64, 44]
    assert (many.points[::2] == many.points[0]).all() and (many.points[1::2] == many.points[1]).all()


def test_boxes_beside_the_picture_and_without_extent_are_answered():
    odd = [[-50.0, -50, -10, -10], [500, 500, 900, 900], [30, 30, 30, 30], [-40, -40, 60, 70]]
    found = Looks().at(TWO, odd)
    assert np.isfinite(found.points).all()
    assert (found.points[:2, :, 2] == 0).all() and found.points[3, :, 2].min() > 0
    assert np.abs(found.points[3, :, :2] - TRUE[0]).max() < 0.6


def test_what_a_detector_answered_keeps_its_classes_and_scores():
    boxes = Boxes(("cat", "dog"), BOXES, [1, 0], [0.9, 0.4], (200, 100), "two.png")
    found = Looks().at(TWO, boxes)
    assert found.labels.tolist() == [1, 0] and found.source == "two.png"
    assert found.scores == pytest.approx([0.9, 0.4]) and found.picture.shape == (100, 200, 3)
    assert len(found.only("cat").points) == 1 and found.to_dict()["boxes"][0]["points"][0][2] > 0


def test_a_turned_photograph_is_answered_upright(tmp_path: Path):
    exif = Image.Exif()
    exif[274] = 6
    held = io.BytesIO()
    Image.fromarray(TWO).transpose(Image.Transpose.ROTATE_90).save(held, "PNG", exif=exif)
    (tmp_path / "turned.png").write_bytes(held.getvalue())
    found = Looks().at(tmp_path / "turned.png", BOXES)
    assert (found.points == Looks().at(TWO, BOXES).points).all() and found.size == (200, 100)
    assert found.source.endswith("turned.png")


class Finds(Model):
    """A detector that finds the two boxes: a person and, less sure, a horse."""

    def __init__(self) -> None:
        self.card = SimpleNamespace(row=SimpleNamespace(gives="Boxes"), name="finds")

    def stream(self, inputs: list, **_: object):
        for one in inputs:
            size = macaw.model.read_picture(one).shape[1::-1]
            yield Boxes(("person", "horse"), BOXES, [0, 1], [0.8, 0.5], size)


def test_after_a_detector_every_object_is_looked_at(tmp_path: Path):
    Image.fromarray(TWO).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    bad: list[InputError] = []
    (found,) = Looks().stream_after(Finds(), [str(tmp_path)], on_error=bad.append)
    assert len(bad) == 1 and "b.png" in str(bad[0])
    assert np.abs(found.points[..., :2] - TRUE).max() < 0.6 and found.source.endswith("a.png")
    one = Looks().run(tmp_path / "a.png", after=Finds(), only=["horse"])
    assert len(one) == 1 and np.abs(one.points[0, :, :2] - TRUE[1]).max() < 0.6
    with (tmp_path / "a.png").open("rb") as file:  # gives its bytes once, and both models get them
        assert len(macaw.run(Looks(), file, after=Finds(), only="person")) == 1
    with pytest.raises(UnknownName, match=r"no class 'hors'.*Did you mean 'horse'"):
        Looks().run(tmp_path / "a.png", after=Finds(), only=["hors"])


def test_what_cannot_be_is_one_line(tmp_path: Path):
    detect = macaw.load("detect")
    for wrong, words in (
        (lambda: detect.at(TWO, BOXES), "gives Boxes; only a model of key points"),
        (lambda: list(Looks().stream_after(Looks(), TWO)), "gives Points; key points come after a detector"),
        (lambda: Looks().at(TWO, [[5.0, 5, 1, 9]]), "box 0 is 5, 5, 1, 9"),
        (lambda: Looks().at(tmp_path / "none.png", BOXES), "none.png"),
        (lambda: macaw.run(Looks(), TWO, only="person"), "only='person'"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            wrong()
        assert "\n" not in str(caught.value)


def coco(root: Path, *, pictures: int = 12, first: int = 0) -> Path:
    """Pictures of 96 x 64 with one to three objects, 28 pixels wide, whose eyes are a red and a blue dot."""
    (root / "annotations").mkdir(parents=True)
    for split, count, start in (("train", pictures, first), ("val", 6, 900 + first)):
        (root / split).mkdir()
        images, people = [], []
        for i in range(count):
            noise = np.random.default_rng(start + i)
            columns = noise.permutation(3)[: noise.integers(1, 4)]
            places = []
            for column in columns.tolist():
                x, y = 32 * column + 2, int(noise.integers(2, 30))
                eyes = [x + int(noise.integers(4, 12)), y + int(noise.integers(4, 26)),
                        x + int(noise.integers(17, 25)), y + int(noise.integers(4, 26))]  # fmt: skip
                places.append(eyes)
                keypoints = [eyes[0] - 0.5, eyes[1] - 0.5, 2, eyes[2] - 0.5, eyes[3] - 0.5, 2]
                people.append({"id": len(people) + 1, "image_id": i, "category_id": 1, "iscrowd": 0,
                               "bbox": [x, y, 28, 30], "area": 840, "num_keypoints": 2,
                               "keypoints": keypoints})  # fmt: skip
            Image.fromarray(dots((96, 64), *places)).save(root / split / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": 96, "height": 64})
        crowd = {"id": 999, "image_id": 0, "category_id": 1, "iscrowd": 1, "bbox": [0, 0, 96, 64]}
        people.append({**crowd, "area": 6144, "num_keypoints": 0, "keypoints": [0] * 6})
        category = {"id": 1, "name": "person", "keypoints": list(EYES), "skeleton": [[1, 2]]}
        content = {"images": images, "annotations": people, "categories": [category]}
        (root / "annotations" / f"person_keypoints_{split}.json").write_text(json.dumps(content))
    return root


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coco(tmp_path_factory.mktemp("people") / "data")


def test_given_boxes_are_scored_by_errors_and_said_to_be_given(people: Path):
    model = Looks()
    model.card = model.card.replace(names=EYES)
    scores, record = score(model, Wanted(people, "val"))
    objects = sum(len(one) - one.crowd.sum() for one in read_points(people).splits["val"].objects)
    assert scores.count == objects > 6
    assert scores.metrics["NME, box side"].value < 0.02 and scores.metrics["PCK 5 %"].value == 1
    assert scores.notes[0] == f"boxes given: {objects} objects of 6 pictures, each cut out by its own"
    assert not any("OKS" in name for name in scores.metrics)  # of two eyes nobody knows the spread
    assert record().split == "val"
    check_result(scores)


def test_oks_is_there_where_spreads_are_known(people: Path):
    pointed = read_points(people)
    known = macaw.data.objects.Skeleton(EYES, flips=(1, 0), sigmas=(0.025, 0.025))
    scores = score_objects(Looks(), pointed.splits["val"], known)
    assert scores.metrics["AP, OKS"].value == pytest.approx(1)
    worse = Looks()
    worse.outputs = lambda x: (Looks.outputs(worse, x)[0][:, ::-1],)  # red and blue are taken for each other
    swapped = score_objects(worse, pointed.splits["val"], known)
    assert swapped.metrics["AP, OKS"].value < 0.1
    assert any("no areas given" in note for note in scores.notes)  # those of the file are 28 x 30


@pytest.fixture(scope="module")
def trained(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    pytest.importorskip("torch")
    out = tmp_path_factory.mktemp("trained") / "m"
    return macaw.train(
        "keypoints", people, out=out, dial=0.25, size=32, epochs=20, seed=0, precision="float32"
    )


def test_objects_of_coco_are_learned_cut_out(trained: Model, people: Path):
    card = trained.card
    assert card.head["name"] == "heatmap"  # of so few objects
    assert card.decode["margin"] == 1.25 and card.decode["edges"] == [[0, 1]] and card.names == EYES
    objects = sum(len(one) - one.crowd.sum() for one in read_points(people).splits["train"].objects)
    assert card.training["examples"]["train"] == objects
    scores = macaw.evaluate(trained, people, split="val", board=None)
    assert scores.metrics["NME, box side"].value < 0.25
    picture = people / "val" / "0.png"
    boxes = read_points(people).splits["val"].objects[0].xyxy
    found = trained.at(picture, boxes)
    again = macaw.load(str(trained.folder), engine="torch").at(picture, boxes)
    assert np.abs(found.points - again.points).max() < 1e-2


def test_a_file_and_an_explanation_of_maps(trained: Model, people: Path, tmp_path: Path):
    written = macaw.export(trained, tmp_path / "m.onnx", data=people)
    assert written.parity.moved.max() < 1e-3
    picture = people / "val" / "0.png"
    whole, again = trained.run(picture), macaw.load(str(tmp_path / "m.onnx")).run(picture)
    assert np.allclose(whole.xy, again.xy, atol=1e-3)
    why = macaw.explain(trained, picture)
    assert why.map is not None and why.map.max() == pytest.approx(why.point.score, abs=1e-5)
    heat = why.heat((96, 64))
    assert heat.shape == (64, 96) and 0 <= heat.min() and heat.max() <= 1
    assert abs(why.across.probs.sum() - 1) < 1e-9 and "map" in why.to_html()
    check_result(why)


def test_flips_are_off_where_nobody_knows_the_pairs():
    pytest.importorskip("torch")
    from macaw.data.objects import AnnotatedPictures, Skeleton
    from macaw.recognition.fit_points import WAYS, recipe_of

    dials = {"effort": 1.0, "minutes": None, "seed": 0}
    for skeleton, flip in ((Skeleton(NAMES), 0.0), (Skeleton(EYES, flips=(1, 0)), 0.5)):
        data = AnnotatedPictures(("object",), {}, "points", (), Path(), skeleton=skeleton)
        assert recipe_of(100, data, **dials).augmentation.flip == flip
        assert all(way.flips(data) == skeleton.flips for way in WAYS.values())


def test_the_head_follows_the_number_of_objects():
    pytest.importorskip("torch")
    from macaw.recognition.fit_points import FEW, Options, head_for

    assert (head_for(FEW - 1), head_for(FEW)) == ("heatmap", "simcc")
    assert Options.of(head="heatmap").head == "heatmap" and Options.of().head == "auto"
    with pytest.raises(
        UnknownName, match=r"head='heatmaps': auto, simcc or heatmap\. Did you mean 'heatmap'"
    ):
        Options.of(head="heatmaps")


def test_the_command_line_runs_both(trained: Model, people: Path, tmp_path: Path):
    said = CliRunner().invoke(
        app,
        ["run", str(trained.folder), str(people / "val" / "0.png"), "--after", "detect", "--json",
         "--save", str(tmp_path / "out")],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout.splitlines()[-1])
    assert answer["skeleton"]["names"] == list(EYES) and len(list((tmp_path / "out").iterdir())) == 1
    plain = CliRunner().invoke(app, ["run", str(trained.folder), str(people / "val" / "0.png")])
    assert plain.exit_code == 0 and "left_eye" in plain.stdout
