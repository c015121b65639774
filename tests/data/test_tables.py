"""Tables of pictures: the dialects people save, labels exactly as written, errors that name row and field."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.labelled import read_labelled
from macaw.errors import DataError, InputError

PICTURES = [f"img/{index}.png" for index in range(6)]


@pytest.fixture
def root(make, tmp_path) -> Path:
    """A folder with img/0.png to img/5.png, and no table yet."""
    return make.tree(tmp_path, {"img": 6})


def table(root: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = root / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def labels(path: Path, **options) -> dict[str, tuple[str, ...]]:
    """File name -> its labels, over all splits."""
    data = read_labelled(path, **options)
    found = {}
    for some in data.splits.values():
        for source, target in zip(some.sources, some.targets, strict=True):
            which = np.flatnonzero(target) if data.multi else [target]
            found[source.name] = tuple(data.names[index] for index in which)
    return found


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_labelled(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestDialects:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n"])
    @pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
    def test_delimiter_newline_and_bom(self, root, delimiter, newline, start):
        rows = [["image", "label"], *([name, "ab"[index % 2]] for index, name in enumerate(PICTURES))]
        text = newline.join(delimiter.join(row) for row in rows)
        path = table(root, start + text.encode())
        assert labels(path) == {f"{index}.png": ("ab"[index % 2],) for index in range(6)}
        assert read_labelled(path).kind == "table"

    def test_quotes_and_delimiters_inside(self, root):
        path = table(root, 'image,label\nimg/0.png,"cat, tame"\nimg/1.png,"say ""cat"""\n')
        assert labels(path, val_share=0) == {"0.png": ("cat, tame",), "1.png": ('say "cat"',)}

    @pytest.mark.parametrize(
        "column", ["image", "path", "file", "filename", "file_name", "Image", " Filename "]
    )
    def test_column_names(self, root, column):
        assert len(labels(table(root, f"{column},LABEL\nimg/0.png,a\nimg/1.png,b\n"))) == 2

    def test_other_columns_are_ignored(self, root):
        path = table(root, "id;width;image;height;label\n1;8;img/0.png;8;a\n2;8;img/1.png;8;b\n")
        assert labels(path, val_share=0) == {"0.png": ("a",), "1.png": ("b",)}

    def test_blank_rows(self, root):
        path = table(root, "image,label\n\nimg/0.png,a\n,\n  \nimg/1.png,b\n\n")
        assert len(labels(path)) == 2

    def test_labels_stay_text(self, root):
        rows = ["NA", "None", "null", "01", "1", "1.0"]
        path = table(
            root,
            "image,label\n"
            + "".join(f"{name},{label}\n" for name, label in zip(PICTURES, rows, strict=True)),
        )
        assert read_labelled(path, val_share=0).names == tuple(sorted(rows))
        assert labels(path, val_share=0) == {f"{index}.png": (label,) for index, label in enumerate(rows)}

    def test_spaces_around_values_and_unicode_forms(self, root):
        decomposed = unicodedata.normalize("NFD", "café")
        path = table(root, f"image , label\n img/0.png , café \nimg/1.png,{decomposed}\nimg/2.png, tea  \n")
        assert read_labelled(path, val_share=0).names == ("café", "tea")

    def test_windows_paths_and_absolute_paths(self, root):
        path = table(root, f"image,label\nimg\\0.png,a\n{root / 'img/1.png'},b\n./img/../img/2.png,a\n")
        assert labels(path) == {"0.png": ("a",), "1.png": ("b",), "2.png": ("a",)}

    def test_paths_are_relative_to_the_table_not_to_the_user(self, root, monkeypatch, tmp_path_factory):
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        (root / "tables").mkdir()
        path = table(root, "image,label\n../img/0.png,a\n../img/1.png,b\n", "tables/data.tsv")
        assert len(labels(path)) == 2


