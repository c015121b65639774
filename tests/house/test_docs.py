"""The generated pages: made from the help and the table, current, and complete."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def toy_app() -> typer.Typer:
    app = typer.Typer(help="A toy.\n\nMore about it.")

    @app.command()
    def sing(
        song: Annotated[str, typer.Argument(help="which | whose")],
        singers: Annotated[list[str] | None, typer.Argument(help="who sings")] = None,
        *,
        times: Annotated[int, typer.Option(help="how often")] = 3,
        loud: Annotated[bool, typer.Option("--loud", help="not softly")] = False,
    ) -> None:
        """Sing a song.

        With all its verses.
        """

    @app.command(hidden=True)
    def secret() -> None:
        """Not for the page."""

    return app


def test_a_command_is_written_out_from_its_help(generator: ModuleType):
    page = generator.command_line(toy_app())
    assert "A toy." in page and "More about it" not in page
    assert "\n## macaw sing\n" in page and "secret" not in page
    assert "Sing a song. With all its verses." in page
    rows = {line.split("`")[1].split()[0]: line for line in page.splitlines() if line.startswith("| `")}
    assert list(rows) == ["song", "singers...", "--times", "--loud"]
    assert "which \\| whose" in rows["song"] and "who sings" in rows["singers..."]
    assert "how often" in rows["--times"] and "default: 3" in rows["--times"]


def test_exit_codes_are_those_of_the_error_tree(generator: ModuleType):
    from macaw.errors import MissingExtra, StorageError

    lines = generator.exit_codes()
    assert (
        f"| {MissingExtra.exit_code} | MissingExtra: an optional dependency that is not installed |" in lines
    )
    assert any(line.startswith(f"| {StorageError.exit_code} | StorageError: a disk") for line in lines)
    assert lines[2].startswith("| 0 |")


@dataclass(frozen=True)
class Row:
    name: str
    aliases: tuple[str, ...]
    build: object = None


def test_the_task_table_has_a_row_each(generator: ModuleType):
    page = generator.task_table({"sing": Row("sing", ("chant", "hum")), "dance": Row("dance", ())})
    assert "| name | aliases |" in page
    assert "| sing | chant, hum |" in page and "| dance |  |" in page


def test_a_stale_page_fails_the_check_and_is_written_without_it(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    monkeypatch.setattr(generator, "pages", lambda: {"a.md": "new\n", "b.md": "same\n"})
    (tmp_path / "a.md").write_text("old\n")
    (tmp_path / "b.md").write_text("same\n")

    assert generator.main(["--check"]) == 1
    assert capsys.readouterr().err == "stale: a.md; run `make docs` and commit the result\n"
    assert (tmp_path / "a.md").read_text() == "old\n"

    assert generator.main([]) == 0
    assert capsys.readouterr().out == "wrote a.md\n"
    assert (tmp_path / "a.md").read_text() == "new\n"
    assert generator.main(["--check"]) == 0
