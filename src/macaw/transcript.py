"""The transcript: what a language model writes, shown in the terminal while it is written, and kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from macaw.data.textfiles import text_kind
from macaw.errors import InputError
from macaw.language.prompts import each_prompt
from macaw.language.writer import Writer
from macaw.terminal import complain, show, show_json

_NAMES = (".txt", ".json", ".html", ".png", ".jpg", ".webp")  # of files that an answer is saved as


class Wanted(NamedTuple):
    """What is to be shown of texts."""

    score: bool = False  # how likely each prompt is, in place of what follows it
    save: Path | None = None  # a file of one answer, or a folder for one of each
    as_json: bool = False


def write_out(writer: Writer, words: Sequence[str], asked: dict[str, Any], wanted: Wanted) -> bool:
    """Answer each prompt in turn; whether all could be used.

    A word is a prompt, or the name of a text file that is one; a dash is standard input, and no word at all
    an empty prompt. Raises InputError for several answers and a single file to save them in.
    """
    wishes = writer.asked(**asked)  # what is wrong with them is said before anything is computed
    prompts = [_prompt(word) for word in words or ("",)]
    answers = len(prompts) * (1 if wanted.score else wishes.count)
    if wanted.save and wanted.save.suffix in _NAMES and answers > 1:
        raise InputError(f"--save {wanted.save} is one file for {answers} answers; give a folder")
    bad = 0

    def refuse(problem: InputError) -> None:
        nonlocal bad
        bad += 1
        complain(str(problem))

    number = 0
    for one in each_prompt(prompts, refuse):
        try:
            for answer in _answers(writer, one.text, one.source, asked, wanted):
                _keep(answer, wanted.save, number)
                number += 1
        except InputError as problem:
            refuse(problem)
    return not bad


def _answers(writer: Writer, text: str, source: str, asked: dict[str, Any], wanted: Wanted) -> Iterator[Any]:
    """What is said of one prompt, shown when it is there, or while it comes."""
    if wanted.score:
        scored = writer.scored(text, source=source)
        show_json(scored.to_dict()) if wanted.as_json else show(str(scored))
        yield scored
        return
    if wanted.as_json:  # nobody watches them being written: all at once
        for answer in writer.stream([text], **asked):
            told = replace(answer, source=source)
            show_json(told.to_dict())
            yield told
        return
    wishes, prompt = writer.asked(**asked), writer.prompt(text)
    for item in range(wishes.count):
        if wishes.count > 1:
            show(f"{item + 1} of {wishes.count}")
        shown = _seen(writer.write(text, item=item, **asked), prompt)
        yield writer.completed(prompt, shown, wishes, item=item, source=source)


def _seen(pieces: Iterator[Any], prompt: str) -> Iterator[Any]:
    """The pieces, each printed as soon as it is there, after the prompt."""
    _print(prompt)
    end = prompt[-1:]
    for piece in pieces:
        _print(piece.text)
        end = piece.text[-1:] or end
        yield piece
    if end != "\n":
        _print("\n")


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _prompt(word: str) -> str | Path:
    """A word of the command line: a prompt, a text file, or standard input. Raises InputError."""
    if word == "-":
        return _from_stdin()
    path = Path(word)
    return path if text_kind(path) == ".txt" and path.is_file() else word


def _from_stdin() -> str:
    data = sys.stdin.buffer.read()
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n")
    except UnicodeDecodeError as problem:
        place = f"byte {problem.start:,}, 0x{data[problem.start]:02X}"
        raise InputError(f"standard input is not UTF-8 ({place}); pipe text of that encoding") from None
    if not text:
        raise InputError("standard input is empty; pipe a text, or leave the dash out")
    return text


def _keep(answer: Any, save: Path | None, number: int) -> None:
    """Write an answer to the file, or into the folder, as text."""
    if save is None:
        return
    if save.suffix in _NAMES:
        answer.save(save)
    else:
        answer.save(save / f"{number:04}.txt")