class TestJsonLines:
    def test_labels_as_written(self, root):
        lines = [
            {"file_name": "img/0.png", "label": "NA"},
            {"file_name": "img/1.png", "label": 1},
            {"file_name": "img/2.png", "label": 1.0, "more": [1]},
        ]
        path = table(root, "\n".join(map(json.dumps, lines)) + "\n\n", "data.jsonl")
        assert labels(path, val_share=0) == {"0.png": ("NA",), "1.png": ("1",), "2.png": ("1.0",)}

    def test_lists(self, root):
        lines = [["a", "b"], [], ["c"], "a|c"]
        text = "\n".join(json.dumps({"image": PICTURES[i], "labels": some}) for i, some in enumerate(lines))
        path = table(root, text, "data.jsonl")
        assert labels(path, val_share=0) == {
            "0.png": ("a", "b"),
            "1.png": (),
            "2.png": ("c",),
            "3.png": ("a", "c"),
        }
        assert "data.jsonl: 1 picture without any label" in read_labelled(path, val_share=0).notes

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("{", "row 2: not JSON"),
            ("[1, 2]", "row 2: a list, not an object"),
            ("[" * 100_000, "row 2: not JSON"),
            ('{"image": "img/1.png"}', "row 2, field 'label': empty"),
            ('{"image": "img/1.png", "label": null}', "row 2, field 'label': empty"),
            ('{"image": "img/1.png", "label": true}', "row 2, field 'label': true is not one name"),
            ('{"image": "img/1.png", "label": ["a"]}', "or 'labels' for a list"),
            ('{"image": 5, "label": "a"}', "row 2, field 'image': no such file: '5'"),
            ('{"label": "a"}', "row 2, field 'image': empty"),
        ],
    )
    def test_refusals(self, root, line, words):
        path = table(root, '{"image": "img/0.png", "label": "a"}\n' + line, "data.jsonl")
        message = refusal(path)
        assert message.startswith(f"{path}, row 2")
        assert words in message


class TestSeveralLabels:
    def test_multi_hot(self, root):
        path = table(
            root, "image,labels\nimg/0.png,cat|dog\nimg/1.png, dog | bird \nimg/2.png,\nimg/3.png,cat|cat\n"
        )
        data = read_labelled(path, val_share=0)
        assert data.multi
        assert data.names == ("bird", "cat", "dog")
        assert data.splits["train"].targets.dtype == np.float32
        assert data.splits["train"].targets.tolist() == [[0, 1, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]]
        assert "data.csv: 1 picture without any label" in data.notes

    def test_aligned_to_a_model(self, root):
        path = table(root, "image,labels\nimg/0.png,cat|dog\nimg/1.png,dog\n")
        data = read_labelled(path, names=("dog", "eel", "cat"), val_share=0)
        assert data.splits["train"].targets.tolist() == [[1, 0, 1], [1, 0, 0]]
        assert "class 'dog' in train is not among" in refusal(path, names=("Dogs", "cat"))

    def test_every_label_on_both_sides(self, make, tmp_path):
        make.tree(tmp_path, {"img": 60})
        words = ["a", "a|b", "b", "a|c", "", "a|b|c"]
        text = "image,labels\n" + "".join(f"img/{index}.png,{words[index % 6]}\n" for index in range(60))
        data = read_labelled(table(tmp_path, text))
        for split, share in (("train", 0.9), ("val", 0.1)):
            targets = data.splits[split].targets
            assert (targets.sum(axis=0) >= 1).all()
            assert abs(len(targets) / 60 - share) < 0.1

    def test_an_empty_name_between_bars(self, root):
        path = table(root, "image,labels\nimg/0.png,cat||dog\n")
        assert "row 2, field 'labels': an empty name in 'cat||dog'" in refusal(path)

    def test_bars_in_a_single_label_are_pointed_out(self, root):
        path = table(root, "image,label\nimg/0.png,cat|dog\nimg/1.png,cat\n")
        data = read_labelled(path, val_share=0)
        assert data.names == ("cat", "cat|dog")
        assert any("call the column 'labels'" in note for note in data.notes)


