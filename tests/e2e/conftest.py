"""The real command: called in this process, or started as one of its own; and what a folder holds."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from macaw.cli import main


@dataclass(frozen=True)
class Said:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("macaw: ")]


Command = Callable[..., Said]


@pytest.fixture
def macaw(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`macaw("run", model, "x.png", stdin=b"...")` in this process."""

    def call(*words: object, stdin: bytes = b"") -> Said:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(word) for word in words])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`start("train", ...)`: the command as a process of its own; `code` is a program in place of it."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object, code: str = "", **options: Any) -> subprocess.Popen[str]:
        program = ["-c", code] if code else ["-m", "macaw.cli"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        started.append(subprocess.Popen([sys.executable, *program, *map(str, words)], text=True, **options))
        return started[-1]

    yield begin
    for process in started:
        with process:  # closes its pipes and waits
            process.kill()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def embedded(little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo and a table of `classify` alone, whose model is the little one; the folder of that."""
    from macaw import zoo
    from macaw.tasks import TASKS

    for name in reversed([*TASKS]):  # what is put back in the end comes in the table's order again
        if name != "classify":
            monkeypatch.delitem(TASKS, name)

    folder = tmp_path / "zoo" / "classify"
    shutil.copytree(little, folder)
    monkeypatch.setattr(zoo, "FOLDER", folder.parent)
    return folder


@pytest.fixture
def listing() -> Callable[[Path], list[str]]:
    """Every path below a folder, hidden ones too, with the size of files."""

    def below(folder: Path) -> list[str]:
        found = []
        for root, _, files in os.walk(folder):
            place = Path(root)
            found.append(f"{place.relative_to(folder)}/")
            sizes = ((place / name, (place / name).lstat().st_size) for name in files)
            found += [f"{path.relative_to(folder)} {size}" for path, size in sizes]
        return sorted(found)

    return below
