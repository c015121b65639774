"""Whole sets as one array: in memory or on disk, all problems at once, nothing left behind."""

from __future__ import annotations

import errno
import os
import tempfile

import numpy as np
import pytest

from macaw.data import hashing, pixels
from macaw.data.examples import Examples
from macaw.data.pixels import load_pixels
from macaw.data.prepare import read_fit
from macaw.errors import DataError, StorageError, UnknownName


@pytest.fixture
def some(make, photo, tmp_path) -> Examples:
    """150 pictures (three chunks) of several formats and sizes."""
    paths = []
    for index in range(150):
        kind = ("PNG", "JPEG", "BMP")[index % 3]
        path = tmp_path / f"{index}.{kind.lower()}"
        path.write_bytes(make.encode(np.roll(photo, index, axis=1)[: 20 + index % 7], kind))
        paths.append(path)
    return Examples(paths, np.arange(150) % 2)


def test_equals_one_by_one(some):
    whole = load_pixels(some, 16)
    assert whole.shape == (150, 16, 16, 3)
    assert whole.dtype == np.uint8
    assert not isinstance(whole, np.memmap)
    for index in range(150):
        assert (whole[index] == read_fit(some.sources[index], 16)).all()


def test_nothing_to_load():
    assert load_pixels(Examples([], np.zeros(0, np.int64)), 8).shape == (0, 8, 8, 3)


def test_levels_reach_the_reader(make):
    deep = make.png16(np.full((4, 4, 1), 500, np.uint16))
    one = Examples([deep], np.zeros(1, np.int64))
    assert (load_pixels(one, 4) == 2).all()
    assert (load_pixels(one, 4, levels=(0, 1000)) == 128).all()


def test_progress_ends_at_the_total(some):
    steps = []
    load_pixels(some, 8, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(64, 150), (128, 150), (150, 150)]


class TestOnDisk:
    def test_same_pixels_and_no_file_left(self, some, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
        (tmp_path / "scratch").mkdir()
        mapped = load_pixels(some, 16, memory=1000)
        assert isinstance(mapped, np.memmap)
        assert (mapped == load_pixels(some, 16)).all()
        assert list((tmp_path / "scratch").iterdir()) == []  # it has no name, so nothing can leave it behind
        mapped[0] = 9
        assert (mapped[0] == 9).all()

    def test_half_of_the_free_memory_is_the_limit(self, some, monkeypatch):
        monkeypatch.setattr(pixels, "available_memory", lambda: 2 * 150 * 16 * 16 * 3)
        assert not isinstance(load_pixels(some, 16), np.memmap)
        monkeypatch.setattr(pixels, "available_memory", lambda: 2 * 150 * 16 * 16 * 3 - 2)
        assert isinstance(load_pixels(some, 16), np.memmap)

    @pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space")
    def test_full_disk(self, some, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
        (tmp_path / "scratch").mkdir()
        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(
            StorageError, match=r"cannot write 0\.0 GB of pixels to .*: the disk is full; free"
        ):
            load_pixels(some, 16, memory=1000)
        assert list((tmp_path / "scratch").iterdir()) == []

    def test_space_is_claimed_where_the_system_cannot_reserve(self, some, monkeypatch):
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        assert (load_pixels(some, 16, memory=1000) == load_pixels(some, 16)).all()


class TestUnreadable:
    @pytest.fixture
    def broken(self, some):
        some.sources[3].write_bytes(b"")
        some.sources[70].write_bytes(b"<html>404</html>")
        some.sources[71].unlink()
        some.sources[149].write_bytes(some.sources[148].read_bytes()[:500])
        return some

    def test_all_are_counted_and_three_named(self, broken):
        with pytest.raises(DataError) as caught:
            load_pixels(broken, 8)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(f"4 of 150 pictures cannot be read: (1) {broken.sources[3]} is empty")
        assert f"(2) {broken.sources[70]} is text (HTML), not a picture" in message
        assert f"(3) no such file or folder: '{broken.sources[71]}'" in message
        assert message.endswith("; and 1 more. Replace or remove them")

    def test_blank(self, broken):
        seen = load_pixels(broken, 8, bad="blank")
        assert (seen[[3, 70, 71, 149]] == 0).all()
        assert seen[4].any()

    def test_other_choices(self, some):
        with pytest.raises(
            UnknownName, match=r"bad='blanc' is unknown; allowed are refuse and blank. Did you mean 'blank'"
        ):
            load_pixels(some, 8, bad="blanc")


def test_interrupt_stops_the_work(some, monkeypatch):
    """Ctrl-C in the main thread ends the pool: what has not started is dropped."""
    monkeypatch.setattr(hashing, "cpu_count", lambda: 1)
    many = Examples([some.sources[0]] * 20_000, np.zeros(20_000, np.int64))
    calls = []

    def interrupt(done, total):
        calls.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_pixels(many, 8, progress=interrupt)
    assert calls == [64]
