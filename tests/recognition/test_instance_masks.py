"""Outlines of objects: from annotated polygons, run lengths and instance maps to masks that are scored."""

from __future__ import annotations

import dataclasses
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw
from macaw.card import Card
from macaw.data.annotated import read_annotated
from macaw.data.letterbox import place
from macaw.data.objects import Objects
from macaw.data.regions import Region
from macaw.errors import DataError
from macaw.metrics.box_outlines import crowding, with_outlines
from macaw.metrics.coco_ap import score_boxes
from macaw.results.silhouette import Silhouette

torch = pytest.importorskip("torch")

SIDE = 64
NAMES = ("disc", "star")
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] + 0.5


def star(x: float, y: float, half: float, turn: float = 0.0) -> np.ndarray:
    """Ten corners (10, 2); it fills a third of its box."""
    angle = turn + np.arange(10) * np.pi / 5
    far = np.where(np.arange(10) % 2, 0.4, 1.0) * half
    return np.stack([x + far * np.sin(angle), y - far * np.cos(angle)], 1)


def inside(polygon: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether places lie in a polygon, by the crossings of a ray."""
    result = np.zeros(np.broadcast(x, y).shape, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            result ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return result


def painted(seed: int) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """A dark picture with two or three discs and stars, later ones over earlier; class and mask of each."""
    noise = np.random.default_rng(seed)
    picture = noise.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    found: list[tuple[int, np.ndarray]] = []
    for _ in range(int(noise.integers(2, 4))):
        label, half = int(noise.integers(2)), float(noise.uniform(10, 15))
        x, y = noise.uniform(half, SIDE - half, 2)
        disc = (COLUMNS - x) ** 2 + (ROWS - y) ** 2 <= half**2
        mask = inside(star(x, y, half), COLUMNS, ROWS) if label else disc
        left = [other & ~mask for _, other in found]
        if any(rest.sum() < 0.6 * other.sum() for rest, (_, other) in zip(left, found, strict=True)):
            continue  # too much of one below it would be hidden
        found = [(one, rest) for (one, _), rest in zip(found, left, strict=True)] + [(label, mask)]
        picture[mask] = (noise.integers(180, 250), 60, 40) if label else (40, noise.integers(150, 250), 200)
    return picture, found


def written(root: Path, sizes: dict[str, int], *, outlines: str = "runs") -> Path:
    """A set in COCO's format; `outlines` are "runs", "boxes" (polygons that are the boxes) or "none"."""
    (root / "annotations").mkdir(parents=True)
    for first, (split, count) in enumerate(sizes.items()):
        (root / split).mkdir()
        images, annotations = [], []
        for i in range(count):
            picture, found = painted(1000 * first + i)
            Image.fromarray(picture).save(root / split / f"{i:02}.png")
            images.append({"id": i, "file_name": f"{i:02}.png", "width": SIDE, "height": SIDE})
            for label, mask in found:
                region = Region.of_mask(mask)
                left, top, right, bottom = region.xyxy.tolist()
                box = [left, top, right - left, bottom - top]
                row = {"id": len(annotations) + 1, "image_id": i, "category_id": label + 1, "iscrowd": 0}
                row |= {"bbox": box, "area": region.area if outlines == "runs" else box[2] * box[3]}
                if outlines == "boxes":
                    row["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
                elif outlines == "runs":
                    row["segmentation"] = region.to_coco()
                annotations.append(row)
        categories = [{"id": i + 1, "name": name} for i, name in enumerate(NAMES)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("outlined") / "data", {"train": 48, "val": 12})


@pytest.fixture(scope="module")
def cutter(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detector of discs and stars, trained for seconds; that outlines are there it sees itself."""
    out = tmp_path_factory.mktemp("cutter") / "model"
    how: dict[str, Any] = {"dial": 0.25, "epochs": 25, "mosaic": 0.1, "seed": 1, "precision": "float32"}
    macaw.train("detect", scenes, out=out, **how)
    return out


def test_masks_are_better_than_any_filled_box(cutter: Path, scenes: Path):
    scores = macaw.evaluate(cutter, scenes, split="val", board=None)
    truth = read_annotated(scenes).splits["val"].objects
    # Nothing that fills boxes can be better than the true boxes, filled
    filled = [
        (some.xyxy, some.labels, np.ones(len(some)), [_filled(xyxy) for xyxy in some.xyxy]) for some in truth
    ]
    ceiling = score_boxes(filled, truth, NAMES, kind="regions").metrics["AP50"].value
    assert 0.3 < ceiling < 0.7  # discs fill their boxes, stars do not
    mask = scores.metrics["AP50 mask"]
    assert mask.value > ceiling + 0.1
    assert mask.low <= mask.value <= mask.high
    assert list(scores.metrics)[:6] == ["AP", "AP50", "AP75", "AP mask", "AP50 mask", "AP75 mask"]
    assert "AP mask" in str(scores) and "AP mask" in scores.to_html()


def _filled(xyxy: np.ndarray) -> Region:
    left, top, right, bottom = xyxy
    return Region.of_mask((COLUMNS > left) & (COLUMNS < right) & (ROWS > top) & (ROWS < bottom))


def test_the_card_and_the_answers_hold_outlines(cutter: Path, scenes: Path):
    card = Card.load(cutter)
    assert card.head["config"]["protos"] == 32 and card.decode["masks"] is True
    answer = macaw.load(cutter).run(scenes / "val" / "00.png")
    assert len(answer.regions) == len(answer) > 0
    for region, (left, top, right, bottom) in zip(answer.regions, answer.xyxy, strict=True):
        a, b, c, d = region.xyxy
        assert region.area and a >= left - 1 and b >= top - 1 and c <= right + 1 and d <= bottom + 1
    told = answer.to_dict()["boxes"][0]["region"]
    assert Silhouette.of_coco(json.loads(json.dumps(told))).area == answer.regions[0].area
    drawn, plain = (np.asarray(one.plot()) for one in (answer, dataclasses.replace(answer, regions=())))
    assert (drawn != plain).any()


def test_every_engine_cuts_out_the_same(cutter: Path, scenes: Path):
    files = sorted((scenes / "val").glob("*.png"))[:4]
    first, *others = (
        macaw.load(cutter, engine=engine).run(files) for engine in ("onnxruntime", "openvino", "torch")
    )
    assert any(len(one) for one in first)
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            assert mine.labels.tolist() == theirs.labels.tolist()
            for one, two in zip(mine.regions, theirs.regions, strict=True):
                both = (one.mask() & two.mask()).sum()
                assert both > 0.98 * max(one.area, two.area)


def test_an_exported_file_cuts_out_the_same(cutter: Path, scenes: Path, tmp_path: Path):
    exported = macaw.export(cutter, tmp_path / "cutter.onnx", data=scenes)
    kept = exported.parity.boxes  # a box counts as kept when its region is as well
    assert kept.before == kept.after == kept.both > 0
    assert "prototypes" in (tmp_path / "cutter.onnx").read_bytes().decode("latin-1")


def test_an_outline_is_explained_by_its_prototypes(cutter: Path, scenes: Path, tmp_path: Path):
    why = macaw.explain(cutter, scenes / "val" / "00.png", by=("prototypes", "cells"))
    mixture = why.mixture
    assert mixture.weights.shape == (32,) and np.abs(mixture.weights).max() <= 1
    assert mixture.parts.shape == (4, *mixture.outline.shape) and 0 <= mixture.alike <= 1
    # The sum of the prototypes is the mask that was answered
    region, (left, top, right, bottom) = why.answer.regions[0], np.array(mixture.frame)
    rows, columns = mixture.outline.shape
    y = (top + (np.arange(rows) + 0.5) * (bottom - top) / rows).astype(int)
    x = (left + (np.arange(columns) + 0.5) * (right - left) / columns).astype(int)
    low_x, low_y, high_x, high_y = why.box.xyxy
    within = ((y > low_y) & (y < high_y - 1))[:, None] & ((x > low_x) & (x < high_x - 1))
    agree = (mixture.outline > 0.5) == region.mask()[np.ix_(y, x)]
    assert agree[within].mean() > 0.9
    page = why.save(tmp_path / "why.html").read_text()
    assert "What its outline is mixed from" in page and "Prototype" in page
    assert why.to_dict()["mixture"]["strongest"] == mixture.shown.tolist()
    assert why.plot().height > 400


def test_outlines_are_learned_where_they_are_there(scenes: Path, tmp_path: Path):
    from macaw.data.outlined import learns_outlines

    train = read_annotated(scenes).splits["train"]
    assert learns_outlines(train, "auto") and not learns_outlines(train, "no")
    data = read_annotated(written(tmp_path / "boxes", {"train": 6}, outlines="boxes"), val_share=0)
    boxes = data.splits["train"]
    assert not learns_outlines(boxes, "auto") and learns_outlines(boxes, "yes")
    some = train.objects[0]
    partly = dataclasses.replace(some, regions=(None, *some.regions[1:]))
    train = dataclasses.replace(train, objects=[partly, *train.objects[1:]])
    assert learns_outlines(train, "auto") and learns_outlines(train, "yes")  # one of many is let pass
    assert not learns_outlines(train.subset([0]), "auto")


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ("yess", "masks='yess': auto, yes or no. Did you mean 'yes'?"),
        ("yes", "objects of train have no outline, the first in '"),
    ],
)
def test_what_cannot_be_is_refused(masks: str, words: str, tmp_path: Path):
    data = written(tmp_path / "data", {"train": 6, "val": 2}, outlines="none")
    with pytest.raises(macaw.MacawError) as caught:
        macaw.train("detect", data, out=tmp_path / "model", dial=0.25, masks=masks)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert masks == "yess" or "00.png" in str(caught.value)
    assert not (tmp_path / "model").exists()


# Masks that move


MOVES = [(1, 1, 0, 0), (-1, 1, 64, 0), (1.6, 1.6, -20.3, 4.9), (-0.7, 0.7, 60.2, -6.4), (0.5, 0.9, 7, 3)]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("size", [(64, 64), (200, 120), (37, 90)])
def test_a_moved_mask_is_the_moved_polygon_drawn(move: tuple[float, ...], size: tuple[int, int]):
    from macaw.heads.extents import Extents
    from macaw.training.geometry import Move, move_extents, part_of

    width, height = size
    corners = star(width * 0.45, height * 0.5, min(size) * 0.42, 0.3)
    letter, how, frame = place(width, height, SIDE), Move(*move), (3, 5, 60, 64)
    region = Region.of_mask(inside(corners, *np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)))
    part = part_of(region, letter)
    mask = move_extents(Extents((part,)), how, frame).whole((SIDE, SIDE))[0].numpy()
    there = how.there(torch.from_numpy(letter.to_prepared(corners))).numpy()
    wanted = inside(there, COLUMNS, ROWS)
    wanted &= (COLUMNS > frame[0]) & (COLUMNS < frame[2]) & (ROWS > frame[1]) & (ROWS < frame[3])
    assert wanted.sum() > 50
    # Twice the nearest pixel was taken, first of the picture, then of the sheet: so far a border may lie off
    pixel = max(letter.scale, 1.0) * abs(move[0]) / 2 + max(abs(move[0]), abs(move[1])) / 2
    away = _distance(there, np.argwhere(mask != wanted)[:, ::-1] + 0.5)
    assert away.max(initial=0) <= np.sqrt(2) * pixel + 1e-6


def _distance(polygon: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How far places (N, 2) lie from the border of a polygon, (N,)."""
    starts, ways = polygon, np.roll(polygon, -1, axis=0) - polygon
    to = places[:, None] - starts
    share = ((to * ways).sum(-1) / (ways**2).sum(-1)).clip(0, 1)
    return np.linalg.norm(to - share[..., None] * ways, axis=-1).min(axis=1)


def test_whole_steps_and_mirrors_move_every_bit():
    from macaw.heads.extents import Extents
    from macaw.training.geometry import Move, move_extents, part_of

    mask = inside(star(28, 33, 22, 0.2), COLUMNS, ROWS)
    whole = (0, 0, SIDE, SIDE)
    same = Extents((part_of(Region.of_mask(mask), place(SIDE, SIDE, SIDE)),))
    assert np.array_equal(same.whole((SIDE, SIDE))[0], mask)
    mirrored = move_extents(same, Move(-1, 1, SIDE, 0), whole).whole((SIDE, SIDE))[0]
    assert np.array_equal(mirrored, mask[:, ::-1])
    stepped = move_extents(same, Move(1, 1, 5, -7), whole).whole((SIDE, SIDE))[0]
    assert np.array_equal(stepped[:-7, 5:], mask[7:, :-5]) and not stepped[:, :5].any()


def test_what_is_painted_and_what_is_masked_move_together(scenes: Path):
    from macaw.data.prepare import Fit
    from macaw.recognition.fit_boxes import seen_of
    from macaw.training.loop import Draw
    from macaw.training.progress import Watcher
    from macaw.training.scene_augment import SceneAugmentation
    from macaw.training.scene_batches import SceneBatches

    class Silent(Watcher):
        pass

    data = read_annotated(scenes)
    prepare = {"size": SIDE, "resize": "letter"}
    assert Fit.of(prepare).size == SIDE
    seen = seen_of(data, "val", prepare, Silent(), outlined=True)
    batches = SceneBatches(seen.pictures, seen.scenes)
    how = SceneAugmentation(colour=0, mosaic=0.7)
    for seed in range(4):
        pictures, moved = batches.batch(np.arange(12), how, Draw(SIDE, seed, 0.0))
        again = batches.batch(np.arange(12), how, Draw(SIDE, seed, 0.0))[1]
        for picture, scene, twin in zip(pictures, moved, again, strict=True):
            masks = scene.masks.whole((SIDE, SIDE))
            assert torch.equal(masks, twin.masks.whole((SIDE, SIDE)))
            bare = torch.nn.functional.pad((~masks).float()[:, None], (2, 2, 2, 2), value=1.0)
            inner = torch.nn.functional.max_pool2d(bare, 5, 1)[:, 0] == 0  # two pixels off their borders
            assert (picture.amax(0)[inner.any(0)] > 140).all()


def test_outlines_take_little_memory():
    from macaw.heads.extents import Extents
    from macaw.training.geometry import part_of

    noise = np.random.default_rng(0)
    polygons = [star(*noise.uniform(20, 396, 2), 14) for _ in range(50)]
    parts = [part_of(Region.of_polygons([one], (416, 416)), place(416, 416, 416)) for one in polygons]
    assert sum(part.bits.nbytes for part in parts) < 50 * 416 * 416 / 1000
    assert len(Extents(tuple(parts))[torch.arange(50) % 2 == 0]) == 25
    large = Region.of_polygons([star(6000, 4500, 150)], (9000, 12000))
    tracemalloc.start()
    part = part_of(large, place(12000, 9000, 416))
    assert tracemalloc.get_traced_memory()[1] < 16e6  # all of its 108 million pixels would be 108 MB
    tracemalloc.stop()
    assert 8 <= part.width <= 12


def test_shares_of_cells_are_the_mean_of_their_pixels():
    from macaw.heads.extents import Extents, shares

    noise = np.random.default_rng(0)
    masks = noise.random((6, 32, 48)) < 0.3
    masks[1], masks[2, :, 20:] = False, False
    masks[3, 5:, :] = False
    wanted = masks.reshape(6, 8, 4, 12, 4).mean((2, 4))
    assert np.allclose(shares(Extents.of(masks).parts, (8, 12), 4).numpy(), wanted)


# Instance maps


def mapped(root: Path, *, classes: bool) -> Path:
    """Pictures and maps: each number an object, or its class."""
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for i in range(8):
        picture, found = painted(i)
        numbers = np.zeros((SIDE, SIDE), np.uint8)
        for number, (label, mask) in enumerate(found, start=1):
            numbers[mask] = 3 * label + 1 if classes else number
        Image.fromarray(picture).save(root / "images" / "train" / f"{i}.png")
        Image.fromarray(numbers).save(root / "labels" / "train" / f"{i}.png")
    return root


def test_instance_maps_are_read_as_objects_and_maps_of_classes_are_not(tmp_path: Path):
    data = read_annotated(mapped(tmp_path / "objects", classes=False), val_share=0)
    assert (data.names, data.kind) == (("object",), "instances")
    assert [len(some) for some in data.splits["train"].objects] == [len(painted(i)[1]) for i in range(8)]
    assert any("each number but 0 is one object" in note for note in data.notes)
    for some, i in zip(data.splits["train"].objects, range(8), strict=True):
        for region, (_, mask) in zip(some.regions, painted(i)[1], strict=True):
            assert np.array_equal(region.mask(), mask)
    with pytest.raises(DataError, match="macaw train segment takes it"):
        read_annotated(mapped(tmp_path / "classes", classes=True))
    (tmp_path / "objects" / "classes.txt").write_text("ground\ndisc\nstar\nmoon\n")
    with pytest.raises(DataError, match="macaw train segment takes it"):
        read_annotated(tmp_path / "objects")


# Scores


def test_scores_of_masks_need_all_outlines_and_crowds_are_told(scenes: Path):
    truth = read_annotated(scenes).splits["val"].objects[:3]
    found = [(some.xyxy, some.labels, np.ones(len(some)), list(some.regions)) for some in truth]
    scores = with_outlines(score_boxes(found, truth, NAMES), found, truth)
    assert scores.metrics["AP mask"].value == scores.metrics["AP"].value == 1
    bare = [dataclasses.replace(truth[0], regions=()), *truth[1:]]
    scores = with_outlines(score_boxes(found, bare, NAMES), found, bare)
    assert "AP mask" not in scores.metrics
    assert any("masks are not scored" in note for note in scores.notes)
    many = Objects.of(np.tile([0.0, 0, 9, 9], (130, 1)), np.zeros(130, int))
    (note,) = crowding([*truth, many], 100)
    assert note.startswith("1 of 4 pictures hold more than 100 objects, up to 130") and "30 of " in note
    assert crowding(truth, 100) == ()
