"""Near copies: the search against brute force, what is found again, and what is not mistaken for a copy."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from macaw.data.duplicates import (
    ALIKE,
    COPY,
    SIDE,
    Fingerprints,
    close_pairs,
    correlation,
    fingerprints,
    near_copies,
)

words = st.integers(0, 2**64 - 1)


@given(st.lists(words, max_size=40), st.integers(0, 15), st.randoms())
def test_the_search_finds_what_brute_force_finds(some: list[int], radius: int, chance):
    near = [word ^ (1 << chance.randrange(64)) ^ (1 << chance.randrange(64)) for word in some]
    bits = np.array([*some, *near], np.uint64)
    parts = list(close_pairs(bits, bits, radius=radius))
    found = sorted((int(i), int(j)) for left, right in parts for i, j in zip(left, right, strict=True))
    brute = [
        (i, j)
        for i in range(len(bits))
        for j in range(i + 1, len(bits))
        if (int(bits[i]) ^ int(bits[j])).bit_count() <= radius
    ]
    assert found == brute  # each once


@given(st.lists(words, min_size=2, max_size=30), st.integers(0, 11))
def test_queries_may_differ_from_the_base(some: list[int], radius: int):
    base = np.array(some, np.uint64)
    queries = base ^ np.uint64(0xFFFF)
    parts = list(close_pairs(queries, base, radius=radius))
    found = {(int(i), int(j)) for left, right in parts for i, j in zip(left, right, strict=True)}
    assert found == {
        (i, j)
        for i in range(len(base))
        for j in range(i + 1, len(base))
        if int(queries[i] ^ base[j]).bit_count() <= radius
    }


def scene(seed: int) -> Image.Image:
    """A picture of 64 pixels whose detail falls off as that of photographs does."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).resize((64, 64), 3), np.float32
        )
        / step
        for step, size in enumerate((3, 6, 12, 24, 48), start=1)
    ]
    mixed = sum(layers) / sum(1 / step for step in range(1, 6))
    mixed = 0.3 * mixed + 0.7 * mixed.mean(axis=2, keepdims=True)
    return Image.fromarray(np.clip((mixed - 128) * 2 + 128, 0, 255).astype(np.uint8))


def prints(*pictures: Image.Image) -> Fingerprints:
    small = [
        np.asarray(one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for one in pictures
    ]
    return fingerprints(np.stack(small))


def jpeg(picture: Image.Image, quality: int = 60) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


COPIES = {
    "as it is": (lambda p: p, COPY),
    "re-encoded": (jpeg, COPY),
    "at 90 % of its size": (lambda p: p.resize((58, 58), Image.Resampling.BICUBIC), COPY),
    "at four times its size": (lambda p: p.resize((256, 256), Image.Resampling.BICUBIC), COPY),
    "brighter": (lambda p: p.point(lambda value: min(255, value * 1.1)), COPY),
    "darker": (lambda p: p.point(lambda value: value * 0.9), COPY),
    "in grey": (lambda p: p.convert("L"), ALIKE),
    "without a margin of 3 %": (lambda p: p.crop((1, 1, 63, 63)), ALIKE),
}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("change", COPIES)
def test_a_copy_is_found_again(change: str, mirrored: bool):
    alter, least = COPIES[change]
    pictures = [scene(seed) for seed in range(40)]
    copies = [alter(one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else one) for one in pictures]
    found = near_copies(prints(*pictures, *copies))
    right = {(i, i + 40) for i in range(40)}
    kept = {tuple(pair) for pair in found.pairs.tolist()}
    assert kept <= right  # nothing else
    assert len(kept) >= 38
    assert (found.likeness >= least).mean() >= 0.95
    assert not found.crowded and (found.mirrored == mirrored).all()


def test_most_alike_comes_first():
    one, other = scene(1), scene(2)
    found = near_copies(prints(one, other, jpeg(other, 30), one))
    assert found.pairs.tolist() == [[0, 3], [1, 2]]
    assert found.likeness[0] == pytest.approx(1, abs=2e-3)


def test_the_same_thing_in_another_colour_is_no_copy():
    shape = np.zeros((64, 64), bool)
    shape[12:50, 20:40] = shape[30:36, 8:60] = True
    red, blue = (
        Image.fromarray(np.where(shape[:, :, None], colour, 235).astype(np.uint8))
        for colour in ((200, 30, 30), (30, 90, 240))
    )
    assert len(near_copies(prints(red, blue, *map(scene, range(9)))).pairs) == 0
    assert near_copies(prints(red, jpeg(red), *map(scene, range(9)))).pairs.tolist() == [[0, 1]]


def test_a_symmetric_picture_is_paired_once():
    half = np.asarray(scene(3))[:, :32]
    whole = Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))
    found = near_copies(prints(whole, jpeg(whole)))
    assert found.pairs.tolist() == [[0, 1]]


def test_a_crowded_set_is_told_and_judged_strictly():
    rng = np.random.default_rng(0)
    base = np.asarray(scene(0), np.float32)
    shots = [
        Image.fromarray(
            np.clip(base + 150 * (np.asarray(scene(100 + k), np.float32) / 255 - 0.5), 0, 255).astype(
                np.uint8
            )
        )
        for k in range(60)
    ]
    found = near_copies(prints(*shots, jpeg(shots[rng.integers(60)], 90)))
    assert found.crowded


def test_nothing_and_one():
    assert len(near_copies(Fingerprints.joined([])).pairs) == 0
    assert len(near_copies(prints(scene(0))).pairs) == 0


def test_joined_parts_are_the_whole():
    whole = prints(*map(scene, range(6)))
    parts = Fingerprints.joined([prints(*map(scene, range(2))), prints(*map(scene, range(2, 6)))])
    for name in whole.__dataclass_fields__:
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_correlation_is_numpys():
    left, right = np.random.default_rng(0).random((2, 8, 8, 3))
    assert correlation(left, right) == pytest.approx(np.corrcoef(left.ravel(), right.ravel())[0, 1])
    assert correlation(np.full((4, 4), 7), left[:4, :4, 0]) == 0
