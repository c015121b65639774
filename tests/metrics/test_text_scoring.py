"""Scoring a language model on texts: the split, the figures against a closed form, the record, its page."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from macaw import zoo
from macaw.card import Card
from macaw.data.texts import read_texts
from macaw.errors import DataError, InputError
from macaw.language.vocabulary import Vocabulary
from macaw.metrics import board
from macaw.metrics.provenance import content_of_texts, reference_of, weights_of
from macaw.metrics.scoring import Wanted
from macaw.metrics.text_scoring import score
from macaw.results.board_page import board_page
from macaw.results.series import lower_is_better, series_of
from macaw.tasks import TASKS, Task
from macaw.training.progress import Silent

BYTES = Vocabulary.of("bytes")


class Even:
    """Every token is as likely as any other."""

    vocabulary = BYTES

    def score(self, ids: np.ndarray) -> np.ndarray:
        return np.full(len(ids), -log(len(BYTES)))


@dataclass
class Opened:
    """What of a Writer scoring uses."""

    folder: Path
    row: Task
    card: Card
    model: Any = field(default_factory=Even)
    engine: str = "numpy"


class Told(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.reads: list[tuple[int, int, str]] = []

    def started(self, notes):
        self.notes += notes

    def read(self, done, total, unit="pictures"):
        self.reads.append((done, total, unit))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    folder = tmp_path / "model"
    card = Card(
        task="complete", name="even", builder="network", decode={"temperature": 0.8}, names=(), prepare={},
        frontend={"name": "bytes", "config": {"tokens": 257}}, head={"name": "recurrent", "config": {}},
    )  # fmt: skip
    folder.mkdir()
    card.save(folder)
    (folder / "model.safetensors").write_bytes(b"weights")
    return Opened(folder, TASKS["complete"], card)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    rows = [{"title": f"Story {i}", "text": "abc " * (3 + i), "split": s} for i, s in enumerate(_SPLITS)]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


_SPLITS = ("train", "train", "val", "test", "test")


def test_the_figures_are_those_of_the_closed_form(opened: Opened, texts: Path):
    told = Told()
    scores, _ = score(opened, Wanted(texts, watcher=told))
    sizes = [4 * 6, 4 * 7]
    assert scores.count == 2 and scores.totals["bytes"] == sum(sizes)
    expected = (sum(sizes) + 2) * log(257) / log(2) / sum(sizes)  # the ends are foretold too
    assert scores.metrics["bits per byte"].value == pytest.approx(expected)
    assert told.reads == [(1, 2, "documents"), (2, 2, "documents")]


def test_stories_are_scored_under_their_titles(opened: Opened, texts: Path):
    scores, made = score(replace(opened, row=TASKS["story"]), Wanted(texts))
    assert scores.totals["bytes"] == 4 * 6 + 4 * 7 + 2 * len("Story 3\n\n")
    _, plain = score(opened, Wanted(texts))
    assert made().content != plain().content
    told = [f"Story {i}\n\n{'abc ' * (3 + i)}" for i in (3, 4)]
    assert made().content == content_of_texts(told)
    (texts / "all.jsonl").write_text('{"text": "no title here", "split": "test"}')
    with pytest.raises(DataError, match=r"all.jsonl, line 1 has no title"):
        score(replace(opened, row=TASKS["story"]), Wanted(texts))


def test_the_split_is_test_else_val_else_everything(opened: Opened, texts: Path, tmp_path: Path):
    assert score(opened, Wanted(texts))[1]().split == "test"
    assert score(opened, Wanted(texts, "valid"))[1]().split == "val"
    with pytest.raises(InputError, match=r"has no split 'tests'. Did you mean 'test'"):
        score(opened, Wanted(texts, "tests"))
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "train.txt").write_text("abc " * 100)
    told = Told()
    assert score(opened, Wanted(alone, watcher=told))[0].totals["bytes"] == 400
    assert any("all of train is scored, 1 document;" in note for note in told.notes)
    assert score(opened, Wanted(alone, "val"))[0].totals["bytes"] == 40  # what train sets aside


def test_the_record_can_be_reached_again(opened: Opened, texts: Path, tmp_path: Path):
    scores, made = score(opened, Wanted(texts))
    record = made()
    assert (record.task, record.data, record.split, record.count) == ("complete", "texts", "test", 2)
    assert record.content == read_texts(texts).splits["test"].key
    assert record.metrics == scores.metrics and record.reference == str(opened.folder.resolve())
    assert record.command.endswith("--split test")  # by the engine that it has anyway
    assert "--engine compiled" in replace(record, engine="compiled").command
    path = board.append(record, tmp_path / "board.jsonl")
    assert board.read(path).records == (record,)


def test_the_weights_of_all_parts_and_what_they_read_by_count(opened: Opened, tmp_path: Path):
    before = weights_of(opened)
    opened.card.replace(limits="more words").save(opened.folder)
    assert weights_of(opened) == before
    (opened.folder / "2").mkdir()
    (opened.folder / "2" / "model.safetensors").write_bytes(b"a part")
    after = weights_of(opened)
    (opened.folder / "vocabulary.json").write_text("{}")
    assert len({before, after, weights_of(opened)}) == 3


def test_an_embedded_model_is_called_by_its_own_name(opened: Opened, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    names = {}
    for name in ("complete", "complete-ngram", "other"):
        (tmp_path / name).mkdir()
        opened.card.save(tmp_path / name)
        names[name] = reference_of(replace(opened, folder=tmp_path / name))
    assert names == {
        "complete": "complete",
        "complete-ngram": "complete-ngram",
        "other": str((tmp_path / "other").resolve()),
    }
    hub = tmp_path / "snapshot"
    hub.mkdir()
    card = opened.card.replace(training={"source": "hf:owner/name@abc"})
    assert reference_of(replace(opened, folder=hub, card=card)) == "hf:owner/name@abc"


def test_the_board_shows_it_with_its_own_metric_first_and_lower_as_better(opened: Opened, texts: Path):
    worse = score(opened, Wanted(texts))[1]()
    better = replace(
        worse, model="ours", time="2026-12-01T00:00:00Z",
        metrics={n: replace(m, value=m.value / 2, low=m.low / 2) for n, m in worse.metrics.items()},
    )  # fmt: skip
    (series,) = series_of([worse, better])
    assert series.metrics[0] == "bits per byte" and series.best("bits per byte") is better
    assert all(lower_is_better(name) for name in series.metrics)
    page = board_page([worse, better])
    assert "By bits per byte, lower is better" in page and "picture" not in page
