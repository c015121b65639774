"""The card: what is saved comes back, and whatever else lies there is refused in one line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.card import FORMAT, Card
from macaw.errors import ModelError

VALUES: dict[str, Any] = {
    "task": "classify",
    "name": "birds",
    "builder": "recognizer",
    "frontend": {"name": "image", "config": {"dial": 1.0}},
    "head": {"name": "label", "config": {"labels": 2}},
    "names": ["macaw", "kea é"],
    "prepare": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 1], "levels": None},
    "decode": {"temperature": 1, "multi": False},
    "scores": {"val": {"top-1 error": [0.1, 0.0, 0.2]}},
    "training": {"recipe": {"epochs": 3}},
    "exported": {"precision": "int8"},
    "terms": {"code": "Apache-2.0"},
    "limits": "knows two birds",
    "format": FORMAT,
}


def write(folder: Path, values: Any) -> Path:
    (folder / "card.json").write_text(values if isinstance(values, str) else json.dumps(values))
    return folder


def refusal(folder: Path, values: Any) -> str:
    with pytest.raises(ModelError) as problem:
        Card.load(write(folder, values))
    message = str(problem.value)
    assert "card.json" in message and "\n" not in message
    return message


def test_what_is_saved_comes_back(tmp_path: Path):
    card = Card(**{**VALUES, "names": tuple(VALUES["names"])})
    path = card.save(tmp_path)
    assert path == tmp_path / "card.json"
    assert json.loads(path.read_text(encoding="utf-8")) == card.to_dict() == VALUES
    assert "kea é" in path.read_text(encoding="utf-8")  # names as a person reads them
    assert Card.load(tmp_path) == card
    assert card.replace(limits="").limits == "" and card.limits == "knows two birds"


def test_what_is_for_the_reader_may_be_missing(tmp_path: Path):
    needed = ("task", "name", "builder", "frontend", "head", "names", "prepare", "decode")
    card = Card.load(write(tmp_path, {name: VALUES[name] for name in needed}))
    assert (card.scores, card.training, card.terms, card.limits) == ({}, {}, {}, "")


def test_unknown_fields_are_passed_over(tmp_path: Path):
    assert Card.load(write(tmp_path, {**VALUES, "colour": "green"})).name == "birds"


def test_a_folder_without_a_card_is_no_model(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match=r"is not a model: it has no card\.json; give a folder"):
            Card.load(folder)


def test_a_card_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "card.json").mkdir()
    with pytest.raises(ModelError, match=r"cannot read .*: is a directory"):
        Card.load(tmp_path)


def test_a_later_format_is_refused(tmp_path: Path):
    assert refusal(tmp_path, {**VALUES, "format": FORMAT + 1}).endswith("upgrade macaw")


@pytest.mark.parametrize(
    "name",
    [name for name in VALUES if name not in {"scores", "training", "exported", "terms", "limits", "format"}],
)
def test_a_missing_field_is_named(tmp_path: Path, name: str):
    values = {field: value for field, value in VALUES.items() if field != name}
    assert f"it has no field '{name}'" in refusal(tmp_path, values)


WRONG = [
    ("task", 3),
    ("name", None),
    ("builder", ["recognizer"]),
    ("frontend", "image"),
    ("frontend", {"name": "image"}),
    ("head", {"name": 1, "config": {}}),
    ("names", "macaw"),
    ("names", []),
    ("names", ["macaw", "macaw"]),
    ("names", ["macaw", 2]),
    ("names", [["macaw"], "kea"]),
    ("prepare", {}),
    ("prepare", {**VALUES["prepare"], "size": 0}),
    ("prepare", {**VALUES["prepare"], "size": 32.5}),
    ("prepare", {**VALUES["prepare"], "mean": [0.5]}),
    ("prepare", {**VALUES["prepare"], "mean": [0.5, 0.5, float("nan")]}),
    ("prepare", {**VALUES["prepare"], "std": [0.5, 0.5, 0]}),
    ("prepare", {**VALUES["prepare"], "std": None}),
    ("prepare", {**VALUES["prepare"], "levels": [5, 5]}),
    ("prepare", {**VALUES["prepare"], "levels": [5]}),
    ("decode", {"temperature": 0, "multi": False}),
    ("decode", {"temperature": True, "multi": False}),
    ("decode", {"temperature": 1.0, "multi": "no"}),
    ("decode", {"multi": False}),
    ("format", "1"),
    ("format", True),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}={value}"[:60] for name, value in WRONG])
def test_a_field_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: Any):
    assert f"field '{name}' must be" in refusal(tmp_path, {**VALUES, name: value})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", '"card"', "{}", "[" * 100_000, json.dumps(VALUES)[:-9]]
)
def test_what_is_no_card_is_damaged(tmp_path: Path, text: str):
    assert "is damaged" in refusal(tmp_path, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)


@given(
    path=st.sampled_from(
        [(f,) for f in VALUES]
        + [("prepare", f) for f in VALUES["prepare"]]
        + [("decode", f) for f in VALUES["decode"]]
    ),
    value=JSON,
)
def test_any_value_anywhere_gives_a_card_or_a_model_error(
    path: tuple[str, ...], value: Any, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("card", numbered=True)
    values = copy.deepcopy(VALUES)
    place = values if len(path) == 1 else values[path[0]]
    place[path[-1]] = value
    write(folder, values)
    try:
        card = Card.load(folder)
    except ModelError:
        return
    size, std = card.prepare["size"], card.prepare["std"]
    assert size > 0 and min(std) > 0 and card.decode["temperature"] > 0
    assert len(set(card.names)) == len(card.names) > 0
