"""Hub card: what is known of a causal checkpoint, as a card has it: source, terms, how to draw from it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from macaw.card import Card
from macaw.errors import InputError, UnknownName
from macaw.language.settings import Settings
from macaw.runtime.hubfiles import DRAWING, Checkpoint, licence, values_of

BUILDER = HEAD = "hub"  # there is no folder of ours that it could be built from
_DRAWN = {"temperature": 0.8, "top_p": 0.95, "limit": 128}  # where its makers do not say how to draw
_THEIRS = {  # the library's names of settings -> ours
    "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p",
    "typical_p": "typical", "repetition_penalty": "repetition", "no_repeat_ngram_size": "no_repeat",
}  # fmt: skip


def card_of(found: Checkpoint, tokens: int, context: int | None, unused: list[str]) -> Card:
    """The card of a checkpoint over so many tokens; `unused` are the names of weights that nothing uses."""
    kind = str(found.config.get("model_type"))
    return Card(
        task="complete",
        name=found.name,
        builder=BUILDER,
        frontend={"name": "pieces", "config": {"tokens": tokens}},
        head={"name": HEAD, "config": {"type": kind, "context": context}},
        names=(),
        prepare={},
        decode=_drawing(values_of(found, DRAWING)),
        training={"source": found.source, "transformers": version("transformers"), "unused": unused},
        terms={
            "code": "Apache-2.0",
            "weights": licence(found.folder) or "not stated by the checkpoint",
            "data": "not stated by the checkpoint",
        },
        limits="weights of another project, as they are; what they were trained on, their README says",
    )


def _drawing(said: Mapping[str, Any]) -> dict[str, Any]:
    """How its makers draw from it, in the words of a card; ours where they do not say, or cannot mean it."""
    if said.get("do_sample") is not True:
        return dict(_DRAWN)
    given = {ours: said[theirs] for theirs, ours in _THEIRS.items() if said.get(theirs) is not None}
    try:
        settings = Settings.of(given)
    except (InputError, UnknownName, TypeError):
        return dict(_DRAWN)
    return {**settings.changed, "limit": _DRAWN["limit"]}
