"""ImageFolder with and without splits, and everything people have in such folders."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.examples import Examples, LabelledPictures
from macaw.data.labelled import read_labelled
from macaw.errors import InputError


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_labelled(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def by_file(data: LabelledPictures) -> dict[str, tuple[str, str]]:
    """Path below the root -> split and class name."""
    return {
        path.relative_to(data.path).as_posix(): (split, data.names[target])
        for split, some in data.splits.items()
        for path, target in zip(some.sources, some.targets.tolist(), strict=True)
    }


class TestSplits:
    @pytest.mark.parametrize("val", ["val", "valid", "validation", "Valid"])
    def test_split_names(self, make, tmp_path, val):
        make.tree(
            tmp_path,
            {"train/cat": 2, "train/dog": 1, f"{val}/dog": 1, f"{val}/cat": 1, "test/cat": 1, "test/dog": 1},
        )
        data = read_labelled(tmp_path)
        assert data.names == ("cat", "dog")
        assert data.kind == "folder"
        assert not data.multi
        assert not data.carved
        assert data.notes == ()
        assert list(data.splits) == ["train", "val", "test"]
        assert by_file(data)[f"{val}/dog/0.png"] == ("val", "dog")
        assert all(some.targets.dtype == np.int64 for some in data.splits.values())

    def test_class_is_the_first_folder_and_suffixes_may_shout(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat/2024/may": 1, "train/dog": 2, "val/cat": 1, "val/dog": 1})
        (tmp_path / "train/dog/0.png").rename(tmp_path / "train/dog/0.PNG")
        files = by_file(read_labelled(tmp_path))
        assert files["train/cat/2024/may/0.png"] == ("train", "cat")
        assert files["train/dog/0.PNG"] == ("train", "dog")

    def test_names_are_sorted_as_text_and_stored(self, make, tmp_path):
        make.tree(tmp_path, {f"train/{name}": 1 for name in ("2", "10", "b", "A", "é")})
        assert read_labelled(tmp_path, val_share=0).names == ("10", "2", "A", "b", "é")

    def test_no_val_is_taken_from_train_and_test_is_left(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 20, "train/dog": 10, "test/cat": 2, "test/dog": 2})
        data = read_labelled(tmp_path)
        assert {key: len(some) for key, some in data.splits.items()} == {"train": 27, "val": 3, "test": 4}
        assert data.carved
        assert data.notes == ("no val: 3 of 30 pictures of train set aside as val, by content",)
        assert {split for split, _ in by_file(data).values()} == {"train", "val", "test"}

    def test_other_folders_beside_the_splits_are_ignored_and_named(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 1, "train/dog": 1, "val/cat": 1, "val/dog": 1, "runs/exp1": 3})
        data = read_labelled(tmp_path)
        assert data.names == ("cat", "dog")
        assert data.notes == ("ignored beside the splits: 'runs'",)

    def test_a_class_called_train(self, make, tmp_path):
        make.tree(tmp_path, {"train": 3, "car": 3, "plane": 3})
        assert read_labelled(tmp_path).names == ("car", "plane", "train")
        make.tree(tmp_path, {"train/steam": 3}, start=100)
        assert read_labelled(tmp_path).names == ("car", "plane", "train")

    def test_both_names_of_one_split(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 1, "val/cat": 1, "valid/cat": 1})
        assert "both 'val' and 'valid', which mean the same split; keep one" in refusal(tmp_path)

    def test_flat_splits(self, make, tmp_path):
        make.tree(tmp_path, {"train": 3, "val": 3})
        assert "'train' holds pictures but no class folders; sort them into train/<class>/" in refusal(
            tmp_path
        )

    def test_flat_test_split_is_ignored_with_a_note(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 1, "train/dog": 1, "val/cat": 1, "val/dog": 1, "test": 2})
        data = read_labelled(tmp_path)
        assert list(data.splits) == ["train", "val"]
        assert data.notes == ("ignored 'test': it has pictures, but no class folders to label them",)

    def test_only_val_needs_a_model(self, make, tmp_path):
        make.tree(tmp_path, {"val/cat": 1, "val/dog": 1})
        assert "has 'val' but no train" in refusal(tmp_path)
        data = read_labelled(tmp_path, names=["dog", "bird", "cat"])
        assert by_file(data) == {"val/cat/0.png": ("val", "cat"), "val/dog/0.png": ("val", "dog")}


class TestUnsplit:
    def test_every_class_is_on_both_sides(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 30, "dog": 2, "bird": 10})
        data = read_labelled(tmp_path)
        sides = {"train": [], "val": []}
        for split, name in by_file(data).values():
            sides[split].append(name)
        assert sides["val"].count("cat") == 3
        assert sides["val"].count("dog") == sides["train"].count("dog") == 1
        assert sides["val"].count("bird") == 1

    def test_renaming_changes_nothing_and_equal_files_stay_together(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 12, "dog": 12})
        for index in range(6):  # six cats twice
            (tmp_path / f"cat/copy{index}.png").write_bytes((tmp_path / f"cat/{index}.png").read_bytes())
        before = {path: (tmp_path / path).read_bytes() for path in by_file(read_labelled(tmp_path))}
        sides = {before[path]: split for path, (split, _) in by_file(read_labelled(tmp_path)).items()}
        assert len(sides) == 24
        for path, (split, _) in by_file(read_labelled(tmp_path)).items():
            assert sides[before[path]] == split
        for number, path in enumerate(sorted((tmp_path / "cat").iterdir(), reverse=True)):
            path.rename(path.with_name(f"renamed-{number}.png"))
        (tmp_path / "dog").rename(tmp_path / "hound")
        for path, (split, _) in by_file(read_labelled(tmp_path)).items():
            assert sides[(tmp_path / path).read_bytes()] == split
        assert any("6 pictures of train repeat another" in note for note in read_labelled(tmp_path).notes)

    def test_equal_pictures_in_two_classes_are_counted(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 5, "dog": 5})
        (tmp_path / "dog/again.png").write_bytes((tmp_path / "cat/0.png").read_bytes())
        notes = read_labelled(tmp_path).notes
        assert "1 picture of train carry different labels in equal copies" in notes

    def test_the_seed_chooses_and_the_share_counts(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 40, "dog": 40})
        vals = {seed: set(read_labelled(tmp_path, seed=seed).splits["val"].sources) for seed in range(4)}
        assert vals[0] == set(read_labelled(tmp_path).splits["val"].sources)
        assert len({frozenset(val) for val in vals.values()}) == 4
        assert len(read_labelled(tmp_path, val_share=0.5).splits["val"]) == 40
        assert list(read_labelled(tmp_path, val_share=0).splits) == ["train"]
        for share in (-0.1, 1, 1.5):
            assert "is not a share" in refusal(tmp_path, val_share=share)

    def test_a_class_of_one_picture_is_for_training(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 10, "dog": 1})
        data = read_labelled(tmp_path)
        assert by_file(data)["dog/0.png"] == ("train", "dog")
        assert "val has no picture of 1 of 2 classes: 'dog'" in data.notes


class TestTheOddThingsInFolders:
    def test_hidden_files_and_macos_leftovers(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 2, "dog": 2, "__MACOSX/cat": 2, ".git/x": 1, "cat/.thumbs": 1})
        (tmp_path / "dog/._0.png").write_bytes(b"x")
        data = read_labelled(tmp_path, val_share=0)
        assert data.names == ("cat", "dog")
        assert len(data.splits["train"]) == 4
        assert data.notes == ()

    def test_other_files_are_counted(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 2, "dog": 2})
        for name in ("cat/a.txt", "cat/b.txt", "dog/c.heic", "dog/Thumbs.db", "README.md", "loose.png"):
            (tmp_path / name).write_bytes(b"x")
        notes = read_labelled(tmp_path, val_share=0).notes
        assert notes == (
            f"ignored in '{tmp_path.name}': 4 files of other kinds (.txt 2, .db 1, .heic 1)",
            f"ignored in '{tmp_path.name}': 1 picture outside any class folder",
        )

    def test_symlink_loops_end(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 2, "dog": 2})
        (tmp_path / "cat/loop").symlink_to(tmp_path / "cat")
        (tmp_path / "dog/up").symlink_to(tmp_path)
        data = read_labelled(tmp_path, val_share=0)
        assert sorted(data.names) == ["cat", "dog"]
        assert sum(name == "cat" for _, name in by_file(data).values()) == 2

    @pytest.mark.parametrize("split", ["", "train/", "val/"])
    def test_an_empty_class_folder(self, make, tmp_path, split):
        make.tree(
            tmp_path,
            {
                f"{part}{name}": 2
                for part in {"", split} - ({""} if split else set())
                for name in ("cat", "dog")
            },
        )
        (tmp_path / f"{split}bird").mkdir(parents=True)
        message = refusal(tmp_path, names=("bird", "cat", "dog"))
        assert "1 class folder in" in message
        assert "without a picture: 'bird'; add pictures or remove the folder" in message
        (tmp_path / f"{split}bird/a.heic").write_bytes(b"x")
        assert "'bird (1 file, no picture)'" in refusal(tmp_path, names=("bird", "cat", "dog"))

    def test_a_class_only_in_val(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 2, "train/horse": 2, "val/cat": 1, "val/hose": 1})
        message = refusal(tmp_path)
        assert "class 'hose' is in val but not in train" in message
        assert "add it to train or remove it from val" in message
        assert message.endswith("Did you mean 'horse'?")

    def test_a_class_missing_in_val_is_a_note(self, make, tmp_path):
        make.tree(tmp_path, {"train/a": 1, "train/b": 1, "train/c": 1, "val/b": 1})
        assert read_labelled(tmp_path).notes == ("val has no picture of 2 of 3 classes: 'a' and 'c'",)

    def test_one_class(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 5})
        assert "has only one class, 'cat'; add pictures of another class" in refusal(tmp_path)
        assert read_labelled(tmp_path, names=("cat", "dog"), val_share=0).names == ("cat", "dog")

    def test_a_folder_too_high(self, make, tmp_path):
        make.tree(tmp_path, {"unpacked/train/cat": 1, "unpacked/train/dog": 1})
        assert refusal(tmp_path).endswith(f"did you mean '{tmp_path}/unpacked'?")

    def test_names_in_two_unicode_forms(self, make, tmp_path):
        one, two = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
        make.tree(tmp_path, {f"train/{one}": 1, "train/bar": 1, f"val/{two}": 1, "val/bar": 1})
        data = read_labelled(tmp_path)
        assert data.names == ("bar", one)
        assert by_file(data)[f"val/{two}/0.png"] == ("val", one)
        assert read_labelled(tmp_path, names=("bar", two)).names == ("bar", two)
        make.tree(tmp_path, {f"train/{two}": 1})
        assert "the same name in two Unicode forms; merge them" in refusal(tmp_path)

    def test_names_that_differ_by_case_are_a_note(self, make, tmp_path):
        make.tree(tmp_path, {"Cat": 1, "cat": 1, "dog": 1})
        assert (
            "classes that differ only by case, kept apart: 'Cat' and 'cat'"
            in read_labelled(tmp_path, val_share=0).notes
        )

    def test_nothing_there(self, make, tmp_path):
        message = refusal(tmp_path)
        assert message.startswith(
            f"0 pictures with a class in '{tmp_path}' (the folder is empty); looked for: "
        )
        for layout in ("columns image and label", "train.npz", "train.csv", "train/<class>/", "labels.u8"):
            assert layout in message
        make.tree(tmp_path, {".": 3})
        assert "(3 pictures, but in no class folder)" in refusal(tmp_path)
        (tmp_path / "data.zip").write_bytes(b"PK")
        assert "('data.zip': unpack it)" in refusal(tmp_path)
        assert "an archive: unpack it" in refusal(tmp_path / "data.zip")
        assert "a file: give the folder" in refusal(tmp_path / "0.png")

    def test_no_such_path(self, make, tmp_path):
        make.tree(tmp_path, {"flowers/rose": 1})
        message = refusal(tmp_path / "flower")
        assert "no such file or folder" in message
        assert message.endswith(f"Did you mean '{tmp_path}/flowers'?")

    def test_data_are_never_touched(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 3, "dog": 3})
        before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
        read_labelled(tmp_path)
        assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before

    def test_licence_lines(self, make, tmp_path):
        make.tree(tmp_path, {"cat": 1, "dog": 1})
        (tmp_path / "README.md").write_text(
            "# Pets\n\n**Licence**: CC BY 4.0, by A. Nobody\n\nThe licence is above.\n"
        )
        assert read_labelled(tmp_path, val_share=0).terms == "**Licence**: CC BY 4.0, by A. Nobody"


class TestModelNames:
    def test_targets_follow_the_model_by_name(self, make, tmp_path):
        make.tree(tmp_path, {"train/cat": 1, "train/dog": 1, "val/cat": 1, "val/dog": 1})
        data = read_labelled(tmp_path, names=("dog", "fish", "cat"))
        assert data.names == ("dog", "fish", "cat")
        assert by_file(data)["train/cat/0.png"] == ("train", "cat")
        assert data.splits["train"].targets.tolist() == [2, 0]
        assert "1 of the model's 3 classes do not occur: 'fish'" in data.notes

    def test_a_class_the_model_does_not_know(self, make, tmp_path):
        make.tree(tmp_path, {"Dogs": 1, "cat": 1, "zebra": 1})
        message = refusal(tmp_path, names=("dog", "cat"))
        assert (
            "class 'Dogs' in train is not among the model's 2 classes ('Dogs' and 'zebra' are unknown)"
            in message
        )
        assert message.endswith("Did you mean 'dog'?")

    @given(st.permutations(["ant", "bee", "cat", "dog", "eel"]))
    def test_any_order_of_names_means_the_same(self, tmp_path_factory, names):
        root = tmp_path_factory.getbasetemp() / "permuted"
        if not root.exists():
            for name in names:
                (root / name).mkdir(parents=True)
                for index in range(3):
                    (root / name / f"{index}.png").write_bytes(f"{name}{index}".encode())
        plain, permuted = read_labelled(root), read_labelled(root, names=names)
        assert permuted.names == tuple(names)
        assert by_file(permuted) == by_file(plain)


class TestExamples:
    def test_subset_and_label(self, tmp_path):
        some = Examples([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"], np.array([0, 1, 2]))
        assert len(some) == 3
        assert some.label(1) == f"{tmp_path}/b.png"
        for indices in ([2, 0], np.array([2, 0]), slice(None, None, -2)):
            assert some.subset(indices).sources == [tmp_path / "c.png", tmp_path / "a.png"]
            assert some.subset(indices).targets.tolist() == [2, 0]
        assert some.subset(np.array([False, True, False])).label(0) == f"{tmp_path}/b.png"

    def test_lengths_must_agree(self):
        with pytest.raises(ValueError, match="1 sources but 2 targets"):
            Examples(["a.png"], np.array([0, 1]))