class TestSplits:
    def test_column(self, root):
        words = ["train", "Train", "validation", "valid", "test", "train"]
        text = "".join(
            f"{name},{'ab'[i % 2]},{word}\n"
            for i, (name, word) in enumerate(zip(PICTURES, words, strict=True))
        )
        data = read_labelled(table(root, "image,label,split\n" + text))
        assert {key: len(some) for key, some in data.splits.items()} == {"train": 3, "val": 2, "test": 1}
        assert not data.carved

    def test_files(self, root):
        table(root, "image,label\nimg/0.png,a\nimg/1.png,b\n", "train.csv")
        table(root, "label\timage\na\timg/2.png\nb\timg/3.png\n", "valid.tsv")
        table(root, '{"image": "img/4.png", "label": "a"}', "test.jsonl")
        table(root, "image,label\nimg/5.png,a\n", "sample.csv")
        data = read_labelled(root)
        assert {key: len(some) for key, some in data.splits.items()} == {"train": 2, "val": 2, "test": 1}
        assert "ignored beside the splits: 'sample.csv'" in data.notes

    def test_folder_with_one_table(self, root):
        table(root, "image,label\nimg/0.png,a\nimg/1.png,b\n", "anything.csv")
        assert read_labelled(root).kind == "table"

    def test_folder_with_several(self, root):
        for name in ("one.csv", "two.csv"):
            table(root, "image,label\nimg/0.png,a\nimg/1.png,b\n", name)
        assert "several tables, 'one.csv' and 'two.csv'; name the one to read" in refusal(root)

    def test_class_folders_with_a_table_of_something_else(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 2, "dog": 2})
        table(tmp_path, "name,weight\ncat,4\ndog,20\n")
        assert read_labelled(tmp_path).kind == "folder"

    def test_folder_with_a_table_of_the_wrong_columns(self, root):
        (root / "img").rename(root / ".img")
        table(root, "picture,class\nimg/0.png,a\n")
        assert "('data.csv' has columns 'picture' and 'class'); looked for" in refusal(root)

    def test_both_names_of_one_split(self, root):
        for name in ("val.csv", "valid.csv"):
            table(root, "image,label\nimg/0.png,a\n", name)
        assert "both 'val.csv' and 'valid.csv'" in refusal(root)

    def test_label_and_labels_do_not_mix(self, root):
        table(root, "image,label\nimg/0.png,a\nimg/1.png,b\n", "train.csv")
        table(root, "image,labels\nimg/2.png,a\n", "val.csv")
        assert "use the same in all" in refusal(root)

    def test_class_only_in_val(self, root):
        path = table(
            root, "image,label,split\nimg/0.png,cat,train\nimg/1.png,dog,train\nimg/2.png,catt,val\n"
        )
        message = refusal(path)
        assert "class 'catt' is in val but not in train" in message
        assert message.endswith("Did you mean 'cat'?")


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("image,label\nimg/0.png,a\nimg/8.png,b\n", ", row 3, field 'image': no such file: 'img/8.png'"),
            (
                "image,label\n\n\nimg/0.pgn,a\n",
                "row 4, field 'image': no such file: 'img/0.pgn' (paths are relative to",
            ),
            ("image,label\nimg,a\n", "row 2, field 'image': is a folder, not a picture: 'img'"),
            ("image,label\n,a\n", "row 2, field 'image': empty; give the path"),
            ("image,label\nimg/0.png,  \n", "row 2, field 'label': empty; give the class, or remove the row"),
            ("image,label\nimg/0.png\n", "row 2, field 'label': empty"),
            (
                'file,label\n"img/0.png",a\nimg/1.png,a,b\n',
                "row 3: 3 fields, but the header has 2; put quotes around",
            ),
            ('image,label\nimg/0.png,"a\n', "row 2: unexpected end of data; check its quotes"),
            ('image,label\n"img/0.png,a\nimg/1.png,b\n', "row 2: unexpected end of data"),
            (
                "image,label,split\nimg/0.png,a,tran\n",
                "field 'split': 'tran' is not a split; allowed are train, val",
            ),
            ("image,label,split\nimg/0.png,a,\n", "field 'split': empty; allowed are"),
            (
                "image,lable\nimg/0.png,a\n",
                "row 1, field 'label': no such column among 'image' and 'lable'; "
                "name one label or labels. Did you mean 'label'?",
            ),
            (
                "imagen;label\nx;a\n",
                "row 1, field 'image': no such column among 'imagen' and 'label'; name one image or path",
            ),
            ("image,label,labels\nimg/0.png,a,a\n", "both columns 'label' and 'labels'; keep one"),
            ("image,label\n", "has a header but no rows"),
            ("", "is empty; give it the columns image and label"),
            ("\n \n", "is empty"),
            ("image,label\nimg/0.png,a\nimg/1.png,a\n", "has only one class, 'a'"),
            (b"image,label\nimg/0.png,caf\xe9\n", "row 2: byte 0xe9 is not UTF-8; save it as UTF-8"),
            ("image,label\nimg/0.png,a\0b\n" + "x" * 200_000, "row 3"),
        ],
    )
    def test_row_and_field(self, root, text, words):
        path = table(root, text)
        message = refusal(path)
        assert message.startswith(str(path))
        assert words in message

    def test_a_close_file_name(self, root):
        message = refusal(table(root, "image,label\nimg/0.pgn,a\n"))
        assert message.endswith("Did you mean '0.png'?")

    def test_values_of_two_lines_give_messages_of_one(self, root):
        for row in ('"img/a\nb.png",x', 'img/0.png,"x\ny"'):
            assert refusal(table(root, f"image,label\n{row}\n")).isprintable()

    def test_rows_are_counted_as_an_editor_does(self, root):
        path = table(root, 'image,label\nimg/0.png,"two\nlines"\nimg/1.png,\n')
        assert "row 4, field 'label'" in refusal(path)


