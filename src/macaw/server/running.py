"""Running the server: its models, its address, and what it says about them."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError, MissingExtra
from macaw.server.limits import Limits

if TYPE_CHECKING:
    from macaw.language.writer import Writer
    from macaw.model import Model
    from macaw.server.application import Log
    from macaw.server.hosting import House

_EVERYWHERE = {"0.0.0.0", "::", ""}


def serve(
    models: Sequence[str | Path | Model | Writer] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    engine: str | None = None,
    download: bool = False,
    quiet: bool = False,
) -> None:
    """Serve models over HTTP until SIGTERM or Ctrl-C; without a model, those of all applications.

    `models` are what `macaw.load` takes; a request chooses among several by name. Where several are served,
    `engine` is for those that have it. Only with `download` is a checkpoint of the Hub fetched. Port 0 is any
    that is free.
    The address is printed on standard output, and a line for each request on standard error unless `quiet`.
    Everything accepted before the signal is answered, then this returns; a second signal ends the process.

    Raises what `macaw.load` raises, InputError when the address cannot be had, MissingExtra without FastAPI.
    """
    house = _house(models, limits, engine, download=download)
    from macaw.server.application import build
    from macaw.server.graceful import Graceful

    with contextlib.closing(_listener(host, port)) as listener:
        if host in _EVERYWHERE:
            _say(f"note: '{host}' lets in every machine that can reach this one, and no password is asked")
        place = f"[{host}]" if ":" in host else host or "0.0.0.0"

        def ready() -> None:
            _say(f"serving {', '.join(one.name for one in house.hosted)}; Ctrl-C stops")
            sys.stdout.write(f"http://{place}:{listener.getsockname()[1]}\n")
            sys.stdout.flush()

        Graceful(build(house, None if quiet else _say), house, ready=ready).run(sockets=[listener])
    _say("stopped")


def app(
    models: Sequence[str | Path | Model | Writer] = (),
    *,
    limits: Limits | None = None,
    engine: str | None = None,
    log: Log | None = None,
) -> Any:
    """The same as an ASGI application, for another server: `uvicorn macaw.server:app --factory`.

    `log` gets a line for each request. Raises what `serve` raises.
    """
    house = _house(models, limits, engine)
    from macaw.server.application import build

    return build(house, log)


def _house(
    models: Sequence[str | Path | Model | Writer],
    limits: Limits | None,
    engine: str | None,
    *,
    download: bool = False,
) -> House:
    """The opened models, after a look whether there is what serves them."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as problem:
        raise MissingExtra("serving", problem.name or "fastapi", "server") from problem
    from macaw.server.hosting import open_house

    return open_house(models, limits or Limits(), engine, download=download, note=_say)


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens; raises InputError when the address is taken or is not one of this machine."""
    listener, remedy = None, "give another by --host"
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)  # asyncio turns off Nagle's delay where it sees TCP
        remedy = "give another by --port, or 0 for any that is free"
        if os.name == "posix":  # elsewhere it would share a port that is in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except (OSError, OverflowError, UnicodeError) as problem:
        if listener:
            listener.close()
        reason = (getattr(problem, "strerror", None) or str(problem)).lower()
        raise InputError(f"cannot listen on {host}:{port}: {reason}; {remedy}") from problem
    return listener


def _say(words: str) -> None:
    """A line on standard error; whoever closed that does not want it."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(words + "\n")
        sys.stderr.flush()
