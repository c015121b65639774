"""The guides of what writes do what they say: their own lines, in order, on a few small documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from macaw.cli import main
from tests.guide.test_recipes import GUIDE, Line, blocks, commands, left_behind, shape_of

WHO = ("fox", "goat", "owl", "hare", "mole", "wren", "toad", "bear", "crow", "mouse")
WHERE = ("the wood", "the hill", "the pond", "the old mill")


def story(who: str, where: str) -> str:
    return (
        f"Once there was a {who} who lived by {where}, and every evening the {who} went out to look at "
        f"the moon.\n“What do you want?” asked the moon. “To count you,” said the {who}. “There is only "
        f"one of me,” said the moon, and the {who} went home to {where} and slept until the morning."
    )


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `my-text`, a file for each document, and `my-stories`, with titles."""
    (tmp_path / "my-text").mkdir()
    (tmp_path / "my-stories").mkdir()
    lines = []
    for who in WHO:
        for where in WHERE:
            (tmp_path / "my-text" / f"{who}-{where.split()[-1]}.txt").write_text(story(who, where))
            title = f"The {who.title()} and {where.title()}"
            lines.append(json.dumps({"title": title, "text": story(who, where)}) + "\n")
    (tmp_path / "my-stories" / "stories.jsonl").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "data"), [("complete", "my-text"), ("story", "my-stories")])
def test_a_guide_does_what_it_says(name: str, data: str, texts: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("torch")
    before = shape_of(texts / data)
    for block in blocks(GUIDE / f"{name}.md"):
        if block.kind == "python":
            exec(compile(block.text, f"{name}.md", "exec"), {})
            continue
        for line in commands(block.text):
            if line.name == "serve" or any(word.startswith("hf:") for word in line.words):
                continue  # a server does not end; a checkpoint that is not here
            capsys.readouterr()
            code = main([line.name, *shortened(line)])
            said = capsys.readouterr()
            assert code == line.code, (line, said.err)
            assert said.out or line.name == "train", line
            left_behind(line)
    assert shape_of(texts / data) == before  # data is never touched


def shortened(line: Line) -> list[str]:
    """One pass in place of minutes, and a few tokens in place of a story."""
    words = list(line.words)
    if "--minutes" in words:
        place = words.index("--minutes")
        words[place : place + 2] = ["--epochs", "1"]
    return words
