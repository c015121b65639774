"""Graceful: uvicorn's server, with an end that loses nothing which was accepted.

The first SIGTERM or Ctrl-C closes the door and answers whoever is inside; a second one ends the process at
once. uvicorn itself would hang up on requests still on their way, and then raise the signal again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from macaw.server.hosting import House

KNOCK = 0.01  # seconds in which connections that the system took already are taken up
LAST_CALL = 0.2  # seconds in which what is under way on open connections still arrives
BACKSTOP = 5.0  # seconds beyond a request's own time after which even an unfinished one is dropped


class Graceful(uvicorn.Server):
    """Serves an application until a signal comes and everything accepted is answered.

    `ready` is called once requests are answered and signals heard.
    """

    def __init__(self, application: Any, house: House, *, ready: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            application,
            log_config=None,  # what uvicorn warns of still reaches standard error
            access_log=False,  # the application has its own
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=math.ceil(house.limits.timeout + BACKSTOP),
        )
        super().__init__(config)
        self._house, self._ready = house, ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the two signals that stop a server; the handlers of before come back."""
        if threading.current_thread() is not threading.main_thread():  # no other may handle signals
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end, or end at once."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = self._house.stopping = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, and say so."""
        await super().startup(sockets)
        if self._ready:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let in who knocked, close the door, let arrive what is under way, and answer it."""
        await asyncio.sleep(KNOCK)
        for one in self.servers:
            one.close()
        await asyncio.sleep(LAST_CALL)
        await super().shutdown(sockets)
