"""Small language models that are really trained, in a fraction of a second each, and saved with a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from macaw.card import Card
from macaw.language.mixture_files import save_mixture
from macaw.language.ngram import Ngram
from macaw.language.shapes import RecurrentShape, Shape, TransformerShape, head_of
from macaw.language.vocabulary import Vocabulary

CONTEXT = 32  # tokens of the Transformer's window
ORDER = 8  # of the n-gram
STEPS = 120  # of training: the text is learned by heart, more or less
DECODE = {"temperature": 0.8, "top_p": 0.95, "limit": 24}
_WHO = ("fox", "owl", "hare", "mole", "wren", "toad")
_WHERE = ("the wood", "the hill", "the pond")


def _told(who: str, where: str) -> str:
    return (
        f"The {who.title()} and {where.title()}\n\n"
        f"Once there was a {who} who lived by {where}. The {who} was not afraid.\n"
        f"“Where do you go?” said the moon. “To {where},” said the {who}, and so it went home."
    )


@pytest.fixture(scope="session")
def tiny_texts() -> list[str]:
    """18 documents: a title, a blank line, two paragraphs."""
    return [_told(who, where) for who in _WHO for where in _WHERE]


@pytest.fixture(scope="session")
def tiny_vocabulary(tiny_texts: list[str]) -> Vocabulary:
    """Pieces of words that give every text back."""
    return Vocabulary.learn(tiny_texts, "pieces", size=320)


@pytest.fixture(scope="session")
def written(
    tiny_texts: list[str], tiny_vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """`written(kind)`: a folder of a saved "ngram", "transformer", "recurrent" or "mixture", with its card.

    `task` is the row on the card, "complete" or "story". Each is made once; do not write into it.
    """
    made: dict[tuple[str, str], Path] = {}

    def folder(kind: str, task: str = "complete") -> Path:
        if (kind, task) not in made:
            out = tmp_path_factory.mktemp("written") / f"tiny-{kind}"
            made[kind, task] = out
            if kind == "mixture":
                parts = [folder("ngram", task), folder("recurrent", task)]
                head = {"name": "mixture", "config": {"parts": ["ngram", "recurrent"]}}
                save_mixture(out, parts, [0.6, 0.4], card=_card(kind, task, head, tiny_vocabulary))
            elif kind == "ngram":
                documents = [tiny_vocabulary.document(text) for text in tiny_texts]
                model = Ngram.learn(documents, tiny_vocabulary, order=ORDER)
                head = {"name": "ngram", "config": {"order": ORDER}}
                model.save(out, card=_card(kind, task, head, tiny_vocabulary))
            else:
                _train(_shape(kind, tiny_vocabulary), tiny_texts, tiny_vocabulary, out, task)
        return made[kind, task]

    return folder


def _shape(kind: str, vocabulary: Vocabulary) -> Shape:
    never = -1 if vocabulary.begin is None else vocabulary.begin
    if kind == "transformer":
        return TransformerShape(len(vocabulary), width=32, depth=2, heads=4, context=CONTEXT, never=never)
    return RecurrentShape(len(vocabulary), width=48, embedding=24, never=never)


def _card(kind: str, task: str, head: dict[str, Any], vocabulary: Vocabulary) -> Card:
    return Card(
        task=task,
        name=f"tiny-{kind}",
        builder=kind if kind in {"ngram", "mixture"} else "network",
        frontend={"name": vocabulary.kind, "config": {"tokens": len(vocabulary)}},
        head=head,
        names=(),
        prepare={},
        decode=dict(DECODE),
        training={"data": "tiny"},
        terms={"code": "Apache-2.0", "data": "made for tests"},
    )


def _train(shape: Shape, texts: list[str], vocabulary: Vocabulary, out: Path, task: str) -> None:
    """Some steps of Adam over windows of all documents in a row."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    from macaw.language.fit_tokens import save_network
    from macaw.language.modules import build

    torch.manual_seed(0)
    module = build(shape).train()
    ids = torch.from_numpy(np.concatenate([vocabulary.document(text) for text in texts]).astype(np.int64))
    rows = ids.unfold(0, CONTEXT + 1, 1)  # (N, CONTEXT + 1), wherever they begin
    chosen = np.random.default_rng(0)
    steps = torch.optim.Adam(module.parameters(), 2e-2 if shape.kind == "recurrent" else 1e-2)
    for _ in range(STEPS):
        some = rows[torch.from_numpy(chosen.integers(0, len(rows), 8))]
        logits = module(some[:, :-1])[0]
        steps.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), some[:, 1:].flatten()).backward()
        steps.step()
    card = _card(shape.kind, task, head_of(shape), vocabulary)
    save_network(out, module.eval(), card=card, vocabulary=vocabulary, rows=[])
