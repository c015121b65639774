"""Key points from tables, .pts files and packs: pixels, visibility, mirrors; wrong rows in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from macaw.data.pointfiles import read_points, scan_points
from macaw.errors import DataError, InputError

HEAD = "image,left_eye_x,left_eye_y,right_eye_x,right_eye_y,right_eye_v\n"


@pytest.fixture
def root(make, tmp_path) -> Path:
    """0.png to 2.png of 8 x 8 pixels."""
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(make.encode(make.plain(50 * index), "PNG"))
    return tmp_path


def table(root: Path, text: str) -> Path:
    path = root / "points.csv"
    path.write_text(text)
    return path


def pts(root: Path, index: int, text: str) -> Path:
    path = root / f"{index}.pts"
    path.write_text(text)
    return path


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_points(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestTables:
    def test_points_visibility_and_mirror(self, root):
        path = table(root, HEAD + "0.png,2,3,6,3.5,1\n1.png,2,3,,,\n")
        data = read_points(path, name="face", val_share=0)
        assert data.names == ("face",)
        assert data.skeleton.names == ("left_eye", "right_eye")
        assert data.skeleton.flips == (1, 0)
        first, second = data.splits["train"].objects
        assert first.points.tolist() == [[[2, 3, 2], [6, 3.5, 1]]]
        assert second.points.tolist() == [[[2, 3, 2], [0, 0, 0]]]
        assert first.xyxy.tolist() == [[0, 0, 8, 8]]  # the whole picture, where no box is given

    def test_names_without_sides_have_no_mirror(self, root):
        path = table(root, "image,tip_x,tip_y,split\n0.png,1,2,train\n1.png,1,2,val\n")
        data = read_points(path)
        assert data.skeleton.flips is None
        assert list(data.splits) == ["train", "val"]

    def test_boxes_that_are_given(self, root):
        path = table(root, "image,tip_x,tip_y,xmin,ymin,xmax,ymax\n0.png,1,2,0,0,4,4\n0.png,5,6,4,4,8,8\n")
        assert read_points(path, val_share=0).splits["train"].objects[0].xyxy.tolist() == [
            [0, 0, 4, 4],
            [4, 4, 8, 8],
        ]

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("0.png,2,x,6,3,1", "row 2, field 'left_eye_y': 'x' is no number"),
            ("0.png,2,,6,3,1", "row 2, field 'left_eye_y': '' is no number"),
            ("0.png,2,inf,6,3,1", "row 2, field 'left_eye_y': 'inf' is no number"),
            ("0.png,2,3,6,3,5", "row 2, field 'right_eye_v': '5'; allowed are 0, 1 and 2"),
            ("7.png,2,3,6,3,1", "row 2, field 'image': no such file: '7.png'"),
        ],
    )
    def test_row_field_found_and_remedy(self, root, row, words):
        path = table(root, f"{HEAD}{row}\n")
        message = refusal(path)
        assert message.startswith(str(path))
        assert words in message

    def test_a_scan_lists_everything_and_refuses_nothing(self, root):
        data, problems = scan_points(
            table(root, HEAD + "0.png,2,x,6,3,1\n1.png,2,3,6,3,9\n2.png,2,3,6,3,1\n")
        )
        assert [problem.level for problem in problems] == ["error", "error"]
        assert len(data.splits["train"]) == 1
        assert [problem.rule for problem in scan_points(table(root, "image,a_x,a_y\n"))[1]] == ["refused"]

    def test_a_picture_listed_twice(self, root):
        assert "list it once" in refusal(table(root, HEAD + "0.png,2,3,6,3,1\n0.png,2,3,6,4,1\n"))


class TestPts:
    TEXT = "version: 1\nn_points: 2\n{\n1.0 1.0\n8 4.5\n}\n"

    def test_pixels_are_numbered_from_one(self, root):
        pts(root, 0, self.TEXT)
        pts(root, 1, self.TEXT.replace("\n", "\r\n"))
        data = read_points(root, val_share=0)
        assert data.splits["train"].objects[0].points.tolist() == [[[0.5, 0.5, 2], [7.5, 4, 2]]]
        assert data.skeleton.flips is None
        assert len(data.splits["train"]) == 2

    def test_sixty_eight_points_are_those_of_300w(self, root):
        rows = "\n".join(f"{index % 8 + 1} 3" for index in range(68))
        pts(root, 0, f"version: 1\nn_points:  68\n{{\n{rows}\n}}")
        data = read_points(root, val_share=0)
        assert data.skeleton.flips[36] == 45

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("version: 1\nn_points: 3\n{\n1 1\n8 4\n}\n", "2 rows of numbers where 3 points are expected"),
            ("version: 1\nn_points: 2\n{\n1 1\n8\n}\n", "its rows are not pairs of numbers"),
            ("", "0 rows of numbers where points are expected"),
            ("n_points: 1\n{\nnan 1\n}\n", "rows of numbers where 1 points are expected"),
        ],
    )
    def test_files_that_cannot_be_used(self, root, text, words):
        path = pts(root, 0, text)
        assert refusal(root).startswith(str(path))
        assert words in refusal(root)

    def test_a_file_without_its_picture_and_two_kinds(self, root):
        pts(root, 0, self.TEXT)
        path = pts(root, 9, self.TEXT)
        assert refusal(root).startswith(f"{path}: there is no picture of this name beside it")
        path.unlink()
        pts(root, 1, "n_points: 1\n{\n1 1\n}\n")
        assert "files of 1 and 2 points; a model learns one kind" in refusal(root)


class TestPacks:
    def test_the_faces_of_the_packs(self, packs):
        data = read_points(packs / "kp_face68", name="face", val_share=0)
        assert {split: len(some) for split, some in data.splits.items()} == {"train": 3462, "test": 770}
        one = data.splits["test"].objects[0]
        assert one.points.shape == (1, 68, 3)
        assert one.xyxy.tolist() == [[0, 0, 96, 96]]
        assert data.skeleton.flips[0] == 16
        assert data.splits["test"].label(3) == "test.npz[3]"
        assert "MIT" in data.terms

    def test_packs_that_do_not_fit(self, make, tmp_path):
        files = [make.encode(make.plain(shade), "PNG") for shade in (0, 50)]
        path = make.pack(tmp_path / "train.npz", files, [0, 0])
        assert "no field 'points'" in refusal(path)
        make.pack(path, files, [0, 0], points=np.zeros((3, 4, 2)))
        assert "field 'points': shape (3, 4, 3)" in refusal(
            path
        ) or "field 'points': shape (3, 4, 2)" in refusal(path)
        make.pack(path, files, [0, 0], points=np.full((2, 4, 2), np.nan))
        assert "not finite" in refusal(path)
        path.write_bytes(path.read_bytes()[:100])
        assert "is not a whole .npz file" in refusal(path)


def test_boxes_without_points_say_who_takes_them(root):
    (root / "boxes.csv").write_text("image,label,xmin,ymin,xmax,ymax\n0.png,a,0,0,4,4\n")
    assert "has boxes (table) but no key points; macaw train detect takes it" in refusal(root)
    with pytest.raises(InputError, match="no such file or folder"):
        read_points(root / "nowhere")


def test_nothing_of_the_kind(root):
    assert "0 pictures with key points in" in refusal(root)
