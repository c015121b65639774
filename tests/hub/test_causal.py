"""The files of causal checkpoints: what is fetched, when somebody asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from macaw.errors import ModelError, UnknownName
from macaw.language.hub import adopt_causal, is_causal
from macaw.runtime.hubfetch import find
from macaw.runtime.hubfiles import config_of, parse

OF_TEXT = {
    "config.json": json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "xyz"}).encode(),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
    "generation_config.json": b"{}",
    "vocab.json": b"{}",  # of the slow tokenizer
}


def writing(hub: Any) -> str:
    """The repository of the Hub as that of a language model."""
    hub.repos["owner/writer"] = {
        **OF_TEXT, "model.safetensors": hub.repos["owner/stub"]["model.safetensors"]
    }  # fmt: skip
    return "hf:owner/writer"


def test_a_language_model_comes_with_its_tokenizer(hub: Any, home: Path):
    name = writing(hub)
    assert not is_causal(name) and hub.asked == []  # nothing is fetched unasked
    assert is_causal(name, download=True)
    found = find(name)
    names = {path.name for path in found.folder.iterdir()}
    assert names == {"model.safetensors", *OF_TEXT} - {"vocab.json"}
    asked = len(hub.asked)
    assert is_causal(name) and len(hub.asked) == asked
    assert config_of(parse(f"hf:owner/writer@{found.commit[:8]}")) == found.config


def test_a_tokenizer_that_a_snapshot_lacks_is_fetched(hub: Any, home: Path):
    name = writing(hub)
    found = find(name, download=True)
    (found.folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json; fetch it again with --download"):
        adopt_causal(name)
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):  # it is there, and as empty
        adopt_causal(name, download=True)


def test_a_picture_model_is_fetched_as_before_and_is_not_causal(hub: Any, home: Path):
    assert not is_causal("hf:owner/stub", download=True)
    assert find("hf:owner/stub").config["model_type"] == "vit"
    with pytest.raises(UnknownName, match="the Hub has no repository 'owner/other'"):
        is_causal("hf:owner/other", download=True)
