"""YOLO text: dialects of data.yaml, what rows hold, centre or corners, and every way a row can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from macaw.data.annotated import read_annotated
from macaw.data.yolo import label_file
from macaw.errors import DataError, UnknownName

NAMES = "names: [dog, cat]\n"


@pytest.fixture
def root(make, tmp_path) -> Path:
    """images/{train,val} with 0.png to 3.png of 100 x 50 pixels, and labels/{train,val} to be filled."""
    shade = 0
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (tmp_path / part / split).mkdir(parents=True)
        for index in range(4):
            shade += 20
            rgb = np.full((50, 100, 3), shade, np.uint8)
            (tmp_path / "images" / split / f"{index}.png").write_bytes(make.encode(rgb, "PNG"))
    (tmp_path / "labels" / "val" / "0.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text(f"train: images/train\nval: images/val\n{NAMES}")
    return tmp_path


def label(root: Path, text: str | bytes, number: int = 0) -> Path:
    path = root / "labels" / "train" / f"{number}.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(root: Path, text: str) -> Path:
    path = root / "data.yaml"
    path.write_text(text)
    return path


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_annotated(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def first(root: Path, **options):
    return read_annotated(root, **options).splits["train"].objects[0]


class TestReading:
    def test_boxes_in_pixels_and_names_in_order(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.2 0.4\n")
        data = read_annotated(root)
        assert data.kind == "yolo"
        assert data.names == ("cat", "dog")  # sorted: the number in a row is not the label
        objects = data.splits["train"].objects
        assert objects[0].xyxy == pytest.approx(np.array([[40, 15, 60, 35], [0, 0, 20, 20]]))
        assert objects[0].labels.tolist() == [1, 0]
        assert [len(some) for some in objects] == [2, 0, 0, 0]
        assert "3 pictures of train without objects, kept as background" in data.notes

    @pytest.mark.parametrize(
        "text",
        [
            b"\xef\xbb\xbf0 0.5 0.5 0.2 0.4\n",
            b"0\t0.5\t0.5\t0.2\t0.4\r\n\r\n",
            b"  0.0  0.5 5e-1 .2 0.4",
        ],
    )
    def test_dialects_of_text(self, root, text):
        label(root, text)
        assert first(root).xyxy == pytest.approx(np.array([[40, 15, 60, 35]]))

    @pytest.mark.parametrize(
        "text",
        [
            "path: .\ntrain: images/train\nvalidation: images/val\nnc: 2\nnames: {0: dog, 1: cat}\n",
            "path: /somewhere/else\ntrain: images/train\nval: [images/val]\nnames:\n  '0': dog\n  '1': cat\n",
            "train: ../images/train\nval: ../images/val\ntest: ../images/test\nnames: ['dog', 'cat'] # two\n",
            "train: train.txt\nval: images/val\nnames:\n- dog\n- cat\ndownload: |\n  import os\n",
            "names: [dog, cat]\n",
        ],
    )
    def test_dialects_of_the_table(self, root, text):
        label(root, "1 0.5 0.5 0.2 0.4\n")
        (root / "train.txt").write_text("./images/train/0.png\n./images/train/1.png\n")
        table(root, text)
        data = read_annotated(root)
        assert data.names == ("cat", "dog")
        assert list(data.splits) == ["train", "val"]
        assert data.splits["train"].objects[0].labels.tolist() == [0]
        assert ("data.yaml: its 'download' is not run" in data.notes) == ("download" in text)

    def test_names_are_text_whatever_they_look_like(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n1 0.1 0.2 0.1 0.1\n")
        table(root, "train: images/train\nval: images/val\nnames: [no, 01]\n")
        assert read_annotated(root).names == ("01", "no")

    def test_names_from_a_list_where_there_is_no_table(self, root):
        label(root, "1 0.5 0.5 0.2 0.4\n")
        (root / "data.yaml").unlink()
        assert "nothing names their classes" in refusal(root)
        (root / "classes.txt").write_text("dog\ncat\n")
        assert first(root).labels.tolist() == [0]

    def test_folders_inside_each_split(self, root):
        label(root, "1 0.5 0.5 0.2 0.4\n")
        for split in ("train", "val"):
            for part in ("images", "labels"):
                (root / split).mkdir(exist_ok=True)
                (root / part / split).rename(root / split / part)
        table(root, NAMES)
        assert list(read_annotated(root).splits) == ["train", "val"]

    def test_the_last_images_of_a_path_counts(self):
        assert label_file(Path("/images/a/images/b/1.x.jpg")) == Path("/images/a/labels/b/1.x.txt")
        assert label_file(Path("plain/1.jpg")) == Path("plain/1.txt")

    def test_a_test_split_without_labels_is_left_out(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n")
        (root / "images" / "val").rename(root / "images" / "test")
        table(root, f"train: images/train\ntest: images/test\n{NAMES}")
        data = read_annotated(root, val_share=0)
        assert list(data.splits) == ["train"]
        assert "test: 0 of 4 pictures have labels, left out" in data.notes

    def test_label_files_without_a_picture_are_counted(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n")
        label(root, "0 0.5 0.5 0.2 0.4\n", 17)
        assert "1 file without a picture, ignored" in read_annotated(root).notes


class TestKinds:
    def test_polygons(self, root):
        label(root, "0 0.1 0.2 0.3 0.2 0.3 0.6\n")
        objects = first(root)
        assert objects.xyxy == pytest.approx(np.array([[10, 10, 30, 30]]))
        assert objects.regions[0].polygons[0] == pytest.approx(np.array([[10, 10], [30, 10], [30, 30]]))
        assert objects.area.tolist() == [objects.regions[0].area]

    def test_boxes_among_polygons_become_rectangles(self, root):
        """Ultralytics reads `c x y w h` beside a polygon as the two points (x, y) and (w, h)."""
        label(root, "0 0.1 0.2 0.3 0.2 0.3 0.6\n1 0.5 0.5 0.2 0.4\n")
        label(root, "0 0.5 0.5 0.2 0.4\n", 1)
        data = read_annotated(root)
        objects = data.splits["train"].objects
        assert objects[0].xyxy[1] == pytest.approx(np.array([40, 15, 60, 35]))
        assert objects[1].regions[0].area == 20 * 20
        assert "3 rows with a box among polygons, read as rectangles" in data.notes

    def test_nine_numbers_are_asked_about(self, root):
        path = root / "data.yaml"
        label(root, "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n")
        (root / "labels" / "val" / "0.txt").write_text("0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n")
        message = refusal(root)
        assert message.startswith(
            f"{path}: rows of 9 numbers are turned boxes or polygons of 4 corners; which"
        )
        for rows in ("obb", "segment"):
            assert first(root, rows=rows).regions[0].area == 400

    def test_key_points(self, root):
        table(root, f"train: images/train\nval: images/val\n{NAMES}kpt_shape: [2, 3]\nflip_idx: [1, 0]\n")
        (root / "labels" / "val" / "0.txt").write_text("")
        label(root, "0 0.5 0.5 0.2 0.4 0.45 0.5 2 0 0 0\n")
        (root / "labels" / "val" / "1.txt").write_text("0 0.5 0.5 0.2 0.4 0.45 0.5 1 0.55 0.5 2\n")
        data = read_annotated(root)
        assert data.skeleton.flips == (1, 0)
        assert data.splits["train"].objects[0].points == pytest.approx(np.array([[[45, 25, 2], [0, 0, 0]]]))
        assert data.splits["train"].objects[1].points.shape == (0, 2, 3)

    def test_key_points_without_visibility_and_mirror(self, root):
        table(root, f"train: images/train\n{NAMES}kpt_shape: [2, 2]\n")
        label(root, "0 0.5 0.5 0.2 0.4 0.45 0.5 0 0\n")
        data = read_annotated(root, val_share=0)
        assert data.skeleton.flips is None
        assert data.splits["train"].objects[0].points == pytest.approx(np.array([[[45, 25, 2], [0, 0, 0]]]))


class TestForms:
    def corners(self, root):
        """Rows as the YOLOv9 of MIT writes them: class, xmin, ymin, xmax, ymax."""
        noise = np.random.default_rng(1)
        rows = []
        for _ in range(20):
            left, top = noise.uniform(0.3, 0.8, 2)
            rows.append(f"0 {left:.3f} {top:.3f} {left + 0.15:.3f} {top + 0.1:.3f}")
        label(root, "\n".join(rows))
        (root / "labels" / "val" / "0.txt").write_text(rows[0])
        return rows

    def test_corners_are_asked_about_and_read_when_declared(self, root):
        rows = self.corners(root)
        message = refusal(root)
        assert "reach out of their pictures if read as centre and size, none if read as corners" in message
        assert message.endswith("Say form='corners' or form='centre'")
        assert "reaches out of its picture" in refusal(root, form="centre")
        _, left, top, right, bottom = map(float, rows[0].split())
        expected = np.array([left * 100, top * 50, right * 100, bottom * 50])
        assert first(root, form="corners").xyxy[0] == pytest.approx(expected)

    def test_one_wrong_row_is_no_other_form(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n0 0.9 0.5 0.6 0.4\n0 0.3 0.4 0.1 0.2\n")
        assert "labels/train/0.txt, row 2: the box 60, 15, 120, 35 reaches out" in refusal(root)

    def test_single_large_objects_in_the_middle_are_no_corners(self, root):
        for number in range(4):
            label(root, "0 0.5 0.5 0.9 0.95\n", number)
        assert first(root).xyxy == pytest.approx(np.array([[5, 1.25, 95, 48.75]]))

    def test_words_that_are_unknown(self, root):
        with pytest.raises(
            UnknownName, match=r"form='center' is unknown; allowed are centre, corners\. Did you mean"
        ):
            read_annotated(root, form="center")
        with pytest.raises(UnknownName, match="rows='boxes' is unknown"):
            read_annotated(root, rows="boxes")


class TestRefusals:
    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("2 0.5 0.5 0.2 0.4", "row 1: class 2, but the table names 0 to 1"),
            ("-1 0.5 0.5 0.2 0.4", "row 1: class -1; classes are the whole numbers from 0"),
            ("0.5 0.5 0.5 0.2 0.4", "row 1: class 0.5"),
            ("0 50 25 20 20", "row 1: 50, beyond the picture; give parts of its sides, 0 to 1, not pixels"),
            ("0 0.5 0.5 0.2 0.4 0.93", "row 1: 6 numbers; expected are 5; the last may be the confidence"),
            ("0 0.5 0.5 0.2", "row 1: 4 numbers; expected are 5"),
            ("0,0.5,0.5,0.2,0.4", "row 1: '0,0.5,0.5,0.2,0.4' is no row; part its numbers by blanks"),
            ("dog 0.5 0.5 0.2 0.4", "row 1: 'dog 0.5 0.5 0.2 0.4' is no row; write numbers"),
            ("0 nan 0.5 0.2 0.4", "row 1: a number that is not finite"),
            ("0 0.5 0.5 -0.2 0.4", "row 1: the box 60, 15, 40, 35 is turned inside out"),
            ("0 0.1 0.2 0.3 0.2 0.3 0.6 0.9", "row 1: 8 numbers"),
            (b"\xff\xfe0", "is no text in UTF-8"),
        ],
    )
    def test_file_row_found_and_remedy(self, root, row, words):
        text = row if isinstance(row, bytes) else f"{row}\n"
        path = label(root, text)
        label(
            root,
            "0 0.5 0.5 0.2 0.4\n" if row != "0 0.1 0.2 0.3 0.2 0.3 0.6 0.9" else "0 .1 .2 .3 .2 .3 .6\n",
            1,
        )
        message = refusal(root)
        assert message.startswith(str(path))
        assert words in message

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("names: [dog, cat]\nnc: 3\ntrain: images/train\n", "field 'nc': 3, but there are 2 names"),
            ("names: [dog, dog]\ntrain: images/train\n", "'dog' more than once"),
            ("names: {0: dog, 2: cat}\ntrain: images/train\n", "no name for class 1"),
            ("names: {a: dog}\ntrain: images/train\n", "'a' is no class number"),
            ("names: 2\ntrain: images/train\n", "no list of class names"),
            ("names: [dog, '']\ntrain: images/train\n", "class 1 has no name"),
            (
                "names: [dog, cat]\ntrain: images/trian\n",
                "field 'train': no such folder or list: 'images/trian'",
            ),
            ("names: [dog\ntrain: images/train\n", "not YAML"),
            ("names: [dog, cat]\ntrain: images/train\nval: a\nvalid: b\n", "gives val twice"),
            (
                "names: [dog, cat]\ntrain: images/train\nkpt_shape: 17\n",
                "field 'kpt_shape': no list of whole numbers",
            ),
            (
                "names: [dog, cat]\ntrain: images/train\nkpt_shape: [2, 3]\nflip_idx: [0]\n",
                "field 'flip_idx'",
            ),
            ("# names\n- dog\n", "holds no fields"),
        ],
    )
    def test_tables_that_cannot_be_used(self, root, text, words):
        label(root, "0 0.5 0.5 0.2 0.4\n")
        path = table(root, text)
        message = refusal(root)
        assert message.startswith(str(path))
        assert words in message

    def test_lists_that_are_no_text(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n")
        (root / "train.txt").write_bytes(b"images/train/0.png\nimages/\xff.png\n")
        table(root, "train: train.txt\nnames: [dog, cat]\n")
        assert "train.txt, row 2: not UTF-8" in refusal(root)

    def test_no_labels_at_all(self, root):
        message = refusal(root)
        assert message.startswith("0 of 4 pictures of train have labels; looked in")
        assert "labels/train" in message
        for number in range(4):
            label(root, "\n", number)
        assert "0 of 4 pictures of train have labels; annotate some" in refusal(root)

    def test_two_pictures_of_one_stem(self, make, root):
        label(root, "0 0.5 0.5 0.2 0.4\n")
        (root / "images" / "train" / "0.jpg").write_bytes(make.encode(make.plain(7), "JPEG"))
        assert "'0.jpg' and '0.png' share one label file" in refusal(root)

    def test_rows_that_repeat_are_dropped(self, root):
        label(root, "0 0.5 0.5 0.2 0.4\n0 0.5 0.5 0.2 0.4\n1 0.5 0.5 0.2 0.4\n")
        data = read_annotated(root)
        assert data.splits["train"].count == 2
        assert "1 box given twice in one picture, kept once" in data.notes

    def test_sizes_are_of_the_upright_picture(self, make, root):
        from PIL import Image

        exif = Image.Exif()
        exif[274] = 8
        picture = Image.fromarray(np.zeros((50, 100, 3), np.uint8))
        (root / "images" / "train" / "0.png").unlink()
        (root / "images" / "train" / "0.jpg").write_bytes(make.encode(picture, "JPEG", exif=exif))
        label(root, "0 0.5 0.5 0.2 0.4\n")
        train = read_annotated(root).splits["train"]
        assert train.sizes[0].tolist() == [50, 100]
        assert train.objects[0].xyxy == pytest.approx(np.array([[20, 30, 30, 70]]))
