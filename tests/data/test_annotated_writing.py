"""Writers: what a format can express comes back as it was; what it cannot is refused in one line."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.data.annotated import read_annotated
from macaw.data.coco_writing import write_coco
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.data.regions import Region, iou
from macaw.data.skeletons import named_skeleton
from macaw.data.table_writing import write_box_table
from macaw.data.voc_writing import write_voc
from macaw.data.yolo_writing import write_yolo
from macaw.errors import DataError, InputError, UnknownName

WIDTH, HEIGHT = 60, 40
NAMES = ("cat", 'dog "small"', "é, 猫")
FRESH = itertools.count()
FEW = settings(max_examples=40)  # each writes files and reads them
TENTHS = st.integers(10, 190).map(lambda number: number / 10)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    """Two pictures of 60 x 40 pixels."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    for index in range(2):
        Image.new("RGB", (WIDTH, HEIGHT), (90 * index, 0, 0)).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A new path at each call."""
    base = tmp_path_factory.mktemp("written")
    return lambda name="data": base / f"{next(FRESH)}" / name


def dataset(pictures, objects, *, skeleton=None, split="train", **more) -> AnnotatedPictures:
    some = Annotated(pictures[: len(objects)], objects, [(WIDTH, HEIGHT)] * len(objects))
    return AnnotatedPictures(NAMES, {split: some}, "coco", (), Path("here"), skeleton=skeleton, **more)


def spans(side: int, kind: str):
    """Two coordinates at least 1 px apart, within the picture."""
    value = {
        "whole": st.integers(0, side),
        "exact": st.floats(0, side, allow_subnormal=False),
        "rounded": st.floats(0, side).map(lambda number: round(number, 4)),
    }[kind]
    return st.tuples(value, value).map(sorted).filter(lambda pair: pair[1] - pair[0] >= 1)


@st.composite
def boxes(draw, kind="exact"):
    """Objects of one picture, each of a box of its own."""
    drawn = draw(st.lists(st.tuples(spans(WIDTH, kind), spans(HEIGHT, kind)), max_size=5))
    found = {(*map(float, (x[0], y[0], x[1], y[1])),) for x, y in drawn}
    labels = draw(st.lists(st.integers(0, 2), min_size=len(found), max_size=len(found)))
    return Objects.of(sorted(found), labels)


def pairs(kind: str):
    """Objects of two pictures, at least one of the first."""
    return st.tuples(boxes(kind), boxes(kind)).filter(lambda pair: len(pair[0]) > 0)


def labels_by_name(data: AnnotatedPictures, split="train") -> list[list[str]]:
    return [[data.names[label] for label in objects.labels] for objects in data.splits[split].objects]


class TestRoundTrips:
    @given(pairs("exact"))
    @FEW
    def test_coco_returns_boxes_to_the_last_place(self, pictures, fresh, pair):
        data = dataset(pictures, list(pair))
        back = read_annotated(write_coco(data, fresh("a.json")), val_share=0)
        assert back.names == NAMES
        for objects, again in zip(pair, back.splits["train"].objects, strict=True):
            # A width has no room for every right edge: start + width is rounded
            assert (np.abs(again.xyxy - objects.xyxy) <= np.spacing(objects.xyxy)).all()
            assert again.xyxy[:, :2].tolist() == objects.xyxy[:, :2].tolist()
            assert again.labels.tolist() == objects.labels.tolist()
            assert again.area == pytest.approx(objects.area)

    @given(st.lists(st.tuples(TENTHS, TENTHS, TENTHS, TENTHS), min_size=1, max_size=5, unique=True))
    @FEW
    def test_coco_writes_the_digits_that_it_read(self, pictures, fresh, drawn):
        path = fresh("in.json")
        images = [{"id": 1, "file_name": str(pictures[0]), "width": WIDTH, "height": HEIGHT}]
        told = [{"id": 9, "image_id": 1, "category_id": 4, "bbox": list(bbox)} for bbox in drawn]
        path.parent.mkdir()
        categories = [{"id": 4, "name": "cat"}]
        path.write_text(json.dumps({"images": images, "annotations": told, "categories": categories}))
        written = json.loads(write_coco(read_annotated(path, val_share=0), fresh("a.json")).read_text())
        assert [one["bbox"] for one in written["annotations"]] == [one["bbox"] for one in told]

    @given(pairs("exact"))
    @FEW
    def test_a_table_returns_boxes_to_the_last_bit(self, pictures, fresh, pair):
        data = dataset(pictures, list(pair))
        back = read_annotated(write_box_table(data, fresh("a.csv")), names=NAMES, val_share=0)
        for objects, again in zip(pair, back.splits["train"].objects, strict=True):
            assert again.xyxy.tolist() == objects.xyxy.tolist()
            assert again.labels.tolist() == objects.labels.tolist()

    @given(pairs("whole"))
    @FEW
    def test_voc_returns_whole_pixels(self, pictures, fresh, pair):
        data = dataset(pictures, list(pair))
        back = read_annotated(write_voc(data, fresh()), names=NAMES, val_share=0)
        for objects, again in zip(pair, back.splits["train"].objects, strict=True):
            assert again.xyxy.tolist() == objects.xyxy.tolist()
            assert again.labels.tolist() == objects.labels.tolist()

    @given(pairs("rounded"))
    @FEW
    def test_yolo_returns_boxes_to_a_millionth_of_a_side(self, pictures, fresh, pair):
        data = dataset(pictures, list(pair))
        back = read_annotated(write_yolo(data, fresh()), form="centre", val_share=0)
        assert back.names == NAMES
        for objects, again in zip(pair, back.splits["train"].objects, strict=True):
            limits = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) * 1e-6
            assert (np.abs(again.xyxy - objects.xyxy) <= limits).all()
            assert again.labels.tolist() == objects.labels.tolist()

    def test_all_formats_in_a_row(self, pictures, fresh):
        objects = [Objects.of([(1, 2, 30, 20), (4, 4, 50, 39)], [2, 0]), Objects.of([(0, 0, 60, 40)], [1])]
        data = dataset(pictures, objects)
        for write, name in (
            (write_coco, "data"),
            (write_voc, "data"),
            (write_yolo, "data"),
            (write_box_table, "a.csv"),
        ):
            data = read_annotated(write(data, fresh(name)), val_share=0)
        assert [some.xyxy.round(9).tolist() for some in data.splits["train"].objects] == [
            [[1, 2, 30, 20], [4, 4, 50, 39]],
            [[0, 0, 60, 40]],
        ]
        assert labels_by_name(data) == [["é, 猫", "cat"], ['dog "small"']]

    def test_splits_and_pictures_are_referred_to(self, pictures, fresh):
        one = [Objects.of([(1, 2, 30, 20)], [0])]
        splits = {
            "train": dataset(pictures, one).splits["train"],
            "val": dataset(pictures[1:], one).splits["train"],
        }
        data = AnnotatedPictures(NAMES, splits, "coco", (), Path("here"))
        for write in (write_coco, write_voc, write_yolo):
            back = read_annotated(write(data, fresh()), names=NAMES)
            assert list(back.splits) == ["train", "val"]
            assert back.splits["val"].sources[0].resolve() == pictures[1]
            assert not back.carved


class TestCoco:
    def test_ids_of_classes_and_pictures_return(self, pictures, fresh):
        content = {
            "images": [{"id": 42, "file_name": pictures[0].name, "width": WIDTH, "height": HEIGHT}],
            "categories": [{"id": 90, "name": "cat"}, {"id": 7, "name": "ant"}],
            "annotations": [{"id": 0, "image_id": 42, "category_id": 90, "bbox": [3.3, 1, 10.1, 7]}],
        }
        path = fresh("in.json")
        path.parent.mkdir()
        path.write_text(json.dumps(content))
        (path.parent / pictures[0].name).symlink_to(pictures[0])
        written = json.loads(write_coco(read_annotated(path, val_share=0), fresh("out.json")).read_text())
        assert written["images"][0]["id"] == 42
        assert sorted((one["id"], one["name"]) for one in written["categories"]) == [(7, "ant"), (90, "cat")]
        (one,) = written["annotations"]
        assert one["category_id"] == 90
        assert one["id"] == 1  # pycocotools takes 0 for "not matched"
        assert one["bbox"] == [3.3, 1, 10.1, 7]

    def test_holes_parts_and_groups(self, pictures, fresh):
        ring = np.zeros((HEIGHT, WIDTH), bool)
        ring[5:20, 5:20] = True
        ring[8:12, 8:12] = False
        parts = Region.of_polygons([[1, 1, 5, 1, 5, 5], [30.5, 30, 35, 30.25, 35, 35]], (HEIGHT, WIDTH))
        regions = (Region.of_mask(ring), parts, Region.of_mask(np.ones((HEIGHT, WIDTH))))
        objects = Objects.of(
            [region.xyxy for region in regions],
            [0, 1, 2],
            regions=regions,
            crowd=[False, False, True],
            difficult=[False, True, False],
        )
        path = write_coco(dataset(pictures, [objects]), fresh("a.json"))
        told = json.loads(path.read_text())["annotations"]
        assert [one["iscrowd"] for one in told] == [0, 0, 1]  # a hole is no group
        assert [one["area"] for one in told] == [region.area for region in regions]
        back = read_annotated(path, val_share=0).splits["train"].objects[0]
        assert np.diag(iou(back.regions, regions)).tolist() == [1, 1, 1]
        assert [polygon.tolist() for polygon in back.regions[1].polygons] == [
            p.tolist() for p in parts.polygons
        ]
        assert back.crowd.tolist() == [False, False, True]
        assert back.difficult.tolist() == [False, True, False]

    def test_key_points(self, pictures, fresh):
        skeleton = named_skeleton(["left_eye", "right_eye"], edges=[(0, 1)])
        points = np.array([[[3.25, 4, 2], [0, 0, 0]], [[0.5, 0.5, 1], [59.5, 7.1, 2]]])
        objects = Objects.of([(1, 1, 20, 20), (0, 0, 60, 40)], [0, 1], points=points)
        folder = write_coco(dataset(pictures, [objects], skeleton=skeleton), fresh())
        told = json.loads((folder / "annotations" / "person_keypoints_train.json").read_text())
        assert told["annotations"][1]["keypoints"][:3] == [0, 0, 1]
        assert [one["num_keypoints"] for one in told["annotations"]] == [1, 2]
        back = read_annotated(folder, rows="pose", val_share=0)
        assert back.splits["train"].objects[0].points.tolist() == points.tolist()
        assert back.skeleton == skeleton

    def test_several_splits_need_a_folder_of_their_own(self, pictures, fresh):
        one = dataset(pictures, [Objects.of([(1, 1, 5, 5)], [0])])
        two = AnnotatedPictures(
            NAMES, {"a": one.splits["train"], "b": one.splits["train"]}, "x", (), Path("here")
        )
        with pytest.raises(InputError, match="'a' and 'b' do not go into one file"):
            write_coco(two, fresh("a.json"))
        folder = fresh()
        folder.mkdir(parents=True)
        (folder / "precious").write_text("")
        for write in (write_coco, write_voc, write_yolo):
            with pytest.raises(InputError, match="exists and is not empty"):
                write(one, folder)
        assert [file.name for file in folder.iterdir()] == ["precious"]

    def test_pictures_in_packs_have_no_file(self, fresh, make, pictures):
        from macaw.data.packs import FilePack

        pack = FilePack("train.npz", np.frombuffer(pictures[0].read_bytes(), np.uint8), np.array([0, 10]))
        data = dataset([pack[0]], [Objects.of([(1, 1, 5, 5)], [0])])
        with pytest.raises(InputError, match=r"train\.npz\[0\] is a picture inside a pack"):
            write_coco(data, fresh("a.json"))


class TestYolo:
    SQUARE = (10, 10, 20, 10, 20, 20, 10, 20)

    def region(self, *polygons) -> Region:
        return Region.of_polygons(list(polygons), (HEIGHT, WIDTH))

    def objects(self, region: Region, **more) -> Objects:
        return Objects.of([region.xyxy], [0], regions=(region,), **more)

    def test_polygons_and_parts_that_are_joined(self, pictures, fresh):
        one = self.objects(self.region((1, 1, 9, 1, 9, 7)))
        two = self.objects(self.region(self.SQUARE, (30, 30, 40, 30, 35.5, 38), (50, 2, 55, 2, 55, 9, 50, 9)))
        back = read_annotated(write_yolo(dataset(pictures, [one, two]), fresh(), kind="segment"), val_share=0)
        first, second = back.splits["train"].objects
        assert first.regions[0].polygons[0] == pytest.approx(one.regions[0].polygons[0], abs=WIDTH * 1e-6)
        assert len(second) == 1  # one object stays one
        assert iou(second.regions, two.regions)[0, 0] == 1

    def test_four_corners(self, pictures, fresh):
        turned = self.objects(self.region((20, 5, 35, 15, 30, 22, 15, 12)))
        folder = write_yolo(dataset(pictures, [turned]), fresh(), kind="obb")
        back = read_annotated(folder, rows="obb", val_share=0).splits["train"].objects[0]
        assert back.regions[0].polygons[0] == pytest.approx(turned.regions[0].polygons[0], abs=1e-4)

    def test_key_points(self, pictures, fresh):
        skeleton = named_skeleton(["eye-l", "eye-r", "chin"])
        points = np.array([[[3.25, 4, 2], [9, 4, 1], [0, 0, 0]]])
        data = dataset(pictures, [Objects.of([(1, 1, 20, 20)], [0], points=points)], skeleton=skeleton)
        back = read_annotated(write_yolo(data, fresh(), kind="pose"), val_share=0)
        assert back.skeleton == skeleton
        assert back.splits["train"].objects[0].points == pytest.approx(points, abs=WIDTH * 1e-6)

    def test_what_rows_cannot_express(self, pictures, fresh):
        hole = np.ones((HEIGHT, WIDTH), bool)
        hole[5, 5] = False
        overlap = self.region(self.SQUARE, (15, 15, 25, 15, 25, 25, 15, 25))
        plain = Objects.of([(1, 1, 5, 5)], [0])
        cases = [
            (self.objects(Region.of_mask(hole)), "segment", "has no polygon"),
            (self.objects(overlap), "segment", "has parts that overlap"),
            (plain, "segment", "object 0 of '0.png' has no polygon"),
            (plain, "obb", "has no polygon of 4 corners"),
            (plain, "pose", "has no key points"),
            (Objects.of([(1, 1, 5, 5)], [0], crowd=[True]), "detect", r"has groups \(crowd\)"),
            (Objects.of([(1, 1, 5, 5)], [0], difficult=[True]), "detect", "marked as difficult"),
        ]
        for objects, kind, words in cases:
            folder = fresh()
            with pytest.raises(DataError, match=words):
                write_yolo(dataset(pictures, [objects]), folder, kind=kind)
            assert not folder.exists()
        with pytest.raises(UnknownName, match="kind='box' is unknown"):
            write_yolo(dataset(pictures, [plain]), fresh(), kind="box")

    def test_pictures_of_one_name(self, pictures, fresh, tmp_path):
        twin = tmp_path / "0.png"
        twin.write_bytes(pictures[1].read_bytes())
        one = Objects.of([(1, 1, 5, 5)], [0])
        for write in (write_yolo, write_voc):
            back = read_annotated(
                write(dataset([pictures[0], twin], [one, one]), fresh()), names=NAMES, val_share=0
            )
            assert {source.resolve() for source in back.splits["train"].sources} == {
                pictures[0],
                twin.resolve(),
            }


def test_what_voc_and_tables_cannot_express(pictures, fresh):
    region = Region.of_mask(np.ones((HEIGHT, WIDTH)))
    regions = dataset(pictures, [Objects.of([(0, 0, 60, 40)], [0], regions=(region,))])
    groups = dataset(pictures, [Objects.of([(0, 0, 60, 40)], [0], crowd=[True])])
    hard = dataset(pictures, [Objects.of([(0, 0, 60, 40)], [0], difficult=[True])])
    with pytest.raises(
        DataError, match=r"has masks or polygons, as in .* which Pascal VOC cannot express; write COCO"
    ):
        write_voc(regions, fresh())
    with pytest.raises(DataError, match="which Pascal VOC cannot express"):
        write_voc(groups, fresh())
    with pytest.raises(DataError, match="a table of boxes cannot express"):
        write_box_table(hard, fresh("a.csv"))
    back = read_annotated(write_box_table(groups, fresh("a.csv")), names=NAMES, val_share=0)
    assert back.splits["train"].objects[0].crowd.tolist() == [True]
    back = read_annotated(write_voc(hard, fresh()), names=NAMES, val_share=0)
    assert back.splits["train"].objects[0].difficult.tolist() == [True]
    assert write_voc(regions.boxes_only(), fresh()).is_dir()
