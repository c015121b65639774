"""Splits and identities by content."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.examples import Examples
from macaw.data.hashing import content_hash, digests, hashed_split, in_chunks
from macaw.errors import InputError


def marks(numbers) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in numbers]


single = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=60)


@given(single, st.floats(0.01, 0.9), st.integers(0, 5))
def test_disjoint_complete_and_equal_pictures_together(pairs, share, seed):
    names = marks(number for number, _ in pairs)
    targets = np.array([target for _, target in pairs], np.int64)
    train, val = hashed_split(names, targets, share=share, seed=seed)
    assert sorted([*train, *val]) == list(range(len(pairs)))
    assert not {names[index] for index in train} & {names[index] for index in val}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0.01, 0.9), st.randoms())
def test_every_class_on_both_sides_whatever_the_order(targets, share, shuffler):
    names = marks(range(len(targets)))
    train, val = hashed_split(names, np.array(targets), share=share)
    for target in set(targets):
        number = targets.count(target)
        inside = sum(targets[index] == target for index in val)
        assert inside == (0 if number == 1 else min(number - 1, max(1, round(number * share))))
    order = list(range(len(targets)))
    shuffler.shuffle(order)
    _, again = hashed_split([names[index] for index in order], np.array(targets)[order], share=share)
    assert {order[index] for index in again} == set(val.tolist())
    assert len(train) >= 1


@given(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=50), st.floats(0.05, 0.5))
def test_several_labels(rows, share):
    targets = np.zeros((len(rows), 5), np.float32)
    for row, some in enumerate(rows):
        targets[row, list(some)] = 1
    train, val = hashed_split(marks(range(len(rows))), targets, share=share)
    assert sorted([*train, *val]) == list(range(len(rows)))
    rarest = min((count for count in targets.sum(axis=0) if count), default=0)
    for column in np.flatnonzero(targets.sum(axis=0) == rarest)[:1] if rarest > 1 else []:
        assert targets[val, column].any()
        assert targets[train, column].any()


def test_known_split():
    """What is set aside today must be set aside in a year: a model's scores depend on it."""
    _, val = hashed_split(marks(range(20)), np.arange(20) % 2, share=0.2)
    assert val.tolist() == [3, 6, 9, 18]
    _, val = hashed_split(marks(range(20)), np.arange(20) % 2, share=0.2, seed=1)
    assert val.tolist() != [3, 6, 9, 18]


def test_digests_are_sha256_of_the_bytes(tmp_path):
    for index in range(600):  # more than one chunk
        (tmp_path / str(index)).write_bytes(str(index).encode())
    assert digests([tmp_path / str(index) for index in range(600)]) == marks(range(600))
    with pytest.raises(InputError, match="no such file"):
        digests([tmp_path / "0", tmp_path / "gone"])


class TestContentHash:
    def examples(self, root, bodies, targets):
        root.mkdir(exist_ok=True)
        paths = []
        for index, body in enumerate(bodies):
            paths.append(root / f"{index}.png")
            paths[-1].write_bytes(body)
        return Examples(paths, np.array(targets))

    def test_depends_on_content_order_and_targets_alone(self, tmp_path):
        base = content_hash(self.examples(tmp_path / "a", [b"x", b"yz"], [0, 1]))
        assert len(base) == 64
        assert base == content_hash(self.examples(tmp_path / "b", [b"x", b"yz"], [0, 1]))
        different = [
            ([b"yz", b"x"], [0, 1]),
            ([b"xy", b"z"], [0, 1]),
            ([b"x", b"yz"], [1, 0]),
            ([b"x", b"yz", b""], [0, 1, 0]),
            ([b"x", b"yz"], [[1.0, 0.0], [0.0, 1.0]]),
        ]
        hashes = {content_hash(self.examples(tmp_path / "c", *case)) for case in different}
        assert len(hashes | {base}) == 6

    def test_known_value_and_integer_width(self, tmp_path):
        some = self.examples(tmp_path, [b"x"], [3])
        wire = hashlib.sha256(b"x").digest() + b"(1,)" + (3).to_bytes(8, "little")
        assert content_hash(some) == hashlib.sha256(wire).hexdigest()
        assert content_hash(Examples(some.sources, np.array([3], np.int32))) == content_hash(some)


class TestChunks:
    @pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 50])
    def test_every_position_once_and_in_order(self, total):
        done = list(in_chunks(list, total, chunk=8))
        assert [index for _, part in done for index in part] == list(range(total))

    def test_an_error_stops_the_rest(self):
        seen = []

        def work(part):
            seen.append(part.start)
            if part.start == 0:
                raise InputError("no")
            return part

        with pytest.raises(InputError):
            list(in_chunks(work, 5_000, chunk=1))
        assert len(seen) < 5_000
