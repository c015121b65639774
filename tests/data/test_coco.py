"""COCO: every trap of the format is met on purpose; ids, crowds, regions and key points come as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from macaw.data.annotated import read_annotated, scan_annotated
from macaw.errors import DataError


@pytest.fixture
def root(make, tmp_path) -> Path:
    """A folder with images/train/0.png to 3.png and images/val/0.png and 1.png, each 40 x 30 pixels."""
    shade = 0
    for split, number in (("train", 4), ("val", 2)):
        folder = tmp_path / "images" / split
        folder.mkdir(parents=True)
        for index in range(number):
            shade += 20
            rgb = np.full((30, 40, 3), shade, np.uint8)
            (folder / f"{index}.png").write_bytes(make.encode(rgb, "PNG"))
    return tmp_path


def image(number: int, **more) -> dict:
    return {"id": 10 + number, "file_name": f"{number}.png", "width": 40, "height": 30, **more}


def box(picture: int, category: int, bbox: list, **more) -> dict:
    return {
        "id": picture * 100 + len(str(bbox)),
        "image_id": 10 + picture,
        "category_id": category,
        "bbox": bbox,
        **more,
    }


CATEGORIES = [{"id": 3, "name": "dog"}, {"id": 90, "name": "cat"}]
ANNOTATIONS = [
    box(0, 90, [1, 2, 10, 12.5], id=1, area=99, iscrowd=0),
    box(0, 3, [5, 5, 10, 10], id=2),
    box(1, 3, [0, 0, 40, 30], id=3, iscrowd=1, segmentation={"size": [30, 40], "counts": [600, 600]}),
    box(2, 90, [2, 2, 8, 8], id=4, segmentation=[[2, 2, 10, 2, 10, 10, 2, 10], [20, 20, 25, 20, 25, 25]]),
]


def write(root: Path, content: dict | str, name: str = "annotations/instances_train.json") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def whole(annotations=ANNOTATIONS, *, images=None, categories=CATEGORIES) -> dict:
    images = [image(number) for number in range(4)] if images is None else images
    return {"images": images, "annotations": annotations, "categories": categories}


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_annotated(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestReading:
    def test_boxes_classes_crowds_and_regions(self, root):
        write(root, whole())
        data = read_annotated(root, val_share=0)
        assert data.kind == "coco"
        assert data.names == ("cat", "dog")
        assert data.ids == {"cat": 90, "dog": 3}
        train = data.splits["train"]
        assert [source.name for source in train.sources] == ["0.png", "1.png", "2.png", "3.png"]
        assert train.ids.tolist() == [10, 11, 12, 13]
        assert train.sizes.tolist() == [[40, 30]] * 4
        first, second, third, fourth = train.objects
        assert first.xyxy.tolist() == [[1, 2, 11, 14.5], [5, 5, 15, 15]]
        assert first.labels.tolist() == [0, 1]
        assert first.area.tolist() == [99, 100]  # as given; of the box where nothing else is known
        assert second.crowd.tolist() == [True]
        assert second.area.tolist() == [600]  # of the region
        assert len(third.regions[0].polygons) == 2
        assert third.area.tolist() == [third.regions[0].area]
        assert len(fourth) == 0  # a negative is kept
        assert "1 picture of train without objects, kept as background" in data.notes

    def test_one_file_is_read_alone(self, root):
        write(root, whole(), "labels.json")
        for picture in (root / "images" / "train").iterdir():
            picture.rename(root / "images" / picture.name)
        assert len(read_annotated(root / "labels.json", val_share=0).splits["train"]) == 4

    def test_splits_are_told_by_names_of_files(self, root):
        write(root, whole())
        two = whole(
            [box(0, 7, [0, 0, 5, 5])], images=[image(0), image(1)], categories=[{"id": 7, "name": "cat"}]
        )
        write(root, two, "annotations/instances_val.json")
        data = read_annotated(root)
        assert list(data.splits) == ["train", "val"]
        assert data.splits["val"].objects[0].labels.tolist() == [0]  # by name: the ids differ
        assert not data.carved

    def test_the_official_names_with_a_year(self, root):
        (root / "images" / "train").rename(root / "train2017")
        write(root, whole(), "annotations/instances_train2017.json")
        write(root, {"images": [], "annotations": []}, "annotations/captions_train2017.json")
        assert list(read_annotated(root, val_share=0).splits) == ["train"]

    def test_roboflow(self, root):
        (root / "images" / "train").rename(root / "train")
        parents = [{"id": 0, "name": "pets", "supercategory": "none"}]
        parents += [{**one, "supercategory": "pets"} for one in CATEGORIES]
        write(root, whole(categories=parents), "train/_annotations.coco.json")
        data = read_annotated(root, val_share=0)
        assert data.names == ("cat", "dog")
        assert "category 'pets' stands above all others and has no object, left out" in data.notes

    def test_file_names_with_folders_slashes_and_other_machines(self, root):
        for name in ("train/0.png", "train\\0.png", "/home/somebody/0.png"):
            write(root, whole([box(0, 3, [1, 1, 5, 5])], images=[image(0, file_name=name)]))
            source = read_annotated(root, val_share=0).splits["train"].sources[0]
            assert source.resolve() == (root / "images" / "train" / "0.png").resolve()

    def test_a_model_gives_the_table(self, root):
        write(root, whole())
        data = read_annotated(root, names=["dog", "bird", "cat"], val_share=0)
        assert data.names == ("dog", "bird", "cat")
        assert data.splits["train"].objects[0].labels.tolist() == [2, 0]
        assert "1 of the model's 3 classes do not occur: 'bird'" in data.notes
        message = refusal(root, names=["dog", "cats"])
        assert "class 'cat' in train is not among the model's 2 classes" in message
        assert message.endswith("Did you mean 'cats'?")

    def test_val_is_carved_by_content(self, root):
        write(root, whole())
        data = read_annotated(root, val_share=0.3)
        assert data.carved
        assert len(data.splits["train"]) + len(data.splits["val"]) == 4
        again = read_annotated(root, val_share=0.3)
        assert again.splits["val"].sources == data.splits["val"].sources

    def test_sizes_that_are_missing_are_read(self, root):
        images = [{"id": 10, "file_name": "0.png"}]
        write(root, whole([box(0, 3, [1, 1, 5, 5])], images=images))
        assert read_annotated(root, val_share=0).splits["train"].sizes.tolist() == [[40, 30]]


class TestKeyPoints:
    CATEGORY = (
        {"id": 1, "name": "face", "keypoints": ["left_eye", "right_eye", "chin"], "skeleton": [[1, 2]]},
    )

    def points(self, values: list) -> dict:
        one = box(0, 1, [1, 1, 20, 20], keypoints=values, num_keypoints=2)
        return whole([one], images=[image(0)], categories=list(self.CATEGORY))

    def test_pixels_and_visibility(self, root):
        write(root, self.points([5, 6, 2, 15, 6, 1, 0, 0, 0]), "annotations/person_keypoints_train.json")
        data = read_annotated(root, val_share=0)
        assert data.skeleton.names == ("left_eye", "right_eye", "chin")
        assert data.skeleton.edges == ((0, 1),)
        assert data.skeleton.flips == (1, 0, 2)
        # Pixel 5 has its centre at 5.5; what is not labelled stays nowhere
        assert data.splits["train"].objects[0].points.tolist() == [[[5.5, 6.5, 2], [15.5, 6.5, 1], [0, 0, 0]]]

    def test_both_kinds_of_file(self, root):
        write(root, whole())
        write(root, self.points([5, 6, 2] * 3), "annotations/person_keypoints_train.json")
        assert read_annotated(root, val_share=0).names == ("cat", "dog")
        posed = read_annotated(root, rows="pose", val_share=0)
        assert posed.names == ("face",)
        assert any("not the instances_*.json beside" in note for note in posed.notes)

    @pytest.mark.parametrize("values", [[1, 2, 2], [5, 6, 3] * 3, ["5", 6, 2] * 3, [float("nan"), 6, 2] * 3])
    def test_wrong_points(self, root, values):
        path = write(root, self.points(values))
        message = refusal(root)
        assert f"{path}, annotations[0], field 'keypoints'" in message
        assert "give x, y and v (0, 1 or 2) for each of 3 points" in message


class TestRefusals:
    @pytest.mark.parametrize(
        ("one", "words"),
        [
            (
                box(0, 3, [1, 1, -5, 5]),
                "annotations[0], field 'bbox': the box 1, 1, -4, 6 is turned inside out",
            ),
            (box(0, 3, [1, 1, float("nan"), 5]), "field 'bbox': the box 1, 1, nan, 6; give finite numbers"),
            (box(0, 3, [10, 10, 38, 28]), "reaches out of its picture of 40 x 30 px"),
            (box(0, 3, ["1", "1", "5", "5"]), "is no box; give four numbers: left, top, width, height"),
            (box(0, 3, [1, 1, 5]), "is no box"),
            (box(0, 3, [1, 1, 10**400, 5]), "is no box"),
            ({"id": 1, "image_id": 10, "category_id": 3}, "field 'bbox': there is none"),
            (box(0, 4, [1, 1, 5, 5]), "field 'category_id': there is no category with id 4"),
            (box(9, 3, [1, 1, 5, 5]), "field 'image_id': there is no image with id 19"),
            (box(0, 3, [1, 1, 5, 5], iscrowd=2), "field 'iscrowd': 2 is neither 0 nor 1"),
            (box(0, 3, [1, 1, 5, 5], area="25"), "field 'area': '25' is no area"),
            (box(0, 3, [1, 1, 5, 5], area=float("inf")), "field 'area'"),
            (box(0, 3, [0.1, 0.1, 0.5, 0.5]), "parts of the picture's sides; give pixels"),
            (box(0, 3, [1, 1, 5, 5], segmentation=[[1, 1, 5, 1, "a", 5]]), "field 'segmentation'"),
            (box(0, 3, [1, 1, 5, 5], segmentation={"size": [40, 30], "counts": "a"}), "field 'segmentation'"),
            (
                box(0, 3, [1, 1, 5, 5], segmentation={"size": [30, 40], "counts": "~~"}),
                "field 'segmentation'",
            ),
            ("a box", "annotations[0]: it is no object"),
        ],
    )
    def test_file_row_field_found_and_remedy(self, root, one, words):
        path = write(root, whole([one, box(1, 3, [1, 1, 6, 6])] if "sides" not in words else [one]))
        message = refusal(root)
        assert message.startswith(str(path))
        assert words in message

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                {"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]},
                "the name of another category too",
            ),
            ({"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, "1 is given twice"),
            ({"categories": [{"id": 1, "name": " "}]}, "categories[0], field 'name'"),
            ({"categories": []}, "field 'categories': empty"),
            ({"images": [image(0), image(0, file_name="1.png")]}, "images[1], field 'id': 10 is given twice"),
            ({"images": [image(0), image(1, file_name="0.png")]}, "'0.png' is listed again"),
            ({"images": [image(0, id="10")]}, "images[0], field 'id': '10' is no whole number"),
            ({"images": [image(0, width=30, height=40)]}, "is given as 30 x 40 px, but is 40 x 30"),
            ({"images": [image(0), image(7)]}, "no such file"),
            ({"images": [image(7)]}, "0 of the first 1 pictures found, such as '7.png'; looked in"),
            ({"annotations": {}}, "field 'annotations': no list"),
            ({"annotations": []}, "0 of 4 pictures of train have labels"),
        ],
    )
    def test_tables_that_cannot_be_used(self, root, change, words):
        write(root, {**whole([box(0, 1, [1, 1, 5, 5])], categories=[{"id": 1, "name": "a"}]), **change})
        assert words in refusal(root)

    def test_json_cut_short(self, root):
        path = write(root, json.dumps(whole())[:-20])
        assert refusal(root).startswith(f"{path}, row 1, letter")

    def test_a_class_of_val_that_train_does_not_have(self, root):
        write(root, whole())
        other = whole([box(0, 1, [0, 0, 5, 5])], images=[image(0)], categories=[{"id": 1, "name": "cats"}])
        write(root, other, "annotations/instances_val.json")
        assert "category 'cats' of val is not in train's" in refusal(root)
        assert refusal(root).endswith("Did you mean 'cat'?")

    def test_boxes_on_the_picture_before_it_is_turned(self, make, root):
        from PIL import Image

        exif = Image.Exif()
        exif[274] = 6
        picture = Image.fromarray(np.zeros((30, 40, 3), np.uint8))
        (root / "images" / "train" / "turned.jpg").write_bytes(make.encode(picture, "JPEG", exif=exif))
        write(root, whole([box(0, 3, [1, 1, 30, 20])], images=[image(0, file_name="turned.jpg")]))
        message = refusal(root)
        assert "is given as 40 x 30 px, which is how it lies in its file; upright it is 30 x 40" in message

    def test_a_file_name_close_to_one(self, root):
        write(root, whole(images=[image(0), image(1), image(2), image(3, file_name="3.pgn")]))
        assert refusal(root).endswith("Did you mean '3.png'?")

    def test_the_number_of_errors_is_told(self, root):
        write(root, whole([box(0, 3, [1, 1, -5, number]) for number in range(3, 9)]))
        assert refusal(root).endswith("(the first of 6 such)")


class TestRepairs:
    def test_repairs_are_counted(self, root):
        rows = [
            box(0, 3, [-0.4, 1, 10, 10], id=1),
            box(0, 3, [30, 1, 10.5, 10], id=2),
            box(1, 3, [5, 5, 8, 8], id=3),
            box(1, 3, [5, 5, 8, 8], id=4),
            box(1, 90, [5, 5, 8, 8], id=5),
            box(1, 90, [5, 5, 0, 8], id=6),
            box(2, 90, [5, 5, 0.5, 8], id=7),
            box(2, 90, [5, 5, 9, 9], id=7, segmentation=[[5, 5, 6, 6], [5, 5, 14, 5, 14, 14]]),
        ]
        write(root, whole(rows))
        data = read_annotated(root, val_share=0)
        objects = data.splits["train"].objects
        assert objects[0].xyxy.tolist() == [[0, 1, 9.6, 11], [30, 1, 40, 11]]
        assert [len(some) for some in objects] == [2, 2, 1, 0]
        assert "2 boxes reached out of the picture by less than 1 px, clipped" in data.notes
        assert "1 box given twice in one picture, kept once" in data.notes
        assert "2 boxes with a side under 1 px, left out" in data.notes
        assert "1 polygon of fewer than 3 corners, left out" in data.notes
        assert "1 row repeating the id of another annotation" in data.notes

    def test_a_scan_lists_everything_and_refuses_nothing(self, root):
        rows = [box(0, 3, [1, 1, -5, 5]), box(0, 4, [1, 1, 5, 5]), box(1, 3, [5, 5, 8, 8])]
        path = write(root, whole([*rows, rows[2]]))
        data, problems = scan_annotated(root)
        assert [problem.rule for problem in problems] == [
            "class-unknown",
            "id-repeated",
            "box-swapped",
            "row-duplicate",
        ]
        assert [problem.level for problem in problems] == ["error", "note", "error", "note"]
        assert problems[2].place == f"{path}, annotations[0], field 'bbox'"
        assert data.splits["train"].count == 1
        write(root, "{")
        assert scan_annotated(root)[0] is None
        assert [problem.rule for problem in scan_annotated(root)[1]] == ["refused"]


@pytest.mark.slow
def test_fifty_thousand_annotations_are_read_in_seconds(root):
    import time

    noise = np.random.default_rng(0)
    images = [image(number) for number in range(4)]
    boxes = noise.uniform(0, 14, (50_000, 4)).round(2) + np.array([0, 0, 1, 1])
    rows = [
        box(
            index % 4,
            3,
            values,
            id=index + 1,
            segmentation=[noise.uniform(0, 30, 40).round(2).tolist()],
            area=9,
        )
        for index, values in enumerate(boxes.tolist())
    ]
    write(root, whole(rows, images=images))
    start = time.process_time()
    assert read_annotated(root, val_share=0).splits["train"].count == 50_000
    assert time.process_time() - start < 10
