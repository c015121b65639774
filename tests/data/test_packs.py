"""Packs of pictures: read in place, checked before use, named by classes.txt."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from macaw.data.labelled import read_labelled
from macaw.data.pictures import measured_levels, read_picture
from macaw.errors import DataError


@pytest.fixture
def files(make) -> list[bytes]:
    return [make.encode(make.plain(shade), "PNG") for shade in range(0, 120, 10)]


def refusal(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_labelled(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def raw_pack(root: Path, pictures: np.ndarray, labels: list[int], split: str = "train") -> Path:
    (root / f"{split}.images.u8.xz").write_bytes(lzma.compress(pictures.tobytes()))
    np.array(labels, np.uint8).tofile(root / f"{split}.labels.u8")
    return root


class TestNpz:
    def test_splits_labels_and_pictures(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files[:4], [0, 1, 0, 1], names="0\tdog\n1\tcat\n")
        make.pack(tmp_path / "val.npz", files[4:6], [1, 0])
        make.pack(tmp_path / "train_more.npz", files[6:9], [1, 1, 0], box=np.zeros((3, 4)))
        data = read_labelled(tmp_path)
        assert data.kind == "pack"
        assert data.names == ("cat", "dog")
        assert list(data.splits) == ["train", "val", "train_more"]
        assert data.splits["train"].targets.tolist() == [1, 0, 1, 0]
        assert data.splits["train_more"].targets.tolist() == [0, 0, 1]
        item = data.splits["val"].sources[1]
        assert item.label == "val.npz[1]"
        assert data.splits["val"].label(1) == "val.npz[1]"
        assert item.read() == files[5]
        assert (read_picture(item) == 50).all()
        assert measured_levels(data.splits["val"].sources) is None

    def test_sequence(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files, [0, 1] * 6, names="a\nb\n")
        sources = read_labelled(tmp_path, val_share=0).splits["train"].sources
        assert len(sources) == 12
        assert [item.content() for item in sources] == files
        assert sources[-1].label == "train.npz[11]"
        assert [item.label for item in sources[1:6:2]] == ["train.npz[1]", "train.npz[3]", "train.npz[5]"]
        with pytest.raises(IndexError):
            sources[12]

    def test_a_compressed_pack(self, make, tmp_path, files):
        path = make.pack(tmp_path / "train.npz", files, [0, 1] * 6, names="a\nb\n")
        plain = read_labelled(tmp_path, val_share=0)
        with np.load(path) as fields:
            np.savez_compressed(path, **fields)
        packed = read_labelled(tmp_path, val_share=0)
        assert [item.read() for item in packed.splits["train"].sources] == files
        assert packed.splits["train"].targets.tolist() == plain.splits["train"].targets.tolist()

    def test_one_file(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files[:2], [0, 1], names="a\nb\n")
        path = make.pack(tmp_path / "val.npz", files[2:4], [1, 1])
        data = read_labelled(path, names=("b", "a"))
        assert list(data.splits) == ["val"]
        assert data.splits["val"].targets.tolist() == [0, 0]

    def test_val_is_taken_by_content(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files, [0, 1] * 6, names="a\nb\n")
        first = read_labelled(tmp_path)
        chosen = {item.read() for item in first.splits["val"].sources}
        assert len(chosen) == 2
        make.pack(tmp_path / "train.npz", files[::-1], [1, 0] * 6)
        again = read_labelled(tmp_path)
        assert {item.read() for item in again.splits["val"].sources} == chosen

    def test_a_class_without_a_picture(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files[:4], [0, 2, 0, 2], names="a\nb\nc\n")
        data = read_labelled(tmp_path, val_share=0)
        assert data.names == ("a", "c")
        assert data.splits["train"].targets.tolist() == [0, 1, 0, 1]
        assert data.notes == ("1 class without a picture, left out: 'b'",)

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("cat\ndog\n", ("cat", "dog")),
            ("0\tcat\n1\tdog, the friend\n", ("cat", "dog, the friend")),
            ("1\tdog\n0\tcat\n", ("cat", "dog")),
            ("\ufeff0\tn01\tcat, kitty\r\n1\tn02\tdog\r\n", ("cat", "dog")),
            ("0\tn01\tcrane, bird\n1\tn02\tcrane, machine\n", ("crane, bird", "crane, machine")),
            ("0\tn01\tbat\n1\tn02\tbat, club\n", ("bat", "bat, club")),
            ("0\tn01\tbat\n1\tn02\tbat\n", ("bat, n01", "bat, n02")),
        ],
    )
    def test_class_tables(self, make, tmp_path, files, text, names):
        make.pack(tmp_path / "train.npz", files[:2], [0, 1], names=text)
        data = read_labelled(tmp_path, val_share=0)
        if text.startswith("1"):  # the index counts, not the order of lines
            assert [data.names[target] for target in data.splits["train"].targets] == ["cat", "dog"]
        assert set(data.names) == {*names} or data.names == names

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a\na\n", "two classes are called 'a'; give each its own name"),
            ("0\ta\n0\tb\n", "an index comes twice"),
            ("x\ta\n1\tb\n", "row 1: 'x' is no index; write `index<tab>name`"),
            ("a\n", "label 1 of train.npz[1] is not in classes.txt, which has 0 to 0; add its line"),
        ],
    )
    def test_bad_class_tables(self, make, tmp_path, files, text, words):
        make.pack(tmp_path / "train.npz", files[:2], [0, 1], names=text)
        assert words in refusal(tmp_path)

    def test_no_class_table(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", files[:2], [0, 1])
        assert "classes.txt cannot be read, and it names the pack's classes" in refusal(tmp_path)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"off": np.array([0, 9, 5])}, "field 'off': falls after item 1, but must rise within the"),
            ({"off": np.array([0, 9, 10**9])}, "field 'off': runs 0..1000000000"),
            ({"off": np.array([-4, 9, 12])}, "field 'off': runs -4..12"),
            ({"off": np.array([0, 9])}, "2 positions in 'off' for 2 labels; expected one more"),
            ({"off": np.array([0.0, 1.0, 2.0])}, "field 'off': float64 of shape (3,); expected integers"),
            ({"label": np.array([[0, 1]])}, "field 'label': int64 of shape (1, 2); expected integers (N,)"),
            ({"label": np.array(["a", "b"])}, "field 'label': <U1 of shape (2,)"),
            ({"label": np.array([0, 7])}, "label 7 of train.npz[1] is not in classes.txt"),
            ({"blob": np.zeros(900, np.int16)}, "field 'blob': int16 of shape (900,); expected uint8"),
            ({"label": np.array([], np.uint8), "off": np.array([0])}, "holds no picture"),
            (
                {"label": None, "age": np.zeros(2)},
                "no field 'label' (the classes); beside blob and off it has: age",
            ),
            ({"off": None}, "no field 'off' (the positions)"),
            (
                {"label": np.array([0, {}], object)},
                "is not a whole .npz file (Object arrays cannot be loaded",
            ),
            ({"blob": np.array([0, {}], object)}, "field 'blob': Python objects; expected uint8"),
        ],
    )
    def test_bad_fields(self, make, tmp_path, files, change, words):
        path = make.pack(tmp_path / "train.npz", files[:2], [0, 1], names="a\nb\n")
        with np.load(path) as old:
            fields = {**old, **change}
        np.savez(path, **{name: array for name, array in fields.items() if array is not None})
        message = refusal(tmp_path)
        assert message.startswith(str(path))
        assert words in message

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.98])
    def test_a_cut_file(self, make, tmp_path, files, share):
        path = make.pack(tmp_path / "train.npz", files, [0, 1] * 6, names="a\nb\n")
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        assert "is not a whole .npz file" in refusal(tmp_path)

    def test_an_empty_item_is_named_when_read(self, make, tmp_path, files):
        make.pack(tmp_path / "train.npz", [files[0], b""], [0, 1], names="a\nb\n")
        item = read_labelled(tmp_path, val_share=0).splits["train"].sources[1]
        with pytest.raises(ValueError, match=r"^train.npz\[1\] is empty \(0 bytes\)"):
            read_picture(item)

    def test_two_files_of_one_split(self, make, tmp_path, files):
        make.pack(tmp_path / "val.npz", files[:2], [0, 1], names="a\nb\n")
        make.pack(tmp_path / "valid.npz", files[:2], [0, 1])
        assert "two files for split 'val'" in refusal(tmp_path)


class TestRaw:
    def test_pictures_and_names(self, tmp_path):
        pictures = np.random.default_rng(0).integers(0, 256, (6, 5, 5)).astype(np.uint8)
        raw_pack(tmp_path, pictures, [0, 1, 2, 0, 1, 2])
        raw_pack(tmp_path, pictures[:2], [2, 0], "test")
        data = read_labelled(tmp_path, val_share=0)
        assert data.kind == "raw"
        assert data.names == ("0", "1", "2")
        assert data.splits["test"].targets.tolist() == [2, 0]
        item = data.splits["train"].sources[3]
        assert item.label == "train.images[3]"
        assert (read_picture(item) == pictures[3][:, :, None]).all()
        assert item.content() == pictures[3].tobytes()
        assert measured_levels(data.splits["train"].sources) is None

    def test_names_of_the_readme(self, tmp_path):
        raw_pack(tmp_path, np.zeros((2, 4, 4), np.uint8), [0, 1])
        (tmp_path / "README.md").write_text("Licence: CC0\nClasses 0-1: shirt, shoe\n")
        data = read_labelled(tmp_path, val_share=0)
        assert data.names == ("shirt", "shoe")
        assert data.terms == "Licence: CC0"
        raw_pack(tmp_path, np.zeros((2, 4, 4), np.uint8), [0, 9])
        assert "label 9, but README.md names 2 classes (0 to 1)" in refusal(tmp_path)

    def test_refusals(self, tmp_path):
        raw_pack(tmp_path, np.zeros((4, 5, 5), np.uint8), [0, 1, 0])
        assert "100 bytes for 3 labels are not square grey pictures" in refusal(tmp_path)
        raw_pack(tmp_path, np.zeros((4, 5, 5), np.uint8), [])
        assert "not square" in refusal(tmp_path)
        (tmp_path / "train.labels.u8").unlink()
        assert "no 'train.labels.u8' beside it" in refusal(tmp_path)
        raw_pack(tmp_path, np.random.default_rng(0).integers(0, 255, (4, 50, 50)), [0, 1, 0, 1])
        path = tmp_path / "train.images.u8.xz"
        path.write_bytes(path.read_bytes()[:-60])
        assert "is damaged or cut short" in refusal(tmp_path)
        path.write_bytes(b"nonsense")
        assert "is damaged or cut short" in refusal(tmp_path)


class TestRealPacks:
    """The packs of `packs`, where they are present; counts from their README.md."""

    def test_tiny_imagenet(self, packs):
        if not (packs / "tiny_imagenet").is_dir():
            pytest.skip("no tiny_imagenet among the packs")
        data = read_labelled(packs / "tiny_imagenet")
        assert {key: len(some) for key, some in data.splits.items()} == {
            "train": 30_000,
            "val": 10_000,
            "train_more": 40_000,
        }
        assert len(data.names) == 200
        assert {"goldfish", "European fire salamander", "bullfrog", "tarantula"} <= set(data.names)
        assert np.bincount(data.splits["val"].targets).tolist() == [50] * 200
        assert "non-commercial research" in data.terms
        assert read_picture(data.splits["val"].sources[7]).shape == (64, 64, 3)

    def test_cifar10(self, packs):
        if not (packs / "cifar10_EVAL_ONLY").is_dir():
            pytest.skip("no cifar10_EVAL_ONLY among the packs")
        data = read_labelled(packs / "cifar10_EVAL_ONLY")
        assert data.names[:3] == ("airplane", "automobile", "bird")
        assert {key: len(some) for key, some in data.splits.items()} == {
            "train": 45_000,
            "val": 5_000,
            "test": 10_000,
        }
        assert np.bincount(data.splits["val"].targets).tolist() == [500] * 10
        names = data.names[::-1]
        other = read_labelled(packs / "cifar10_EVAL_ONLY", names=names)
        assert (9 - other.splits["test"].targets == data.splits["test"].targets).all()

    def test_uc_merced(self, packs):
        if not (packs / "sat_ucmerced").is_dir():
            pytest.skip("no sat_ucmerced among the packs")
        data = read_labelled(packs / "sat_ucmerced", val_share=0)
        assert len(data.names) == 21
        assert np.bincount(data.splits["test"].targets).tolist() == [20] * 21

    def test_mnist(self, packs):
        if not (packs / "mnist").is_dir():
            pytest.skip("no mnist among the packs")
        data = read_labelled(packs / "mnist", val_share=0)
        assert data.names == tuple("0123456789")
        counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        assert np.bincount(data.splits["test"].targets).tolist() == counts
        assert read_picture(data.splits["test"].sources[0]).shape == (28, 28, 3)
        assert "MIT" in data.terms

    def test_a_pack_without_labels(self, packs):
        if not (packs / "faces_utk").is_dir():
            pytest.skip("no faces_utk among the packs")
        assert "classes.txt cannot be read" in refusal(packs / "faces_utk")
