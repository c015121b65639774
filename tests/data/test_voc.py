"""Pascal VOC: pixels from 1 and from 0, lists of splits, XML as programs write it, and XML that attacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from macaw.data.annotated import read_annotated
from macaw.errors import DataError


@pytest.fixture
def root(make, tmp_path) -> Path:
    """JPEGImages/0.png to 3.png of 8 x 8 pixels, and Annotations/ to be filled."""
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    for index in range(4):
        (tmp_path / "JPEGImages" / f"{index}.png").write_bytes(make.encode(make.plain(40 * index), "PNG"))
    return tmp_path


def thing(name: str = "dog", sides: str = "1 1 5 5", more: str = "") -> str:
    xmin, ymin, xmax, ymax = sides.split()
    inner = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{inner}</bndbox></object>"


def sheet(
    root: Path, number: int, *things: str, head: str = "", size: str = "8 8", folder="Annotations"
) -> Path:
    path = root / folder / f"{number}.xml"
    width, height = size.split()
    sides = f"<size><width>{width}</width><height>{height}</height></size>" if size != "- -" else ""
    path.write_text(
        f"{head}<annotation><filename>{number}.png</filename>{sides}{''.join(things)}</annotation>"
    )
    return path


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_annotated(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def boxes(root: Path) -> list:
    return [objects.xyxy.tolist() for objects in read_annotated(root, val_share=0).splits["train"].objects]


class TestReading:
    def test_pixels_are_counted_from_one_and_the_last_belongs(self, root):
        sheet(root, 0, thing("dog", "1 1 8 8"), thing("cat", "3 2 3 4", "<difficult>1</difficult>"))
        sheet(root, 1)
        data = read_annotated(root, val_share=0)
        assert data.kind == "voc"
        assert data.names == ("cat", "dog")
        first, second = data.splits["train"].objects
        assert first.xyxy.tolist() == [[0, 0, 8, 8], [2, 1, 3, 4]]
        assert first.difficult.tolist() == [False, True]
        assert len(second) == 0

    def test_a_zero_tells_of_a_program_that_counts_from_zero(self, root):
        sheet(root, 0, thing("dog", "0 2 8 8"))
        sheet(root, 1, thing("dog", "3 3 5 6"))
        assert boxes(root) == [[[0, 2, 8, 8]], [[3, 3, 5, 6]]]
        notes = read_annotated(root, val_share=0).notes
        assert "a box starts at 0: coordinates are read as counted from 0, the last one left out" in notes

    def test_fractions_orders_parts_and_blanks(self, root):
        swapped = (
            "<object><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><name> small dog\n</name>"
            "<bndbox><ymax>6.5</ymax><xmax> 5.25 </xmax><ymin>1.5</ymin><xmin>2</xmin></bndbox></object>"
        )
        sheet(root, 0, swapped)
        data = read_annotated(root, val_share=0)
        assert data.names == ("small dog",)
        assert data.splits["train"].objects[0].xyxy.tolist() == [[1, 0.5, 5.25, 6.5]]

    def test_namespaces_and_declarations(self, root):
        text = sheet(root, 0, thing()).read_text().replace("<annotation>", '<v:annotation xmlns:v="x">')
        text = text.replace("</annotation>", "</v:annotation>").replace("<object>", "<v:object>")
        text = text.replace("</object>", "</v:object>")
        (root / "Annotations" / "0.xml").write_text(f"<?xml version='1.0' encoding='utf-8'?>{text}")
        assert boxes(root) == [[[0, 0, 5, 5]]]

    @pytest.mark.parametrize("size", ["- -", "0 0", "8.0 8.0"])
    def test_sizes_that_are_missing_are_read(self, root, size):
        sheet(root, 0, thing(), size=size)
        assert read_annotated(root, val_share=0).splits["train"].sizes.tolist() == [[8, 8]]

    def test_lists_of_splits(self, root):
        for number in range(4):
            sheet(root, number, thing())
        lists = root / "ImageSets" / "Main"
        lists.mkdir(parents=True)
        (lists / "train.txt").write_text("2\n0\n")
        (lists / "val.txt").write_text("1  1\n")
        (lists / "trainval.txt").write_text("0\n1\n2\n")
        (lists / "dog_train.txt").write_text("0 -1\n2  1\n")
        data = read_annotated(root)
        names = {split: [source.name for source in some.sources] for split, some in data.splits.items()}
        assert names == {"train": ["2.png", "0.png"], "val": ["1.png"]}
        (lists / "train.txt").unlink()
        (lists / "val.txt").unlink()
        assert len(read_annotated(root, val_share=0).splits["train"]) == 3  # trainval
        (lists / "trainval.txt").write_text("0\n17\n")
        assert "train lists '17', which has no XML file" in refusal(root)

    def test_the_kit_and_files_beside_pictures(self, root, tmp_path):
        sheet(root, 0, thing())
        home = tmp_path / "kit" / "VOC2007"
        home.mkdir(parents=True)
        for name in ("Annotations", "JPEGImages"):
            (root / name).rename(home / name)
        assert len(read_annotated(tmp_path / "kit", val_share=0).splits["train"]) == 1
        beside = tmp_path / "beside" / "train"
        beside.mkdir(parents=True)
        for file in (home / "JPEGImages").iterdir():
            file.rename(beside / file.name)
        (home / "Annotations" / "0.xml").rename(beside / "0.xml")
        data = read_annotated(tmp_path / "beside", val_share=0)
        assert len(data.splits["train"]) == 1
        assert "3 pictures of train without an XML file, left out: '1.png', '2.png' and '3.png'" in data.notes

    def test_classes_that_differ_by_case_and_names_of_other_files(self, root):
        sheet(root, 0, thing("dog"), thing("Dog", "2 2 7 7"))
        sheet(root, 1).rename(root / "Annotations" / "2.xml")
        data = read_annotated(root, val_share=0)
        assert "classes that differ only by case, kept apart: 'Dog' and 'dog'" in data.notes
        assert "1 file naming another picture, matched by its own name" in data.notes
        assert data.splits["train"].sources[1].name == "2.png"

    def test_equal_objects_count_once(self, root):
        sheet(root, 0, thing(), thing(), thing("cat"))
        assert boxes(root) == [[[0, 0, 5, 5], [0, 0, 5, 5]]]

    def test_labels_do_not_depend_on_the_process(self, root):
        """supervision orders classes by a set: another process, another order."""
        sheet(root, 0, *(thing(name) for name in ("dog", "person", "cat", "car")))
        assert read_annotated(root, val_share=0).names == ("car", "cat", "dog", "person")


class TestRefusals:
    @pytest.mark.parametrize(
        ("one", "words"),
        [
            (thing("dog", "5 1 1 5"), "object 1, field 'bndbox': the box 4, 0, 1, 5 is turned inside out"),
            (
                thing("dog", "1 1 20 5"),
                "object 1, field 'bndbox': the box 0, 0, 20, 5 reaches out of its picture",
            ),
            (thing("dog", "1 x 5 5"), "object 1, field 'ymin': 'x' is no number"),
            (
                thing("dog", "1 nan 5 5"),
                "object 1, field 'bndbox': the box 0, nan, 5, 5; give finite numbers",
            ),
            ("<object><name>dog</name></object>", "object 1, field 'xmin': missing"),
            (thing(" "), "object 1, field 'name': empty; name the class"),
            ("<object>", "row 1: not XML (mismatched tag)"),
        ],
    )
    def test_file_object_field_and_remedy(self, root, one, words):
        path = sheet(root, 0, one)
        sheet(root, 1, thing())
        message = refusal(root)
        assert message.startswith(str(path))
        assert words in message

    @pytest.mark.parametrize(
        "head",
        [
            '<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n',
            '<!DOCTYPE annotation SYSTEM "file:///etc/passwd">\n',
        ],
    )
    def test_documents_with_a_type_are_not_read(self, root, head):
        path = sheet(root, 0, thing("&b;"), head=head)
        assert refusal(root).startswith(f"{path}, row 1: a document type, which annotations do not need")

    def test_a_size_that_is_not_the_pictures(self, root):
        sheet(root, 0, thing(), size="16 16")
        assert "is given as 16 x 16 px, but is 8 x 8" in refusal(root)

    def test_a_picture_that_is_not_there(self, root):
        sheet(root, 7, thing())
        assert "no such file" in refusal(root)

    def test_a_class_that_only_val_has(self, root):
        sheet(root, 0, thing("dog"))
        sheet(root, 1, thing("dogs"))
        lists = root / "ImageSets" / "Main"
        lists.mkdir(parents=True)
        (lists / "train.txt").write_text("0\n")
        (lists / "val.txt").write_text("1\n")
        message = refusal(root)
        assert "class 'dogs' is in val but not in train" in message
        assert message.endswith("Did you mean 'dog'?")
        assert read_annotated(root, names=["dog", "dogs"]).splits["val"].objects[0].labels.tolist() == [1]

    def test_no_object_in_any_picture(self, root):
        sheet(root, 0)
        assert "0 of 1 picture of train have labels" in refusal(root)
