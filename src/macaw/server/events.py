"""Events: an answer that is sent while it is made, as Server-Sent Events (the HTML standard, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

EVENTS = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy holds events back either


def event(data: str, name: str = "") -> str:
    """One event; `data` is one line, as JSON is."""
    return f"event: {name}\ndata: {data}\n\n" if name else f"data: {data}\n\n"


def json_of(value: BaseModel, *, sparse: bool = True) -> str:
    """A value on one line; `sparse` leaves out what is None."""
    return value.model_dump_json(exclude_none=sparse)


class Events(StreamingResponse):
    """The events of a stream, the first of which is there already; `after` is done once it has ended.

    It ends when the stream does, or when the client leaves: then nothing more is computed either.
    """

    def __init__(self, first: str, rest: AsyncGenerator[str, None], after: ExitStack) -> None:
        super().__init__(_joined(first, rest), media_type=EVENTS, headers=HEADERS)
        self._rest, self._after = rest, after

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send them."""
        with self._after:
            async with aclosing(self._rest):
                await super().__call__(scope, receive, send)


async def _joined(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for one in rest:
        yield one
