"""Writes docs/cli.md from the command line's own help, docs/tasks.md and docs/rules.md from their tables.

`make docs` writes them; `make check` calls this with --check and fails when a page on disk differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import typer.main

ROOT = Path(__file__).resolve().parents[1]
MADE = "<!-- Made by `make docs`; change the source, not this page. -->"


def command_line(app: Any) -> str:
    """docs/cli.md: every command of a typer app with its arguments and options, then the exit codes."""
    root: Any = typer.main.get_command(app)
    lines = ["# The command line", "", MADE, "", _plain(root.help.split("\n\n")[0]), ""]
    for name, command in root.commands.items():
        lines += [] if command.hidden else [f"## macaw {name}", "", *_command(name, command)]
    return "\n".join([*lines, "## Exit codes", "", *exit_codes()])


def _command(name: str, command: Any) -> list[str]:
    context = typer.Context(command, info_name=f"macaw {name}")
    usage = " ".join([f"macaw {name}", *command.collect_usage_pieces(context)])
    lines = ["```", usage, "```", "", _plain(command.help), ""]
    records = (parameter.get_help_record(context) for parameter in command.params)  # None where hidden
    rows = [(f"`{_plain(record[0])}`", _plain(record[1])) for record in records if record]
    return [*lines, *_table(("argument or option", "meaning"), rows), ""] if rows else lines


# Exit codes that no error of the tree stands for
OTHER_CODES = {
    0: "the answer was given",
    1: "a bug of macaw, which MACAW_DEBUG=1 shows with its place",
    2: "a command line that makes no sense",
    130: "Ctrl-C; a training keeps the best model so far",
    141: "whoever read the output has gone, as in `macaw run ... \\| head`",
}


def exit_codes() -> list[str]:
    """The table of exit codes, read off the error tree."""
    from macaw import errors

    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.MacawError)]
    by_code = {code: [words] for code, words in OTHER_CODES.items()}
    for one in classes:
        if one is errors.MacawError:  # the root of the tree: nobody raises it
            continue
        first = (one.__doc__ or "").strip().splitlines()[0].split(";")[0].rstrip(".")
        by_code.setdefault(one.exit_code, []).append(f"{one.__name__}: {first[0].lower()}{first[1:]}")
    rows = [(str(code), "; ".join(by_code[code])) for code in sorted(by_code)]
    return [*_table(("code", "meaning"), rows), ""]


def task_table(tasks: Any) -> str:
    """docs/tasks.md: the table of applications, a column per field of its rows that is a plain value."""
    rows = list(tasks.values()) if hasattr(tasks, "values") else list(tasks)
    fields = [f.name for f in dataclasses.fields(rows[0]) if _is_plain(getattr(rows[0], f.name))]
    cells = [tuple(_cell(getattr(row, name)) for name in fields) for row in rows]
    return "\n".join(["# The applications", "", MADE, "", *_table(tuple(fields), cells), ""])


def rule_list(kinds: dict[str, Any]) -> str:
    """docs/rules.md: everything `macaw check` can find in each kind of data, the gravest first."""
    lines = ["# What `macaw check` finds", "", MADE, ""]
    order = ("error", "warning", "note")
    for kind, rules in kinds.items():
        rows = sorted(rules.items(), key=lambda item: order.index(item[1].severity))
        cells = [(f"`{name}`", rule.severity, _plain(rule.remedy)) for name, rule in rows]
        lines += [f"## {kind}", "", *_table(("rule", "severity", "what to do"), cells), ""]
    return "\n".join(lines)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | tuple) and not callable(value)


def _cell(value: object) -> str:
    return _plain(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _plain(text: str | None) -> str:
    return " ".join((text or "").replace("|", "\\|").split())


def _table(head: tuple[str, ...], rows: list[Any]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def pages() -> dict[str, str]:
    """Path of each generated page, and what it should say."""
    from macaw.commands import app
    from macaw.data import box_rules, mask_rules, point_rules, rules, text_rules
    from macaw.tasks import TASKS

    made = {"docs/cli.md": command_line(app), "docs/tasks.md": task_table(TASKS)}
    kinds = {
        "Pictures with labels": rules.RULES,
        "Pictures with boxes": box_rules.RULES,
        "Pictures with masks": mask_rules.RULES,
        "Pictures with key points": point_rules.RULES,
        "Texts": text_rules.RULES,
    }
    return {**made, "docs/rules.md": rule_list(kinds)}


def main(words: list[str] | None = None) -> int:
    """Write the pages, or with --check compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a page is not what would be written")
    check = parser.parse_args(words).check
    stale = []
    for name, text in pages().items():
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if check and stale:
        print(f"stale: {', '.join(stale)}; run `make docs` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
