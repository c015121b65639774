"""TextScores: the text, the page, the table and the sheet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.metrics.likelihood import Likelihood
from macaw.results.text_scores import TextScores
from macaw.testing import check_result


def scores(number: int = 12, *, lossless: bool = True, seconds: float = 2.0) -> TextScores:
    random = np.random.default_rng(0)
    held = Likelihood("words" if not lossless else "pieces", lossless=lossless)
    for i in range(number):
        text = "the cat sat on the mat\n" * (20 + i)
        logp = -random.exponential(1 + i / 10, 60)
        held.add(f"Story {i} of <cats> & mats", text, logp, unknown=logp < -5)
    return held.scores(seconds=seconds, resamples=200)


@pytest.mark.parametrize("result", [scores(), scores(1), scores(3, lossless=False, seconds=0)])
def test_the_contract_of_results(result: TextScores):
    check_result(result)


def test_the_text_has_every_figure_and_the_hardest():
    lines = str(scores()).splitlines()
    assert lines[0].startswith("12 documents of 2,") and lines[0].endswith("read as 720 pieces, 360 a second")
    assert lines[1].strip().startswith("bits per byte") and "bits [" in lines[1]
    assert "hardest to foretell, bits per byte" in lines
    first = lines[lines.index("hardest to foretell, bits per byte") + 1]
    worst = scores().bits.max()
    assert first.endswith(f"{worst:.3f}") and scores().hardest(1) == (
        (first.rpartition("  ")[0].strip(), worst),
    )
    assert scores().headline == f"bits per byte {scores().metrics['bits per byte']}"
    words = str(scores(3, lossless=False))
    assert "bits per byte         n/a" in words and "hardest" not in words
    assert scores(3, lossless=False).headline.startswith("nats per token")


def test_short_documents_and_single_ones_are_not_the_hardest():
    held = Likelihood("bytes")
    held.add("long", "x" * 300, np.full(301, -1.0))
    assert held.scores().hardest() == ()
    held.add("a few words", "x" * 20, np.full(21, -9.0))
    held.add("longer", "x" * 400, np.full(401, -2.0))
    assert [label for label, _ in held.scores().hardest()] == ["longer", "long"]
    held.add("empty", "", np.array([-1.0]))
    assert np.isnan(held.scores().bits[-1])


def test_files(tmp_path: Path):
    result = scores()
    table = result.save(tmp_path / "scores.csv").read_text().splitlines()
    assert table[0] == "document,nats,tokens,unknown,words,characters,bytes" and len(table) == 13
    values = json.loads(result.save(tmp_path / "scores.json").read_text())
    assert values["totals"]["tokens"] == 720 and values["totals"]["nats"] == pytest.approx(result.nats.sum())
    assert values["metrics"]["bits per byte"]["unit"] == "bits" and len(values["hardest"]) == 10
    page = result.save(tmp_path / "scores.html").read_text()
    assert "&lt;cats&gt; &amp; mats" in page and "<cats>" not in page
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    with pytest.raises(InputError, match=r"use \.json, \.csv, \.html"):
        result.save(tmp_path / "scores.txt")


def test_totals_must_fit_the_documents():
    three = np.ones(3, np.int64)
    with pytest.raises(InputError, match=r"words has shape \(2,\); 3 documents need \(3,\)"):
        TextScores("bytes", ("a", "b", "c"), {}, (), np.ones(3), three, three, three[:2], three, three)