class TestConflicts:
    def test_one_picture_with_two_labels(self, root):
        rows = "img/0.png,a\n./img/0.png,b\nimg/1.png,b\nimg/1.png,b\nimg/2.png,a\n"
        notes = read_labelled(table(root, "image,label\n" + rows), val_share=0).notes
        assert notes[0] == f"1 picture listed with different labels: '{root}/img/0.png'"
        assert notes[1] == "2 rows repeat a picture that an earlier row lists"

    def test_one_picture_in_two_splits(self, root):
        rows = "img/0.png,a,train\nimg/1.png,b,train\nimg/0.png,a,val\nimg/2.png,b,val\n"
        notes = read_labelled(table(root, "image,label,split\n" + rows)).notes
        assert f"1 picture listed in more than one split: '{root}/img/0.png'" in notes

    def test_order_of_several_labels_is_no_conflict(self, root):
        path = table(root, "image,labels\nimg/0.png,a|b\nimg/0.png,b|a\nimg/1.png,a\n")
        assert not any("different" in note for note in read_labelled(path, val_share=0).notes)


NAMES = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="|"), min_size=1, max_size=12
).filter(str.strip)


@given(st.lists(NAMES, min_size=2, max_size=6), st.sampled_from([",", ";", "\t"]))
def test_any_label_survives_the_round_trip(tmp_path_factory, words, delimiter):
    root = tmp_path_factory.getbasetemp() / "round-trip"
    if not root.exists():
        (root / "img").mkdir(parents=True)
        for name in PICTURES:
            (root / name).write_bytes(name.encode())
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow(["image", "label"])
    writer.writerows(zip(PICTURES, words, strict=False))
    path = table(root, buffer.getvalue())
    expected = {
        f"{index}.png": (unicodedata.normalize("NFC", word.strip()),) for index, word in enumerate(words)
    }
    if len(set(expected.values())) < 2:
        with pytest.raises(InputError, match="only one class"):
            read_labelled(path, val_share=0)
    else:
        assert labels(path, val_share=0) == expected
