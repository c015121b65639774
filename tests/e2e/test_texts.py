"""Texts on the command line: written as they come, as JSON, from standard input, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from macaw.cli import main
from macaw.language.writer import Writer
from tests.language.conftest import tiny_texts, tiny_vocabulary, written

__all__ = ["tiny_texts", "tiny_vocabulary", "written"]


@pytest.fixture
def teller(written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return str(written("ngram"))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["run", *words])
    out, err = capsys.readouterr()
    return code, out, err


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_text_is_printed_behind_its_prompt_as_python_has_it(teller: str, capsys: Any):
    code, out, err = said(capsys, teller, "Once there was", "--seed", "3", "--limit", "9")
    answer = Writer(teller).run("Once there was", seed=3, limit=9)
    assert (code, out, err) == (0, f"{answer.whole}\n", "")
    assert out.startswith("Once there was ")


def test_json_is_a_line_for_each_continuation(teller: str, capsys: Any):
    code, out, _ = said(capsys, teller, "Once", "--count", "3", "--limit", "5", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["item"] for line in lines] == [0, 1, 2]
    assert lines == [answer.to_dict() for answer in Writer(teller).run("Once", count=3, limit=5)]


def test_prompts_come_from_files_and_from_standard_input(teller: str, capsys: Any, monkeypatch: Any):
    Path("letter.txt").write_bytes(b"\xef\xbb\xbfOnce there\r\n")
    _, out, _ = said(capsys, teller, "letter.txt", "--limit", "3", "--json")
    told = json.loads(out)
    assert (told["prompt"], told["source"]) == ("Once there", "letter.txt")
    piped(monkeypatch, b"Once there\n")
    _, out, _ = said(capsys, teller, "-", "--limit", "3", "--json")
    assert json.loads(out) == {**told, "source": ""}


def test_a_score_tells_how_likely_a_text_is(teller: str, capsys: Any):
    _, out, _ = said(capsys, teller, "Once there was a fox", "--score", "--json")
    told, scored = json.loads(out), Writer(teller).scored("Once there was a fox")
    assert told == scored.to_dict()
    _, out, _ = said(capsys, teller, "Once there was a fox", "--score")
    assert out.startswith(f"{scored.bits_per_byte:.3f} bits per byte")


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", "Once"), ("a.json", '"prompt"'), ("a.html", "<!doctype html>")]
)
def test_an_answer_is_kept_in_a_file(teller: str, capsys: Any, name: str, text: str):
    assert said(capsys, teller, "Once", "--limit", "3", "--save", name)[0] == 0
    assert text in Path(name).read_text()


def test_answers_are_kept_in_a_folder(teller: str, capsys: Any):
    assert said(capsys, teller, "Once", "--limit", "3", "--count", "2", "--save", "kept")[0] == 0
    assert sorted(path.name for path in Path("kept").iterdir()) == ["0000.txt", "0001.txt"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["x", "--set", "top_q=1"], 2, "no setting 'top_q'. Did you mean 'top_p'?"),
        (["x", "--top-p", "3"], 3, "top_p is 3.0; it must be above 0 and at most 1"),
        (["x", "--limit", "0"], 3, "limit is 0; it must be a whole number, 1 or more"),
        (["x", "y", "--save", "a.txt"], 3, "one file for 2 answers; give a folder"),
        (["x", "--engine", "onnxruntime"], 2, "no engine 'onnxruntime'"),
        (["-"], 3, "standard input is not UTF-8 (byte 1, 0xFF)"),
        (["", "--score"], 3, "there is no text to score"),
    ],
)
def test_what_cannot_be_is_one_line(
    teller: str, capsys: Any, monkeypatch: Any, words: list[str], code: int, line: str
):
    piped(monkeypatch, b"a\xff")
    ended, out, err = said(capsys, teller, *words)
    assert (ended, out) == (code, "")
    assert line in err and err.count("\n") == 1


def test_what_looks_at_pictures_takes_no_settings_of_text(little: Path, capsys: Any):
    ended, _, err = said(capsys, str(little), "x.png", "--temperature", "1")
    assert ended == 2 and "--temperature is for text" in err
    ended, _, err = said(capsys, str(little))
    assert ended == 2 and "missing argument 'INPUTS'" in err


def test_somebody_at_a_terminal_sees_colours(teller: str, monkeypatch: Any):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert main(["explain", teller, "Once there was", "--limit", "3", "--out", "why.html"]) == 0
    assert "\x1b[" in screen.getvalue() and screen.getvalue().endswith("\nwhy.html\n")
    assert Path("why.html").is_file()
