"""Files, folders and globs become one list, the same on every machine."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.find import natural
from macaw.data.pictures import SUFFIXES, find_pictures, read_picture
from macaw.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def found(root: Path, *inputs: str | Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_pictures(inputs)]


def refusal(*inputs: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        find_pictures(inputs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folder_with_all_below_in_natural_order(tmp_path):
    touch(tmp_path, "10.jpg", "9.JPG", "2.png", "sub/1.webp", "sub/deep/3.TIFF", "notes.txt", "x.jpg.part")
    assert found(tmp_path, tmp_path) == ["2.png", "9.JPG", "10.jpg", "sub/1.webp", "sub/deep/3.TIFF"]


def test_hidden_things_are_passed_over(tmp_path):
    touch(
        tmp_path,
        "a.jpg",
        ".b.jpg",
        "._a.jpg",
        ".cache/c.jpg",
        "__MACOSX/a.jpg",
        "in/__MACOSX/._d.jpg",
        "in/e.png",
    )
    assert found(tmp_path, tmp_path) == ["a.jpg", "in/e.png"]


def test_a_named_file_is_kept_whatever_its_suffix_and_hidden_too(tmp_path):
    touch(tmp_path, "scan.dat", ".hidden", "a[1].jpg")
    names = ["scan.dat", ".hidden", "a[1].jpg"]
    assert found(tmp_path, *(tmp_path / name for name in names)) == names


def test_each_picture_once_in_the_order_asked_for(tmp_path):
    touch(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    assert found(tmp_path, tmp_path / "c.jpg", tmp_path, tmp_path / "a.jpg") == ["c.jpg", "a.jpg", "b.jpg"]


def test_one_string_is_one_input(tmp_path):
    touch(tmp_path, "a.jpg")
    assert find_pictures(str(tmp_path / "a.jpg")) == [tmp_path / "a.jpg"]


class TestGlobs:
    def test_in_one_folder(self, tmp_path):
        touch(tmp_path, "10.jpg", "9.jpg", "a.txt", "sub/1.jpg")
        assert found(tmp_path, str(tmp_path / "*.jpg")) == ["9.jpg", "10.jpg"]
        assert found(tmp_path, str(tmp_path / "[0-9].jpg")) == ["9.jpg"]
        assert found(tmp_path, str(tmp_path / "*")) == ["9.jpg", "10.jpg"]
        assert found(tmp_path, str(tmp_path / "s*")) == ["sub/1.jpg"]

    def test_any_depth(self, tmp_path):
        touch(tmp_path, "1.jpg", "x/2.jpg", "x/y/3.jpg", "x/y/4.png", ".z/5.jpg")
        assert found(tmp_path, str(tmp_path / "**/*.jpg")) == ["1.jpg", "x/2.jpg", "x/y/3.jpg"]
        assert found(tmp_path, str(tmp_path / "**")) == ["1.jpg", "x/2.jpg", "x/y/3.jpg", "x/y/4.png"]
        assert found(tmp_path, str(tmp_path / "**/y/*")) == ["x/y/3.jpg", "x/y/4.png"]
        assert found(tmp_path, str(tmp_path / "x/**/?.png")) == ["x/y/4.png"]

    def test_relative_patterns(self, tmp_path, monkeypatch):
        touch(tmp_path, "x/2.jpg")
        monkeypatch.chdir(tmp_path)
        assert find_pictures(["**/*.jpg"]) == [Path("x/2.jpg")]
        assert find_pictures(["*/*.jpg"]) == [Path("x/2.jpg")]

    def test_without_a_match(self, tmp_path):
        touch(tmp_path, "a.txt")
        assert "matches nothing" in refusal(str(tmp_path / "*.jpg"))
        assert "matches 1 names, but no picture" in refusal(str(tmp_path / "*"))
        assert "no such file or folder" in refusal(str(tmp_path / "nowhere/**/*.jpg"))


class TestLinks:
    def test_a_loop_ends(self, tmp_path):
        touch(tmp_path, "in/a.jpg")
        (tmp_path / "in" / "loop").symlink_to(tmp_path)
        (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
        assert found(tmp_path, tmp_path) == ["in/a.jpg"]
        assert found(tmp_path, str(tmp_path / "**/*.jpg")) == ["in/a.jpg"]

    def test_links_to_elsewhere_are_followed_and_broken_ones_passed_over(self, tmp_path):
        touch(tmp_path, "real/a.jpg", "list/b.jpg")
        (tmp_path / "list" / "more").symlink_to(tmp_path / "real")
        (tmp_path / "list" / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
        assert found(tmp_path, tmp_path / "list") == ["list/b.jpg", "list/more/a.jpg"]


class TestRefusals:
    def test_no_such_file_names_a_sibling(self, tmp_path):
        touch(tmp_path, "street.jpg", "Garden.JPG")
        assert refusal(tmp_path / "stret.jpg").endswith(f"Did you mean '{tmp_path}/street.jpg'?")
        assert refusal(tmp_path / "garden.jpg").endswith(f"Did you mean '{tmp_path}/Garden.JPG'?")
        assert "Did you mean" not in refusal(tmp_path / "quite-another-thing.bmp")

    def test_no_such_folder_names_the_one_missing(self, tmp_path):
        touch(tmp_path, "pictures/cats/a.jpg")
        message = refusal(tmp_path / "picture/cats/a.jpg")
        assert f"there is no '{tmp_path}/picture'" in message
        assert message.endswith(f"Did you mean '{tmp_path}/pictures'?")

    def test_empty_folder(self, tmp_path):
        assert f"no picture in folder '{tmp_path}'" in refusal(tmp_path)
        touch(tmp_path, "a.txt")
        assert "no picture in folder" in refusal(tmp_path)

    def test_other_impossible_inputs(self):
        assert "downloads nothing" in refusal("https://example.org/a.jpg")
        assert "an empty name" in refusal("")
        assert "cannot read" in refusal("x" * 5000)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
    def test_locked_folder(self, tmp_path):
        (tmp_path / "locked").mkdir(mode=0)
        assert "permission denied" in refusal(tmp_path)


def test_a_message_is_one_printable_line_whatever_the_name(tmp_path):
    for name in ("two\nlines.jpg", os.fsdecode(b"caf\xe9.jpg")):
        (tmp_path / name).write_bytes(b"")
        assert find_pictures([tmp_path]) == [tmp_path / name]
        with pytest.raises(InputError) as caught:
            read_picture(tmp_path / name)
        assert str(caught.value).isprintable()
        (tmp_path / name).unlink()
        assert refusal(tmp_path / name).isprintable()


def test_suffixes():
    asked = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pnm"}
    assert asked <= SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)


@given(st.lists(st.text("ab01.é", min_size=1, max_size=8), unique=True), st.randoms())
def test_natural_order_is_total_and_does_not_depend_on_the_listing(names, shuffler):
    shuffled = list(names)
    shuffler.shuffle(shuffled)
    assert sorted(shuffled, key=natural) == sorted(names, key=natural)


def test_natural_order_of_numbers():
    names = [f"img{number}.png" for number in range(120)]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural) == names
    assert sorted(["a2", "a10", "A1", "a02", "²"], key=natural) == ["A1", "a02", "a2", "a10", "²"]
