"""The feature cache: what is asked twice is computed once, whatever happened to its files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from macaw.data import cache
from macaw.data.cache import FeatureCache, cache_key
from macaw.errors import StorageError


def marks(*numbers: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in numbers]


@pytest.fixture
def asked() -> list[int]:
    return []


@pytest.fixture
def compute(asked: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    def features(places: np.ndarray) -> np.ndarray:
        asked.extend(places.tolist())
        return np.stack([[place, place / 3] for place in places]).astype(np.float32)

    return features


def test_rows_are_computed_once(compute, asked: list[int]):
    first = FeatureCache("k").rows(marks(0, 1, 2), compute)
    again = FeatureCache("k")
    assert np.array_equal(again.rows(marks(2, 0), compute), first[[2, 0]])
    assert (asked, again.found, again.computed) == ([0, 1, 2], 2, 0)
    assert np.abs(first[:, 1] - np.arange(3) / 3).max() < 1e-3  # half precision, the first time too
    assert np.array_equal(first, first.astype(np.float16))


def test_only_what_is_missing_is_computed_and_equal_pictures_once(compute, asked: list[int]):
    FeatureCache("k").rows(marks(0, 1), compute)
    rows = FeatureCache("k").rows(marks(1, 5, 5, 0), compute)
    assert len(asked) == 3 and asked[2] in {1, 2}
    assert np.array_equal(rows[1], rows[2])


def test_another_front_end_has_its_own(compute, asked: list[int]):
    FeatureCache("a").rows(marks(0), compute)
    FeatureCache("b").rows(marks(0), compute)
    assert asked == [0, 0]
    assert cache_key([b"a", b"b"]) != cache_key([b"ab", b""])


def test_a_file_cut_short_is_one_line_and_computed_again(compute, asked: list[int]):
    FeatureCache("k").rows(marks(0, 1), compute)
    (file,) = FeatureCache("k").folder.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    again = FeatureCache("k")
    assert len(again.rows(marks(0, 1), compute)) == 2
    (note,) = again.notes
    assert note.startswith(f"the cache file {file} is damaged: removed")
    assert asked == [0, 1, 0, 1]
    assert FeatureCache("k").rows(marks(0, 1), compute).shape == (2, 2) and len(asked) == 4


def test_a_full_disk_costs_only_the_next_time(compute, monkeypatch: pytest.MonkeyPatch):
    def full(path: Path, data: bytes) -> Path:
        raise StorageError(f"cannot write {path}: the disk is full; free some space")

    monkeypatch.setattr(cache, "atomic_write", full)
    kept = FeatureCache("k")
    assert kept.rows(marks(0), compute).shape == (1, 2)
    assert "the disk is full" in kept.notes[0]


def test_many_writers_at_once_lose_nothing(compute):
    def write(number: int) -> None:
        FeatureCache("k").rows(marks(number), compute)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    everything = FeatureCache("k")
    everything.rows(marks(*range(40)), compute)
    assert everything.computed == 0
