"""The recipe: one dial, overrides by name, and numbers that cannot be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.errors import InputError, UnknownName
from macaw.training.augment import Augmentation
from macaw.training.recipe import Recipe, choose

EXAMPLES = st.integers(1, 2_000_000)
EFFORT = st.floats(0.001, 100)


def steps(recipe: Recipe, examples: int) -> float:
    return recipe.epochs * max(1, examples // recipe.batch)


@given(examples=EXAMPLES, one=EFFORT, other=EFFORT)
def test_a_higher_effort_never_has_fewer_steps(examples: int, one: float, other: float):
    low, high = (choose(examples, effort=effort) for effort in sorted((one, other)))
    assert steps(low, examples) <= steps(high, examples)
    for name in ("zoom", "colour", "cutout"):
        assert getattr(low.augmentation, name) <= getattr(high.augmentation, name)


@given(examples=EXAMPLES, effort=EFFORT)
def test_twice_the_effort_is_twice_the_epochs(examples: int, effort: float):
    once, twice = choose(examples, effort=effort), choose(examples, effort=2 * effort)
    assert twice.epochs == pytest.approx(2 * once.epochs)
    assert twice.batch == once.batch


@given(examples=EXAMPLES)
def test_the_default_effort_is_bounded(examples: int):
    recipe = choose(examples)
    assert 4 <= recipe.epochs <= 100
    assert recipe.batch == 16 or examples / recipe.batch >= 16  # steps enough for the schedule
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@given(examples=EXAMPLES, one=st.floats(0.1, 600), other=st.floats(0.1, 600))
def test_more_minutes_never_augment_less(examples: int, one: float, other: float):
    low, high = (choose(examples, minutes=minutes) for minutes in sorted((one, other)))
    assert (low.minutes, high.minutes) == (min(one, other), max(one, other))
    assert low.augmentation.cutout <= high.augmentation.cutout <= 0.35


def test_overrides_reach_the_augmentation_too():
    recipe = choose(500, seed=3).override(epochs=7, rate=0.01, flip=0.0, mixup=0.2)
    assert (recipe.epochs, recipe.rate, recipe.seed) == (7, 0.01, 3)
    assert (recipe.augmentation.flip, recipe.augmentation.mixup) == (0.0, 0.2)
    assert recipe.augmentation.zoom == choose(500).augmentation.zoom
    assert Recipe().override() == Recipe()
    assert Recipe().augmentation == Augmentation()


def test_an_unknown_number_is_named_with_the_closest():
    with pytest.raises(UnknownName, match=r"no 'epoch'\. Did you mean 'epochs'\? It has: epochs, "):
        Recipe().override(epoch=3)
    with pytest.raises(UnknownName, match=r"no 'cutou'\. Did you mean 'cutout'"):
        Recipe().override(cutou=0.1)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ({"epochs": 0}, "epochs=0: a number above 0"),
        ({"epochs": -1}, "epochs=-1: a number of 0 or more"),
        ({"epochs": float("nan")}, "epochs=nan"),
        ({"epochs": float("inf")}, "epochs=inf"),
        ({"epochs": "3"}, "epochs='3'"),
        ({"batch": 0}, "batch=0: a number above 0"),
        ({"batch": 2.5}, "batch=2.5: a whole number"),
        ({"rate": 0}, "rate=0"),
        ({"start_size": 0}, "start_size=0"),
        ({"flip": 1.5}, "flip=1.5: a share, from 0 to 1"),
        ({"ema": 2}, "ema=2: a share"),
        ({"patience": -1}, "patience=-1"),
        ({"mixup": -0.1}, "mixup=-0.1"),
    ],
)
def test_numbers_that_cannot_be(number: dict[str, object], words: str):
    with pytest.raises(InputError, match=words):
        Recipe().override(**number)


@pytest.mark.parametrize("effort", [0, -1, float("nan"), float("inf")])
def test_efforts_that_cannot_be(effort: float):
    with pytest.raises(InputError, match="effort="):
        choose(100, effort=effort)


def test_ends_of_the_ranges_are_allowed():
    Recipe().override(
        momentum=0, decay=0, smoothing=0, warmup=0, ema=0, patience=0, flip=0, shift=0, zoom=1, colour=0,
        mixup=0, cutout=1, epochs=0.01, batch=1, start_size=1,
    )  # fmt: skip
