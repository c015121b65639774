"""Masks: numbers stay numbers, colours need a table, sizes agree; instance maps become regions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from macaw.data.instances import objects_in, read_instances, scan_instances
from macaw.data.masked import IGNORE, Legend, read_mask
from macaw.data.maskfolders import read_masked, scan_masked
from macaw.errors import DataError

COLOURS = "name,r,g,b,train_id\nroad,128,64,128,0\nlane,128,0,192,0\nsky,128,128,128,1\nvoid,0,0,0,255\n"


@pytest.fixture
def root(make, tmp_path) -> Path:
    """images/ and masks/ with 0.png to 4.png of 6 x 4 pixels; masks hold 0, 1 and 255."""
    for index in range(5):
        picture(make, tmp_path, index)
        mask(make, tmp_path, index, np.array([[0, 1, 255, 0, 1, 1]] * 4, np.uint8))
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    return tmp_path


def picture(make, root: Path, index: int) -> None:
    (root / "images").mkdir(exist_ok=True)
    (root / "images" / f"{index}.jpg").write_bytes(
        make.encode(np.full((4, 6, 3), 50 * index, np.uint8), "JPEG")
    )


def mask(make, root: Path, index: int, values: np.ndarray | Image.Image, kind: str = "PNG") -> Path:
    (root / "masks").mkdir(exist_ok=True)
    path = root / "masks" / f"{index}.{kind.lower()}"
    path.write_bytes(make.encode(values, kind))
    return path


def refusal(path: Path, read=read_masked, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestReading:
    def test_numbers_become_labels_of_the_sorted_table(self, root):
        data = read_masked(root, val_share=0)
        assert data.names == ("road", "sky")
        found = read_mask(data.splits["train"].masks[0], data.legend)
        assert found.dtype == np.uint8
        assert found[0].tolist() == [1, 0, IGNORE, 1, 0, 0]
        assert list(read_masked(root, val_share=0.4).splits) == ["train", "val"]

    def test_palettes_are_numbers_and_never_colours(self, make, root):
        image = Image.fromarray(np.array([[0, 1, 255, 0, 1, 1]] * 4, np.uint8)).convert("P")
        image.putpalette([200, 0, 0, 0, 200, 0] + [9, 9, 9] * 254)
        image.putdata([0, 1, 255, 0, 1, 1] * 4)
        path = mask(make, root, 0, image)
        with Image.open(path) as written:
            assert written.mode == "P"
        data = read_masked(root, val_share=0)
        assert read_mask(path, data.legend)[0].tolist() == [1, 0, IGNORE, 1, 0, 0]

    def test_sixteen_bits_and_one_bit(self, make, root):
        deep = np.array([[0, 300, 1]], np.uint16)
        path = root / "deep.png"
        Image.fromarray(deep).save(path)
        assert read_mask(path, Legend({0: 0, 300: 1, 1: 2})).tolist() == [[0, 1, 2]]
        flat = root / "flat.png"
        Image.fromarray(np.array([[False, True]])).save(flat)
        assert read_mask(flat, Legend({0: 0, 1: 1})).tolist() == [[0, 1]]

    def test_colours_by_a_table_whose_rows_may_share_a_class(self, make, root):
        (root / "classes.txt").unlink()
        (root / "colours.csv").write_text(COLOURS)
        colours = [(128, 64, 128), (128, 0, 192), (128, 128, 128), (0, 0, 0), (128, 64, 128), (0, 0, 0)]
        for index in range(5):
            mask(make, root, index, np.array([colours] * 4, np.uint8))
        data = read_masked(root, val_share=0)
        assert data.names == ("road", "sky")
        assert data.colours == ((128, 64, 128), (128, 128, 128))
        assert read_mask(data.splits["train"].masks[0], data.legend)[0].tolist() == [0, 0, 1, 255, 0, 255]
        assert "colours.csv: 1 row joined to another by train_id" in data.notes

    def test_a_class_called_unlabelled_is_none(self, root):
        rows = [
            {"id": 1, "name": "Road", "colour": [1, 2, 3]},
            {"id": 0, "name": "Unlabelled", "colour": [0, 0, 0]},
        ]
        (root / "classes.json").write_text(json.dumps(rows))
        data = read_masked(root, val_share=0)
        assert data.names == ("Road",)
        assert data.ignore == 0
        assert read_mask(data.splits["train"].masks[0], data.legend)[0].tolist() == [255, 0, 255, 255, 0, 0]

    def test_a_model_gives_the_table(self, root):
        data = read_masked(root, names=["tree", "sky", "road"], val_share=0)
        assert read_mask(data.splits["train"].masks[0], data.legend)[0].tolist() == [1, 2, 255, 1, 2, 2]
        assert "1 of the model's 3 classes do not occur: 'tree'" in data.notes
        assert "class 'road' is not among the model's 2 classes" in refusal(root, names=["sky", "roads"])

    def test_names_of_masks_with_an_ending(self, root):
        (root / "masks" / "0.png").rename(root / "masks" / "0_L.png")
        assert len(read_masked(root, val_share=0).splits["train"]) == 5

    def test_the_street_scenes_of_the_packs(self, packs):
        data = read_masked(packs / "seg_camvid")
        assert {split: len(some) for split, some in data.splits.items()} == {
            "train": 367,
            "val": 101,
            "test": 233,
        }
        assert len(data.names) == 11 and "Unlabelled" not in data.names
        assert data.ignore == 11
        assert data.colours[data.names.index("Sky")] == (128, 128, 128)
        found = read_mask(data.splits["val"].masks[0], data.legend)
        assert found.shape == (240, 320)
        assert set(np.unique(found)) <= {*range(11), 255}


class TestRefusals:
    def test_a_mask_of_another_size(self, make, root):
        path = mask(make, root, 2, np.zeros((5, 6), np.uint8))
        assert refusal(root).startswith(f"{path}: the mask is 6 x 5 px, its picture 6 x 4 px")

    def test_a_picture_without_a_mask(self, root):
        (root / "masks" / "3.png").unlink()
        assert "there is no mask '3.png'" in refusal(root)

    def test_numbers_that_the_table_lacks_are_counted(self, make, root):
        path = mask(make, root, 2, np.array([[0, 1, 7, 7, 9, 1]] * 4, np.uint8))
        message = refusal(root)
        assert message.startswith(
            f"{path} has 7 in 8 pixels, 9 in 4 pixels, which the table of classes lacks"
        )
        _, problems = scan_masked(root)
        assert [problem.rule for problem in problems] == ["mask-value"]

    def test_colours_that_the_table_lacks_are_counted(self, make, root):
        (root / "classes.txt").unlink()
        (root / "colours.csv").write_text(COLOURS)
        path = mask(make, root, 0, np.full((4, 6, 3), (1, 2, 3), np.uint8))
        for index in range(1, 5):
            mask(make, root, index, np.full((4, 6, 3), (0, 0, 0), np.uint8))
        assert f"{path} has colour 1,2,3 in 24 pixels" in refusal(root)

    def test_a_mask_saved_as_jpeg(self, make, root):
        (root / "masks" / "0.png").unlink()
        mask(make, root, 0, np.zeros((4, 6), np.uint8), "JPEG")
        assert "is a JPEG, which blurs the numbers of a mask" in refusal(root)

    def test_colours_without_a_table(self, make, root):
        mask(make, root, 0, np.zeros((4, 6, 3), np.uint8))
        assert "is in colour, and no table says what colours mean" in refusal(root)

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("classes.txt", "", "names no class"),
            ("classes.txt", "road\nroad\n", "'road' to two numbers"),
            ("classes.txt", "0\troad\n0\tsky\n", "gives the number 0 to two classes"),
            ("classes.txt", "a\troad\n", "row 1: 'a' is no number"),
            ("classes.json", "[1]", "entry 0: no id and name"),
            ("classes.json", "3", "is no list of classes"),
            ("classes.json", "[", "not JSON"),
            ("colours.csv", "name,r,g,b\nroad,1,2,x\n", "row 2: r, g, b and train_id are whole numbers"),
            ("colours.csv", "name,r,g,b\n,1,2,3\n", "row 2, field 'name': empty"),
            ("colours.csv", "name,r,g,b\na,1,2,3\nb,1,2,3\n", "gives the colour (1, 2, 3) to two classes"),
        ],
    )
    def test_tables_of_classes_that_cannot_be_used(self, root, name, text, words):
        (root / "classes.txt").unlink()
        (root / name).write_text(text)
        assert words in refusal(root)

    def test_nothing_of_the_kind(self, tmp_path, root):
        (root / "classes.txt").unlink()
        assert "nothing that names their classes" in refusal(root)
        (tmp_path / "empty").mkdir()
        assert "0 pictures with masks in" in refusal(tmp_path / "empty")


class TestInstances:
    def test_every_number_is_an_object(self):
        numbers = np.array([[0, 5, 5], [2, 0, 5], [2, 2, 0], [0, 0, 5]])
        objects = objects_in(numbers)
        assert objects.area.tolist() == [3, 4]
        assert (objects.regions[0].mask() == (numbers == 2)).all()
        assert (objects.regions[1].mask() == (numbers == 5)).all()  # of two parts, and one object
        assert objects.xyxy.tolist() == [[0, 1, 2, 3], [1, 0, 3, 4]]
        assert len(objects_in(np.zeros((3, 3), int))) == 0

    def test_random_maps(self):
        noise = np.random.default_rng(0)
        for _ in range(30):
            numbers = noise.integers(0, 5, noise.integers(1, 9, 2)) * 900
            objects = objects_in(numbers)
            told = [number for number in np.unique(numbers) if number]
            assert len(objects) == len(told)
            for region, number in zip(objects.regions, told, strict=True):
                assert (region.mask() == (numbers == number)).all()

    def test_maps_of_sixteen_bits_in_folders(self, make, root):
        for index in range(5):
            Image.fromarray(np.array([[0, 700, 700, 0, 2, 2]] * 4, np.uint16)).save(
                root / "masks" / f"{index}.png"
            )
        data = read_instances(root, name="cell", val_share=0)
        assert data.names == ("cell",)
        assert data.kind == "instances"
        assert data.splits["train"].objects[0].area.tolist() == [8, 8]

    def test_a_map_in_colour(self, make, root):
        path = mask(make, root, 0, np.zeros((4, 6, 3), np.uint8))
        assert refusal(root, read_instances).startswith(
            f"{path} is in colour; an instance map has one number"
        )
        data, problems = scan_instances(root)
        assert [problem.level for problem in problems] == ["error"]
        assert data.splits["train"].count > 0

    def test_the_nuclei_of_the_packs(self, packs):
        told = json.loads((packs / "seg_nuclei" / "meta.json").read_text())
        data = read_instances(packs / "seg_nuclei", val_share=0)
        assert data.names == ("nucleus",)
        for split, some in data.splits.items():
            assert len(some) == sum(one["split"] == split for one in told)
            assert some.count == sum(one["nuclei"] for one in told if one["split"] == split)
