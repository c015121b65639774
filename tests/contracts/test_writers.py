"""The contract of language models, over one of each kind, made here, and over every embedded one."""

from __future__ import annotations

import pytest

from macaw import zoo
from macaw.card import Card
from macaw.language.opening import OPENERS
from macaw.tasks import TASKS
from macaw.testing import check_writer

TEXT = "Once there was a fox who lived by the wood. The fox was not afraid of the moon."
ENGINES = {"network": ("numpy", "compiled", "torch"), "ngram": ("numpy",), "mixture": ("numpy", "compiled")}


def test_every_kind_is_tried():
    assert set(ENGINES) == set(OPENERS)
    assert {task.builder for task in TASKS.values() if task.takes == "text"} <= set(OPENERS)


@pytest.mark.parametrize("kind", ["ngram", "transformer", "recurrent", "mixture"])
def test_a_model_of_each_kind(kind, written):
    folder = written(kind)
    check_writer(folder, TEXT, engines=ENGINES[Card.load(folder).builder])


def test_a_model_that_remembers_what_it_wrote_is_found_out(written, monkeypatch):
    from macaw.language.ngram import Ngram

    told = Ngram.next
    monkeypatch.setattr(Ngram, "next", lambda self, ids, state=None: (told(self, ids, state)[0] / 2, state))
    with pytest.raises(AssertionError, match="sum to one"):
        check_writer(written("ngram"), TEXT)


def test_every_embedded_model():
    names = [name for name in zoo.names() if Card.load(zoo.folder(name)).row.takes == "text"]
    assert {"complete", "complete-lstm", "complete-ngram"} <= set(names)
    for name in names:
        folder = zoo.folder(name)
        check_writer(folder, TEXT, engines=ENGINES[Card.load(folder).builder])
