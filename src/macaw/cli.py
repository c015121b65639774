"""The command line: words in, an exit code out, and every error as one line."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import typer

from macaw.commands import STOPPED, app
from macaw.errors import MacawError, StorageError, UnknownName, did_you_mean, storage_errors
from macaw.terminal import complain

_LEFT = 141  # 128 + SIGPIPE: whoever read standard output has gone, as in `macaw run ... | head`


def main(words: list[str] | None = None) -> int:
    """The entry point: 0, or the exit code (docs/cli.md) of the error that a line on standard error tells."""
    with contextlib.suppress(AttributeError):  # whoever put something else in its place has no such method
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name of any bytes
    try:
        return _call(sys.argv[1:] if words is None else words)
    except MacawError as problem:
        complain(str(problem))
        return problem.exit_code
    except KeyboardInterrupt:
        complain("stopped")
        return STOPPED
    except Exception as problem:
        if os.environ.get("MACAW_DEBUG"):
            raise
        complain(f"{type(problem).__name__}: {problem}. This is a bug of macaw; MACAW_DEBUG=1 shows where")
        return MacawError.exit_code


def _call(words: list[str]) -> int:
    """Parse and run. Not by typer's own main, which would print errors in its own words."""
    command: Any = typer.main.get_command(app)
    try:
        with command.make_context("macaw", list(words)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except MacawError:
        raise
    except OSError as problem:
        return _no_output(problem)
    except Exception as problem:
        # Only click's errors have this method; newer typers bring a click of their own, under another name
        if not hasattr(problem, "format_message"):
            raise
        complain(_usage(problem, list(command.commands)))
        return UnknownName.exit_code
    return 0


def _usage(problem: Any, commands: list[str]) -> str:
    """A line for a command line that makes no sense."""
    words = " ".join(problem.format_message().split()).rstrip(".")
    context = problem.ctx  # None where an option lacks its value
    page = f"{context.command_path if context else 'macaw'} --help"
    if words.startswith("No such command"):
        name = words.split("'")[1]
        return f"no command '{name}'.{did_you_mean(name, commands)} There are: {', '.join(commands)}"
    if words.startswith("No such option"):
        known = [option for parameter in context.command.params for option in parameter.opts]
        name = problem.option_name
        return f"no option '{name}'.{did_you_mean(name, known)} They are listed by {page}"
    return f"{words[0].lower()}{words[1:]}; see {page}"


def _no_output(problem: OSError) -> int:
    """The exit code when standard output cannot be written; the verbs name every other file themselves."""
    if problem.filename is not None:
        raise problem
    with contextlib.suppress(OSError, ValueError):  # Python would try again at its end, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(problem, BrokenPipeError):
        return _LEFT
    with storage_errors("standard output"):
        raise problem
    return StorageError.exit_code


if __name__ == "__main__":
    sys.exit(main())
