"""Tables of boxes: one object a row, text as it is written, errors that name row and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from macaw.data.annotated import read_annotated
from macaw.errors import DataError

HEAD = "image,label,xmin,ymin,xmax,ymax\n"


@pytest.fixture
def root(make, tmp_path) -> Path:
    """img/0.png to 3.png of 8 x 8 pixels, and no table yet."""
    (tmp_path / "img").mkdir()
    for index in range(4):
        (tmp_path / "img" / f"{index}.png").write_bytes(make.encode(make.plain(40 * index), "PNG"))
    return tmp_path


def table(root: Path, text: str, name: str = "boxes.csv") -> Path:
    path = root / name
    path.write_text(text)
    return path


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_annotated(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestReading:
    def test_rows_of_one_picture_are_its_objects(self, root):
        rows = "img/0.png,NA,0,0,4,4\nimg/1.png,01,1.5,1,8,8\nimg/0.png,01,2,2,6,6.25\nimg/2.png,,,,,\n"
        path = table(root, HEAD + rows)
        data = read_annotated(path, val_share=0)
        assert data.kind == "table"
        assert data.names == ("01", "NA")  # as written: no number, nothing missing
        train = data.splits["train"]
        assert [source.name for source in train.sources] == ["0.png", "1.png", "2.png"]
        assert train.objects[0].xyxy.tolist() == [[0, 0, 4, 4], [2, 2, 6, 6.25]]
        assert train.objects[0].labels.tolist() == [1, 0]
        assert [len(some) for some in train.objects] == [2, 1, 0]

    def test_splits_groups_and_a_folder(self, root):
        head = "split;ignore;filename;class;xmin;ymin;xmax;ymax\n"
        table(root, head + "train;1;img/0.png;a;0;0;4;4\nvalid;0;img/1.png;a;0;0;4;4\n")
        data = read_annotated(root)
        assert list(data.splits) == ["train", "val"]
        assert data.splits["train"].objects[0].crowd.tolist() == [True]

    def test_a_table_for_each_split(self, root):
        table(root, HEAD + "img/0.png,a,0,0,4,4\n", "train.csv")
        table(root, HEAD + "img/1.png,a,0,0,4,4\n", "val.csv")
        assert list(read_annotated(root).splits) == ["train", "val"]
        table(root, HEAD + "img/1.png,a,0,0,4,4\n", "valid.csv")
        assert "'val.csv' and 'valid.csv', which mean the same split" in refusal(root)

    def test_json_lines(self, root):
        row = {"image": "img/0.png", "label": "a", "x1": 0, "y1": 0.5, "x2": 4, "y2": 4}
        path = table(root, json.dumps(row) + "\n", "boxes.jsonl")
        objects = read_annotated(path, val_share=0).splits["train"].objects
        assert objects[0].xyxy.tolist() == [[0, 0.5, 4, 4]]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("img/0.png,a,0,0,4,x", "row 2, field 'ymax': 'x' is no number; give pixels"),
        ("img/0.png,a,0,0,4,", "row 2, field 'ymax': empty; give pixels"),
        ("img/0.png,,0,0,4,4", "row 2, field 'label': empty; give the class"),
        ("img/0.pgn,a,0,0,4,4", "row 2, field 'image': no such file: 'img/0.pgn'"),
        (",a,0,0,4,4", "row 2, field 'image': empty"),
        ("img/0.png,a,4,0,0,4", "row 2: the box 4, 0, 0, 4 is turned inside out"),
        ("img/0.png,a,0,0,40,4", "row 2: the box 0, 0, 40, 4 reaches out of its picture of 8 x 8 px"),
        ("img/0.png,a,0,0,inf,4", "row 2: the box 0, 0, inf, 4; give finite numbers"),
        ("img/0.png,a,0,0,4,4,9", "row 2: 7 fields, but the header has 6"),
    ],
)
def test_row_field_found_and_remedy(root, row, words):
    path = table(root, f"{HEAD}{row}\nimg/1.png,a,0,0,4,4\n")
    message = refusal(path)
    assert message.startswith(str(path))
    assert words in message


def test_boxes_in_parts_of_sides(root):
    path = table(root, HEAD + "img/0.png,a,0.1,0.1,0.5,0.9\n")
    assert f"{path}, row 2: no number is above 0.9: parts of the picture's sides; give pixels" in refusal(
        path
    )


def test_tables_that_cannot_be_used(root):
    assert "field 'label': no such column" in refusal(
        table(root, "image,xmin,ymin,xmax,ymax\nimg/0.png,1,1,2,2\n")
    )
    assert "has a header but no rows" in refusal(table(root, HEAD))
    bad = table(root, "image,label,xmin,ymin,xmax,ymax,ignore\nimg/0.png,a,0,0,4,4,perhaps\n")
    assert "row 2, field 'ignore': 'perhaps'; allowed are 1 and 0" in refusal(bad)
