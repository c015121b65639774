"""Arrivals: the body of a request within its time, and whether whoever sent it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from macaw.server.forms import LESS, read_body
from macaw.server.limits import Limits, Refusal

Answer = TypeVar("Answer")


async def arrived(
    request: Request, limits: Limits, end: float, *, what: str = "picture", less: str = LESS
) -> bytes:
    """The body of a request, which is there by `end` of the loop's clock. Raises Refusal."""
    try:
        async with asyncio.timeout_at(end):
            declared = request.headers.get("content-length", "")
            return await read_body(request.stream(), declared, limits, less=less)
    except TimeoutError:
        words = f"the body did not arrive within {limits.timeout:g} s"
        raise Refusal(408, "slow_body", words, f"send a smaller {what}") from None
    except ClientDisconnect:
        raise _gone("before its request was there") from None


async def while_there(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """What `work` gives; it is given up once the client has left, whose body was read. Raises Refusal."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise _gone("before its answer was there")
    finally:
        for one in (working, leaving):
            one.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    """Returns when the client has left: after its body nothing else comes from it."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _gone(when: str) -> Refusal:
    return Refusal(400, "gone", f"the client left {when}", "send it again")
